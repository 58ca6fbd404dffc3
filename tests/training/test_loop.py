"""The ways a program can be run give the same results, compile once, and survive interruptions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import addax as keras
from addax import layers
from addax.training.programs import program_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 4)).astype("float32")
Y = RNG.normal(size=(30, 2)).astype("float32")
W = RNG.uniform(size=30).astype("float32")


class Hooks(keras.callbacks.Callback):
    """Looks after every batch, so that steps run one a dispatch."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        pass

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        pass


def net(**compile_arguments: Any) -> Any:
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(8, "relu"), layers.BatchNormalization(), layers.Dropout(0.3), layers.Dense(2)]
    )
    arguments: dict = {"optimizer": keras.optimizers.Adam(0.01), "loss": "mse", "metrics": ["mae"]}
    model.compile(**(arguments | compile_arguments))
    return model


def assert_equal(a: Any, b: Any) -> None:
    for left, right in zip(keras.tree.flatten(a), keras.tree.flatten(b), strict=True):
        np.testing.assert_array_equal(left, right)


# Bit for bit: many steps a dispatch, one step a dispatch, and batches from the host


def fitted(callbacks: tuple = (), fuse: bool = True, **fit_arguments: Any) -> Any:
    keras.config.set("fuse_steps", fuse)
    try:
        model = net()
        arguments = {"batch_size": 10, "verbose": 0, "callbacks": [c() for c in callbacks]}
        history = model.fit(X, Y, epochs=2, validation_split=0.5, sample_weight=W, **arguments, **fit_arguments)
        return history.history, model.get_weights()
    finally:
        keras.config.set("fuse_steps", True)


def test_every_way_of_running_steps_gives_the_same_bits() -> None:
    fused = fitted()
    assert_equal(fused, fitted(fuse=False))
    assert_equal(fused, fitted(callbacks=(Hooks,)))
    batches = (*X[:18].reshape(3, 6, 4), *Y[:18].reshape(3, 6, 2))
    from_arrays, from_host = net(), net()
    from_arrays.fit(X[:18], Y[:18], batch_size=6, shuffle=False, verbose=0)
    from_host.fit(zip(batches[:3], batches[3:]), verbose=0)
    assert_equal(from_arrays.get_weights(), from_host.get_weights())


@pytest.mark.parametrize("shuffle", [True, False, "batch"])
def test_shuffle_reads_every_row_once(shuffle: Any) -> None:
    seen: list = []

    class Model(keras.Model):
        def train_step(self, state: tuple, data: Any) -> tuple:
            seen.append(np.asarray(data[0])[:, 0])
            return {"loss": data[0].mean()}, state

        def call(self, x: Any) -> Any:
            return x

    model = Model()
    model.compile("sgd", run_eagerly=True)
    rows = np.arange(10, dtype="float32")[:, None]
    model.fit(rows, rows, batch_size=4, epochs=2, shuffle=shuffle, verbose=0)
    for epoch in (seen[:3], seen[3:]):
        assert [len(batch) for batch in epoch] == [4, 4, 2]
        assert sorted(np.concatenate(epoch)) == list(range(10))
        if shuffle == "batch":  # whole batches move; the ragged one stays last
            assert all((np.diff(batch) == 1).all() and batch[0] % 4 == 0 for batch in epoch)
        if shuffle is False:
            assert list(np.concatenate(epoch)) == list(range(10))


# Compiles


@pytest.fixture
def compiled() -> Iterator[list]:
    """The functions that XLA compiled, as they are compiled."""
    import jax

    names: list = []

    def listen(name: str, duration: float, **kwargs: Any) -> None:
        if name.endswith("backend_compile_duration"):
            names.append(kwargs.get("fun_name"))

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield names
    jax.monitoring.unregister_event_duration_listener(listen)


