"""Every exported function says what it takes and returns: `help()` is where users look first."""

from __future__ import annotations

import inspect
import re
import types

import addax
from addax import ops

MODULES = (ops, ops.image, ops.linalg, ops.nn, ops.numpy, addax.random, addax.activations)
FUNCTIONS = {
    f"{module.__name__}.{name}": function
    for module in MODULES
    for name in dir(module)
    if not name.startswith("_")
    and isinstance(function := getattr(module, name), types.FunctionType)
    and (name in getattr(module, "__all__", ()) or hasattr(function, "definition"))
}


def section(doc: str, title: str) -> str:
    found = re.search(rf"^{title}:\n((?:    .*\n|\n)*)", doc + "\n", re.MULTILINE)
    return found[1] if found else ""


def described(function: types.FunctionType) -> set[str]:
    heads = re.findall(r"^    ([*\w, ]+):", section(inspect.getdoc(function) or "", "Args"), re.MULTILINE)
    return {name.strip(" *") for head in heads for name in head.split(",")}


def test_all_functions_are_looked_at() -> None:
    assert len(FUNCTIONS) > 500


def test_parameters_are_described() -> None:
    wrong = {n: described(f) ^ set(inspect.signature(f).parameters) for n, f in FUNCTIONS.items()}
    assert {n: names for n, names in wrong.items() if names} == {}


def test_results_are_described() -> None:
    assert [n for n, f in FUNCTIONS.items() if not section(inspect.getdoc(f) or "", "Returns")] == []


def test_first_line_is_a_sentence_that_begins_with_a_verb() -> None:
    first = {n: (inspect.getdoc(f) or "").split("\n")[0] for n, f in FUNCTIONS.items()}
    assert {n: line for n, line in first.items() if not re.fullmatch(r"[A-Z][a-z0-9]+s[ ,].*[.]", line)} == {}
