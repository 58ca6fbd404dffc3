"""What an object computes, as a value that can be compared: two models built alike have the same fingerprint.

Programs are compiled for a fingerprint, so that building the same architecture again compiles nothing. A fingerprint
is made by walking everything an object holds; where it meets something of which it can't say what it computes (code
that is not addax's, above all) there is none.
"""

from __future__ import annotations

import enum
import functools
import sys
import types
from typing import Any

import numpy as np

from . import config
from .engine import is_jax_array
from .variable import Variable

# Attributes that say what something is called, where it came from or what happened to it, not what it computes.
ONLY_ABOUT = frozenset(
    "name _name path _path _origin _init_args _inbound_nodes _outbound_nodes _tracker _losses _build_shapes input_spec "
    "_output_shape_hint _initial_weights _input_shape_arg _programs _call _prepared_for _compile_arguments history "
    "stop_training stop_evaluating stop_predicting _initial_epoch compiled _index _undecayed quantization_config "
    "looked_at_logits seed _initial_seed steps_per_execution jit_compile".split()
)
_OURS = "addax"
_LARGE = 1 << 16  # bytes of an array beyond which comparing costs more than it saves


class Unknown(Exception):
    """Something was met of which it can't be said what it computes."""


class _Changes:
    """Counts changes of attributes of layers, so that what was worked out from them can be kept until then."""

    count = 0


changes = _Changes()


def fingerprint(*roots: Any) -> Any:
    """A hashable value, equal for objects that compute the same; None where that can't be told.

    Args:
        *roots: Objects of addax, and structures of them. Variables count by shape, dtype and place, not by value.

    >>> from addax.layers import Dense
    >>> fingerprint(Dense(3)) == fingerprint(Dense(3)), fingerprint(Dense(3)) == fingerprint(Dense(4))
    (True, False)
    >>> fingerprint(Dense(3, activation=np.tanh)) is None
    True
    """
    try:
        return (config.snapshot(), _Walk().of(roots))
    except Unknown:
        return None


class _Walk:
    def __init__(self) -> None:
        self.met: dict[int, int] = {}
        self.keep: list[Any] = []  # ids stay unique only while the objects live

    def of(self, x: Any) -> Any:
        if x is None or x is Ellipsis or isinstance(x, (bool, int, float, complex, str, bytes, enum.Enum)):
            return (type(x).__name__, x) if isinstance(x, (bool, float)) else x
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
        self.keep.append(x)
        if isinstance(x, Variable):
            state = (x.trainable, x.autocast, x.regularizer, x.constraint)
            return ("variable", x.shape, x._dtype, *[self.of(e) for e in state])
        if isinstance(x, np.ndarray) and x.nbytes <= _LARGE and x.dtype != object:
            return ("array", x.shape, x.dtype.str, x.tobytes())
        if isinstance(x, (np.generic, np.dtype, slice, range)):
            return (type(x).__name__, repr(x))
        if isinstance(x, functools.partial):
            return ("partial", self.of(x.func), self.of(x.args), self.of(x.keywords))
        if isinstance(x, types.MethodType):
            return ("method", self.of(x.__func__), self.of(x.__self__))
        if isinstance(x, (types.FunctionType, types.BuiltinFunctionType)):
            return self._function(x)
        if isinstance(x, type):
            if not _is_ours(x.__module__) and x.__module__ != "builtins":
                raise Unknown(x)
            return ("class", x.__module__, x.__qualname__)
        if is_jax_array(x):
            raise Unknown(x)
        return self._object(x)

    def _function(self, x: types.FunctionType | types.BuiltinFunctionType) -> Any:
        module = getattr(x, "__module__", None) or ""
        if not _is_ours(module):
            raise Unknown(x)
        if getattr(sys.modules.get(module), x.__name__, None) is x:
            return ("function", module, x.__name__)
        # A function made inside another is told by what it closes over.
        cells = [c.cell_contents for c in getattr(x, "__closure__", None) or ()]
        return ("function", module, x.__qualname__, self.of(cells), self.of(getattr(x, "__defaults__", None)))

    def _object(self, x: Any) -> Any:
        cls = type(x)
        if not _is_ours(cls.__module__) or _is_patched(cls):
            raise Unknown(x)
        if cls.__module__.startswith(f"{_OURS}.initializers"):
            return ("initializer",)  # the weights are made
        described = getattr(x, "_computes", None)
        if described is not None:
            return (cls.__qualname__, self.of(described()))
        attributes = getattr(x, "__dict__", None)
        if attributes is None:
            attributes = {k: getattr(x, k, None) for c in cls.__mro__ for k in getattr(c, "__slots__", ())}
        return (
            cls.__module__,
            cls.__qualname__,
            *[(k, self.of(v)) for k, v in attributes.items() if k not in ONLY_ABOUT],
        )


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == _OURS


def _is_patched(cls: type) -> bool:
    """Whether a method of a class of addax has been replaced by somebody else's."""
    return any(
        isinstance(v, types.FunctionType) and not _is_ours(v.__module__ or _OURS)
        for c in cls.__mro__
        if _is_ours(c.__module__)
        for v in vars(c).values()
    )


__all__ = ["ONLY_ABOUT", "Unknown", "changes", "fingerprint"]
