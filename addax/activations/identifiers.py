"""From names and configs to activation functions, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.errors import did_you_mean
from ..core.family import Family
from ..core.ours import is_ours
from ..core.serialization import deserialize_keras_object
from . import activations

ActivationLike = str | dict | Callable | None


class _Activations(Family):
    """Functions by their exact names; None is no activation, and a built-in function's config is its name."""

    def _public_name(self, name: str) -> str | None:
        return name if name in self.names() else None

    def unknown(self, name: str) -> ValueError:
        suggestion = did_you_mean(name, self.names())
        return ValueError(f"Could not interpret activation function identifier: {name}. {suggestion}")

    def get(self, identifier: Any) -> Any:
        return activations.linear if identifier is None else super().get(identifier)

    def _from_config(self, config: dict[str, Any]) -> Any:
        return deserialize_keras_object(config)  # of functions and layers: none that a module would have to tell

    def serialize(self, obj: Any) -> Any:
        name = getattr(obj, "__name__", None)
        return name if name in self.names() and is_ours(obj) else super().serialize(obj)


ACTIVATIONS = _Activations(
    "activation function",
    "addax.activations.activations",
    expected="a name such as 'relu', a config, a function, a layer or None",
)


def get(identifier: ActivationLike) -> Callable:
    """The activation that `identifier` stands for.

    Args:
        identifier: A name, a config, a function or layer, or None for `linear`.

    Raises:
        ValueError: Nothing has this name, or it is no name, config or function.

    >>> get("relu")([-1.0, 1.0])
    Array([0., 1.], dtype=float32)
    """
    return ACTIVATIONS.get(identifier)


def serialize(activation: Callable) -> Any:
    """The config of an activation: the name of a built-in one, a dict for others.

    >>> serialize(get("swish"))
    'silu'
    """
    return ACTIVATIONS.serialize(activation)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The activation of a name or of a config that `serialize` made.

    Args:
        config: Name or dict.
        custom_objects: Dict from names to functions and classes, which come first.

    >>> deserialize("relu") is get("relu")
    True
    """
    return None if config is None else ACTIVATIONS.deserialize(config, custom_objects)
