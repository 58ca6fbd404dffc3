"""Arguments of `compile` that Keras doesn't have, or has in another order."""

from __future__ import annotations

from typing import Any

import keras as reference
import numpy as np
import pytest

import addax as keras
from addax import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3)).astype("float32")
REAL = RNG.normal(size=(24, 2)).astype("float32")
NAN = float("nan")


def net(units: int = 2, activation: str | None = None, **given: Any) -> Any:
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(units, activation, name="top")])
    model.compile(**{"optimizer": keras.optimizers.SGD(0.1), **given})
    return model


# The order of Keras 2


@pytest.mark.parametrize(
    "given", [("adam", "mse", ["mae"]), ("adam", "mse", "mae"), ("adam", "mse", [keras.metrics.MeanAbsoluteError()])]
)
def test_metrics_at_the_place_that_they_had_in_keras_2(given: tuple) -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    model.compile(*given)
    found = model.evaluate(X, REAL, verbose=0)
    predicted = model.predict(X, verbose=0)
    wanted = [np.mean((predicted - REAL) ** 2), np.mean(abs(predicted - REAL))]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_metrics_and_loss_weights_in_the_order_of_keras_2() -> None:
    x = keras.Input((3,))
    model = keras.Model(x, [layers.Dense(2, name="a")(x), layers.Dense(2, name="b")(x)])
    model.compile("sgd", "mse", ["mae", "mae"], [0.5, 2.0])
    found = model.evaluate(X, [REAL, REAL], verbose=0, return_dict=True)
    np.testing.assert_allclose(found["loss"], 0.5 * found["a_loss"] + 2 * found["b_loss"], rtol=1e-5)
    assert {"a_mae", "b_mae"} <= set(found)


# Missing labels


def holes(y: np.ndarray, where: Any) -> np.ndarray:
    y = y.astype("float32")
    y[where] = NAN
    return y


CASES: dict[str, tuple] = {
    "mse": ("mse", None, REAL, ["mae"]),
    "bce": ("binary_crossentropy", "sigmoid", (REAL > 0).astype("float32"), ["mse"]),
    "cosine": (keras.losses.CosineSimilarity(), None, REAL, ["mse"]),
    "one-hot": ("categorical_crossentropy", "softmax", np.eye(2)[RNG.integers(0, 2, 24)], ["accuracy"]),
    "classes": ("sparse_categorical_crossentropy", "softmax", RNG.integers(0, 2, 24), ["accuracy"]),
    "classes in a column": ("sparse_categorical_crossentropy", "softmax", RNG.integers(0, 2, (24, 1)), ["accuracy"]),
}
ROWS = np.array([1, 5, 6, 20])


@pytest.mark.parametrize("case", CASES)
def test_rows_without_labels_count_for_nothing(case: str) -> None:
    loss, activation, y, metrics = CASES[case]
    given = {"loss": loss, "metrics": metrics, "activation": activation}
    kept = np.delete(np.arange(24), ROWS)
    masked, plain = net(**given, missing_labels="mask"), net(**given)
    for batch_size in (24, 7):  # the second has a padded batch
        if batch_size == 24:
            found = masked.evaluate(X, holes(y, ROWS), batch_size=batch_size, verbose=0)
            wanted = plain.evaluate(X[kept], y[kept], batch_size=len(kept), verbose=0)
            np.testing.assert_allclose(found, wanted, rtol=2e-6, atol=1e-7)  # a cosine is one less something near it
        masked.fit(X, holes(y, ROWS), batch_size=24, verbose=0)
        plain.fit(X[kept], y[kept], batch_size=len(kept), verbose=0)
        for a, b in zip(masked.get_weights(), plain.get_weights()):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
    assert np.isfinite(masked.evaluate(X, holes(y, ROWS), batch_size=7, verbose=0)).all()


def test_each_element_with_a_label_counts_alone() -> None:
    model = net(loss="mse", metrics=["mae"], missing_labels="mask")
    y = holes(REAL, (RNG.random(REAL.shape) < 0.4))
    predicted = model.predict(X, verbose=0).astype("float64")
    wanted = [np.nanmean((predicted - y) ** 2), np.nanmean(abs(predicted - y))]
    np.testing.assert_allclose(model.evaluate(X, y, batch_size=24, verbose=0), wanted, rtol=1e-5)
    kernel, bias = (w.astype("float64") for w in model.get_weights())
    error = np.where(np.isnan(y), 0, X @ kernel + bias - y) * 2 / np.sum(~np.isnan(y))
    model.train_on_batch(X, y)
    np.testing.assert_allclose(model.get_weights()[0], kernel - 0.1 * X.T @ error, rtol=1e-4, atol=1e-6)
    weight = np.arange(24.0)
    both = np.where(np.isnan(y), 0, (predicted - y) ** 2 * weight[:, None]).sum() / np.sum(~np.isnan(y))
    model = net(loss="mse", missing_labels="mask")
    np.testing.assert_allclose(model.evaluate(X, y, 24, verbose=0, sample_weight=weight), both, rtol=1e-5)


