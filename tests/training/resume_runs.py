"""Trainings for test_killing.py, each a process of its own: `python -m tests.training.resume_runs CASE FOLDER`.

A training writes its checkpoints to `FOLDER/run`, and at its end all that must be equal to `FOLDER/result.npz`.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import addax as keras
from addax import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 6)).astype("float32")
Y = (X[:, :1] * 2 + RNG.normal(size=(96, 1)) * 0.1).astype("float32")
IMAGES = RNG.normal(size=(48, 6, 6, 1)).astype("float32")
LABELS = RNG.integers(0, 3, size=48)
SERIES = RNG.normal(size=(48, 5, 3)).astype("float32")


class Pause(keras.callbacks.Callback):
    """Takes time, so that there are moments to be killed at, and tells when training has begun."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        print("epoch", epoch, flush=True)
        time.sleep(0.02)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        time.sleep(0.02)


class Counts(keras.callbacks.Callback):
    """A user's callback with a state, called around each batch."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.losses.append(logs["loss"])
        time.sleep(0.002)

    def state(self) -> dict[str, Any]:
        return {"losses": self.losses}

    def restore(self, state: dict[str, Any]) -> None:
        self.losses = list(state["losses"])


def dense(**more: Any) -> Any:
    parts = [layers.Dense(16, activation="relu"), layers.Dropout(0.3), layers.Dense(1, **more)]
    return keras.Sequential([keras.Input((6,)), *parts])


def mlp(folder: Path) -> tuple:
    model = dense()
    model.compile(keras.optimizers.Adam(1e-2), "mse", metrics=["mae"])
    return model, (X, Y), {"batch_size": 8, "epochs": 12}, []


def cnn(folder: Path) -> tuple:
    parts = [layers.GaussianNoise(0.1), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU()]
    head = [layers.Flatten(), layers.Dropout(0.4), layers.Dense(3)]
    model = keras.Sequential([keras.Input((6, 6, 1)), *parts, *head])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    rate = keras.optimizers.schedules.CosineDecay(0.1, 60)
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), loss, metrics=["accuracy"])
    return model, (IMAGES, LABELS), {"batch_size": 10, "epochs": 10}, [Counts()]


def lstm(folder: Path) -> tuple:
    parts = [layers.LSTM(5, dropout=0.2, recurrent_dropout=0.2), layers.Dense(1)]
    model = keras.Sequential([keras.Input((5, 3)), *parts])
    model.compile(keras.optimizers.RMSprop(0.01), "mse", metrics=[keras.metrics.RootMeanSquaredError()])
    return model, (SERIES, SERIES[:, 0, :1]), {"batch_size": 8, "epochs": 8}, []


def mixed(folder: Path) -> tuple:
    keras.config.set_dtype_policy("mixed_float16")
    model = dense(dtype="float32")
    inner = keras.optimizers.AdamW(1e-2)
    model.compile(keras.optimizers.LossScaleOptimizer(inner, dynamic_growth_steps=5, initial_scale=2.0**20), "mse")
    return model, (X, Y), {"batch_size": 8, "epochs": 10}, []


def accumulation(folder: Path) -> tuple:
    model = dense()
    model.compile(keras.optimizers.Adam(1e-2, gradient_accumulation_steps=5), "mse")
    return model, (X, Y), {"batch_size": 8, "epochs": 10, "steps_per_epoch": 7}, []


def ema(folder: Path) -> tuple:
    model = dense()
    model.compile(keras.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.9), "mse")
    callbacks = [keras.callbacks.SwapEMAWeights(swap_on_epoch=True), keras.callbacks.TerminateOnNaN()]
    return model, (X, Y), {"batch_size": 8, "epochs": 8, "validation_split": 0.25}, callbacks


class Shuffled(keras.utils.PyDataset):
    """Shuffles itself after each epoch and adds noise, both from NumPy's global generator, as many scripts do."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = np.arange(len(X))

    def __len__(self) -> int:
        return 12

    def __getitem__(self, i: int) -> tuple:
        time.sleep(0.002)
        rows = self.rows[i * 8 : (i + 1) * 8]
        return X[rows] + np.random.normal(size=(len(rows), 6)).astype("float32") * 0.1, Y[rows]

    def on_epoch_end(self) -> None:
        np.random.shuffle(self.rows)


