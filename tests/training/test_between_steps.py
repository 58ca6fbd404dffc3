"""What callbacks do in the middle of an epoch, and what is printed, leave the epoch as it is."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import addax as keras
from addax import layers

X = np.arange(1.0, 13.0, dtype="float32")[:, None]
Y = np.zeros((12, 1), "float32")


def line() -> Any:
    """The identity, which training leaves as it is."""
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1, kernel_initializer="ones", use_bias=False)])
    model.compile(keras.optimizers.SGD(0.0), "mse", metrics=["mae"])
    return model


LOOKS: dict[str, Callable[[Any], Any]] = {
    "evaluate": lambda model: model.evaluate(X[:2], Y[:2], verbose=0),
    "test_on_batch": lambda model: model.test_on_batch(X[:2], Y[:2]),
    "train_on_batch": lambda model: model.train_on_batch(X[:2], Y[:2]),
    "evaluate a generator": lambda model: model.evaluate(iter([(X[:2], Y[:2])]), verbose=0),
    "predict": lambda model: [2.5, model.predict(X[:2], verbose=0).mean()],
}


@pytest.mark.parametrize("hook", ["on_train_batch_begin", "on_train_batch_end", "on_epoch_begin", "on_epoch_end"])
@pytest.mark.parametrize("look", LOOKS)
def test_looking_in_the_middle_of_an_epoch_changes_no_logs(hook: str, look: str) -> None:
    seen: list = []
    callback = keras.callbacks.LambdaCallback(
        **{hook: lambda index, logs=None: seen.append(LOOKS[look](callback.model))}
    )
    logs = line().fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0, callbacks=[callback]).history
    np.testing.assert_allclose(logs["loss"], [np.mean(X**2)] * 2, rtol=1e-6)
    np.testing.assert_allclose(logs["mae"], [6.5] * 2, rtol=1e-6)
    assert len(seen) >= 2
    np.testing.assert_allclose(seen, [[2.5, 1.5]] * len(seen))


def test_looking_in_the_middle_of_an_evaluation_changes_no_logs() -> None:
    class Look(keras.callbacks.Callback):
        def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
            self.seen = self.model.test_on_batch(X[:2], Y[:2])

    look = Look()
    np.testing.assert_allclose(
        line().evaluate(X, Y, batch_size=4, verbose=0, callbacks=[look]), [np.mean(X**2), 6.5], rtol=1e-6
    )
    np.testing.assert_allclose(look.seen, [2.5, 1.5])


def test_the_metrics_after_an_evaluation_are_its_own() -> None:
    model = line()
    model.fit(X, Y, verbose=0)
    model.evaluate(X[:2], Y[:2], verbose=0)
    np.testing.assert_allclose(float(model.get_metrics_result()["loss"]), 2.5)


# What is printed


def printed(call: Callable) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        call()
    return out.getvalue()


@pytest.mark.parametrize("steps_per_execution", [1, 2])
def test_a_line_an_epoch_counts_the_steps_of_a_generator(steps_per_execution: int) -> None:
    model = line()
    model.compile(keras.optimizers.SGD(0.0), "mse", steps_per_execution=steps_per_execution)

    def batches() -> Any:
        return ((X[:4], Y[:4]) for _ in range(3))

    class Again:
        def __iter__(self) -> Any:
            return batches()

    number = r"\d+m?u?s(/step)?"
    assert re.fullmatch(
        rf"3/3 - {number} - {number} - loss: 7.5000\n", printed(lambda: model.fit(batches(), verbose=2))
    )
    assert re.fullmatch(
        rf"3/3 - {number} - {number} - loss: 7.5000\n", printed(lambda: model.evaluate(batches(), verbose=2))
    )
    assert re.fullmatch(
        rf"3/3 - {number} - {number}\n", printed(lambda: model.predict((x for x, _ in batches()), verbose=2))
    )
    text = printed(lambda: model.fit(Again(), epochs=2, validation_data=batches(), validation_steps=1, verbose=2))
    assert len(re.findall(rf"^3/3 - {number} - {number} - loss: 7.5000", text, re.MULTILINE)) == 2


WITHOUT_A_CONSOLE = """
import sys
import numpy as np
import addax as keras
import jax  # which asks a closed stdout whether it is a terminal
{close}
x = np.ones((8, 1), "float32")
model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
for verbose in (1, 2, "auto"):
    model.fit(x, x, epochs=2, validation_data=(x, x), verbose=verbose)
    model.evaluate(x, x, verbose=verbose)
    model.predict(x, verbose=verbose)
model.fit(iter([(x, x)]), verbose=1)
keras.utils.Progbar(3).update(3)
sys.stderr.write("done")
"""


@pytest.mark.parametrize("close", ["sys.stdout = None", "sys.stdout.close()"])
def test_programs_without_a_console_train(close: str) -> None:
    code = WITHOUT_A_CONSOLE.format(close=close)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0 and done.stderr.endswith(b"done"), done.stderr.decode()
