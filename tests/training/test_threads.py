"""Threads: a model is traced by the thread that runs it, one trace at a time, and each caller gets its own results."""

from __future__ import annotations

import copy
import threading
import time

import numpy as np
import pytest

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


def together(count, work):
    """What `work(i)` returns or raises in each of `count` threads that begin at once."""
    barrier, found = threading.Barrier(count), [None] * count

    def run(i):
        barrier.wait()
        try:
            found[i] = work(i)
        except Exception as error:
            found[i] = error

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.parametrize("how", ["predict", "predict_on_batch"])
def test_many_threads_on_a_cold_model(how):
    model = keeping(normalization=False)
    call = (
        model.predict_on_batch if how == "predict_on_batch" else (lambda x: model.predict(x, batch_size=8, verbose=0))
    )
    xs = [X[i : i + 20 + i] + 10 * i for i in range(8)]
    for found, x in zip(together(8, lambda i: call(xs[i])), xs):
        np.testing.assert_allclose(found, expected(model, x), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("how", ["predict", "call"])
def test_many_threads_build_a_model_once(how):
    model = keras.Sequential([layers.Dense(4, activation="tanh"), layers.Dense(1, use_bias=False)])
    call = model if how == "call" else (lambda x: model.predict(x, verbose=0))
    xs = [X[i : i + 20] for i in range(8)]
    results = together(8, lambda i: np.asarray(call(xs[i])))
    assert [v.shape for v in model.weights] == [(3, 4), (4,), (4, 1)]
    kernel, bias, last = model.get_weights()
    for found, x in zip(results, xs):
        np.testing.assert_allclose(found, np.tanh(x @ kernel + bias) @ last, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cold", [True, False])
@pytest.mark.parametrize("how", ["predict", "call"])
def test_threads_get_their_own_results(how, cold):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, use_bias=False)])
    call = model if how == "call" else (lambda x: model.predict(x, batch_size=4, verbose=0))
    if not cold:
        call(X[:20])
    xs = [X[i : i + 20] * (i + 1) for i in range(6)]
    for _ in range(5):
        for found, x in zip(together(6, lambda i: call(xs[i])), xs):
            np.testing.assert_allclose(found, x @ model.get_weights()[0], rtol=1e-4, atol=1e-5)


class Looking(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass


@pytest.mark.parametrize("callbacks", [[], [Looking()]], ids=["loops", "single steps"])
@pytest.mark.parametrize("user", [False, True], ids=["built-in", "user's"])
def test_reading_a_model_that_another_thread_trains(callbacks, user):
    class Mine(layers.Layer):  # whose call isn't compiled
        def call(self, x):
            return x + 0

    # Both layers begin alike and are trained alike, so whatever is read after one and the same step is alike, too.
    x = keras.Input((3,))
    a, b = layers.Dense(1, kernel_initializer="ones", name="a"), layers.Dense(1, kernel_initializer="ones", name="b")
    h = Mine()(x) if user else x
    model = keras.Model(x, [a(h), b(h)])
    model.compile("sgd", ["mse", "mse"])
    enough, errors = threading.Event(), []

    def train():
        try:
            while not enough.is_set():
                model.fit(X, [Y, Y], batch_size=2, epochs=4, verbose=0, callbacks=callbacks)
        except Exception as error:
            errors.append(error)

    trainer = threading.Thread(target=train)
    trainer.start()
    try:
        for _ in range(8):
            one, other = model.predict(X[:40], batch_size=8, verbose=0)
            np.testing.assert_array_equal(one, other)
            one, other = model.predict(X[:4], verbose=0)
            np.testing.assert_array_equal(one, other)
            one, other = model(X[:4])
            if not user:  # an ordinary call reads each layer's weights when it comes to it
                np.testing.assert_array_equal(one, other)
            assert all(np.isfinite(w).all() for w in model.get_weights())
    finally:
        enough.set()
        trainer.join()
    assert not errors
    np.testing.assert_array_equal(a.get_weights()[0], b.get_weights()[0])
    assert not np.array_equal(a.get_weights()[0], np.ones((3, 1)))


@pytest.mark.parametrize("how", ["layer", "model", "uncompiled"])
def test_a_pool_draws_each_mask_once(how):
    dropout = layers.Dropout(0.5, seed=1)
    call = dropout if how == "layer" else keras.Sequential([keras.Input((64,)), dropout])
    ones = np.ones((1, 64), "float32")
    keras.config.set("compile_calls", how != "uncompiled")
    try:
        found = [m for _ in range(5) for m in together(8, lambda i: np.asarray(call(ones, training=True)).tobytes())]
    finally:
        keras.config.set("compile_calls", True)
    assert len(set(found)) == 40
    assert dropout.seed_generator.state.numpy()[1] == 40


def test_a_copy_of_a_model_in_training_has_its_weights():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    copies = []

    def batches():
        for i in range(6):
            copies.append([copy.deepcopy(v).numpy() for v in model.variables])
            yield X[i : i + 2], Y[i : i + 2]

    model.fit(batches(), verbose=0)
    assert all(np.isfinite(w).all() for weights in copies for w in weights)
