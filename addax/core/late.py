"""Modules above the one that needs them: the front door says where they are, and they are loaded when first used.

A model has methods for files and summaries, and tensors have operators, whose code stands above them. They ask here for
it by what it does, so that nothing below names what is above it. `late` stands for modules below that a model needs
only once it is trained or called.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

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


class LateModule(ModuleType):
    """A module that is loaded when something of it is first used; see `late`."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(importlib.import_module(self.__name__), name)
        if not name.startswith("__"):
            setattr(self, name, found)  # the next time it is an attribute like any other
        return found


def late(name: str) -> Any:
    """Returns a stand-in for a module below the caller that start-up doesn't need.

    Args:
        name: The module's full name.

    >>> late("addax.core.tree").flatten([1, [2]])
    [1, 2]
    """
    return LateModule(name)


__all__ = ["late", "provide", "provided"]
