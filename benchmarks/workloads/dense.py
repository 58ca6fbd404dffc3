"""Models of dense layers: images as vectors, the digits, tables with categories, a deep one with AUC."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import weights
from .base import SPARSE_ADAM, Fit


def logits_loss(keras: Any) -> dict[str, Any]:
    return {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}


def learnable(rows: int, size: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Vectors in [-0.5, 0.5], and classes that a linear map of them decides.

    Were they all positive, one activation that is rounded to the other side of 0 in the second step would change the
    loss of the first epoch by a hundredth, and losses would tell nothing.
    """
    rng = np.random.default_rng(seed)
    x = rng.random((rows, size), "float32") - np.float32(0.5)
    return x, (x @ rng.standard_normal((size, classes), "float32")).argmax(1).astype("int32")


# Two layers


def _mlp(keras: Any, inputs: int, hidden: int) -> Any:
    return keras.Sequential(
        [keras.Input((inputs,)), keras.layers.Dense(hidden, activation="relu"), keras.layers.Dense(10)]
    )


def _mlp_raw_jax(inputs: int, hidden: int) -> Any:
    def make(x: Any, y: Any, batch_size: int) -> Any:
        import jax

        from .. import raw_jax

        def apply(params: Any, statistics: Any, x: Any, key: Any) -> Any:
            w1, b1, w2, b2 = params
            return jax.nn.relu(x @ w1 + b1) @ w2 + b2, statistics

        params = weights.draw(weights.dense(inputs, hidden) + weights.dense(hidden, 10))
        return raw_jax.Training(apply, raw_jax.cross_entropy, params, (), x, y, batch_size, scan=True)

    return make


def _mlp_raw_torch(inputs: int, hidden: int) -> Any:
    def make(x: Any, y: Any, batch_size: int) -> Any:
        from torch import nn

        from .. import raw_torch

        module = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, 10))
        values = weights.draw(weights.dense(inputs, hidden) + weights.dense(hidden, 10))
        raw_torch.load(module, raw_torch.kernels(values))
        return raw_torch.Training(module, nn.functional.cross_entropy, x, y, batch_size)

    return make


def digits(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's digits: 1,797 images of 8x8 pixels, as vectors."""
    from sklearn import datasets

    x, y = datasets.load_digits(return_X_y=True)
    return (x[:rows] / 16).astype("float32"), y[:rows].astype("int32")


# A table of numbers and categories

CATEGORIES = 30


def _table(rows: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(1)
    x: dict[str, np.ndarray] = {
        f"category_{i}": rng.integers(0, 50 + 10 * i, (rows, 1), "int32") for i in range(CATEGORIES)
    }
    x["numbers"] = rng.standard_normal((rows, 20), "float32")
    y = (x["numbers"][:, 0] + 0.5 * np.sin(x["category_3"][:, 0]) > 0).astype("float32")[:, None]
    return x, y


def _tabular(keras: Any) -> Any:
    layers = keras.layers
    inputs, parts = {}, []
    for i in range(CATEGORIES):
        inputs[f"category_{i}"] = keras.Input((1,), dtype="int32", name=f"category_{i}")
        parts.append(layers.Flatten()(layers.Embedding(50 + 10 * i, 8)(inputs[f"category_{i}"])))
    inputs["numbers"] = keras.Input((20,), name="numbers")
    x = layers.Concatenate()([*parts, inputs["numbers"]])
    x = layers.Dense(128, activation="relu")(x)
    x = layers.Dense(64, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))


# Ten layers with dropout and AUC


def _rows(rows: int) -> tuple[np.ndarray, np.ndarray]:
    x, y = learnable(rows, 40, 2, seed=2)
    return x, y.astype("float32")[:, None]


def _deep(keras: Any) -> Any:
    layers = [keras.Input((40,))]
    for _ in range(10):
        layers += [keras.layers.Dense(64, activation="relu"), keras.layers.Dropout(0.1)]
    return keras.Sequential([*layers, keras.layers.Dense(1, activation="sigmoid")])


WORKLOADS = {
    w.name: w
    for w in (
        Fit(
            name="mlp",
            title="MLP 784-128-10, 60,000 rows, batch 128",
            family="small",
            data=lambda rows: learnable(rows, 784, 10),
            rows=(60_000, 60_000),
            batch_size=128,
            build=lambda keras: _mlp(keras, 784, 128),
            compile=logits_loss,
            raw_jax=_mlp_raw_jax(784, 128),
            raw_torch=_mlp_raw_torch(784, 128),
            epochs=2,
            one_row=True,
            quick=True,
        ),
        Fit(
            name="digits-mlp",
            title="MLP 64-32-10 on the digits, batch 32",
            family="small",
            data=digits,
            rows=(1797, 1797),
            batch_size=32,
            build=lambda keras: _mlp(keras, 64, 32),
            compile=lambda keras: {**logits_loss(keras), "metrics": ["accuracy"]},
            raw_jax=_mlp_raw_jax(64, 32),
            raw_torch=_mlp_raw_torch(64, 32),
            epochs=10,
            one_row=True,
        ),
        Fit(
            name="tabular",
            title="30 embedding inputs and 20 numbers, 20,000 rows, batch 256",
            family="small",
            data=_table,
            rows=(20_000, 10_000),
            batch_size=256,
            build=_tabular,
            compile=lambda keras: {"loss": "binary_crossentropy"},
            epochs=2,
            differs=SPARSE_ADAM,
        ),
        Fit(
            name="deep-auc",
            title="10 dense layers, dropout, AUC, 250,000 rows, batch 512",
            family="small",
            data=_rows,
            rows=(250_000, 50_000),
            batch_size=512,
            build=_deep,
            compile=lambda keras: {"loss": "binary_crossentropy", "metrics": [keras.metrics.AUC()]},
            rtol=(0.1, 0.5),
        ),
    )
}
