"""Cost of checkpoints while training: `python -m benchmarks.checkpointing [SECONDS] [TURNS]`.

Trains a model of 25 million weights with Adam (300 MB of state, as ResNet-50 has) with and without a checkpoint every
`SECONDS` (10), `TURNS` times by turns (4), and prints the time of a step in the mean and at its longest, and the CPU
time of the process for a step, which says more where other programs run on the machine. At the end, the medians.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from typing import NamedTuple

import numpy as np

import addax as keras

WIDTH, DEPTH, BATCH, STEPS = 2048, 6, 256, 40


def build() -> keras.Model:
    """Returns a compiled model of 25 million weights."""
    keras.utils.set_random_seed(0)
    parts = [keras.layers.Dense(WIDTH, activation="relu") for _ in range(DEPTH)]
    model = keras.Sequential([keras.Input((WIDTH,)), *parts, keras.layers.Dense(1)])
    model.compile("adam", "mse")
    return model


class Clock(keras.callbacks.Callback):
    """Notes when each step ends; waits for it, so that times are of the device.

    Args:
        after: Seconds after which it begins.
        until: Seconds after which it ends the training.
    """

    def __init__(self, after: float, until: float):
        super().__init__()
        self.after, self.until, self.began = after, until, 0.0
        self.times: list[float] = []
        self.cpu_began = self.cpu_ended = 0.0

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        float((logs or {})["loss"])
        now = time.perf_counter()
        self.began = self.began or now  # compiled
        if now - self.began > self.after:
            self.times.append(now)
            self.cpu_began = self.cpu_began or time.process_time()
        self.cpu_ended = time.process_time()
        self.model.stop_training = now - self.began > self.until


class Steps(NamedTuple):
    """Seconds of the steps of a training: the mean, the longest, the median, and the mean of CPU time."""

    mean: float
    longest: float
    median: float
    cpu: float


def measured(folder: str | None, every: float, until: float) -> Steps:
    """Returns what the steps of a training take, up to `until` seconds.

    The first checkpoints make files that later ones are written over, so they are not counted.
    """
    x = np.ones((BATCH * STEPS, WIDTH), "float32")
    clock = Clock(2.2 * every, until)
    resume = None if folder is None else keras.checkpoints.Checkpoints(folder, every_seconds=every, keep=1)
    build().fit(x, x[:, :1], batch_size=BATCH, epochs=10_000, verbose=0, callbacks=[clock], resume=resume)
    times = np.diff(clock.times).tolist()
    cpu = (clock.cpu_ended - clock.cpu_began) / len(times)
    return Steps(statistics.mean(times), max(times), statistics.median(times), cpu)


def main(every: float = 10.0, turns: float = 4) -> None:
    """Prints the comparison."""
    until = 4.2 * every
    found: list[tuple[float, float, float]] = []
    for turn in range(int(turns)):
        folder = tempfile.mkdtemp()
        try:
            # By turns the one or the other comes first, so that a machine that gets busier counts for both.
            steps = {kept: measured(folder if kept else None, every, until) for kept in (turn % 2 > 0, turn % 2 == 0)}
        finally:
            shutil.rmtree(folder)
        plain, kept = steps[False], steps[True]
        delay = (kept.longest - plain.longest) / plain.median
        found.append((kept.mean / plain.mean - 1, kept.cpu / plain.cpu - 1, delay))
        print(
            f"turn {turn + 1}: a step {plain.mean * 1e3:.1f} ms without, {kept.mean * 1e3:.1f} ms with checkpoints "
            f"every {every:g} s ({found[-1][0]:+.1%}; of CPU time {found[-1][1]:+.1%}); the longest step {delay:+.2f} "
            "steps",
            flush=True,
        )
    time_, cpu, delay = (statistics.median(values) for values in zip(*found))
    print(f"medians: {time_:+.1%} of time, {cpu:+.1%} of CPU time, the longest step {delay:+.2f} steps")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:3]))
