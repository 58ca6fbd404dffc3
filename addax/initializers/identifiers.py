"""Conversion between initializers and their names and configs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.family import Family
from ..core.types import ArrayLike, DTypeLike, InitializerLike
from .base import Initializer

INITIALIZERS = Family(
    "initializer",
    "addax.initializers",
    Initializer,
    {"zero": "Zeros", "one": "Ones", "eye": "Identity", "normal": "RandomNormal", "uniform": "RandomUniform"},
)


def get(identifier: InitializerLike) -> Any:
    """Returns the initializer of an identifier.

    Args:
        identifier: A name ("glorot_uniform"), a config, an Initializer (instance or class), a callable
            `(shape, dtype) -> array`, an array of the variable's shape, or None.

    Returns:
        An initializer or callable; None for None.

    Raises:
        ValueError: The name is unknown, or `identifier` is of another type.

    >>> keras.initializers.get("zeros")((2,))
    array([0., 0.], dtype=float32)
    """
    if hasattr(identifier, "shape") and hasattr(identifier, "dtype") and not callable(identifier):
        return _Values(identifier)
    return INITIALIZERS.get(identifier)


class _Values:
    """Initializes with a given array."""

    def __init__(self, array: ArrayLike):
        self.array = array

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = None) -> np.ndarray:
        if tuple(self.array.shape) != tuple(shape):
            raise ValueError(
                f"Expected `shape` to be {tuple(self.array.shape)}, the shape of the array given as initializer. "
                f"Received: shape={tuple(shape)}"
            )
        return np.asarray(self.array)


def serialize(initializer: Initializer) -> dict[str, Any]:
    """Returns the config of an initializer.

    Args:
        initializer: Initializer, or registered function.

    Returns:
        Dict that `deserialize` takes.

    >>> serialize(get("zeros"))["class_name"]
    'Zeros'
    """
    return INITIALIZERS.serialize(initializer)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """Returns the initializer of a config made by `serialize`.

    Args:
        config: Dict.
        custom_objects: Dict from names to classes and functions, which take precedence.

    Returns:
        An initializer or callable.

    Raises:
        ValueError: The name is unknown.

    >>> deserialize(serialize(get("zeros")))((1,))
    array([0.], dtype=float32)
    """
    return INITIALIZERS.deserialize(config, custom_objects)
