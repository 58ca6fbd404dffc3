"""Configs of layers, with their class: `keras.layers.serialize` and `keras.layers.deserialize`."""

from __future__ import annotations

from typing import Any

from ..core.graph import Operation
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..core.types import Config
from .layer import Layer


def serialize(layer: Layer) -> Any:
    """Returns the description of a layer, its class and its config.

    Args:
        layer: The layer.

    >>> keras.layers.serialize(keras.layers.Dense(2))["class_name"]
    'Dense'
    """
    return serialize_keras_object(layer)


def deserialize(config: Config, custom_objects: dict[str, Any] | None = None) -> Any:
    """Returns the layer that a description describes, with new weights.

    Args:
        config: What `serialize` returned.
        custom_objects: Dict from names to the user's classes and functions.

    Returns:
        A layer.

    Raises:
        TypeError: Its class is unknown.
        ValueError: It describes something other than a layer.

    >>> keras.layers.deserialize(keras.layers.serialize(keras.layers.Dense(2))).units
    2
    """
    layer = deserialize_keras_object(config, custom_objects=custom_objects)
    if not isinstance(layer, Operation):
        raise ValueError(
            "`keras.layers.deserialize` was passed a `config` object that is not a `keras.layers.Layer`. "
            f"Received: {config}"
        )
    return layer
