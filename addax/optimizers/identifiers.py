"""From names, configs and optax transformations to optimizers, and back."""

from __future__ import annotations

from typing import Any

from ..core.registry import get_object
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from .base import Optimizer
from .optax_optimizer import OptaxOptimizer, is_gradient_transformation


def get(identifier: Any) -> Any:
    """The optimizer that `identifier` stands for.

    Args:
        identifier: A name ("adam"), a config, an Optimizer (instance or class), an `optax.GradientTransformation`, or
            None.

    Raises:
        ValueError: `identifier` stands for none.

    >>> keras.optimizers.get("sgd")
    <SGD name=sgd...>
    """
    if is_gradient_transformation(identifier):
        return OptaxOptimizer(identifier)
    if isinstance(identifier, dict) and "module" not in identifier:  # as Keras 2 wrote them
        name = identifier.get("class_name", identifier)
        identifier = {
            "module": "keras.optimizers",
            "registered_name": None,
            **identifier,
            "class_name": type(get(name)).__name__ if isinstance(name, str) else name,
        }
    optimizer = get_object("optimizer", identifier, "addax.optimizers", Optimizer)
    if optimizer is not None and not isinstance(optimizer, Optimizer):
        raise ValueError(
            f"Could not interpret optimizer identifier: {identifier!r}. Expected a name, a config, an instance of "
            "`keras.optimizers.Optimizer` or an optax transformation."
        )
    return optimizer


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """The config of `optimizer`."""
    return serialize_keras_object(optimizer)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """The optimizer that `serialize` described."""
    return deserialize_keras_object(config, custom_objects)
