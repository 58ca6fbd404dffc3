"""Where addax differs from Keras: what docs/COMPATIBILITY.md says of either is what either does."""

import subprocess
import sys
from types import ModuleType, SimpleNamespace

import pytest

from tests.compatibility_checks import Row
from tests.compatibility_table import PAGE, ROOT, ROWS, untrue
from tools import names


@pytest.mark.parametrize("row", [pytest.param(r, id=r.name, marks=[pytest.mark.slow] * r.slow) for r in ROWS])
def test_is_as_told_and_shows_a_difference(row: Row) -> None:
    assert untrue(row) == "", f"{row.what} | {row.keras} | {row.addax}"


def test_each_row_is_told_once() -> None:
    assert len({row.name for row in ROWS}) == len({row.what for row in ROWS}) == len(ROWS) >= 80


def test_the_page_is_fresh() -> None:
    """If not: python -m tests.compatibility_table --write"""
    # In a process of its own: which submodules are attributes depends on what was imported.
    made = subprocess.run(
        [sys.executable, "-m", "tests.compatibility_table"], cwd=ROOT, capture_output=True, check=True
    )
    assert PAGE.read_text().strip() == made.stdout.decode().strip()


def test_what_is_missing_is_told_by_the_namespaces_that_are_there() -> None:
    theirs = {"a": 1, "layers.A": 1, "layers.B": 1, "gone.x": 1, "gone.deep.y": 1, "layers.old.C": 1}
    whole, single = names.grouped(theirs, {"layers.A": 1, "b": 1})
    assert whole == {"gone": 2, "layers.old": 1}
    assert single == {"": ["a"], "layers": ["B"]}


def test_methods_that_are_missing_are_told_at_the_base() -> None:
    class Base:
        def here(self) -> None: ...
        def gone(self) -> None: ...

    class Derived(Base):
        def more(self) -> None: ...

    mine = type("Base", (), {"here": lambda self: None})
    theirs = {"Base": Base, "Derived": Derived, "other.Derived": Derived}
    assert names.methods(theirs, {"Base": mine, "Derived": mine}) == ["Base.gone", "Derived.more"]


def test_names_are_those_of_the_packages_own_public_modules() -> None:
    root, inner, other = ModuleType("lib"), ModuleType("lib.inner"), ModuleType("numpy")
    vars(root).update(inner=inner, src=inner, np=other, _hidden=1, shown=2)
    vars(inner).update(Thing=3, _thing=4)
    vars(other).update(array=5)
    assert names.names_of(root) == {"inner.Thing": 3, "shown": 2}
    assert names.public(SimpleNamespace(__all__=["b", "a"])) == ["a", "b"]
