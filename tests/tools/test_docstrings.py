"""First lines of docstrings: a verb or a noun, not a relative clause."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "addax"
RELATIVE = ("What ", "How ", "Where ", "Which ", "Who ")


def beginnings(source: str) -> Iterator[tuple[str, str]]:
    """The name and the first line of each docstring that begins with a relative clause.

    Properties may begin with "Whether": they are attributes.
    """
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        first = (ast.get_docstring(node) or "").partition("\n")[0]
        is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        asked = is_function and not any("property" in ast.unparse(d) for d in getattr(node, "decorator_list", ()))
        if first.startswith((*RELATIVE, "Whether ") if asked else RELATIVE):
            yield getattr(node, "name", "module"), first


def test_docstrings_begin_with_a_verb_or_a_noun() -> None:
    found = [
        f"{path.relative_to(PACKAGE)} {name}: {first}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for name, first in beginnings(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('"""What is here."""', True),
        ('class A:\n    """Which one it is."""', True),
        ('def f():\n    """Whether it is so."""', True),
        ('def f():\n    """Returns whether it is so."""', False),
        ('class A:\n    @property\n    def f(self):\n        """Whether it is so."""', False),
        ('class A:\n    @property\n    def f(self):\n        """How many there are."""', True),
    ],
)
def test_relative_clauses_are_found(source: str, found: bool) -> None:
    assert bool(list(beginnings(source))) is found
