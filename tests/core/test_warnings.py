"""Warnings name the user's line, however deep inside they are given."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import addax as keras
from addax import layers
from addax.core.warnings import warn

X = np.ones((4, 3), "float32")
Y = np.ones((4, 1), "float32")


def net(**compiled: Any) -> Any:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1, "sigmoid")])
    model.compile(**{"optimizer": "sgd", "loss": "mse", **compiled})
    return model


GIVEN: dict[str, Callable[[Path], Any]] = {
    "at compile": lambda _: keras.Sequential([layers.Dense(1)]).compile("sgd", loss_weights=2.0),
    "in a guard": lambda _: net().fit(X, Y, sample_weight=-np.ones(4), verbose=0),
    "in a batch": lambda _: net().train_on_batch(X, Y, sample_weight=-np.ones(4)),
    "in a generator": lambda _: net().fit(iter([(X, Y, -np.ones(4))]), verbose=0),
    "at the end of data": lambda _: net().fit(iter([(X, Y)]), epochs=2, verbose=0),
    "with class weights": lambda _: net().fit(X, Y, class_weight={1: 2.0}, sample_weight=Y[:, 0], verbose=0),
    "about a monitor": lambda _: net().fit(X, Y, callbacks=[keras.callbacks.EarlyStopping()], verbose=0),
    "in a callback": lambda _: keras.callbacks.EarlyStopping(mode="least"),
    "in a layer": lambda _: layers.LeakyReLU(alpha=0.1),
    "in a call": lambda _: keras.Sequential([layers.Embedding(3, 2, mask_zero=True), layers.Flatten()])(
        np.ones((1, 2))
    ),
    "in a loss": lambda _: keras.losses.categorical_crossentropy(Y, Y),
    "in a traced loss": lambda _: net(loss=keras.losses.CategoricalCrossentropy()).fit(X, Y, verbose=0),
    "in an optimizer": lambda _: keras.optimizers.SGD(decay=0.1),
    "in a config": lambda _: keras.saving.serialize_keras_object(lambda x: x),
    "in saving": lambda folder: keras.Sequential([layers.Dense(1)]).save(folder / "unbuilt.keras"),
}


@pytest.mark.parametrize("where", GIVEN)
def test_the_users_line_is_named(where: str, tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        GIVEN[where](tmp_path)
    assert caught
    line = GIVEN[where].__code__.co_firstlineno
    assert {(w.filename, w.lineno) for w in caught} == {(__file__, line)}, [str(w) for w in caught]


def test_the_innermost_of_the_users_lines_is_named() -> None:
    def inner() -> None:
        keras.Sequential([layers.Dense(1)]).compile("sgd", loss_weights=2.0)

    with pytest.warns(UserWarning, match="`loss_weights` has no effect") as caught:
        inner()
    assert caught[0].lineno == inner.__code__.co_firstlineno + 1


def test_a_warning_is_of_its_class_and_said_once_a_line() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            warn("here", FutureWarning)
    assert [(w.category, w.filename) for w in caught] == [(FutureWarning, __file__)]


def _warns_otherwise(path: Path) -> list[str]:
    """The places of a module that warn by anything but `core.warnings.warn`, which names the user's line."""
    tree = ast.parse(path.read_text())
    imports = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    known = {a.name for n in imports if n.level and (n.module or "").endswith("warnings") for a in n.names}
    found: list[ast.stmt | ast.expr] = [n for n in imports if not n.level and n.module in ("warnings", "_warnings")]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [node for alias in node.names if alias.name == "warnings"]
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            own = isinstance(node.func, ast.Name) and name == "warn" and "warn" in known
            warns = name in ("warn", "warn_explicit", "showwarning") and not own
            found += [node] * (warns or any(k.arg == "stacklevel" for k in node.keywords))
    return [f"{path}:{n.lineno}" for n in found]


def test_every_warning_is_given_by_the_function_that_names_the_users_line() -> None:
    package = Path(keras.__file__).parent
    modules = [path for path in package.rglob("*.py") if path != package / "core" / "warnings.py"]
    assert [place for path in modules for place in _warns_otherwise(path)] == []


@pytest.mark.parametrize(
    "line",
    [
        "import warnings",
        "from warnings import warn; warn('x')",
        "warn('x')",
        "self.warn('x')",
        "from ..core.warnings import warn; warn('x', stacklevel=2)",
    ],
)
def test_other_ways_to_warn_are_found(line: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(line)
    assert _warns_otherwise(tmp_path / "module.py")
    (tmp_path / "right.py").write_text("from ..core.warnings import warn; warn('x')")
    assert not _warns_otherwise(tmp_path / "right.py")
