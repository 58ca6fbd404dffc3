"""Processes and signals: forked children refuse with words, and Ctrl-C neither gets lost nor takes weights along."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading

import pytest

from addax.core.interrupts import Held, guarded

FORK = """
import multiprocessing, sys, warnings
import numpy as np
import addax as keras

warnings.simplefilter("ignore")  # JAX's own, about forking
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
x = np.ones((4, 3), "float32")
uses = {
    "predict": lambda: model.predict(x, verbose=0).shape,
    "call": lambda: model(x).shape,
    "fit": lambda: model.fit(x, x[:, :1], verbose=0) and "fitted",
    "op": lambda: keras.ops.exp(x).shape,
    "layer": lambda: keras.layers.Dense(2)(x).shape,
    "data": lambda: keras.utils.to_categorical([1], 3).tolist(),
    "weights": lambda: model.get_weights()[0].shape,
}

def child(_):
    found = {}
    for name, use in uses.items():
        try:
            found[name] = str(use())
        except RuntimeError as error:
            found[name] = str(error)
    return found

if sys.argv[1] == "after":
    for use in uses.values():
        use()
else:
    model.get_weights()
with multiprocessing.get_context("fork").Pool(1) as pool:
    (found,) = pool.map_async(child, [0]).get(timeout=120)
for name, text in found.items():
    print(name, "|", text)
print("parent |", model.predict(x, verbose=0).shape)
"""


def forked(when):
    done = subprocess.run([sys.executable, "-c", FORK, when], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return dict(line.split(" | ", 1) for line in done.stdout.splitlines() if " | " in line)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_forked_after_computing_refuses():
    found = forked("after")
    for name in ("predict", "call", "fit", "op", "layer"):
        assert "multiprocessing.get_context('spawn')" in found[name], name
    assert (found["data"], found["weights"], found["parent"]) == ("[[0.0, 1.0, 0.0]]", "(3, 1)", "(4, 1)")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_forked_before_computing_computes():
    found = forked("before")
    assert found["predict"] == found["call"] == "(4, 1)" and found["fit"] == "fitted"
    assert found["parent"] == "(4, 1)"


@pytest.fixture
def interrupts():
    """As in a program that a shell starts in the foreground."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def control_c():
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("training", [True, False])
def test_ctrl_c_is_held_back_and_then_raised(interrupts, training):
    done = []

    def work():
        with Held():
            with Held():
                control_c()
                done.append("inner")
            done.append("outer")
        done.append("after")

    with pytest.raises(KeyboardInterrupt):
        if training:
            with guarded():
                work()
        else:
            work()
    assert done == ["inner", "outer"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt):  # outside it comes at once
        control_c()


def test_ctrl_c_in_a_callback_of_the_collector_is_not_lost(interrupts):
    def callback(phase, info):
        if phase == "start" and not sent:
            sent.append(True)
            control_c()

    sent = []
    gc.callbacks.append(callback)
    try:
        with pytest.raises(KeyboardInterrupt), guarded():
            gc.collect()
            assert sent
            with Held():  # a step
                reached = True
        assert reached
        sent.clear()
        with pytest.raises(KeyboardInterrupt), guarded():
            gc.collect()  # and no step after it
    finally:
        gc.callbacks.remove(callback)


def test_handlers_of_the_users_are_left_alone():
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append(True))
    try:
        with guarded(), Held():
            control_c()
            assert seen == [True]
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_hold_nothing_back(interrupts):
    inside, leave = threading.Event(), threading.Event()

    def work():
        with Held():
            inside.set()
            leave.wait()

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait()
    try:
        with pytest.raises(KeyboardInterrupt), guarded():
            control_c()
    finally:
        leave.set()
        thread.join()


TRAIN = """
import os, signal, sys, threading, time
import numpy as np
import addax as keras

signal.signal(signal.SIGINT, signal.default_int_handler)
x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
y = x.sum(1, keepdims=True)

class Looks(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass

model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)])
model.compile("adam", "mse")
callbacks = [Looks()] if sys.argv[1] == "single" else []
model.fit(x, y, batch_size=8, verbose=0, callbacks=callbacks)
rng = np.random.default_rng(1)
missed = 0
for _ in range(60):
    timer = threading.Timer(rng.uniform(0.002, 0.03), lambda: os.kill(os.getpid(), signal.SIGINT))
    began = time.monotonic()
    try:
        timer.start()
        if sys.argv[1] == "by hand":
            while time.monotonic() - began < 20:
                model.train_on_batch(x[:8], y[:8])
        else:
            model.fit(x, y, batch_size=8, verbose=0, epochs=3000, callbacks=callbacks)
        missed += 1
    except KeyboardInterrupt:
        pass
    timer.join()
    assert all(np.isfinite(w).all() for w in [*model.get_weights(), *(v.numpy() for v in model.optimizer.variables)])
    model.predict(x, verbose=0)
model.fit(x, y, batch_size=8, verbose=0)
print("missed", missed, flush=True)
os._exit(0)  # JAX that was interrupted in its own code may crash when Python takes itself apart, without addax, too
"""


@pytest.mark.parametrize("way", ["loops", "single", "by hand"])
def test_ctrl_c_at_any_moment_leaves_the_weights(way):
    done = subprocess.run([sys.executable, "-c", TRAIN, way], capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    missed = int(done.stdout.split()[-1])
    assert missed == 0 if way != "by hand" else missed <= 1, done.stderr
