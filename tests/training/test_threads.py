"""Threads: a model is traced by the thread that runs it, one trace at a time, and each caller gets its own results."""

from __future__ import annotations

import threading
import time

import numpy as np

import addax as keras
from addax import layers


class Keeping(layers.Layer):
    """Keeps tensors on itself during a call, as scripts do that look at them later."""

    def __init__(self):
        super().__init__()
        self.first, self.second = layers.Dense(4), layers.Dense(4, activation="tanh")
        self.outs = []
        self.__dict__["callers"] = set()

    def call(self, x):
        self.callers.add(threading.get_ident())
        self.outs = []
        for layer in (self.first, self.second):
            self.outs.append(layer(x))
            time.sleep(0.01)  # other threads get their chance
        total = self.outs[0]
        for out in self.outs[1:]:
            total = total + out
        return total


def keeping(normalization):
    # Batch statistics keep the last batch from being padded, so that it has a program of its own.
    parts = [layers.BatchNormalization()] if normalization else []
    model = keras.Sequential([keras.Input((3,)), Keeping(), *parts, layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def expected(model, x):
    a, b = model.layers[0].first, model.layers[0].second
    inner = x @ a.kernel.numpy() + a.bias.numpy() + np.tanh(x @ b.kernel.numpy() + b.bias.numpy())
    last = model.layers[-1]
    return inner @ last.kernel.numpy() + last.bias.numpy()


X = np.random.default_rng(0).normal(size=(90, 3)).astype("float32")
Y = np.random.default_rng(1).normal(size=(90, 1)).astype("float32")


def test_a_layer_that_keeps_tensors_when_the_last_batch_has_a_program_of_its_own():
    model = keeping(normalization=True)
    for rows in (90, 87, 85):
        model.fit(X[:rows], Y[:rows], batch_size=8, verbose=0, validation_data=(X[:rows], Y[:rows]))
        model.evaluate(X[:rows], Y[:rows], batch_size=9, verbose=0)
    assert model.layers[0].callers == {threading.get_ident()}
    model = keeping(normalization=False)
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    np.testing.assert_allclose(model.predict(X, batch_size=8, verbose=0), expected(model, X), rtol=1e-4, atol=1e-5)
    loss = np.mean((expected(model, X) - Y) ** 2)
    np.testing.assert_allclose(model.evaluate(X, Y, batch_size=8, verbose=0), loss, rtol=1e-4)
