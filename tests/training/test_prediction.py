"""`predict` with many batches in one dispatch: what one batch after the other gives, for every length of the data."""

from __future__ import annotations

import numpy as np
import pytest

import addax as keras
from addax import layers
from addax.training.programs import program_of

X = np.random.default_rng(0).normal(size=(150, 6)).astype("float32")


@pytest.fixture
def one_by_one():
    def run(f):
        keras.config.set("fuse_steps", False)
        try:
            return f()
        finally:
            keras.config.set("fuse_steps", True)

    return run


def test_all_lengths(one_by_one, monkeypatch):
    from addax.training import prediction

    monkeypatch.setattr(prediction, "_CHUNK", 16 * 4 * 6 * 4)  # 16 batches of 4 rows of 6 floats
    model = keras.Sequential([keras.Input((6,)), layers.Dense(3, activation="tanh")])
    for rows in (31, 32, 40, 64, 65, 130, 150):
        expected = one_by_one(lambda rows=rows: model.predict(X[:rows], batch_size=4, verbose=0))
        found = model.predict(X[:rows], batch_size=4, verbose=0)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found, np.tanh(X[:rows] @ model.get_weights()[0]), rtol=1e-5, atol=1e-6)
    assert any(key[0] == "predict" and not why for key, why in program_of(model, "predict").executables.no_loop.items())


def test_predictions_are_the_users_own():
    model = keras.Sequential([keras.Input((6,)), layers.Dense(3)])
    expected = model(X[:5]).__array__()
    for _ in range(3):
        for found in (model.predict(X[:5], verbose=0), model.predict_on_batch(X[:5])):
            np.testing.assert_allclose(found, expected, rtol=1e-5)
            found[:] = 0.0


def test_structures_and_progress(capsys):
    a, b = keras.Input((6,), name="a"), keras.Input((2,), dtype="int32", name="b")
    model = keras.Model([a, b], {"one": layers.Dense(2)(a), "two": layers.Flatten()(layers.Embedding(9, 3)(b))})
    ids = np.arange(300).reshape(150, 2) % 9
    found = model.predict([X, ids], batch_size=8, verbose=1)
    (table, kernel) = (w for w in model.get_weights() if w.ndim == 2)
    np.testing.assert_allclose(found["one"], X @ kernel, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found["two"], table[ids].reshape(150, 6))
    assert "19/19" in capsys.readouterr().out


def test_a_step_whose_outputs_are_not_rows_runs_one_by_one():
    class Total(keras.Model):
        def call(self, x):
            return keras.ops.sum(x, axis=0)

    np.testing.assert_allclose(
        Total().predict(X[:64], batch_size=4, verbose=0), X[:64].reshape(16, 4, 6).sum(1).ravel(), rtol=1e-4, atol=1e-5
    )


def test_states_go_from_batch_to_batch(one_by_one):
    """Random layers in use move their generators on once a batch, however many batches a dispatch has."""

    class Noisy(layers.Layer):
        def __init__(self):
            super().__init__()
            self.noise = keras.random.SeedGenerator(3)

        def call(self, x):
            return x + keras.random.normal((1, 6), seed=self.noise)

    def run():
        model = keras.Sequential([keras.Input((6,)), Noisy()])
        return model.predict(X[:80], batch_size=8, verbose=0), model.layers[0].noise.state.numpy()

    (found, state), (expected, state_of_one_by_one) = run(), one_by_one(run)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_array_equal(state, state_of_one_by_one)
    assert len({tuple(row) for row in np.round(found - X[:80], 3)}) == 10