def test_no_label_at_all() -> None:
    model = net(loss="mse", missing_labels="mask")
    before = model.get_weights()
    assert model.train_on_batch(X, np.full((24, 2), NAN)) == 0
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_missing_labels_are_refused_by_default_and_infinite_ones_always() -> None:
    with pytest.raises(ValueError, match="`y` has 8 NaN values"):
        net(loss="mse").fit(X, holes(REAL, ROWS), verbose=0)
    with pytest.raises(ValueError, match="`y` has 8 NaN and 1 infinite"):
        y = holes(REAL, ROWS)
        y[0, 0] = np.inf
        net(loss="mse", missing_labels="mask").fit(X, y, verbose=0)
    with pytest.raises(ValueError, match=r"`missing_labels` must be 'error'.* or 'mask'"):
        net(loss="mse", missing_labels="ignore")


# Learning rates


def test_multipliers_are_learning_rates_of_their_own() -> None:
    def model(library: Any) -> Any:
        library.utils.set_random_seed(1)
        x = library.Input((3,))
        inner = library.layers.Dense(4, name="encoder")(x)
        return library.Model(x, library.layers.Dense(2, name="top")(inner))

    for name, arguments in (
        ("AdamW", {"weight_decay": 0.1}),
        ("SGD", {"momentum": 0.9, "gradient_accumulation_steps": 2}),
    ):
        ours, theirs = model(keras), model(reference)
        theirs.set_weights(ours.get_weights())
        ours.compile(
            getattr(keras.optimizers, name)(0.02, **arguments), "mse", learning_rate_multipliers={"encoder/*": 0.1}
        )
        ours.fit(X, REAL, batch_size=8, shuffle=False, verbose=0, epochs=2)
        # In Keras an optimizer for each of both layers, at rates of their own, on the gradients of the whole model.
        rates = {"encoder": 0.002, "top": 0.02}
        each = {k: getattr(reference.optimizers, name)(rate, **arguments) for k, rate in rates.items()}
        for _ in range(2):
            for i in range(0, 24, 8):
                _step(theirs, each, X[i : i + 8], REAL[i : i + 8])
        for a, b in zip(ours.get_weights(), theirs.get_weights()):
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


def _step(model: Any, optimizers: dict[str, Any], x: np.ndarray, y: np.ndarray) -> None:
    """One step of Keras's model, each of whose layers has an optimizer."""
    import jax

    def loss(values: list) -> Any:
        predicted, _ = model.stateless_call(values, [], x)
        return ((predicted - y) ** 2).mean()

    gradients = jax.grad(loss)([v.value for v in model.trainable_variables])
    for name, optimizer in optimizers.items():
        pairs = [(g, v) for g, v in zip(gradients, model.trainable_variables) if v.path.startswith(name)]
        optimizer.apply_gradients(pairs)


def test_multipliers_of_other_optimizers() -> None:
    optax = pytest.importorskip("optax")

    class Plain(keras.optimizers.Optimizer):
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            variable.assign(variable - learning_rate * gradient)

    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=1.0)
    weights = []
    for optimizer in (keras.optimizers.SGD(0.1), Plain(0.1), optax.sgd(0.1), scaled):
        model = net(optimizer=optimizer, loss="mse", learning_rate_multipliers={"*bias": 0.0, "top/*": 0.5})
        before = model.get_weights()
        model.fit(X, REAL, verbose=0)
        np.testing.assert_array_equal(before[1], model.get_weights()[1])
        weights.append(model.get_weights()[0])
    for found in weights[1:]:
        np.testing.assert_allclose(found, weights[0], rtol=1e-5)
    plain = net(loss="mse")
    plain.fit(X, REAL, verbose=0)
    np.testing.assert_allclose(weights[0] - before[0], 0.5 * (plain.get_weights()[0] - before[0]), rtol=1e-4)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            {"tp/*": 0.1},
            "the pattern 'tp/.', which matches the path of no trainable variable. The paths are: .*top/kernel",
        ),
        ({"top/*": -1}, "learning_rate_multipliers"),
        ([0.1], "must be a dict from patterns"),
    ],
)
def test_mistakes_in_multipliers(given: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        net(loss="mse", learning_rate_multipliers=given).fit(X, REAL, verbose=0)


def test_files_keep_both(tmp_path: Any) -> None:
    model = net(loss="mse", missing_labels="mask", learning_rate_multipliers={"top/kernel": 0.5})
    model.fit(X, holes(REAL, ROWS), verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for one in (model, loaded):
        one.fit(X, holes(REAL, ROWS), verbose=0, shuffle=False)
    for a, b in zip(model.get_weights(), loaded.get_weights()):
        np.testing.assert_array_equal(a, b)
    plain = net(loss="mse")
    assert not {"missing_labels", "learning_rate_multipliers"} & set(plain.get_compile_config())
