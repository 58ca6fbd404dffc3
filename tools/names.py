"""Public names that Keras has and addax hasn't, found by importing both: python tools/names.py

Only what `dir()` and `__all__` of imported modules and classes tell counts; no source is read.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
INTERNAL = {"src"}  # of Keras: nothing is promised below it
DEEPEST = 4  # modules within modules


def public(thing: Any) -> list[str]:
    """The public names of a module or class: its `__all__`, or else what `dir()` tells without an underscore."""
    names = getattr(thing, "__all__", None) or dir(thing)
    return sorted(n for n in names if not n.startswith("_") and n not in INTERNAL)


def names_of(root: ModuleType) -> dict[str, Any]:
    """What a package and its public modules hold, by dotted path; the modules themselves aren't in it."""

    def walk(module: ModuleType, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        for name in public(module):
            value = getattr(module, name)
            if not isinstance(value, ModuleType):
                yield ".".join((*path, name)), value
            elif value.__name__.startswith(root.__name__ + ".") and len(path) < DEEPEST:
                yield from walk(value, (*path, name))

    return dict(walk(root, ()))


def grouped(theirs: dict[str, Any], ours: dict[str, Any]) -> tuple[dict[str, int], dict[str, list[str]]]:
    """Names that are in `theirs` and not in `ours`.

    Returns:
        Namespaces of which nothing is there, with how many names they hold; of the others, by namespace, the names.
    """
    here = {name[:i] for name in ours for i, letter in enumerate(name) if letter == "."} | {""}
    whole: dict[str, int] = {}
    single: dict[str, list[str]] = {}
    for name in sorted(theirs.keys() - ours.keys()):
        parts = name.split(".")[:-1]
        above = [".".join(parts[: i + 1]) for i in range(len(parts))]
        absent = next((space for space in above if space not in here), None)
        if absent is None:
            single.setdefault(".".join(parts), []).append(name.rpartition(".")[2])
        else:
            whole[absent] = whole.get(absent, 0) + 1
    return whole, single


def methods(theirs: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    """Methods of classes in `theirs` that the class of that name in `ours` lacks; inherited ones at the base only."""
    lacking: dict[type, set[str]] = {}
    for name, value in theirs.items():
        mine = ours.get(name)
        if inspect.isclass(value) and inspect.isclass(mine):
            routines = {a for a in public(value) if inspect.isroutine(getattr(value, a))}
            lacking[value] = {a for a in routines if not hasattr(mine, a)}
    return sorted(
        f"{cls.__name__}.{name}"
        for cls, found in lacking.items()
        for name in found
        if not any(name in lacking.get(base, ()) for base in cls.__mro__[1:])
    )


def report() -> str:
    """What is missing, in Markdown."""
    theirs, ours = (names_of(importlib.import_module(library)) for library in ("keras", "addax"))
    whole, single = grouped(theirs, ours)
    count = sum(whole.values()) + sum(map(len, single.values()))
    lines = [f"{count} of the {len(theirs)} public names of Keras {importlib.import_module('keras').__version__}:", ""]
    lines += [f"- all of {', '.join(f'`{space}` ({n})' for space, n in whole.items())}"]
    for space, found in single.items():
        lines.append(f"- `keras{'.' * bool(space)}{space}`: {', '.join(f'`{name}`' for name in found)}")
    lines += ["", f"Methods of classes that are there: {', '.join(f'`{name}`' for name in methods(theirs, ours))}."]
    return "\n".join(lines)


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "jax")
    sys.path.insert(0, str(ROOT))
    print(report())
