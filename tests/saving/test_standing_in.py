"""Files of models in which layers stand for others: low-rank updates beside a kernel, say."""

import numpy as np
import pytest

import addax as keras
from addax.core.state import substitute

X = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")


class LowRank(keras.layers.Layer):
    """Computes as `inner` with `a @ b` added to its kernel."""

    def __init__(self, inner, rank=1):
        super().__init__(name=f"low_rank_{inner.name}")
        self.inner = self.stands_for = inner
        inner.trainable = False
        self.rank = rank

    def build(self, shape):
        if not self.inner.built:
            self.inner.build(shape)
        rows, columns = self.inner.kernel.shape
        self.a = self.add_weight(shape=(rows, self.rank), name="a")
        self.b = self.add_weight(shape=(self.rank, columns), initializer="zeros", name="b")

    def call(self, x):
        with substitute((self.inner.kernel, self.inner.kernel.value + self.a.value @ self.b.value)):
            return self.inner(x)


def plain():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(2)])


def adapted():
    layers = [LowRank(keras.layers.Dense(4, activation="tanh")), keras.layers.Dense(2)]
    return keras.Sequential([keras.Input((3,)), *layers])


def test_weights_of_the_plain_model_load_into_the_adapted_one(tmp_path):
    model, other = plain(), adapted()
    model.save_weights(tmp_path / "plain.weights.h5")
    other.load_weights(tmp_path / "plain.weights.h5")
    np.testing.assert_allclose(other.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)


def test_the_adapted_model_keeps_its_own_weights(tmp_path):
    model, other = adapted(), adapted()
    model.layers[0].b.assign(np.ones((1, 4)))
    model.save_weights(tmp_path / "adapted.weights.h5")
    other.load_weights(tmp_path / "adapted.weights.h5")
    np.testing.assert_allclose(other.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)
    # The plain model takes what is its own, and says what is left.
    base = plain()
    with pytest.warns(UserWarning, match="low_rank"):
        base.load_weights(tmp_path / "adapted.weights.h5")
    np.testing.assert_array_equal(base.layers[0].kernel.numpy(), model.layers[0].inner.kernel.numpy())


def test_only_the_update_is_trained():
    model = adapted()
    kernel = model.layers[0].inner.kernel.numpy()
    model.compile("sgd", "mse")
    model.fit(X, np.ones((4, 2)), epochs=2, verbose=0)
    np.testing.assert_array_equal(model.layers[0].inner.kernel.numpy(), kernel)
    assert np.any(model.layers[0].b.numpy() != 0)
