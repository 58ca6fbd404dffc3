"""What `compile` was given, outside of `fit` and in models that override some of it, beside Keras."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import addax
from addax.core.engine import jax

keras = pytest.importorskip("keras")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 3)).astype("float32")
Y = RNG.normal(size=(8, 1)).astype("float32")
BITS = RNG.integers(0, 2, (8, 1)).astype("float32")
CLASSES = RNG.integers(0, 3, 8)
BOTH = pytest.mark.parametrize("k", [addax, keras], ids=["addax", "keras"])


def line(k: Any, units: int = 1, act: str | None = None, cls: Any = None, **compiled: Any) -> Any:
    """A model whose weights are known."""
    x = k.Input((3,))
    model = (cls or k.Model)(x, k.layers.Dense(units, act, kernel_initializer="ones", name="top")(x))
    model.compile(k.optimizers.SGD(0.1), **compiled)
    return model


def two(k: Any, cls: Any = None, **compiled: Any) -> Any:
    x = k.Input((3,))
    heads = [
        k.layers.Dense(1, "sigmoid", kernel_initializer="ones", name="a")(x),
        k.layers.Dense(3, "softmax", kernel_initializer=k.initializers.Constant(0.5), name="b")(x),
    ]
    model = (cls or k.Model)(x, heads)
    model.compile(k.optimizers.SGD(0.1), **compiled)
    return model


def assert_same_logs(found: dict, expected: dict) -> None:
    assert sorted(found) == sorted(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-5, err_msg=name)


# A loop of one's own


@BOTH
def test_compute_loss_and_metrics_build_themselves(k: Any) -> None:
    error = X.sum(1, keepdims=True) - Y
    weights = np.arange(8.0)
    model = line(k, loss="mse", metrics=["mae"])
    np.testing.assert_allclose(float(model.compute_loss(x=X, y=Y, y_pred=model(X))), np.mean(error**2), rtol=1e-5)
    weighted = model.compute_loss(y=Y, y_pred=model(X), sample_weight=weights)
    np.testing.assert_allclose(float(weighted), np.mean(weights * error[:, 0] ** 2), rtol=1e-5)
    logs = line(k, loss="mse", metrics=["mae"]).compute_metrics(X, Y, model(X))
    np.testing.assert_allclose(float(logs["mae"]), np.abs(error).mean(), rtol=1e-5)


def test_stateless_compute_loss_builds_itself() -> None:
    model = two(addax, loss=["binary_crossentropy", "sparse_categorical_crossentropy"])
    y = [BITS, CLASSES]
    expected = two(addax, loss=["binary_crossentropy", "sparse_categorical_crossentropy"]).evaluate(X, y, verbose=0)[0]
    state = [[v.value for v in group] for group in (model.trainable_variables, model.non_trainable_variables)]

    @jax.jit
    def loss(state: list) -> Any:
        out, fixed = model.stateless_call(*state, X, training=True)
        return model.stateless_compute_loss(state[0], fixed, [], X, y, out)[0]

    with pytest.raises(ValueError, match="metrics_variables"):
        loss(state)  # the trackers of the two losses have come
    metrics = [v.value for v in model.metrics_variables]
    out, fixed = model.stateless_call(*state, X, training=True)
    value, (_, _, after) = model.stateless_compute_loss(state[0], fixed, metrics, X, y, out)
    np.testing.assert_allclose(float(value), expected, rtol=1e-5)
    assert len(after) == len(metrics)


def test_a_loop_of_ones_own_is_what_fit_does() -> None:
    model = line(addax, loss="mse")
    model.optimizer.build(model.trainable_variables)

    def loss(trainable: list, fixed: list) -> tuple:
        out, fixed = model.stateless_call(trainable, fixed, X, training=True)
        return model.compute_loss(X, Y, out), fixed

    trainable, fixed, state = (
        [v.value for v in group]
        for group in (model.trainable_variables, model.non_trainable_variables, model.optimizer.variables)
    )
    losses = []
    for _ in range(3):
        (value, fixed), gradients = jax.value_and_grad(loss, has_aux=True)(trainable, fixed)
        trainable, state = model.optimizer.stateless_apply(state, gradients, trainable)
        losses.append(float(value))
    np.testing.assert_allclose(
        line(addax, loss="mse").fit(X, Y, epochs=3, verbose=0).history["loss"], losses, rtol=1e-5
    )


# compute_loss of the user's


def short_signature(k: Any) -> Any:
    class Model(k.Model):
        def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None) -> Any:
            return k.ops.mean((y - y_pred) ** 2) + 1.0

    return line(k, cls=Model)


def two_losses_for_one_output(k: Any) -> Any:
    class Model(k.Model):
        def compute_loss(
            self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
        ) -> Any:
            return super().compute_loss(x, (y, y), [y_pred, 1 - y_pred], sample_weight)

    return line(k, act="sigmoid", cls=Model, loss=["mse", "binary_crossentropy"])


def one_loss_for_two_parts(k: Any) -> Any:
    class Model(k.Model):
        def compute_loss(
            self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
        ) -> Any:
            return super().compute_loss(x, [y, 2 * y], [y_pred, y_pred], sample_weight)

    return line(k, cls=Model, loss=["mse", "mse"])


@pytest.mark.parametrize("make", [short_signature, two_losses_for_one_output, one_loss_for_two_parts])
def test_compute_loss_of_the_users_own(make: Any) -> None:
    mine, keras_s = make(addax), make(keras)
    for call in ("fit", "evaluate", "train_on_batch", "test_on_batch"):
        found, expected = (
            m.fit(X, BITS, epochs=2, verbose=0).history
            if call == "fit"
            else getattr(m, call)(X, BITS, return_dict=True, **({"verbose": 0} if call == "evaluate" else {}))
            for m in (mine, keras_s)
        )
        assert_same_logs(found, expected)


# Losses by the shape of the output


@pytest.mark.parametrize("name", ["crossentropy", "ce", "CE"])
@pytest.mark.parametrize(
    ("units", "act", "y"),
    [
        (1, "sigmoid", BITS),
        (3, "softmax", CLASSES),
        (3, "softmax", CLASSES[:, None]),
        (3, "softmax", np.eye(3)[CLASSES]),
    ],
    ids=["binary", "numbers", "a column of numbers", "one-hot"],
)
def test_crossentropy_is_told_by_the_shapes(name: str, units: int, act: str, y: Any) -> None:
    found, expected = (line(k, units, act, loss=name).fit(X, y, verbose=0).history for k in (addax, keras))
    assert_same_logs(found, expected)


@pytest.mark.parametrize("loss", ["ce", ["crossentropy", "ce"], {"a": "ce", "b": "crossentropy"}])
def test_crossentropy_of_several_outputs(loss: Any) -> None:
    found, expected = (two(k, loss=loss).fit(X, [BITS, CLASSES], verbose=0).history for k in (addax, keras))
    assert_same_logs(found, expected)


def test_crossentropy_is_written_as_it_was_given(tmp_path: Path) -> None:
    model = line(addax, 3, "softmax", loss="ce")
    expected = model.evaluate(X, CLASSES, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = addax.models.load_model(tmp_path / "model.keras")
    assert loaded.loss == "ce"
    np.testing.assert_allclose(loaded.evaluate(X, CLASSES, verbose=0), expected, rtol=1e-6)


def test_crossentropy_is_no_loss_without_an_output() -> None:
    for k in (addax, keras):
        with pytest.raises(ValueError):
            k.losses.get("crossentropy")


# Labels for the only output with a loss


@pytest.mark.parametrize(
    "compiled",
    [
        {"loss": [None, "sparse_categorical_crossentropy"]},
        {"loss": [None, "sparse_categorical_crossentropy"], "metrics": [None, ["accuracy"]]},
        {"loss": [None, "ce"], "weighted_metrics": [None, ["accuracy"]]},
    ],
)
def test_one_array_of_labels_is_for_the_only_output_with_a_loss(compiled: dict) -> None:
    mine, keras_s = two(addax, **compiled), two(keras, **compiled)
    logs = mine.fit(X, CLASSES, epochs=2, verbose=0).history
    expected = keras_s.fit(X, CLASSES, epochs=2, verbose=0).history
    np.testing.assert_allclose(logs["loss"], expected["loss"], rtol=1e-5)
    if len(compiled) > 1:  # which Keras leaves out where the labels are one array
        right = np.mean(mine.predict(X, verbose=0)[1].argmax(-1) == CLASSES)
        np.testing.assert_allclose(mine.evaluate(X, CLASSES, verbose=0, return_dict=True)["b_accuracy"], right)
    for m in (mine, keras_s):  # the other output's weights have not moved
        np.testing.assert_array_equal(m.get_layer("a").get_weights()[0], np.ones((3, 1)))
    np.testing.assert_allclose(mine.get_layer("b").get_weights()[0], keras_s.get_layer("b").get_weights()[0], rtol=1e-5)


# Models that have nothing to train


def without_weights(k: Any) -> Any:
    x = k.Input((3,))
    model = k.Model(x, k.layers.Activation("relu")(x))
    model.compile("rmsprop", "mse", metrics=["mae"])
    return model


def frozen(k: Any) -> Any:
    model = line(k, 3, loss="mse")
    model.trainable = False
    model.compile("adam", "mse", metrics=["mae"])
    return model


@pytest.mark.parametrize("make", [without_weights, frozen])
def test_models_without_weights_to_train_give_their_losses(make: Any) -> None:
    mine, keras_s = make(addax), make(keras)
    weights = mine.get_weights()
    assert_same_logs(*(m.fit(X, 2 * X, epochs=2, batch_size=3, verbose=0).history for m in (mine, keras_s)))
    np.testing.assert_allclose(mine.train_on_batch(X, X), keras_s.train_on_batch(X, X), rtol=1e-5)
    assert int(mine.optimizer.iterations) == int(keras_s.optimizer.iterations) == 0
    for before, after in zip(weights, mine.get_weights()):
        np.testing.assert_array_equal(before, after)


# What a compiled model tells


@BOTH
def test_loss_is_what_compile_was_given(k: Any) -> None:
    model = k.Sequential([k.Input((3,)), k.layers.Dense(1, name="top")])
    assert model.loss is None
    huber = k.losses.Huber()
    for loss in ("mse", huber, {"top": "mae"}, ["mse"]):
        model.compile("adam", loss)
        assert model.loss == loss

    class Own(k.Model):
        def __init__(self) -> None:
            super().__init__()
            self.loss = k.metrics.Mean(name="own")

    own = Own()
    assert own.loss.name == "own" and own.loss in own.metrics


@pytest.mark.parametrize("given", [{}, {"run_eagerly": True}, {"jit_compile": False}, {"jit_compile": True}])
def test_jit_compile_is_what_it_comes_to(given: dict) -> None:
    mine, keras_s = (line(k, loss="mse", **given) for k in (addax, keras))
    assert mine.jit_compile is keras_s.jit_compile
    assert mine.get_compile_config()["jit_compile"] is keras_s.get_compile_config()["jit_compile"]


def test_loss_makes_no_difference_to_what_is_compiled() -> None:
    first, second = line(addax, loss="mse"), line(addax, loss={"top": "mse"})
    for model in (first, second):
        model.fit(X, Y, verbose=0)
    assert first._programs["train"].executables is second._programs["train"].executables


# compile() of the user's


@BOTH
@pytest.mark.parametrize("takes", ["few", "all"])
def test_a_model_with_its_own_compile_is_loaded_without_calling_it(k: Any, takes: str, tmp_path: Path) -> None:
    calls = []

    class Few(k.Model):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.top = k.layers.Dense(1)

        def call(self, x: Any) -> Any:
            return self.top(x)

        def compile(self, optimizer: Any, loss: Any, extra: Any = None) -> None:
            calls.append(extra)
            super().compile(optimizer, loss)

    class All(Few):
        def compile(self, *args: Any, **kwargs: Any) -> None:
            super().compile(*args, **kwargs)

    cls = {"few": Few, "all": All}[takes]
    model = cls()
    model.compile("sgd", "mse", extra=3)
    model.fit(X, Y, verbose=0)
    with pytest.warns(UserWarning, match="not registered") if k is addax else contextlib.nullcontext():
        model.save(tmp_path / "model.keras")
    with pytest.warns(UserWarning, match=r"`compile\(\)` was not called as part of model loading"):
        loaded = k.models.load_model(tmp_path / "model.keras", custom_objects={takes.title(): cls})
    assert calls == [3]
    np.testing.assert_allclose(np.asarray(loaded(X)), np.asarray(model(X)), rtol=1e-6)


def test_own_configs_of_compile_are_used(tmp_path: Path) -> None:
    class Own(addax.Sequential):
        def compile(self, optimizer: Any, loss: Any, extra: Any = None) -> None:
            super().compile(optimizer, loss)
            self.extra = extra

        def get_compile_config(self) -> dict:
            return {"extra": self.extra}

        def compile_from_config(self, config: dict) -> None:
            self.compile("sgd", "mse", **config)

    model = Own([addax.Input((3,)), addax.layers.Dense(1)])
    model.compile("sgd", "mse", extra=3)
    with pytest.warns(UserWarning, match="not registered: Own"):
        model.save(tmp_path / "model.keras")
    loaded = addax.models.load_model(tmp_path / "model.keras", custom_objects={"Own": Own})
    assert loaded.extra == 3 and loaded.loss == "mse"
