"""Time to save and load a large model: `python -m benchmarks.saving [ROUNDS]`.

Builds ResNet-50 with Adam's state (77 million numbers, 295 MiB) in Keras on JAX and in addax, in one process, and saves
and loads it as `.keras` and as `.weights.h5` by turns. A load ends when all values are arrays of JAX.
"""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import addax


def build(library: Any) -> Any:
    """Returns a compiled ResNet-50 whose optimizer has its state.

    Args:
        library: Keras or addax.
    """
    model = library.applications.ResNet50(weights=None)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    wait(model)
    return model


def wait(model: Any) -> None:
    """Waits until a model's values are arrays of JAX."""
    import jax

    jax.block_until_ready([v.value for v in [*model.variables, *model.optimizer.variables]])


def seconds(work: Callable[[], Any]) -> tuple[float, float]:
    """Returns how long a call takes, and how much of the CPU's time."""
    began, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - used


def works(library: Any, model: Any, path: str) -> dict[str, Callable[[], Any]]:
    """Returns what is measured, by name.

    Args:
        library: Keras or addax.
        model: Its model.
        path: Where to save, without the ending.
    """

    def load_weights() -> None:
        model.load_weights(f"{path}.weights.h5")
        wait(model)

    return {
        "save, .keras": lambda: model.save(f"{path}.keras"),
        "load_model, .keras": lambda: wait(library.saving.load_model(f"{path}.keras")),
        "save_weights, .weights.h5": lambda: model.save_weights(f"{path}.weights.h5"),
        "load_weights, .weights.h5": load_weights,
    }


def main(rounds: int = 7) -> None:
    """Prints the comparison."""
    import keras

    libraries = {"Keras": keras, "addax": addax}
    models = {name: build(library) for name, library in libraries.items()}
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(rounds + 1):
            for name, library in libraries.items():
                for work, run in works(library, models[name], f"{folder}/{name}").items():
                    taken = seconds(run)
                    if turn:  # the first turn warms up
                        found.setdefault(work, {}).setdefault(name, []).append(taken)
    for work, times in found.items():
        ratios = [[a / b for a, b in zip(*pair)] for pair in zip(times["addax"], times["Keras"])]
        ratio, of_cpu = map(statistics.median, zip(*ratios))
        walls = {name: [wall for wall, _ in taken] for name, taken in times.items()}
        each = [f"{n} {statistics.median(t):.3f} s ({min(t):.3f} to {max(t):.3f})" for n, t in walls.items()]
        print(f"{work}: {', '.join(each)}; addax/Keras {ratio:.2f}, of CPU time {of_cpu:.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
