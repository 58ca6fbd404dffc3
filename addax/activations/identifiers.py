"""From names and configs to activation functions, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core import registry
from ..core.errors import describe, did_you_mean
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from . import activations

ActivationLike = str | dict | Callable | None


def get(identifier: ActivationLike) -> Callable:
    """The activation that `identifier` stands for.

    Args:
        identifier: A name, a config, a function or layer, or None for `linear`.

    Raises:
        ValueError: Nothing has this name, or it is no name, config or function.

    >>> get("relu")([-1.0, 1.0])
    Array([0., 1.], dtype=float32)
    """
    if identifier is None:
        return activations.linear
    if isinstance(identifier, dict):
        identifier = deserialize(identifier)
    elif isinstance(identifier, str):
        return _by_name(identifier)
    if callable(identifier):
        return identifier
    raise ValueError(
        f"Could not interpret activation function identifier: {describe(identifier)}. Expected a name such as "
        "'relu', a config, a function, a layer or None."
    )


def _by_name(name: str) -> Callable:
    custom = registry.get_registered_object(name)
    if custom is not None:
        return custom
    if name not in activations.__all__:
        raise ValueError(
            f"Could not interpret activation function identifier: {name}. {did_you_mean(name, activations.__all__)}"
        )
    return getattr(activations, name)


def serialize(activation: Callable) -> Any:
    """The config of an activation: the name of a built-in one, a dict for others.

    >>> serialize(get("swish"))
    'silu'
    """
    name = getattr(activation, "__name__", None)
    if name in activations.__all__ and registry.is_builtin(activation):
        return name
    return serialize_keras_object(activation)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The activation of a name or of a config that `serialize` made.

    Args:
        config: Name or dict.
        custom_objects: Dict from names to functions and classes, which come first.

    >>> deserialize("relu") is get("relu")
    True
    """
    if isinstance(config, str):
        if custom_objects and config in custom_objects:
            return custom_objects[config]
        return _by_name(config)
    return deserialize_keras_object(config, custom_objects=custom_objects)
