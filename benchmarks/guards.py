"""What the guards cost: the time of all checks before `fit`, beside the time of one epoch.

python benchmarks/guards.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import addax as keras
from addax import layers
from addax.data.batches import ArrayBatches
from addax.training import array_facts, guards

rng = np.random.default_rng(0)


def mlp() -> tuple[Any, Any, Any]:
    model = keras.Sequential([keras.Input((784,)), layers.Dense(128, "relu"), layers.Dense(10, "softmax")])
    return model, rng.random((60_000, 784), "float32"), rng.integers(0, 10, 60_000)


def convnet() -> tuple[Any, Any, Any]:
    stack = [layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten()]
    model = keras.Sequential([keras.Input((28, 28, 1)), *stack, layers.Dense(10, "softmax")])
    return model, rng.random((20_000, 28, 28, 1), "float32"), rng.integers(0, 10, 20_000)


def tokens() -> tuple[Any, Any, Any]:
    stack = [layers.Embedding(20_000, 32), layers.GlobalAveragePooling1D(), layers.Dense(2, "softmax")]
    model = keras.Sequential([keras.Input((200,)), *stack])
    return model, rng.integers(0, 20_000, (25_000, 200)), rng.integers(0, 2, 25_000)


def digits() -> tuple[Any, Any, Any]:
    model = keras.Sequential([keras.Input((64,)), layers.Dense(32, "relu"), layers.Dense(10, "softmax")])
    return model, rng.random((1_797, 64), "float32"), rng.integers(0, 10, 1_797)


def seconds(run: Callable[[], Any], repeats: int = 5) -> float:
    best = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - began)
    return best


def main() -> None:
    print(f"{'data':10} {'MB':>6} {'epoch ms':>9} {'checks ms':>10} {'share':>7} {'again ms':>9} {'a batch us':>11}")
    for make in (mlp, convnet, tokens, digits):
        model, x, y = make()
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x, y, verbose=0)
        epoch = seconds(lambda: model.fit(x, y, verbose=0), 2)  # noqa: B023
        source = ArrayBatches(x, y)
        first = source.peek()

        def checks(forget: bool = True) -> None:
            if forget:
                array_facts._known.clear()
            guards.check_batch(model, first)  # noqa: B023
            guards.check_data(model, source, first)  # noqa: B023

        cold, again = seconds(checks), seconds(lambda: checks(False))
        batch = seconds(lambda: (array_facts._known.clear(), guards.check_each(model, first, 0)), 50)  # noqa: B023
        print(
            f"{make.__name__:10} {x.nbytes / 1e6:6.0f} {epoch * 1e3:9.1f} {cold * 1e3:10.2f} {cold / epoch:7.2%} "
            f"{again * 1e3:9.3f} {batch * 1e6:11.1f}"
        )


if __name__ == "__main__":
    main()
