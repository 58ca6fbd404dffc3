"""Cost of checkpoints while training: `python -m benchmarks.checkpointing [SECONDS]`.

Trains a model of 25 million weights with Adam (300 MB of state, as ResNet-50 has) with and without a checkpoint every
`SECONDS` (10), by turns, and prints the time of a step in the median, at the checkpoints, and in all.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time

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
    """Notes when each step ends; waits for it, so that times are of the device."""

    def __init__(self, until: float):
        super().__init__()
        self.until, self.times = until, [0.0]

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        float((logs or {})["loss"])
        self.times.append(time.perf_counter())
        if len(self.times) == 4:  # compiled, and the first checkpoint is copied
            self.began = self.times[-1]
        self.model.stop_training = len(self.times) > 4 and self.times[-1] - self.began > self.until


def seconds_per_step(folder: str | None, every: float, until: float) -> list[float]:
    """Returns the durations of steps, for `until` seconds."""
    x = np.ones((BATCH * STEPS, WIDTH), "float32")
    clock = Clock(until)
    resume = None if folder is None else keras.checkpoints.Checkpoints(folder, every_seconds=every)
    build().fit(x, x[:, :1], batch_size=BATCH, epochs=10_000, verbose=0, callbacks=[clock], resume=resume)
    return np.diff(clock.times[3:]).tolist()


def main(every: float = 10.0) -> None:
    """Prints the comparison."""
    until = 2.5 * every
    for turn in range(2):
        folder = tempfile.mkdtemp()
        try:
            without, with_ = seconds_per_step(None, every, until), seconds_per_step(folder, every, until)
        finally:
            shutil.rmtree(folder)
        plain, kept = statistics.mean(without), statistics.mean(with_)
        longest = max(with_) / statistics.median(with_)
        print(
            f"turn {turn + 1}: a step {plain * 1e3:.2f} ms without, {kept * 1e3:.2f} ms with a checkpoint every "
            f"{every:g} s ({kept / plain - 1:+.1%}); the longest step {longest:.2f} of the median "
            f"(without: {max(without) / statistics.median(without):.2f})",
            flush=True,
        )


if __name__ == "__main__":
    main(*map(float, sys.argv[1:2]))
