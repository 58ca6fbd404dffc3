"""From names, configs and callables to initializers, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.family import Family
from .base import Initializer

INITIALIZERS = Family(
    "initializer",
    "addax.initializers",
    Initializer,
    {"zero": "Zeros", "one": "Ones", "eye": "Identity", "normal": "RandomNormal", "uniform": "RandomUniform"},
)


def get(identifier: Any) -> Any:
    """The initializer that `identifier` stands for.

    Args:
        identifier: A name ("glorot_uniform"), a config, an Initializer (instance or class), a callable
            `(shape, dtype) -> array`, an array of the variable's shape, or None.

    Returns:
        An initializer or callable; None for None.

    Raises:
        ValueError: `identifier` stands for none.

    >>> keras.initializers.get("zeros")((2,))
    array([0., 0.], dtype=float32)
    """
    if hasattr(identifier, "shape") and hasattr(identifier, "dtype") and not callable(identifier):
        return _Values(identifier)
    return INITIALIZERS.get(identifier)


class _Values:
    """Initializes with a given array."""

    def __init__(self, array: Any):
        self.array = array

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        if tuple(self.array.shape) != tuple(shape):
            raise ValueError(
                f"Expected `shape` to be {tuple(self.array.shape)}, the shape of the array given as initializer. "
                f"Received: shape={tuple(shape)}"
            )
        return np.asarray(self.array)


def serialize(initializer: Initializer) -> dict[str, Any]:
    """The config of `initializer`."""
    return INITIALIZERS.serialize(initializer)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """The initializer that `serialize` described."""
    return INITIALIZERS.deserialize(config, custom_objects)
