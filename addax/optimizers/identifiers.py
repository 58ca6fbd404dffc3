"""From names, configs and optax transformations to optimizers, and back."""

from __future__ import annotations

from typing import Any

from ..core.family import Family
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
    return OPTIMIZERS.get(identifier)


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """The config of `optimizer`."""
    return OPTIMIZERS.serialize(optimizer)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """The optimizer that `serialize` described."""
    return OPTIMIZERS.deserialize(config, custom_objects)
