"""Padding of masked sequences is left out of metrics as it is of losses: in `fit`, validation, `evaluate`, batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import addax as keras
from addax import layers

RNG = np.random.default_rng(0)
IDS = np.array([[3, 1, 2, 4], [2, 2, 0, 0], [1, 0, 0, 0], [4, 3, 1, 0], [1, 2, 3, 4]])
TAGS = RNG.integers(0, 3, IDS.shape)
BITS = RNG.integers(0, 2, (*IDS.shape, 1)).astype("float32")
WEIGHTS = np.array([1.0, 2.0, 0.5, 3.0, 0.0])
REAL = IDS != 0

LAST = {
    "dense": lambda units, act: [layers.Dense(units, act)],
    "lstm": lambda units, act: [layers.LSTM(5, return_sequences=True), layers.Dense(units, act)],
    "time distributed": lambda units, act: [layers.TimeDistributed(layers.Dense(units, act))],
    "dropout and activation": lambda units, act: [layers.Dense(units), layers.Dropout(0.0), layers.Activation(act)],
    "a model": lambda units, act: [keras.Sequential([keras.Input((4, 6)), layers.Dense(units, act)])],
}


def tagger(kind: str, units: int, act: str, **compiled: Any) -> Any:
    """Tags for each step, compiled to stay as it is."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.Input((4,), dtype="int32"), layers.Embedding(5, 6, mask_zero=True), *LAST[kind](units, act)]
    )
    model.compile(keras.optimizers.SGD(0.0), **compiled)
    return model


def everywhere(model: Any, y: Any, sample_weight: Any = None) -> dict[str, dict]:
    """The logs of all the ways there are to get some; two rows a batch, so that the last is not full."""
    rows = {"sample_weight": sample_weight}
    validation = (IDS, y) if sample_weight is None else (IDS, y, sample_weight)
    history = model.fit(IDS, y, **rows, batch_size=2, validation_data=validation, verbose=0, shuffle=False).history
    found = {
        "fit": {k: v[0] for k, v in history.items() if not k.startswith("val_")},
        "validation": {k.removeprefix("val_"): v[0] for k, v in history.items() if k.startswith("val_")},
        "evaluate": model.evaluate(IDS, y, **rows, batch_size=2, verbose=0, return_dict=True),
        "test_on_batch": model.test_on_batch(IDS, y, **rows, return_dict=True),
        "train_on_batch": model.train_on_batch(IDS, y, **rows, return_dict=True),
    }
    return found


@pytest.mark.parametrize("kind", LAST)
def test_accuracy_is_that_of_the_real_steps(kind: str) -> None:
    ce = keras.metrics.SparseCategoricalCrossentropy(name="ce")
    model = tagger(kind, 3, "softmax", loss="sparse_categorical_crossentropy", metrics=["accuracy", ce])
    p = model.predict(IDS, verbose=0)
    right = (p.argmax(-1) == TAGS)[REAL].mean()
    each = -np.log(np.take_along_axis(p, TAGS[..., None], -1)[..., 0])
    nats = each[REAL].mean()
    assert not np.isclose(nats, each.mean(), rtol=1e-4)  # the data tell the two apart
    for way, logs in everywhere(model, TAGS).items():
        np.testing.assert_allclose(logs["accuracy"], right, rtol=1e-5, err_msg=way)
        np.testing.assert_allclose(logs["ce"], nats, rtol=1e-5, err_msg=way)


@pytest.mark.parametrize("eager", [False, True])
def test_weights_of_rows_and_masks_multiply(eager: bool) -> None:
    model = tagger(
        "dense", 3, "softmax", loss="sparse_categorical_crossentropy", weighted_metrics=["accuracy"], run_eagerly=eager
    )
    right = (model.predict(IDS, verbose=0).argmax(-1) == TAGS).astype("float64")
    each = REAL * WEIGHTS[:, None]
    for way, logs in everywhere(model, TAGS, WEIGHTS).items():
        np.testing.assert_allclose(logs["accuracy"], (right * each).sum() / each.sum(), rtol=1e-5, err_msg=way)


OTHERS = {
    "Precision": lambda: keras.metrics.Precision(0.4),
    "Recall": lambda: keras.metrics.Recall(0.4),
    "TruePositives": lambda: keras.metrics.TruePositives(0.4),
    "AUC": lambda: keras.metrics.AUC(),
    "SensitivityAtSpecificity": lambda: keras.metrics.SensitivityAtSpecificity(0.5),
    "BinaryIoU": lambda: keras.metrics.BinaryIoU(threshold=0.4),
    "RootMeanSquaredError": lambda: keras.metrics.RootMeanSquaredError(),
    "MeanSquaredError": lambda: keras.metrics.MeanSquaredError(),
    "BinaryAccuracy": lambda: keras.metrics.BinaryAccuracy(threshold=0.4),
}


@pytest.mark.parametrize("name", OTHERS)
def test_every_metric_leaves_them_out(name: str) -> None:
    model = tagger("dense", 1, "sigmoid", loss="binary_crossentropy", metrics=[OTHERS[name]()])
    p = model.predict(IDS, verbose=0)
    (metric,) = (m for m in model._compile_metrics.given)
    alone = OTHERS[name]()
    alone.update_state(BITS[REAL], p[REAL])
    for way, logs in everywhere(model, BITS).items():
        np.testing.assert_allclose(logs[metric.name], float(alone.result()), rtol=1e-5, err_msg=way)


def test_metrics_of_the_users_own_get_the_weights_that_were_given() -> None:
    seen = []

    class Own(keras.metrics.Mean):
        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            seen.append(sample_weight)
            super().update_state(keras.ops.abs(y_true - y_pred))

    model = tagger("dense", 1, "sigmoid", loss="binary_crossentropy", metrics=[Own(name="own")])
    logs = model.evaluate(IDS, BITS, batch_size=5, verbose=0, return_dict=True)
    np.testing.assert_allclose(logs["own"], np.abs(model.predict(IDS, verbose=0) - BITS).mean(), rtol=1e-5)
    assert seen and all(weight is None for weight in seen)


def test_own_compute_metrics_sees_the_mask() -> None:
    class Model(keras.Sequential):
        def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict:
            return {**super().compute_metrics(x, y, y_pred, sample_weight), "one": keras.ops.ones(())}

    model = Model([keras.Input((4,), dtype="int32"), layers.Embedding(5, 6, mask_zero=True), layers.Dense(3)])
    model.compile(keras.optimizers.SGD(0.0), "mse", metrics=["mae"])
    y = RNG.normal(size=(5, 4, 3)).astype("float32")
    expected = np.abs(model.predict(IDS, verbose=0) - y)[REAL].mean()
    for way, logs in everywhere(model, y).items():
        np.testing.assert_allclose(logs["mae"], expected, rtol=1e-5, err_msg=way)
        assert logs["one"] == 1
