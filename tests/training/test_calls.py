"""`model(x)` as one compiled call: the same outputs, states, losses, masks and errors as layer by layer."""

from __future__ import annotations

import numpy as np
import pytest

import addax as keras
from addax import layers

X = np.random.default_rng(0).normal(size=(5, 6)).astype("float32")
IDS = np.array([[1, 2, 0], [3, 0, 0]])


def stack(*parts, shape=(6,)):
    return keras.Sequential([keras.Input(shape), *parts])


def cases():
    yield "dense", lambda: stack(layers.Dense(3, activation="relu"), layers.Dense(2)), X, None
    yield "batch statistics", lambda: stack(layers.Dense(3), layers.BatchNormalization()), X, True
    yield "dropout", lambda: stack(layers.Dropout(0.5, seed=3), layers.Dense(2)), X, True
    yield (
        "losses",
        lambda: stack(layers.Dense(3, activity_regularizer="l2"), layers.ActivityRegularization(0.1)),
        X,
        None,
    )
    yield "mask", lambda: stack(layers.Embedding(5, 3, mask_zero=True), shape=(3,)), IDS, None
    yield "float64 data", lambda: stack(layers.Dense(3)), X.astype("float64"), None


@pytest.mark.parametrize(("make", "x", "training"), [c[1:] for c in cases()], ids=[c[0] for c in cases()])
def test_same_as_layer_by_layer(make, x, training):
    found = []
    for compiled in (True, False):
        keras.config.set("compile_calls", compiled)
        try:
            keras.utils.set_random_seed(1)
            model = make()
            outputs = [model(x, training=training) for _ in range(3)]
            assert ("_call" in model.__dict__) is compiled
            mask = getattr(outputs[-1], "_keras_mask", None)
            variables = [v.numpy() for v in model.variables]
            found.append([*outputs, *model.losses, *variables, *([mask] if mask is not None else [])])
        finally:
            keras.config.set("compile_calls", True)
    assert len(found[0]) == len(found[1])
    for a, b in zip(*found):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_structures():
    a, b = keras.Input((6,), name="a"), keras.Input((2,), name="b")
    model = keras.Model([a, b], {"sum": layers.Dense(2)(a) + b})
    y = model([X, X[:, :2]])["sum"]
    np.testing.assert_allclose(y, X @ model.get_weights()[0] + X[:, :2], rtol=1e-5, atol=1e-6)
    assert model._call.is_pure


def test_what_is_changed_takes_effect():
    model = stack(layers.Dense(3, activation="relu"))
    assert (np.asarray(model(X)) >= 0).all()
    model.layers[0].activation = keras.activations.linear
    assert (np.asarray(model(X)) < 0).any()
    model.set_weights([np.zeros((6, 3)), np.full(3, 7.0)])
    np.testing.assert_array_equal(model(X), np.full((5, 3), 7.0))
    model.add(layers.Dense(1, kernel_initializer="ones"))
    np.testing.assert_array_equal(model(X), np.full((5, 1), 21.0))


def test_calls_of_the_users_code_run_each_time():
    seen = []

    class Loud(layers.Layer):
        def call(self, x):
            seen.append(x.shape)
            return x

    model = stack(Loud(), layers.Dense(2))
    seen.clear()
    model(X)
    model(X)
    assert seen == [(5, 6)] * 2


def test_the_same_architecture_is_not_compiled_again():
    models = [stack(layers.Dense(7, activation="tanh")) for _ in range(2)]
    for model in models:
        np.testing.assert_allclose(model(X), np.tanh(X @ model.get_weights()[0]), rtol=1e-5, atol=1e-6)
    assert models[0]._call.description == models[1]._call.description
    assert models[0]._call._executables is models[1]._call._executables
    assert models[0]._call._executables.traces == 1


def test_errors_are_those_of_an_ordinary_call():
    model = stack(layers.Dense(3))
    with pytest.raises(ValueError, match=r"expected shape=\(None, 6\), found shape=\(2, 5\)") as info:
        model(np.ones((2, 5), "float32"))
    assert f"In layer '{model.name}'" in "".join(info.value.__notes__)


def test_gradients_go_through():
    import jax

    model = stack(layers.Dense(1, use_bias=False))
    slope = jax.grad(lambda x: model(x).sum())(X)
    np.testing.assert_allclose(slope, np.broadcast_to(model.get_weights()[0].T, X.shape), rtol=1e-6)


def fits():
    """The logs of the same training, of one architecture built anew each time."""
    for _ in range(3):
        keras.utils.set_random_seed(0)
        model = stack(layers.Dense(5, activation="relu"), layers.Dropout(0.5), layers.Dense(1))
        model.compile("adam", "mse", metrics=["mae"])
        history = model.fit(X, X[:, :1], batch_size=2, epochs=2, validation_data=(X, X[:, :1]), verbose=0)
        yield history.history, model


def test_training_the_same_architecture_again_compiles_nothing():
    found = list(fits())
    counts = [{kind: p.compiles for kind, p in model._programs.items()} for _, model in found]
    assert counts[0] == counts[2]
    assert found[0][1]._programs["train"].executables is found[2][1]._programs["train"].executables
    assert found[0][0] == found[1][0] == found[2][0]


def test_programs_hold_no_models():
    import gc
    import weakref

    (_, model), *_ = fits()
    kept = weakref.ref(model)
    del model, _
    gc.collect()
    assert kept() is None


def test_a_model_that_needs_values_runs_layer_by_layer(monkeypatch, recwarn):
    from addax.training import calls

    def needs_values(description, training, values, x):
        return bool(x.sum() > 0)

    model = stack(layers.Dense(3))
    monkeypatch.setattr(calls, "_call", needs_values)
    for _ in range(2):
        np.testing.assert_allclose(model(X), X @ model.get_weights()[0], rtol=1e-5, atol=1e-6)
        assert not model._call.is_pure
    assert not recwarn.list


def test_errors_of_the_device_are_not_hidden():
    model = stack(layers.Dense(3))
    model(X)

    def fails(*_):
        raise RuntimeError("the device is gone")

    key, (_, writes) = next(iter(model._call._ready.items()))
    model._call._ready[key] = fails, writes
    with pytest.raises(RuntimeError, match="the device is gone"):
        model(X)


def test_what_only_fails_compiled_is_said(monkeypatch):
    from addax.training import calls

    def fails(*_):
        raise TypeError("no such program")

    model = stack(layers.Dense(3))
    monkeypatch.setattr(calls, "_call", fails)
    with pytest.warns(UserWarning, match=f"Model '{model.name}' can't be compiled .*TypeError: no such program"):
        y = model(X)
    np.testing.assert_allclose(y, X @ model.get_weights()[0], rtol=1e-5, atol=1e-6)
