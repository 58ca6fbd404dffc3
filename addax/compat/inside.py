"""`keras.src` for libraries: names of Keras's inside, found by their last part.

Libraries built on Keras import public classes by their places inside it (`keras.src.layers.layer.Layer`), and a few
helpers that have no public name. Both are found by the last name, whatever modules are written before it: among addax's
public names, those of the packages that the path mentions first; and in the table `HELPERS`.
"""

from __future__ import annotations

import difflib
import importlib
import itertools
import types
from collections.abc import Iterator
from types import ModuleType
from typing import Any

# Names without a public place -> modules of addax where they are, and what they are called there if not the same.
HELPERS: dict[str, str] = {
    "DotNotTrackScope": "core.tracking:untracked",
    "get_keras_mask": "core.masks:get_mask",
    "no_automatic_dependency_tracking": "compat.helpers",
    "set_keras_mask": "core.masks:set_mask",
}

# Modules of Keras's inside that libraries import as such, and use names of: `from keras.src.saving import saving_lib`.
MODULES = frozenset(
    """
    activations api_export applications backend callbacks common constraints core datasets dtype_policies initializers
    layers losses metrics models ops optimizers quantizers random regularizers saving saving_lib schedules
    serialization_lib testing tracking trainers tree utils variables wrappers
    """.split()
)

# Packages of addax that hold what modules inside Keras hold under other names.
_ALIKE = {"numpy": "ops", "nn": "ops", "math": "ops", "linalg": "ops.linalg", "image": "ops.image", "core": "ops"}
# Where public names are looked for, after the packages that the path mentions.
_PACKAGES = (
    "",
    "layers",
    "models",
    "ops",
    "losses",
    "metrics",
    "optimizers",
    "optimizers.schedules",
    "callbacks",
    "initializers",
    "regularizers",
    "constraints",
    "activations",
    "utils",
    "saving",
    "random",
    "tree",
    "backend",
    "config",
    "dtype_policies",
    "quantizers",
    "applications",
)


class Inside(ModuleType):
    """A module below `keras.src`, whose names are looked up when they are used."""

    def __init__(self, name: str):
        super().__init__(name)
        self.__path__: list[str] = []
        self.__all__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = find(self.__name__, name)
        if found is None:
            raise AttributeError(_unknown(self.__name__, name))
        setattr(self, name, found)
        return found


def find(module: str, name: str) -> Any:
    """Returns addax's object for `name` in the module `module` below `keras.src`; None if there is none."""
    place = HELPERS.get(name)
    if place is not None:
        home, _, attribute = place.partition(":")
        return getattr(importlib.import_module(f"addax.{home}"), attribute or name)
    if name in MODULES:
        return importlib.import_module(f"{module}.{name}")
    for package in _places(module):
        if name in package.__all__ and not isinstance(getattr(package, name), types.ModuleType):
            return getattr(package, name)
    return None


def refuse_unknown(module: str) -> None:
    """Raises ImportError where `module` is what an import statement takes for a module after no name was found."""
    home, _, name = module.rpartition(".")
    if name[:1].isupper() or name.startswith("_"):
        raise ImportError(_unknown(home, name), name=module)


def _places(module: str) -> Iterator[Any]:
    """Yields addax's packages in the order in which a name of `module` is looked for."""
    parts = module.split(".")[2:]
    computes = bool({"backend", "ops"} & {*parts})
    mentioned = [_ALIKE.get(part, part) if computes else part for part in parts]
    mentioned += [".".join(pair) for pair in itertools.pairwise(mentioned)]
    for package in (*(m for m in reversed(mentioned) if m in _PACKAGES), *_PACKAGES):
        yield importlib.import_module(f"addax.{package}".rstrip("."))


def _unknown(module: str, name: str) -> str:
    text = (
        f"`{module}.{name}` is the inside of Keras. addax has Keras's public names, and a few others that libraries "
        f"need; `{name}` is none of them. Use what is public: `from keras.layers import Dense`."
    )
    public = {n for package in _places("") for n in package.__all__}
    close = difflib.get_close_matches(name, public, n=1, cutoff=0.8)
    return f"{text} Did you mean {close[0]!r}?" if close else text


__all__ = ["HELPERS", "MODULES", "Inside", "find", "refuse_unknown"]
