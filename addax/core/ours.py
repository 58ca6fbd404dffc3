"""One answer to the question whether a class, a function or an object is addax's own code."""

from __future__ import annotations

import types
from typing import Any

_PACKAGE = __name__.partition(".")[0]


def is_ours(x: Any) -> bool:
    """Whether `x` is written in addax: a class, a function, a method, or an instance of a class of addax.

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
    return not isinstance(x, types.FunctionType) or is_our_module(x.__globals__.get("__name__"))


def is_our_module(name: str | None) -> bool:
    """Whether a module of this name belongs to addax.

    >>> is_our_module("addax.layers.dense"), is_our_module("addax_extras"), is_our_module(None)
    (True, False, False)
    """
    return isinstance(name, str) and name.partition(".")[0] == _PACKAGE


def is_patched(cls: type) -> bool:
    """Whether a method of a class of addax, or of one of its bases, has been replaced by somebody else's."""
    return any(
        isinstance(v, types.FunctionType) and not is_ours(v)
        for c in cls.__mro__
        if is_our_module(c.__module__)
        for v in vars(c).values()
    )


__all__ = ["is_our_module", "is_ours", "is_patched"]
