"""Conversion between activation functions and their names and configs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.errors import did_you_mean
from ..core.family import Family
from ..core.ours import is_ours
from ..core.serialization import deserialize_keras_object
from ..core.types import ActivationLike, Config
from . import activations


class _Activations(Family):
    """Family of functions with exact names. None stands for `linear`; the config of a built-in function is its name."""

    def _public_name(self, name: str) -> str | None:
        return name if name in self.names() else None

    def unknown(self, name: str) -> ValueError:
        suggestion = did_you_mean(name, self.names())
        return ValueError(f"Could not interpret activation function identifier: {name}. {suggestion}")

    def get(self, identifier: ActivationLike) -> Any:
        return activations.linear if identifier is None else super().get(identifier)

    def _from_config(self, config: dict[str, Any]) -> Any:
        return deserialize_keras_object(config)  # of functions and layers: none that a module would have to tell

    def serialize(self, obj: Callable) -> Any:
        name = getattr(obj, "__name__", None)
        return name if name in self.names() and is_ours(obj) else super().serialize(obj)


ACTIVATIONS = _Activations(
    "activation function",
    "addax.activations.activations",
    expected="a name such as 'relu', a config, a function, a layer or None",
)


def get(identifier: ActivationLike) -> Callable:
    """Returns the activation function of an identifier.

    Args:
        identifier: A name, a config, a function or layer, or None for `linear`.

    Returns:
        Function or layer.

    Raises:
        ValueError: The name is unknown, or `identifier` is of another type.

    >>> get("relu")([-1.0, 1.0])
    Array([0., 1.], dtype=float32)
    """
    return ACTIVATIONS.get(identifier)


def serialize(activation: Callable) -> Any:
    """Returns the config of an activation: the name of a built-in one, a dict for others.

    Args:
        activation: Function or layer.

    Returns:
        String or dict.

    >>> serialize(get("swish"))
    'silu'
    """
    return ACTIVATIONS.serialize(activation)


def deserialize(config: str | Config | None, custom_objects: dict[str, Any] | None = None) -> Any:
    """Returns the activation of a name or of a config made by `serialize`.

    Args:
        config: Name or dict; None for None.
        custom_objects: Dict from names to functions and classes, which take precedence.

    Returns:
        Function or layer.

    Raises:
        ValueError: The name is unknown.

    >>> deserialize("relu") is get("relu")
    True
    """
    return None if config is None else ACTIVATIONS.deserialize(config, custom_objects)
