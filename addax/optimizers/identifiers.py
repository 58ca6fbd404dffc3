"""Conversion of names, configs and optax transformations to optimizers and back."""

from __future__ import annotations

from typing import Any

from ..core.family import Family
from ..core.types import Config
from .base import Optimizer
from .optax_optimizer import OptaxOptimizer, is_gradient_transformation

OPTIMIZERS = Family(
    "optimizer",
    "addax.optimizers",
    Optimizer,
    {"rmsprop": "RMSprop"},
    expected="a name, a config, an instance of `keras.optimizers.Optimizer` or an optax transformation",
    callables=False,
)


def get(identifier: str | Config | Optimizer | type[Optimizer] | tuple | None) -> Any:
    """Returns the optimizer that `identifier` stands for.

    Args:
        identifier: A name ("adam"), a config, an Optimizer (instance or class), an `optax.GradientTransformation`, or
            None.

    Returns:
        An optimizer, or None.

    Raises:
        ValueError: `identifier` stands for no optimizer.

    >>> keras.optimizers.get("sgd")
    <SGD name=sgd...>
    """
    if is_gradient_transformation(identifier):
        return OptaxOptimizer(identifier)
    return OPTIMIZERS.get(identifier)


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """Returns the description of an optimizer for a config.

    Args:
        optimizer: The optimizer.

    Returns:
        A config.

    >>> keras.optimizers.serialize(keras.optimizers.SGD(0.5))["config"]["learning_rate"]
    0.5
    """
    return OPTIMIZERS.serialize(optimizer)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """Returns the optimizer that a config describes.

    Args:
        config: A config from `serialize`.
        custom_objects: Dict from names to the user's classes and functions.

    Returns:
        An optimizer, without its variables' values.

    Raises:
        ValueError: It describes no known optimizer.

    >>> keras.optimizers.deserialize(keras.optimizers.serialize(keras.optimizers.SGD(0.5, momentum=0.25))).momentum
    0.25
    """
    return OPTIMIZERS.deserialize(config, custom_objects)
