"""Checks arguments in files against the annotated types of the constructors that take them."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Union

from .reading import DamagedError, short
from .signature import init_parameters, signature_of
from .types import Config


def check_arguments(of: type | Callable, config: Config, what: str = "") -> None:
    """Checks that the arguments in a config have the types that the constructor is annotated with.

    The config of an object (a dict with `class_name`) passes; it is checked when the object is made.

    Args:
        of: One of addax's own classes or functions, whose parameters are annotated.
        config: The arguments, as data from JSON.
        what: Owner of the arguments, for the error; default: class and name of the config.

    Raises:
        DamagedError: An argument has another type. The error names it.

    >>> from ..layers import Dense
    >>> check_arguments(Dense, {"units": 2, "use_bias": "no"})
    Traceback (most recent call last):
    ...
    addax.core.reading.DamagedError: `use_bias` of a Dense without a name must be of type bool. Received: 'no'
    """
    hints = _hints(of)
    for name, value in config.items():
        if name in hints and not _fits(value, hints[name]):
            own = config.get("name")
            what = what or f"a {of.__name__} " + (f"named '{own}'" if isinstance(own, str) else "without a name")
            raise DamagedError(f"`{name}` of {what} must be of type {_readable(hints[name])}. Received: {short(value)}")


_JSON = (type(None), bool, int, float, str, list, tuple, dict)


class _AnArray:
    """Nested numbers, a name that stands for them (a window's, say), or the config of an array."""


class _AnObject:
    """A name, or the config of an object."""


# Aliases of `Any` in signatures that accept less in a file.
_NAMED: dict[str, Any] = {
    "ArrayLike": _AnArray,
    "ConstraintLike": _AnObject,
    "DTypeLike": _AnObject,
    "InitializerLike": _AnObject,
    "PolicyLike": _AnObject,
    "RegularizerLike": _AnObject,
}


@functools.cache
def _hints(of: Any) -> dict[str, Any]:
    """Returns the types of the parameters by name, as far as the annotations tell."""
    if not inspect.isclass(of):
        return _of_function(of)
    found: dict[str, Any] = {}
    for base in reversed(of.__mro__):
        if "__init__" in base.__dict__ and base is not object:
            found.update(_of_function(base.__dict__["__init__"]))
    return {name: hint for name, hint in found.items() if name in init_parameters(of)}


def _of_function(fn: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    names = {**getattr(fn, "__globals__", {}), **_NAMED}
    for p in signature_of(fn).parameters.values():
        if p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) or p.annotation is inspect.Parameter.empty:
            continue
        hint = p.annotation
        if isinstance(hint, str):
            try:
                hint = eval(hint, names)  # from addax's own source
            except NameError:  # imported for type checkers alone
                hint = Any
        if hint is None:  # a parameter of Keras that addax ignores
            hint = Any
        found[p.name] = Union[hint, None] if p.default is None else hint  # noqa: UP007
    return found


def _fits(value: Any, hint: Any) -> bool:
    """Returns whether data from JSON may have a type; unknown types pass."""
    if hint is Any or isinstance(hint, (typing.TypeVar, str)) or not isinstance(value, _JSON):
        return True  # not from a file: left to the constructor
    origin, arguments = typing.get_origin(hint) or hint, typing.get_args(hint)
    if origin in _CHECKS:
        return _CHECKS[origin](value, arguments)
    if inspect.isclass(origin):  # an object, which a file has by its name or its config
        return not isinstance(value, (bool, int, float)) or origin.__module__.split(".")[0] != "addax"
    return True


def _is_described(value: Any) -> bool:
    """Returns whether a value stands for an object."""
    return isinstance(value, dict) and "class_name" in value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _one_fits(value: Any, choices: tuple) -> bool:
    return any(_fits(value, choice) for choice in choices)


def _items_fit(value: Any, hints: tuple) -> bool:
    if _is_described(value) or not isinstance(value, (list, tuple)):
        return _is_described(value)
    if len(hints) == 2 and hints[1] is ...:
        hints = hints[:1]
    return len(hints) != 1 or all(_fits(item, hints[0]) for item in value)


_Check = Callable[[Any, tuple], bool]

# Type -> function of a value from JSON and the arguments of the type: whether the value may have it.
_CHECKS: dict[Any, _Check] = {
    **dict.fromkeys((Union, types.UnionType), _one_fits),
    **dict.fromkeys((list, tuple, Sequence), _items_fit),
    **dict.fromkeys((None, type(None)), lambda value, _: value is None),
    **dict.fromkeys((dict, Mapping), lambda value, _: isinstance(value, dict)),
    typing.Literal: lambda value, choices: value in choices,
    # Many programs, and so their files, use 0 and 1 as truth values.
    bool: lambda value, _: isinstance(value, bool) or (isinstance(value, int) and value in (0, 1)),
    int: lambda value, _: (_is_number(value) and value == value // 1) or _is_described(value),
    float: lambda value, _: _is_number(value) or _is_described(value),
    str: lambda value, _: isinstance(value, str),
    Callable: lambda value, _: isinstance(value, str) or _is_described(value),
    _AnObject: lambda value, _: isinstance(value, str) or _is_described(value),
    _AnArray: lambda value, _: not isinstance(value, dict) or _is_described(value),
}


def _readable(hint: Any) -> str:
    if hint in (_AnArray, _AnObject):
        return "array or number" if hint is _AnArray else "name or config"
    if typing.get_origin(hint) in (Union, types.UnionType):
        return " or ".join(_readable(choice) for choice in typing.get_args(hint))
    if hint in (None, type(None)):
        return "null"
    text = hint.__name__ if inspect.isclass(hint) and not typing.get_args(hint) else str(hint)
    return text.replace("typing.", "").replace("collections.abc.", "")
