"""`keras.src` for libraries: names of Keras's inside, found by their last part.

Libraries built on Keras import public classes by their places inside it (`keras.src.layers.layer.Layer`), and a few
helpers that have no public name. Both are found by the last name, whatever modules are written before it: among addax's
public names, those of the packages that the path mentions first; and in the table `HELPERS`.
"""

from __future__ import annotations

import difflib
import importlib
import itertools
from collections.abc import Iterable
from types import ModuleType
from typing import Any

# Names without a public place -> modules of addax where they are, and what they are called there if not the same.
HELPERS: dict[str, str] = {
    "compute_output_spec": "compat.helpers",
    "DotNotTrackScope": "core.tracking:untracked",
    "get_keras_mask": "core.masks:get_mask",
    "no_automatic_dependency_tracking": "compat.helpers",
    "set_keras_mask": "core.masks:set_mask",
}

# Modules of Keras's inside that libraries import as such, and use names of: `from keras.src.saving import saving_lib`.
MODULES = frozenset(
    """
    activations api_export applications backend callbacks common constraints core datasets distribution distribution_lib
    dtype_policies initializers layers losses metrics models ops optimizers quantizers random regularizers saving
    saving_lib schedules serialization_lib testing tracking trainers tree utils variables wrappers
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
    "distribution",
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
    mentioned = _mentioned(module)
    found = _public(name, mentioned)
    if found is None and name in MODULES:
        return importlib.import_module(f"{module}.{name}")
    return _public(name, _PACKAGES) if found is None else found


def _public(name: str, packages: Iterable[str]) -> Any:
    """Returns the first public object of this name, other than a module, in packages of addax; None for none."""
    for package in packages:
        home = importlib.import_module(f"addax.{package}".rstrip("."))
        if name in home.__all__ and not isinstance(getattr(home, name), ModuleType):
            return getattr(home, name)
    return None


def refuse_unknown(module: str) -> None:
    """Raises ImportError where `module` is what an import statement takes for a module after no name was found."""
    home, _, name = module.rpartition(".")
    if name[:1].isupper() or name.startswith("_"):
        raise ImportError(_unknown(home, name), name=module)


def _mentioned(module: str) -> list[str]:
    """Returns addax's packages that the path of a module below `keras.src` mentions, the last first."""
    parts = module.split(".")[2:]
    computes = bool({"backend", "ops"} & {*parts})
    mentioned = [_ALIKE.get(part, part) if computes else part for part in parts]
    mentioned += [".".join(pair) for pair in itertools.pairwise(mentioned)]
    return [m for m in reversed(mentioned) if m in _PACKAGES]


def _unknown(module: str, name: str) -> str:
    text = (
        f"`{module}.{name}` is the inside of Keras. addax has Keras's public names, and a few others that libraries "
        f"need; `{name}` is none of them. Use what is public: `from keras.layers import Dense`."
    )
    public = {n for package in _PACKAGES for n in importlib.import_module(f"addax.{package}".rstrip(".")).__all__}
    close = difflib.get_close_matches(name, public, n=1, cutoff=0.8)
    return f"{text} Did you mean {close[0]!r}?" if close else text


__all__ = ["HELPERS", "MODULES", "Inside", "find", "refuse_unknown"]
