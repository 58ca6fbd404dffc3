"""Descriptions of what objects compute, as values that can be compared: models built alike are described alike.

Programs are compiled for a description, so that building the same architecture again compiles nothing. A description is
made by walking everything an object holds; where that includes code that is not addax's there is none.

A class says itself what of its instances is no part of it:

- `_about`: names of attributes that say what an object is called, where it came from or what happened to it. Those of
  base classes are added.
- `_describes()`: further facts, such as what follows from the names of weights or from attributes in `_about`.
- `_computes()`: what describes an instance instead of its attributes.
- `_names()`: names by which data are matched to inputs and outputs, which count where data come as dicts.
- `_about_training`: like `_about`, for attributes that only training and evaluation compute with.
"""

from __future__ import annotations

import enum
import functools
import sys
import types
import weakref
from typing import Any

import numpy as np

from . import config
from .engine import is_jax_array
from .ours import is_ours, is_patched
from .variable import Variable

_LARGE = 1 << 16  # bytes of an array beyond which comparing costs more than it saves


class Unknown(Exception):
    """Raised for objects whose computation is not known, such as code of the user's."""


def left_out(cls: type) -> frozenset[str]:
    """The names of attributes that are no part of the description of instances of `cls`.

    >>> from addax.layers import Dropout
    >>> sorted({"name", "rate", "seed"} & left_out(Dropout))
    ['name', 'seed']
    """
    found = cls.__dict__.get("_left_out")
    if found is None:
        found = cls._left_out = _of_all_bases(cls, "_about")  # type: ignore[attr-defined]
    return found


def _of_all_bases(cls: type, attribute: str) -> frozenset[str]:
    return frozenset(name for c in cls.__mro__ for name in c.__dict__.get(attribute, ()))


def fingerprint(*roots: Any, forward: bool = False) -> Any:
    """A hashable value, equal for objects that compute the same; None where that can't be told.

    Args:
        *roots: Objects of addax, and structures of them. Variables count by shape, dtype and place, not by value.
        forward: Whether models only predict, so that their losses, metrics and optimizers don't count.

    >>> from addax.layers import Dense
    >>> fingerprint(Dense(3)) == fingerprint(Dense(3)), fingerprint(Dense(3)) == fingerprint(Dense(4))
    (True, False)
    >>> fingerprint(Dense(3, activation=np.tanh)) is None
    True
    """
    found = Walk(forward).try_of(roots)
    return None if found is None else (config.computed_with(), found)


class Description:
    """Description of what a program computes: programs with equal ones compute the same and share compiled code.

    Compiled code keeps descriptions, and no models: a description holds the program it was made for weakly.

    Args:
        kind: "train", "test", "predict" or "call".
        program: What computes it.
        roots: The objects that decide what it computes; see `fingerprint`.
        more: Further values that decide it.
        mesh: Devices that it is spread over; None for one.
        shardings: How its variables are placed; None for the default device.

    Attributes:
        key: What is compared. That of a program of which it isn't known what it computes is like no other.
        is_known: Whether it is known what the program computes.

    >>> from addax.layers import Dense
    >>> class Program: pass
    >>> one, other = Program(), Program()
    >>> Description("call", one, Dense(3)) == Description("call", other, Dense(3))
    True
    """

    __slots__ = ("__weakref__", "_hash", "_names", "_program", "is_known", "key", "kind", "label")

    def __init__(self, kind: str, program: Any, *roots: Any, more: Any = None, mesh: Any = None, shardings: Any = None):
        self.kind = kind
        self._program = weakref.ref(program)
        self.label = ""
        walk = Walk(forward=kind in ("predict", "call"))
        found = walk.try_of(roots)
        self.is_known = found is not None
        self._names = walk.names
        self._set_key((kind, config.computed_with(), found if self.is_known else object(), more, mesh, shardings))

    def _set_key(self, key: Any) -> None:
        self.key = key
        self._hash = hash(key)

    def program(self) -> Any:
        """The program whose description this is: that of the caller, where several are equal."""
        found = self._program()
        assert found is not None, "a program is traced by whoever runs it"
        return found

    def of_data(self, keys: frozenset[str]) -> Description:
        """The description for data that come as dicts with these keys: with the names that they are matched to."""
        found: Description = object.__new__(Description)
        found.kind, found._program, found._names = self.kind, self._program, []
        found.label, found.is_known = self.label, self.is_known
        found._set_key((self.key, tuple(name if name in keys else None for name in self._names)))
        return found

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Description) and self._hash == other._hash and self.key == other.key)

    def __hash__(self) -> int:
        return self._hash


