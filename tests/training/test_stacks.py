"""Batches from iterables: gathered for loops on the device, and copied, so that arrays may be used again."""

import time

import numpy as np
import pytest

import addax as keras
from addax.core import config
from addax.core.buffers import empty
from addax.training import plans, stacks
from addax.training.executables import shared

RNG = np.random.default_rng(3)
X = RNG.normal(size=(12, 8, 6)).astype("float32")
Y = RNG.normal(size=(12, 8, 1)).astype("float32")
W = RNG.uniform(0.5, 1.5, size=(12, 8)).astype("float32")


class Epochs(keras.callbacks.Callback):
    """A callback that looks at epochs alone."""

    def on_epoch_end(self, epoch, logs=None):
        self.last = dict(logs)


def dense(convolves=False):
    keras.utils.set_random_seed(5)
    layers = keras.layers
    first = [layers.Reshape((3, 2)), layers.Conv1D(4, 2), layers.Flatten()] if convolves else [layers.Dense(9, "tanh")]
    model = keras.Sequential([keras.Input((6,)), *first, layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    return model


def reusing():
    """Batches that are all the same two arrays, filled anew."""
    x, y = empty((8, 6), "float32"), empty((8, 1), "float32")  # which JAX takes as they are
    for i in range(len(X)):
        x[:], y[:] = X[i], Y[i]
        yield x, y
    x[:] = y[:] = np.nan


def fresh():
    yield from zip(X, Y)


@pytest.mark.parametrize("convolves", [False, True])
@pytest.mark.parametrize("work", ["fit", "evaluate", "predict"])
def test_a_generator_may_fill_the_same_arrays_again(work, convolves):
    found = []
    for batches in (fresh, reusing):
        model = dense(convolves)
        out = getattr(model, work)(batches() if work != "predict" else (x for x, _ in batches()), verbose=0)
        found.append([np.asarray(getattr(out, "history", {}).get("loss", out)), *model.get_weights()])
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_inputs_of_a_call_may_be_written_to_after_it():
    model = dense()
    memory = np.zeros(4096 * 24 + 64, "uint8")
    for shift in (0, 16):  # JAX takes aligned arrays as they are, and reads others later
        begin = -memory.ctypes.data % 64 + shift
        x = memory[begin : begin + 4096 * 24 - 64].view("float32")[: 4090 * 6].reshape(-1, 6)
        x[:] = 1
        expected = np.array(model(x))
        y, z = model(x), model({"x": x}["x"])
        x[:] = 7
        np.testing.assert_array_equal(y, expected)
        np.testing.assert_array_equal(z, expected)


def test_data_are_those_at_the_beginning_of_fit():
    memory = np.zeros(96 * 24 + 64, "uint8")
    y = Y.reshape(96, 1)
    found = []
    for shift, changes in ((0, False), (0, True), (16, True)):
        begin = -memory.ctypes.data % 64 + shift
        x = memory[begin : begin + 96 * 24].view("float32").reshape(96, 6)
        x[:] = X.reshape(96, 6)

        def change(epoch, logs, x=x, changes=changes):
            if changes:
                x[:] = 100

        model = dense()
        callback = keras.callbacks.LambdaCallback(on_epoch_end=change)
        found.append(model.fit(x, y, epochs=2, verbose=0, shuffle=False, callbacks=[callback]).history["loss"])
    assert found[0] == found[1] == found[2]


def ragged():
    for i in range(len(X) - 1):
        yield X[i], Y[i], W[i]
    yield X[-1][:3], Y[-1][:3], W[-1][:3]


def odd_in_the_middle():
    for i in range(len(X)):
        rows = 3 if i in (4, 5) else 8
        yield X[i][:rows], Y[i][:rows]


def weighted_now_and_then():
    for i in range(len(X)):
        yield (X[i], Y[i]) if i % 5 else (X[i], Y[i], W[i])


def first_smaller():
    for i in range(len(X)):
        rows = 8 if i else 3
        yield X[i][:rows], Y[i][:rows]


def of_jax():
    import jax.numpy as jnp

    for x, y in zip(X, Y):
        yield jnp.asarray(x), jnp.asarray(y)


SOURCES = [fresh, ragged, odd_in_the_middle, weighted_now_and_then, first_smaller, of_jax]


@pytest.mark.parametrize("per", [1, 4])
@pytest.mark.parametrize("batches", SOURCES, ids=lambda b: b.__name__)
def test_results_are_those_of_single_steps(batches, per):
    found = []
    for fuse in (True, False):
        model = dense()
        model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"], steps_per_execution=per)
        config.set("fuse_steps", fuse)
        try:
            history = model.fit(batches(), verbose=0, callbacks=[Epochs()]).history
            results = model.evaluate(batches(), verbose=0)
        finally:
            config.set("fuse_steps", True)
        assert int(model.optimizer.iterations) == len(X)
        found.append([*history.values(), results, *model.get_weights()])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_steps_of_some_of_the_arrays_are_those_of_single_steps():
    found = []
    for fuse in (True, False):
        model = dense()
        config.set("fuse_steps", fuse)
        try:
            x, y = X.reshape(96, 6), Y.reshape(96, 1)
            history = model.fit(x, y, batch_size=8, steps_per_epoch=6, epochs=2, shuffle=False, verbose=0).history
        finally:
            config.set("fuse_steps", True)
        found.append([history["loss"], *model.get_weights()])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_how_many_are_gathered_depends_on_time_and_results_do_not():
    def slowly():
        for batch in fresh():
            time.sleep(0.04)
            yield batch

    found = []
    for batches in (fresh, slowly):
        model = dense()
        history = model.fit(batches(), verbose=0, profile=True)
        found.append((history.profile.dispatches, history.history, model.get_weights()))
    (fast, fast_history, fast_weights), (slow, slow_history, slow_weights) = found
    assert fast < slow <= len(X)
    assert fast_history == slow_history
    for a, b in zip(fast_weights, slow_weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_no_more_is_taken_than_the_steps_of_the_epochs():
    taken = []

    def counted():
        for i in range(100):
            taken.append(i)
            yield X[i % len(X)], Y[i % len(X)]

    model = dense()
    model.fit(counted(), steps_per_epoch=7, epochs=2, verbose=0)
    assert len(taken) == 14


def test_a_looked_at_batch_runs_before_the_next_is_taken():
    events = []

    def batches():
        for i in range(4):
            events.append(f"take {i}")
            yield X[i], Y[i]

    class Looks(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            events.append(f"end {batch}")

    dense().fit(batches(), verbose=0, callbacks=[Looks()])
    assert events == [f"{what} {i}" for i in range(4) for what in ("take", "end")]


def test_nans_are_found_among_gathered_batches():
    def batches():
        for i in range(len(X)):
            yield X[i], Y[i] * (1e30 if i == 5 else 1)  # whose square is infinite

    with pytest.raises(FloatingPointError, match="step 6"):
        dense().fit(batches(), verbose=0, debug_nans=True)


@pytest.mark.parametrize("looks", [False, True])
@pytest.mark.parametrize("rows", [96, 93])
def test_of_large_arrays_a_part_is_copied_at_a_time(rows, looks, monkeypatch):
    x, y = X.reshape(96, 6)[:rows], Y.reshape(96, 1)[:rows]
    monkeypatch.setattr(stacks, "_MOST", 5)
    found = []
    for most in (plans._COPIED, 0):
        monkeypatch.setattr(plans, "_COPIED", most)
        shared.clear()
        model = dense()
        model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"], steps_per_execution=4 if looks else 1)
        seen = []
        look = keras.callbacks.LambdaCallback(on_train_batch_end=lambda i, logs, seen=seen: seen.append(logs["loss"]))
        callbacks = [look] if looks else []
        fitted = model.fit(
            x, y, batch_size=8, epochs=3, verbose=0, validation_data=(x, y), callbacks=callbacks, profile=True
        )
        assert fitted.profile.dispatches < fitted.profile.steps == 3 * len(X)
        assert len(seen) == (9 if looks else 0)
        # A last batch that isn't full runs in the same programs.
        assert (model._programs["train"].compiles, model._programs["test"].compiles) == (1, 1)
        found.append([seen, *fitted.history.values(), *model.get_weights()])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
