"""Installs the import hook in processes that `multiprocessing` spawns, if their parent has it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

STARTER = "multiprocessing.spawn"
_FOLDER = str(Path(__file__).parents[2])
_PREPARE = f"import sys; {_FOLDER!r} in sys.path or sys.path.append({_FOLDER!r}); import addax.compat as c; c.install()"

_prepared_before: Callable[..., dict[str, Any]] | None = None


class _Installed:
    """Installs the import hook when it is unpickled, which a child does before it imports the program."""

    def __reduce__(self) -> tuple[Callable, tuple[str]]:
        return exec, (_PREPARE,)


class _Loader(SourceFileLoader):
    """Loads `multiprocessing.spawn`, which few programs import, and patches it to prepare children."""

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        _attach(module)


def spec() -> ModuleSpec | None:
    """Returns the spec for the first import of `multiprocessing.spawn`; None if it can't be patched."""
    package = sys.modules.get("multiprocessing")
    found = PathFinder.find_spec(STARTER, getattr(package, "__path__", None))
    if found is not None and type(found.loader) is SourceFileLoader:
        found.loader = _Loader(found.loader.name, found.loader.path)
    return found


def install() -> None:
    """Makes the processes that this one spawns install the hook."""
    if STARTER in sys.modules:
        _attach(sys.modules[STARTER])


def uninstall() -> None:
    """Undoes `install`."""
    global _prepared_before
    if _prepared_before is not None:
        sys.modules[STARTER].get_preparation_data = _prepared_before  # type: ignore[attr-defined]
        _prepared_before = None


def _attach(starter: Any) -> None:
    global _prepared_before
    before = _prepared_before = starter.get_preparation_data

    def get_preparation_data(name: str) -> dict[str, Any]:
        # Unknown keys are ignored by the child; unpickling them is what installs the hook.
        return {**before(name), "addax": _Installed()}

    starter.get_preparation_data = get_preparation_data


__all__ = ["STARTER", "install", "spec", "uninstall"]