def dataset(folder: Path) -> tuple:
    model = dense()
    model.compile("adam", "mse")
    return model, (Shuffled(), None), {"epochs": 8}, []


class Stream:
    """An endless generator with a state, whose batches are of two sizes."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(5)
        self.count = 0

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> tuple:
        time.sleep(0.002)
        self.count += 1
        rows = self.rng.integers(0, len(X), size=8 if self.count % 4 else 5)
        return X[rows], Y[rows]

    def get_state(self) -> dict[str, Any]:
        return {"rng": self.rng.bit_generator.state, "count": self.count}

    def set_state(self, state: dict[str, Any]) -> None:
        self.rng.bit_generator.state = state["rng"]
        self.count = state["count"]


def generator(folder: Path) -> tuple:
    model = dense()
    model.compile("adam", "mse")
    given = {"epochs": 6, "steps_per_epoch": 11, "validation_data": Stream(), "validation_steps": 3}
    return model, (Stream(), None), given, []


def plain(folder: Path) -> tuple:
    def batches() -> Any:
        while True:
            time.sleep(0.002)
            rows = np.random.randint(0, len(X), size=8)
            yield X[rows], Y[rows]

    model = dense()
    model.compile("adam", "mse")
    return model, (batches(), None), {"epochs": 6, "steps_per_epoch": 11}, []


def monitored(folder: Path) -> tuple:
    model = dense()
    model.compile(keras.optimizers.Adam(0.05), "mse", metrics=["mae"])
    callbacks = [
        keras.callbacks.EarlyStopping(patience=6, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau(patience=2, factor=0.5),
        keras.callbacks.ModelCheckpoint(folder / "best.weights.h5", save_best_only=True, save_weights_only=True),
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.98),
    ]
    return model, (X, Y), {"batch_size": 8, "epochs": 30, "validation_split": 0.25}, callbacks


def validated(folder: Path) -> tuple:
    model = dense()
    model.compile("adam", "mse", metrics=["mae"])
    given = {"batch_size": 8, "epochs": 5, "validation_data": Stream(), "validation_steps": 40}
    return model, (X, Y), given, [keras.callbacks.ReduceLROnPlateau(patience=1)]


CASES = [mlp, cnn, lstm, mixed, accumulation, ema, dataset, generator, plain, monitored, validated]


def run(case: str, folder: Path, **more: Any) -> None:
    """Trains, from the start or from where the last process was ended; writes all that must be equal."""
    keras.utils.set_random_seed(7)
    model, (x, y), given, callbacks = globals()[case](folder)
    csv = keras.callbacks.CSVLogger(folder / "log.csv", append=True)
    resume = keras.checkpoints.Checkpoints(folder / "run", **({"every_seconds": 0.0} | more))
    all_callbacks = [*callbacks, csv, Pause()]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "To resume, .* batches of the generator")
        history = model.fit(x, y, verbose=0, callbacks=all_callbacks, resume=resume, **given)
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    states = keras.callbacks.CallbackList(all_callbacks).state()
    found = {str(i): v.numpy() for i, v in enumerate(variables)}
    found["history"] = np.array(json.dumps([history.epoch, history.history]))
    found["callbacks"] = np.array(repr(states).replace(str(folder), ""))
    found["csv"] = np.array((folder / "log.csv").read_text())
    found["stream"] = np.random.random(3)
    if (folder / "best.weights.h5").exists():
        model.load_weights(folder / "best.weights.h5")
        found |= {f"best {i}": w for i, w in enumerate(model.get_weights())}
    np.savez(folder / "result.npz", **found)


if __name__ == "__main__":
    run(sys.argv[1], Path(sys.argv[2]), **(json.loads(sys.argv[3]) if len(sys.argv) > 3 else {}))