def test_nothing_compiles_twice(compiled: list) -> None:
    model = net()

    def everything() -> None:
        model.fit(X, Y, batch_size=7, verbose=0, validation_split=0.3)
        model.fit(X, Y, batch_size=7, verbose=0, callbacks=[Hooks()])
        model.evaluate(X, Y, batch_size=7, verbose=0)
        model.predict(X, batch_size=7, verbose=0)
        model.train_on_batch(X[:5], Y[:5])
        model.test_on_batch(X[:5], Y[:5])
        model.predict_on_batch(X[:5])
        model.fit(((X[:5], Y[:5]) for _ in range(3)), verbose=0)

    everything()
    assert compiled
    compiled.clear()
    programs = dict(model._programs)
    traces = {kind: program.compiles for kind, program in programs.items()}
    everything()
    model.set_weights([w + 1 for w in model.get_weights()])
    model.optimizer.learning_rate = 0.2
    model.layers[0].kernel.assign(np.zeros((4, 8)))
    everything()
    assert compiled == []
    assert model._programs == programs
    assert {kind: program.compiles for kind, program in programs.items()} == traces


def test_freezing_needs_compile_and_takes_effect() -> None:
    model = net()
    model.layers[0].trainable = False  # before the first step: no need to compile again
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    moved = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights())]
    assert moved == [False, False, True, True, True, True, True, True]
    model.layers[0].trainable = True
    with pytest.raises(ValueError, match=r"dense.*/kernel' was unfrozen or added.*Call `compile\(\)` again"):
        model.fit(X, Y, verbose=0)
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    program = program_of(model, "train")
    assert not np.array_equal(before[0], model.get_weights()[0])
    model.layers[0].trainable = False
    with pytest.raises(ValueError, match=r"was frozen"):
        model.fit(X, Y, verbose=0)
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    assert np.array_equal(before[0], model.get_weights()[0])
    assert program_of(model, "train") is not program


# Interruptions


@pytest.fixture(scope="module")
def simple() -> Any:
    """A model whose steps are compiled once for these tests."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, "relu"), layers.Dense(2)])
    model.compile(keras.optimizers.SGD(0.001, momentum=0.9), "mse")
    return model


def usable(model: Any) -> None:
    """Weights and optimizer hold values, and training goes on."""
    assert all(np.isfinite(w).all() for w in model.get_weights())
    assert all(np.isfinite(v.numpy()).all() for v in model.optimizer.variables)
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"][0])


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("hook", ["on_train_batch_begin", "on_train_batch_end", "on_epoch_begin", "on_epoch_end"])
def test_an_error_in_a_callback_leaves_the_last_step(simple: Any, hook: str, error: type) -> None:
    model, start = simple, int(simple.optimizer.iterations)

    def stop(number: int, logs: Any = None) -> None:
        if int(model.optimizer.iterations) >= start + 3:
            raise error("stop")

    with pytest.raises(error):
        model.fit(X, Y, batch_size=10, epochs=9, verbose=0, callbacks=[keras.callbacks.LambdaCallback(**{hook: stop})])
    assert int(model.optimizer.iterations) == start + 3
    usable(model)


def test_an_error_in_a_generator_leaves_the_last_step(simple: Any) -> None:
    model, start = simple, int(simple.optimizer.iterations)

    def batches() -> Iterator:
        for _ in range(4):
            yield X[:5], Y[:5]
        raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError, match="the disk is gone"):
        model.fit(batches(), verbose=0, epochs=2, steps_per_epoch=10)
    assert int(model.optimizer.iterations) == start + 4
    usable(model)


def test_an_error_in_a_later_step_leaves_the_last_one(simple: Any) -> None:
    model, start = simple, int(simple.optimizer.iterations)
    batches = [(X[:5], Y[:5])] * 3 + [(X[:5, :3], Y[:5])]
    with pytest.raises(ValueError):
        model.fit(iter(batches), verbose=0)
    assert int(model.optimizer.iterations) == start + 3
    usable(model)


@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals need the main thread")
def test_control_c_during_steps(simple: Any) -> None:
    model = simple
    many = np.repeat(X, 2000, axis=0), np.repeat(Y, 2000, axis=0)
    model.fit(*many, verbose=0, batch_size=30)  # compiled now
    # Processes that a shell starts in the background ignore the signal, and so would this test's training.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for delay in (0.05, 0.11, 0.17):
            timer = threading.Timer(delay, lambda: os.kill(os.getpid(), signal.SIGINT))
            timer.start()
            with pytest.raises(KeyboardInterrupt):
                model.fit(*many, verbose=0, batch_size=30, epochs=100_000)
            timer.join()
            usable(model)
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_a_callback_sets_stays(simple: Any) -> None:
    class Zero(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if batch == 2:
                self.model.layers[0].kernel.assign(np.zeros((4, 3)))

    model = simple
    model.fit(X, Y, batch_size=10, verbose=0, callbacks=[Zero()])
    assert not model.layers[0].kernel.numpy().any()


def test_stop_training_and_history(simple: Any) -> None:
    model, start = simple, int(simple.optimizer.iterations)

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_training = int(self.model.optimizer.iterations) == start + 5

    history = model.fit(X, Y, batch_size=10, epochs=4, verbose=0, callbacks=[Stop()])
    assert history.epoch == [0, 1]
    assert int(model.optimizer.iterations) == start + 5
    assert model.history is history
    assert list(history.history) == ["loss"]
    history = model.fit(X, Y, initial_epoch=3, epochs=5, verbose=0)
    assert history.epoch == [3, 4]


# Precision


def test_float64_is_computed_in_float64() -> None:
    code = """
