"""One answer to the question whether a class, a function or an object is addax's own code."""

from __future__ import annotations

import contextlib
import operator
import types
import weakref
from typing import Any

_PACKAGE = __name__.partition(".")[0]


def is_ours(x: Any) -> bool:
    """Returns whether `x` is written in addax: a class, a function, a method, or an instance of a class of addax.

    A class of the user's is the user's whatever it derives from, and so are its instances. A function that
    `functools.wraps` lends the name of another module is judged by where its code stands, too.

    >>> from addax import layers
    >>> is_ours(layers.Dense), is_ours(layers.Dense(2)), is_ours(layers.Dense(2).call), is_ours(print), is_ours(np.tanh)
    (True, True, True, False, False)
    """
    if not is_our_module(getattr(x, "__module__", None)):
        return False
    if isinstance(x, types.MethodType):
        x = x.__func__
    if not isinstance(x, types.FunctionType):
        return True
    if x.__code__.co_filename == contextlib.__file__ and hasattr(x, "__wrapped__"):
        return is_ours(x.__wrapped__)  # made by `contextlib.contextmanager`
    return is_our_module(x.__globals__.get("__name__"))


def is_our_module(name: str | None) -> bool:
    """Returns whether a module of this name belongs to addax.

    >>> is_our_module("addax.layers.dense"), is_our_module("addax_extras"), is_our_module(None)
    (True, False, False)
    """
    return isinstance(name, str) and name.partition(".")[0] == _PACKAGE


def declared(x: Any, name: str, default: Any = None) -> Any:
    """Returns the attribute `name` that `x` declares: on its class, or on itself if it is a function.

    What a class of addax says holds for its instances, and for those of the classes that addax derives from it. It
    doesn't hold for a class of the user's, whose methods may do anything, nor where one has been replaced: such a class
    must say it itself. Likewise for a function that is wrapped around one of addax's.

    Args:
        x: An object or a function.
        name: Name of the attribute (or method, which is returned bound).
        default: What nobody says.

    >>> from addax import layers
    >>> declared(layers.Dense(2), "rowwise"), declared(layers.Lambda(np.mean), "rowwise")
    ('always', False)
    """
    if isinstance(x, types.FunctionType):
        inner = getattr(x, "__wrapped__", None)  # `functools.wraps` copies attributes
        return default if inner is not None and not is_ours(x) and is_ours(inner) else getattr(x, name, default)
    cls = type(x)
    for c in cls.__mro__:
        if name in vars(c):
            if is_our_module(c.__module__) and (is_patched(cls) or "call" in getattr(x, "__dict__", ())):
                return default
            return getattr(x, name)
        if not is_our_module(c.__module__):
            return default
    return default


def is_patched(cls: type) -> bool:
    """Returns whether a method of a class of addax, or of one of its bases, has been replaced by somebody else's."""
    methods = [v for c in _our_bases(cls) for v in vars(c).values() if isinstance(v, types.FunctionType)]
    known = _unpatched.get(cls)
    if known is not None and len(known) == len(methods) and all(map(operator.is_, known, methods)):
        return False
    if not all(map(is_ours, methods)):
        return True
    _unpatched[cls] = methods
    return False


# The methods with which a class was last found to be as addax made it: to compare them is quick.
_unpatched: weakref.WeakKeyDictionary[type, list[types.FunctionType]] = weakref.WeakKeyDictionary()


def _our_bases(cls: type) -> tuple[type, ...]:
    found = _bases.get(cls)
    if found is None:
        found = _bases[cls] = tuple(c for c in cls.__mro__ if is_our_module(c.__module__))
    return found


_bases: weakref.WeakKeyDictionary[type, tuple[type, ...]] = weakref.WeakKeyDictionary()


__all__ = ["declared", "is_our_module", "is_ours", "is_patched"]
