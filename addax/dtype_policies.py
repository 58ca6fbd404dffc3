"""Dtype policies: `keras.dtype_policies`."""

from __future__ import annotations

from typing import Any

from .core.policy import (
    AWQDTypePolicy,
    DTypePolicy,
    DTypePolicyMap,
    FloatDTypePolicy,
    GPTQDTypePolicy,
    Int4DTypePolicy,
    QuantizedDTypePolicy,
    QuantizedFloat8DTypePolicy,
    get,
)
from .core.public import listing
from .core.serialization import deserialize_keras_object, serialize_keras_object
from .core.types import Config


def serialize(dtype_policy: DTypePolicy) -> Config:
    """Returns the config of a dtype policy.

    Args:
        dtype_policy: The policy.

    >>> serialize(DTypePolicy("float32"))["config"]
    {'name': 'float32'}
    """
    return serialize_keras_object(dtype_policy)


def deserialize(config: Config, custom_objects: dict[str, Any] | None = None) -> DTypePolicy:
    """Returns the dtype policy of a config.

    Args:
        config: What `serialize` returned.
        custom_objects: Dict from names to the user's classes.

    >>> deserialize(serialize(DTypePolicy("mixed_bfloat16")))
    <DTypePolicy "mixed_bfloat16">
    """
    return deserialize_keras_object(config, custom_objects=custom_objects)


__all__ = [
    "AWQDTypePolicy",
    "DTypePolicy",
    "DTypePolicyMap",
    "FloatDTypePolicy",
    "GPTQDTypePolicy",
    "Int4DTypePolicy",
    "QuantizedDTypePolicy",
    "QuantizedFloat8DTypePolicy",
    "deserialize",
    "get",
    "serialize",
]
__dir__ = listing(__all__)