import numpy as np, addax as keras
keras.config.set_floatx("float64")
x = np.random.default_rng(0).normal(size=(12, 3)); y = np.random.default_rng(1).normal(size=(12, 1))
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(0.1))])
w, b = np.full((3, 1), 0.3), np.zeros(1)
model.set_weights([w, b])
model.compile(keras.optimizers.SGD(0.1, momentum=0.5), "mse", loss_weights=[0.7])
model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0)
vw, vb = 0 * w, 0 * b
for _ in range(3):
    for i in range(0, 12, 4):
        e = x[i:i+4] @ w + b - y[i:i+4]
        gw = 0.7 * 2 * x[i:i+4].T @ e / 4 + 0.2 * w; gb = 0.7 * 2 * e.mean(0)
        vw = 0.5 * vw - 0.1 * gw; vb = 0.5 * vb - 0.1 * gb
        w, b = w + vw, b + vb
assert model.get_weights()[0].dtype == np.float64
assert model.predict(x, verbose=0).dtype == np.float64
print(max(abs(model.get_weights()[0] - w).max(), abs(model.get_weights()[1] - b).max()))
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(out.stdout) < 1e-8  # rates and factors that are kept in float32 set this limit


def test_run_repeats_bit_for_bit_in_another_process() -> None:
    code = """
import hashlib, numpy as np, addax as keras
keras.utils.set_random_seed(5)
x = np.random.normal(size=(40, 4)); y = np.random.normal(size=(40, 1))
L = keras.layers
model = keras.Sequential([L.Dense(8, "relu"), L.Dropout(0.4), L.GaussianNoise(0.1), L.Dense(1)])
model.compile("adam", "mse")
history = model.fit(x, y, epochs=3, verbose=0, validation_split=0.2).history
digest = hashlib.sha256()
for a in [*model.get_weights(), np.array(sorted(history.items()), object)[:, 1].tolist(), model.predict(x, verbose=0)]:
    digest.update(np.ascontiguousarray(a, "float64").tobytes())
print(digest.hexdigest())
"""
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": str(i)},
        ).stdout
        for i in (1, 2)
    ]  # fmt: skip
    assert runs[0] == runs[1] and len(runs[0]) == 65
