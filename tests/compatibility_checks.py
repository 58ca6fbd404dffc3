"""Rows of docs/COMPATIBILITY.md: a small program each, what it shows under Keras, and what under addax."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import os
import subprocess
import sys
import tempfile
import textwrap
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import numpy as np


@dataclass
class Outcome:
    """What a program did.

    Attributes:
        value: What it returned.
        error: What it raised.
        warned: The texts of its warnings.
    """

    value: Any = None
    error: BaseException | None = None
    warned: str = ""

    def __str__(self) -> str:
        raised = "".join(traceback.format_exception_only(self.error)).strip() if self.error else ""
        said = raised or f"returned {self.value!r}"
        return f"{said[-1500:]}\nwarned: {self.warned[:600]!r}"


Check = Callable[[Outcome], bool]


def raises(error: type[BaseException], *parts: str) -> Check:
    """The program raises that error, with these parts in its text."""
    return lambda o: isinstance(o.error, error) and all(part in str(o.error) for part in parts)


def gives(expected: Any) -> Check:
    """The program returns this: numbers nearly, all else exactly."""
    return lambda o: o.error is None and _same(o.value, expected)


def shows(*parts: str) -> Check:
    """The program returns something whose text has these parts."""
    return lambda o: o.error is None and all(part in str(o.value) for part in parts)


def warns(*parts: str) -> Check:
    """The program warns, with these parts in the texts, and raises nothing."""
    return lambda o: o.error is None and bool(o.warned) and all(part in o.warned for part in parts)


def silent(o: Outcome) -> bool:
    """The program neither raises nor warns."""
    return o.error is None and not o.warned


def both(*checks: Check) -> Check:
    """All of the checks hold."""
    return lambda o: all(check(o) for check in checks)


def _same(value: Any, expected: Any) -> bool:
    if isinstance(expected, (dict, list, tuple)):
        if type(value) is not type(expected) or len(value) != len(expected):
            return False
        if isinstance(expected, dict):
            return value.keys() == expected.keys() and all(_same(value[k], v) for k, v in expected.items())
        return all(map(_same, value, expected))
    if isinstance(expected, (float, np.ndarray)):
        numbers = np.shape(value) == np.shape(expected) and np.asarray(value).dtype.kind in "iuf"
        return numbers and np.allclose(value, expected, rtol=1e-4, atol=1e-6)
    return type(value) is type(expected) and value == expected


@dataclass(frozen=True)
class Row:
    """A row of the page.

    Attributes:
        what: What it is about.
        keras: What Keras does, in words.
        addax: What addax does, in words.
        program: Takes the library and shows both.
        checks: What of the program's outcome bears out the words, by library.
        slow: Whether it takes seconds, as what starts processes does.
    """

    what: str
    keras: str
    addax: str
    program: Callable[[ModuleType], Any]
    checks: dict[str, Check]
    slow: bool = False

    @property
    def name(self) -> str:
        return self.program.__name__


@dataclass
class Section:
    """Rows under one heading; calling it makes the decorator of a program."""

    title: str
    rows: list[Row] = field(default_factory=list)

    def __call__(
        self, what: str, keras: tuple[str, Check], addax: tuple[str, Check], slow: bool = False
    ) -> Callable[[Callable[[ModuleType], Any]], Callable[[ModuleType], Any]]:
        def add(program: Callable[[ModuleType], Any]) -> Callable[[ModuleType], Any]:
            self.rows.append(Row(what, keras[0], addax[0], program, {"keras": keras[1], "addax": addax[1]}, slow))
            return program

        return add


LIBRARIES = ("keras", "addax")


def outcome(row: Row, library: str) -> Outcome:
    """Runs the row's program under `library` ("keras": the real one, or "addax"), in a folder of its own."""
    k = importlib.import_module(library)
    k.utils.set_random_seed(0)
    before = os.getcwd()
    found = Outcome()
    with (
        tempfile.TemporaryDirectory() as folder,
        warnings.catch_warnings(record=True) as caught,
        contextlib.redirect_stdout(io.StringIO()),
        np.errstate(all="ignore"),
    ):
        os.chdir(folder)
        warnings.simplefilter("always")
        logging.disable()
        try:
            found.value = row.program(k)
        except (Exception, KeyboardInterrupt) as error:
            found.error = error
        finally:
            logging.disable(logging.NOTSET)
            jax.config.update("jax_enable_x64", False)  # a float64 policy leaves it on
            os.chdir(before)
    found.warned = "\n".join(str(w.message) for w in caught if issubclass(w.category, UserWarning))
    return found


BETTER, DIFFERENT = SECTIONS = [Section("Better"), Section("Different")]

# What programs share

X = np.random.RandomState(0).rand(12, 4).astype("float32")
Y = X.sum(1, keepdims=True) + 1


def net(k: ModuleType, units: int = 1, **compiled: Any) -> Any:
    """A compiled model of one Dense layer that starts with ones."""
    model = k.Sequential([k.Input((4,)), k.layers.Dense(units, kernel_initializer="ones")])
    model.compile(**{"optimizer": "sgd", "loss": "mse", **compiled})
    return model


def two_outputs(k: ModuleType, units: int = 1, **compiled: Any) -> Any:
    """A model of outputs a and b."""
    i = k.Input((4,))
    outputs = [k.layers.Dense(units, kernel_initializer="ones", name=n)(i) for n in "ab"]
    model = k.Model(i, outputs)
    if compiled:
        model.compile("sgd", **compiled)
    return model


def outcomes(*calls: Callable[[], Any]) -> list[str]:
    """What each call raises, or "passes"."""
    found = []
    for call in calls:
        try:
            call()
            found.append("passes")
        except ValueError:
            found.append("ValueError")
        except Exception as error:
            found.append(type(error).__name__)
    return found


def in_a_process(k: ModuleType, code: str, **environment: str) -> str:
    """The last word that a program prints which finds the library as `keras`, and `np`."""
    root = str(Path(__file__).resolve().parent.parent)
    command = [sys.executable, "-c", f"import numpy as np, {k.__name__} as keras\n{textwrap.dedent(code)}"]
    environment = {**os.environ, "PYTHONPATH": root, **environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()[-1]


def array(x: Any) -> np.ndarray:
    return np.array(x)
