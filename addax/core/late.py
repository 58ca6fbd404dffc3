"""Modules above the one that needs them: the front door says where they are, and they are loaded when first used.

A model has methods for files and summaries, and tensors have operators, whose code stands above them. They ask here for
it by what it does, so that nothing below names what is above it.
"""

from __future__ import annotations

import importlib
from types import ModuleType

_places: dict[str, str] = {}


def provide(**modules: str) -> None:
    """Says which module does what; called once, by the front door.

    Args:
        **modules: The name of a module for each task ("saving", "summary").
    """
    _places.update(modules)


def provided(task: str) -> ModuleType:
    """The module that was said to do `task`, loaded if it isn't yet."""
    return importlib.import_module(_places[task])


__all__ = ["provide", "provided"]
