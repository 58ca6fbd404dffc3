"""Signatures: what a constructor takes, what an object was constructed with, and the config that follows from both."""

from __future__ import annotations

import inspect
import types
import weakref
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from .ours import is_ours

# Signatures are slow to work out, and every config and call asks for some.
_parameters: weakref.WeakKeyDictionary[type, dict[str, inspect.Parameter]] = weakref.WeakKeyDictionary()
_signatures: weakref.WeakKeyDictionary[Any, inspect.Signature] = weakref.WeakKeyDictionary()
_EMPTY = inspect.Signature()


class Arguments(NamedTuple):
    """The arguments of a call in a graph."""

    args: tuple
    kwargs: dict[str, Any]
    keras_tensors: list[Any]


def signature_of(fn: Any) -> inspect.Signature:
    """The signature of a function, worked out once; a method is told apart from its function by `self`."""
    if isinstance(fn, types.FunctionType):
        if fn not in _signatures:
            _signatures[fn] = inspect.signature(fn)
        return _signatures[fn]
    return _EMPTY if fn is object.__init__ else inspect.signature(fn)


def init_parameters(cls: type) -> dict[str, inspect.Parameter]:
    """The constructor's parameters, those that pass through `**kwargs` to the bases included; own ones first."""
    if cls in _parameters:
        return _parameters[cls]
    found: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__:
        init = base.__dict__.get("__init__")
        if init is None or base is object:
            continue
        parameters = list(signature_of(init).parameters.values())[1:]
        passes_on = False
        for p in parameters:
            if p.kind is p.VAR_KEYWORD:
                passes_on = True
            elif p.kind is not p.VAR_POSITIONAL:
                found.setdefault(p.name, p)
        if not passes_on:
            break
    _parameters[cls] = found
    return found


def init_arguments(instance: Any) -> dict[str, Any]:
    """Returns the arguments that `instance` was constructed with, by parameter name, including defaults."""
    args, kwargs = instance._init_args
    parameters = init_parameters(type(instance))
    own = list(signature_of(type(instance).__init__).parameters.values())[1:]
    positional = [p.name for p in own if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    values = {name: p.default for name, p in parameters.items() if p.default is not inspect.Parameter.empty}
    values.update(zip(positional, args))
    values.update(kwargs)
    return values


def arguments_in(scope: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a constructor by name, those in its `**kwargs` too, from its `locals()` at the beginning.

    For constructors that hand on what they are given: a subclass with a signature of its own for the same options.

    >>> class Base:
    ...     def __init__(self, size, scale=1, **kwargs):
    ...         print(size, scale, kwargs)
    >>> class Small(Base):
    ...     def __init__(self, scale=2, size=3, **kwargs):
    ...         super().__init__(**arguments_in(locals()))
    >>> _ = Small(name="small")
    3 2 {'name': 'small'}
    """
    given = {**scope, **scope.get("kwargs", {})}
    return {name: value for name, value in given.items() if name not in ("self", "__class__", "kwargs")}


def auto_config(instance: Any, skip: tuple[str, ...] = (), upto: type | None = None) -> dict[str, Any]:
    """The constructor's arguments of `instance` as a config: the attribute of that name if there is one, else what
    was passed.

    Args:
        instance: An object whose class records its arguments in `_init_args`.
        skip: Parameters to leave out.
        upto: Parameters that only this class and those derived from it take are left out (they belong to a user's
            own `get_config`).
    """
    cls = type(instance)
    names = list(init_parameters(cls))
    if upto is not None:
        mro = cls.__mro__
        names = list(init_parameters(mro[mro.index(upto) + 1]))
    passed = init_arguments(instance)
    out: dict[str, Any] = {}
    for name in names:
        if name in skip:
            continue
        value = instance.__dict__.get(name, inspect.Parameter.empty)
        if value is inspect.Parameter.empty:
            value = getattr(instance, name, passed.get(name)) if hasattr(cls, name) else passed.get(name)
        out[name] = value
    return out


def config_class(instance: Any) -> type:
    """The class whose constructor's arguments a built-in `get_config` answers for: that of `instance`, or, where a
    user's class writes `get_config` itself and asks its base for the rest, that base."""
    mro = type(instance).__mro__
    own = next(i for i, cls in enumerate(mro) if "get_config" in cls.__dict__)
    return mro[0] if is_ours(mro[own]) else mro[own + 1]


class Configurable:
    """Base of small objects whose config is what their constructor was given."""

    _about: tuple[str, ...] = ("_init_args",)

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        instance = super().__new__(cls)
        instance.__dict__["_init_args"] = (args, kwargs)
        return instance

    def get_config(self) -> dict[str, Any]:
        """The arguments that would make an equal object."""
        return auto_config(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The object that `get_config` described."""
        return cls(**config)
