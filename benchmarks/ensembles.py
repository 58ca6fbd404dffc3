"""Training of 8 members in one program and by 8 fits, by turns: `python -m benchmarks.ensembles [TURNS] [CASE ...]`.

Each turn trains 8 models by 8 calls of `fit`, an ensemble that chooses its way, and one in each other way. Compiling is
left out: a first round is not counted. Prints the seconds of each in the median, and the ratio to those of the fits of
the wall time and of the CPU time, in which other programs on the machine count less.

`python -m benchmarks.ensembles first [CASE ...]` measures what a script meets instead: the first training of a process,
with building, tracing and compiling, and no program kept on disk. It is that of 8 fits in one process, of one fit in
each of 8 processes, where starting Python and JAX counts, too, and of an ensemble.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np

import addax as keras

MEMBERS, ROWS, EPOCHS = 8, 4096, 10


def net(units: int, normalized: bool = False) -> Callable[[], keras.Model]:
    """Returns a function that builds nets of two hidden layers, with BatchNormalization and dropout if `normalized`."""

    def build() -> keras.Model:
        layers = keras.layers
        hidden: list = []
        for _ in range(2):
            hidden.append(layers.Dense(units, activation="relu"))
            hidden += [layers.BatchNormalization(), layers.Dropout(0.2)] if normalized else []
        model = keras.Sequential([keras.Input((20,)), *hidden, layers.Dense(10, activation="softmax")])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    return build


# What is built, and rows a batch.
CASES = {
    "8 units, batch 8": (net(8), 8),
    "16 units, batch 32": (net(16), 32),
    "64 units, batch 16": (net(64), 16),
    "64 units, batch 64": (net(64), 64),
    "64 units, normalized, batch 64": (net(64, normalized=True), 64),
    "256 units, batch 64": (net(256), 64),
}


def data() -> tuple[np.ndarray, np.ndarray]:
    """Returns rows and classes."""
    random = np.random.default_rng(0)
    return random.normal(size=(ROWS, 20)).astype("float32"), random.integers(0, 10, ROWS)


def measured(build: Callable[[], keras.Model], batch: int, turns: int) -> dict[str, list[tuple[float, float]]]:
    """Returns wall and CPU seconds by way, a pair for each turn."""
    x, y = data()
    options = {"batch_size": batch, "epochs": EPOCHS, "verbose": 0}

    def fits() -> None:
        for seed in range(MEMBERS):
            keras.utils.set_random_seed(seed)
            build().fit(x, y, **options)

    def together(way: str) -> Callable[[], None]:
        def run() -> None:
            found = keras.ensemble(build, MEMBERS, way=way)
            found.fit(x, y, **options)
            chosen[way] = found.way

        return run

    chosen: dict[str, str] = {}
    ways: dict[str, Callable[[], None]] = {"8 fits": fits, **{way: together(way) for way in ("auto", "vmap", "map")}}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for turn in range(turns + 1):
        for name, run in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            if turn:
                seconds[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    seconds[f"auto: {chosen['auto']}"] = seconds.pop("auto")
    return seconds


def main(turns: int, cases: Sequence[str]) -> None:
    """Prints the comparison."""
    for name in cases:
        seconds = measured(*CASES[name], turns)
        for way, own in seconds.items():
            wall, cpu = (statistics.median(a[i] / b[i] for a, b in zip(own, seconds["8 fits"])) for i in (0, 1))
            median = statistics.median(a for a, _ in own)
            print(f"{name:32} {way:24} {median:7.2f} s   {wall:.2f} of 8 fits, {cpu:.2f} of their CPU time", flush=True)


def first(cases: Sequence[str]) -> None:
    """Prints the seconds of first trainings, each in a process of its own."""
    environment = {**os.environ, "ADDAX_COMPILE_CACHE": "off"}
    for name in cases:
        for what in ("8 fits", "1 fit", "ensemble"):
            command = [sys.executable, "-m", "benchmarks.ensembles", "alone", what, name]
            before = os.times()
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            wall, user, system = (b - a for a, b in zip(before[4:1:-1], os.times()[4:1:-1]))
            whole = f"{wall:.2f} s, {user + system:.2f} s of CPU with the start of Python"
            print(f"{name:32} {what:10} {done.stdout.strip()}; {whole}", flush=True)


def alone(what: str, case: str) -> None:
    """Trains for the first time in this process; prints the seconds, and those of the first fit of several."""
    (build, batch), (x, y) = CASES[case], data()
    options = {"batch_size": batch, "epochs": EPOCHS, "verbose": 0}
    wall, cpu = time.perf_counter(), time.process_time()
    ends = []
    if what == "ensemble":
        keras.ensemble(build, MEMBERS).fit(x, y, **options)
    else:
        for seed in range(MEMBERS if what == "8 fits" else 1):
            keras.utils.set_random_seed(seed)
            build().fit(x, y, **options)
            ends.append(time.perf_counter() - wall)
    seconds, used = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{seconds:.2f} s, {used:.2f} s of CPU" + (f", of which the first fit {ends[0]:.2f} s" if ends[1:] else ""))


if __name__ == "__main__":
    if sys.argv[1:2] == ["alone"]:
        alone(*sys.argv[2:])
    elif sys.argv[1:2] == ["first"]:
        first(sys.argv[2:] or list(CASES))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 5, sys.argv[2:] or list(CASES))
