"""Ways of feeding and watching `fit` that keep it from running many steps at once; and data that fill no last batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .base import Fit
from .dense import learnable, logits_loss

INPUTS = 784


def _model(keras: Any) -> Any:
    return keras.Sequential(
        [keras.Input((INPUTS,)), keras.layers.Dense(128, activation="relu"), keras.layers.Dense(10)]
    )


def _data(rows: int) -> tuple[np.ndarray, np.ndarray]:
    return learnable(rows, INPUTS, 10)


def _from_generator(model: Any, x: Any, y: Any, batch_size: int, epochs: int) -> Any:
    def batches() -> Iterator:
        for _ in range(epochs):
            for start in range(0, len(x), batch_size):
                yield x[start : start + batch_size], y[start : start + batch_size]

    return model.fit(batches(), steps_per_epoch=-(-len(x) // batch_size), epochs=epochs, verbose=0)


def _from_loader(model: Any, x: Any, y: Any, batch_size: int, epochs: int) -> Any:
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    loader = DataLoader(TensorDataset(torch.from_numpy(x), torch.from_numpy(y)), batch_size=batch_size)
    return model.fit(loader, epochs=epochs, verbose=0)


def _with_callback(model: Any, x: Any, y: Any, batch_size: int, epochs: int) -> Any:
    keras = __import__(type(model).__module__.partition(".")[0])
    losses: list[float] = []

    class Losses(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            losses.append(logs["loss"])

    history = model.fit(x, y, batch_size=batch_size, epochs=epochs, shuffle=False, verbose=0, callbacks=[Losses()])
    assert len(losses) == epochs * -(-len(x) // batch_size)
    return history


def _ragged(model: Any, x: Any, y: Any, batch_size: int, epochs: int) -> Any:
    held_out = len(x) // 7
    return model.fit(
        x[held_out:],
        y[held_out:],
        batch_size=batch_size,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        validation_data=(x[:held_out], y[:held_out]),
    )


def _fed(name: str, title: str, train: Any, **arguments: Any) -> Fit:
    settings: dict[str, Any] = {
        "family": "fed",
        "data": _data,
        "rows": (20_000, 10_000),
        "batch_size": 128,
        "build": _model,
        "compile": logits_loss,
        "epochs": 2,
        "inference": False,
        **arguments,
    }
    return Fit(name=name, title=title, train=train, **settings)


WORKLOADS = {
    w.name: w
    for w in (
        _fed(
            "generator",
            "MLP 784-128-10 from a Python generator, 20,000 rows, batch 128",
            _from_generator,
            without=("keras-jax-32",),  # which leaves out the steps of an epoch that do not make 32
        ),
        _fed(
            "torch-loader",
            "MLP 784-128-10 from a torch DataLoader, 20,000 rows, batch 128",
            _from_loader,
            without=("keras-tensorflow",),  # whose environment has no torch
        ),
        _fed(
            "batch-callback",
            "MLP 784-128-10 with a per-batch callback, 20,000 rows, batch 128",
            _with_callback,
            quick=True,
            without=("keras-jax-32",),  # which calls it after every 32 batches alone
        ),
        _fed(
            "ragged",
            "MLP 784-128-10 with a ragged last batch and validation data, 20,001 rows, batch 128",
            _ragged,
            rows=(20_001, 5001),
            family="ragged",
        ),
    )
}
