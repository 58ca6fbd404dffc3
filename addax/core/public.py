"""Public names of a package: loaded when first used, and told apart from those that are not there."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import lazy_loader

# Names of Keras that addax lacks, with the path below `keras`: `python tools/names.py --write`.
MISSING = Path(__file__).with_name("missing_names.txt")


def attach(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Returns `__getattr__`, `__dir__` and `__all__` of a package, read from the type stub beside its `__init__.py`.

    Args:
        package: `__name__` of the package.
        file: `__file__` of the package.
    """
    find, names, public = lazy_loader.attach_stub(package, file)
    known = frozenset(public)

    def get(name: str) -> Any:
        if name in known:
            return find(name)
        raise absent(package, name, public)

    return get, names, public


def listing(names: list[str]) -> Callable[[], list[str]]:
    """Returns the `__dir__` of a module that shows its public names, and none of what it imports.

    Args:
        names: `__all__` of the module.

    >>> listing(["b", "a"])()
    ['a', 'b']
    """
    return lambda: sorted(names)


def absent(package: str, name: str, public: Iterable[str]) -> AttributeError:
    """Returns the error for a name that a package doesn't have.

    Args:
        package: `__name__` of the package.
        name: The name.
        public: The package's public names.

    >>> print(absent("addax.layers", "Dens", ["Dense", "Dropout"]))
    module 'addax.layers' has no attribute 'Dens'. Did you mean 'Dense'?
    """
    text = f"module {package!r} has no attribute {name!r}."
    if not name.startswith("_"):
        lower = {n.lower(): n for n in public}
        close = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.7)
        if ".".join([*package.split(".")[1:], name]) in _missing():
            text += " Keras has it, but it is not in addax: see docs/COMPATIBILITY.md."
        elif close:
            text += f" Did you mean {lower[close[0]]!r}?"
    return AttributeError(text, name=name)


def _missing() -> set[str]:
    names = MISSING.read_text().split() if MISSING.exists() else []
    spaces = {name[:i] for name in names for i, letter in enumerate(name) if letter == "."}
    return {*names, *spaces}


__all__ = ["MISSING", "absent", "attach", "listing"]
