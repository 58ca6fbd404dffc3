"""`fit(micro_batches=k)`: the training of whole batches, computed in parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import addax as keras
from addax import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(44, 3)).astype("float32")
Y = RNG.normal(size=(44, 2)).astype("float32")
WEIGHT = RNG.uniform(0, 2, 44).astype("float32")
IDS = RNG.integers(1, 5, (44, 6)) * (np.arange(6) < RNG.integers(1, 7, (44, 1)))  # the zeros at the ends are padding
STEPS = RNG.normal(size=(44, 6, 1)).astype("float32")


class Penalty(layers.Layer):
    """A layer that adds a loss, the mean of its rows."""

    def call(self, x: Any) -> Any:
        self.add_loss(0.3 * keras.ops.mean(keras.ops.square(x)))
        return x


def dense(**compiled: Any) -> Any:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4, "tanh", kernel_regularizer="l2"), layers.Dense(2)])
    model.compile(**{"optimizer": keras.optimizers.SGD(0.1), "loss": "mse", "metrics": ["mae"], **compiled})
    return model


def penalized() -> Any:
    model = keras.Sequential([keras.Input((3,)), Penalty(), layers.Dense(2, activity_regularizer="l2")])
    model.compile("adam", "mse")
    return model


def masked() -> Any:
    """Two outputs, of which one has a mask that differs from row to row, and losses of several reductions."""
    ids = keras.Input((6,), dtype="int32")
    h = layers.SimpleRNN(4, return_sequences=True)(layers.Embedding(5, 4, mask_zero=True)(ids))
    outputs = {"steps": layers.Dense(1, name="steps")(h), "last": layers.Dense(2, name="last")(h[:, 0])}
    model = keras.Model(ids, outputs)
    losses = {"steps": "mae", "last": keras.losses.MeanSquaredError(reduction="mean_with_sample_weight")}
    model.compile("sgd", losses, {"steps": 2.0, "last": 0.5}, weighted_metrics={"steps": "mse", "last": ["mae"]})
    return model


def fitted(make: Any, x: Any, y: Any, k: int | None, batch_size: int = 16, **options: Any) -> tuple[dict, list]:
    keras.utils.set_random_seed(3)
    model = make()
    history = model.fit(
        x, y, batch_size=batch_size, epochs=2, shuffle=False, verbose=0, micro_batches=k, **options
    ).history
    assert int(model.optimizer.iterations) == 2 * -(-44 // batch_size)  # one update a batch
    return history, [np.asarray(v) for v in [*model.variables, *model.optimizer.variables]]


def assert_same(one: tuple, other: tuple) -> None:
    assert one[0].keys() == other[0].keys()
    for name, values in one[0].items():
        np.testing.assert_allclose(other[0][name], values, rtol=5e-6, err_msg=name)
    for a, b in zip(one[1], other[1], strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=2e-6)


HOLES = np.where(RNG.random(Y.shape) < 0.3, np.nan, Y)
CASES: dict[str, tuple] = {
    "weights of rows": (dense, X, Y, {"sample_weight": WEIGHT}),
    "sum": (lambda: dense(loss=keras.losses.MeanSquaredError(reduction="sum")), X, Y, {"sample_weight": WEIGHT}),
    "by weights": (
        lambda: dense(loss=keras.losses.MeanSquaredError(reduction="mean_with_sample_weight")),
        X,
        Y,
        {"sample_weight": WEIGHT},
    ),
    "missing labels": (lambda: dense(missing_labels="mask"), X, HOLES, {}),
    "added losses": (penalized, X, Y, {}),
    "masks": (
        masked,
        IDS,
        {"steps": STEPS, "last": Y},
        {"sample_weight": {"steps": np.ones(44, "float32"), "last": WEIGHT}},
    ),
    "eagerly": (lambda: dense(run_eagerly=True), X, Y, {"sample_weight": WEIGHT}),
}


@pytest.mark.parametrize(
    "case", [pytest.param(c, marks=pytest.mark.slow) if c in ("eagerly", "sum", "added losses") else c for c in CASES]
)
def test_parts_train_as_whole_batches(case: str) -> None:
    make, x, y, options = CASES[case]
    # The last batch, of 12 rows, has parts of its own; 8 parts of it are of one row and of two.
    k, whole = (8 if case in ("weights of rows", "masks") else 4), fitted(make, x, y, None, **options)
    assert_same(whole, fitted(make, x, y, k, **options))


def test_batches_of_an_iterable_of_any_size() -> None:
    def batches(model: Any, k: int | None) -> Any:
        class Source(keras.utils.PyDataset):
            def __len__(self) -> int:
                return 3

            def __getitem__(self, i: int) -> Any:
                rows = [slice(0, 32), slice(32, 41), slice(41, 44)][i]
                return X[rows], Y[rows], WEIGHT[rows]

        keras.utils.set_random_seed(3)
        model = model()
        history = model.fit(Source(), epochs=2, shuffle=False, verbose=0, micro_batches=k).history
        return history, [np.asarray(v) for v in model.variables]

    for make in (dense, penalized):  # the second can't be padded
        assert_same(batches(make, None), batches(make, 4))


@settings(max_examples=6, deadline=None)
@given(st.integers(1, 8), st.integers(1, 4), st.integers(1, 44), st.integers(0, 99))
def test_gradients_are_those_of_the_whole_batch(k: int, each: int, rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y, weight = rng.normal(size=(rows, 3)), rng.normal(size=(rows, 2)), rng.uniform(0, 2, rows)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    kernel, bias = (w.astype("float64") for w in model.get_weights())
    losses = []
    for first in range(0, rows, k * each):
        part = slice(first, first + k * each)
        error = x[part] @ kernel + bias - y[part]
        losses.append(np.sum(weight[part, None] * error**2) / 2)
        slope = weight[part, None] * error / len(error)
        kernel, bias = kernel - x[part].T @ slope, bias - slope.sum(0)
    found = model.fit(
        *(x, y),
        sample_weight=weight,
        batch_size=k * each,
        epochs=1,
        shuffle=False,
        verbose=0,
        micro_batches=k,
    ).history["loss"]
    np.testing.assert_allclose(found, [sum(losses) / rows], rtol=1e-4)
    for a, b in zip(model.get_weights(), (kernel, bias)):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def test_batch_normalization_sees_the_parts_one_after_another() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.BatchNormalization(momentum=0.9), layers.Dense(2)])
    model.compile("sgd", "mse")
    model.fit(X[:8], Y[:8], batch_size=8, verbose=0, shuffle=False, micro_batches=2)
    mean, variance = np.zeros(3), np.ones(3)
    for part in (X[0:8:2], X[1:8:2]):
        mean, variance = 0.9 * mean + 0.1 * part.mean(0), 0.9 * variance + 0.1 * part.var(0)
    np.testing.assert_allclose(model.layers[0].moving_mean, mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.layers[0].moving_variance, variance, rtol=1e-5)


def test_less_memory_is_taken() -> None:
    def temporaries(k: int | None) -> int:
        model = keras.Sequential([keras.Input((8,)), *[layers.Dense(64, "tanh") for _ in range(4)]])
        model.compile("sgd", "mse")
        x = np.ones((512, 8), "float32")
        model.fit(x, np.ones((512, 64), "float32"), batch_size=512, verbose=0, micro_batches=k)
        (program,) = model._programs["train"].executables._programs.values()
        return program.get().memory_analysis().temp_size_in_bytes  # type: ignore[attr-defined]

    assert temporaries(8) < temporaries(None) / 2


class Counted(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, x: Any) -> Any:
        return self.dense(x)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict:
        return {**super().compute_metrics(x, y, y_pred, sample_weight), "one": 1.0}


class Own(Counted):
    def train_step(self, state: Any, data: Any) -> Any:
        return super().train_step(state, data)


def test_metrics_of_the_users_own_and_float16() -> None:
    def make() -> Any:
        model = Counted()
        model.compile("sgd", "mse", metrics=["mae"])
        return model

    def half() -> Any:
        inputs = keras.Input((3,))
        model = keras.Model(inputs, layers.Dense(2, dtype="mixed_float16")(inputs))
        model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=1024.0), "mse")
        return model

    whole, parts = (fitted(make, X, Y, k) for k in (None, 4))
    assert_same(whole, parts)
    assert parts[0]["one"] == [1.0, 1.0]
    whole, parts = (fitted(half, X, Y, k) for k in (None, 4))
    np.testing.assert_allclose(parts[0]["loss"], whole[0]["loss"], rtol=1e-3)


def test_mistakes_are_found_before_the_first_step() -> None:
    model = dense()
    before = model.get_weights()
    for k, text in (
        (3, r"must divide the batch of 16 rows\. Received: micro_batches=3\. 1, 2, 4, 8, 16 divide it, and .* 18 rows"),
        (0, r"`micro_batches` must be a positive integer\. Received: micro_batches=0"),
        (2.5, r"`micro_batches` must be a positive integer"),
    ):
        with pytest.raises(ValueError, match=text):
            model.fit(X, Y, batch_size=16, micro_batches=k, verbose=0)
    own = Own()
    own.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"\(Own\) has a `train_step` of its own"):
        own.fit(X, Y, batch_size=16, micro_batches=4, verbose=0)
    for a, b in zip(model.get_weights(), before):
        np.testing.assert_array_equal(a, b)
    model.fit(X, Y, batch_size=16, verbose=0)  # parts are not kept from one `fit` to the next
    assert model._savings.parts is None