class Walk:
    """A walk over objects and what they hold.

    Args:
        forward: Whether what only training and evaluation compute with is left out.

    Attributes:
        met: Number of each object that was met, by id, in the order of meeting.
        objects: The objects met, so that their ids stay unique.
        names: The names by which data are matched, in the order of meeting.
    """

    def __init__(self, forward: bool = False) -> None:
        self.forward = forward
        self.met: dict[int, int] = {}
        self.objects: list[Any] = []
        self.names: list[str | None] = []

    def try_of(self, x: Any) -> Any:
        """The description of `x`, None where there is none."""
        try:
            return self.of(x)
        except Unknown:
            return None

    def of(self, x: Any) -> Any:
        """The description of `x`; raises Unknown where there is none."""
        if x is None or x is Ellipsis or isinstance(x, (int, str, bytes, enum.Enum)):
            return x if type(x) is not bool else ("bool", x)  # as True == 1
        if isinstance(x, (float, complex, np.generic, np.dtype, slice, range)):
            return (type(x).__name__, repr(x))  # by which NaN equals itself, and 0.0 differs from -0.0
        if isinstance(x, (list, tuple)):
            return (type(x).__name__, *[self.of(e) for e in x])
        if isinstance(x, dict):
            # In their order, which can matter; their own type says little.
            return ("dict", *[(self.of(k), self.of(v)) for k, v in x.items()])
        if isinstance(x, (set, frozenset)):
            return ("set", *sorted(map(repr, (self.of(e) for e in x))))
        if id(x) in self.met:
            return ("met", self.met[id(x)])
        self.met[id(x)] = len(self.met)
        self.objects.append(x)
        return self._new(x)

    def _new(self, x: Any) -> Any:
        """The description of an object that was not met before."""
        if isinstance(x, Variable):
            state = (x.trainable, x.autocast, x.regularizer, x.constraint, x.overwrite_with_gradient)
            return ("variable", x.shape, x._dtype, x.placement, *[self.of(e) for e in state])
        if isinstance(x, np.ndarray) and x.nbytes <= _LARGE and x.dtype != object:
            return ("array", x.shape, x.dtype.str, x.tobytes())
        if isinstance(x, functools.partial):
            return ("partial", self.of(x.func), self.of(x.args), self.of(x.keywords))
        if isinstance(x, types.MethodType):
            return ("method", self.of(x.__func__), self.of(x.__self__))
        if isinstance(x, (types.FunctionType, types.BuiltinFunctionType)):
            return self._function(x)
        if isinstance(x, type):
            if not is_ours(x) and x.__module__ != "builtins":
                raise Unknown(x)
            return ("class", x.__module__, x.__qualname__)
        if is_jax_array(x):
            raise Unknown(x)
        return self._object(x)

    def _function(self, x: types.FunctionType | types.BuiltinFunctionType) -> Any:
        if not is_ours(x):
            raise Unknown(x)
        module = x.__module__
        if getattr(sys.modules.get(module), x.__name__, None) is x:
            return ("function", module, x.__name__)
        # A function made inside another is told by what it closes over.
        cells = [c.cell_contents for c in getattr(x, "__closure__", None) or ()]
        return ("function", module, x.__qualname__, self.of(cells), self.of(getattr(x, "__defaults__", None)))

    def _object(self, x: Any) -> Any:
        cls = type(x)
        if not is_ours(cls) or is_patched(cls):
            raise Unknown(x)
        if cls.__module__.startswith("addax.initializers"):
            return ("initializer",)  # the weights are made
        if hasattr(cls, "_names"):
            self.names += x._names()
        if hasattr(cls, "_computes"):
            return (cls.__qualname__, self.of(x._computes()))
        attributes = getattr(x, "__dict__", None)
        if attributes is None:
            attributes = {k: getattr(x, k, None) for c in cls.__mro__ for k in getattr(c, "__slots__", ())}
        without = left_out(cls)
        if self.forward and hasattr(cls, "_about_training"):
            without |= _of_all_bases(cls, "_about_training")
        parts = [(k, self.of(v)) for k, v in attributes.items() if k not in without]
        if hasattr(cls, "_describes"):
            parts.append(("_describes", self.of(x._describes())))
        return (cls.__module__, cls.__qualname__, *parts)


__all__ = ["Description", "Unknown", "fingerprint", "left_out"]
