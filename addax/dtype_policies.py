"""Dtype policies: `keras.dtype_policies`."""

from typing import Any

from .core.policy import DTypePolicy, DTypePolicyMap, FloatDTypePolicy, get
from .core.serialization import deserialize_keras_object, serialize_keras_object
from .core.types import Tree

__all__ = ["DTypePolicy", "DTypePolicyMap", "FloatDTypePolicy", "deserialize", "get", "serialize"]


def serialize(dtype_policy: DTypePolicy) -> Any:
    """Returns the config of a policy.

    Args:
        dtype_policy: The policy.

    >>> serialize(DTypePolicy("float32"))["config"]
    {'name': 'float32'}
    """
    return serialize_keras_object(dtype_policy)


def deserialize(config: Tree, custom_objects: dict[str, Any] | None = None) -> Any:
    """Returns the policy that a config describes.

    Args:
        config: A config from `serialize`.
        custom_objects: Dict from names to the user's classes.

    >>> deserialize(serialize(DTypePolicy("mixed_bfloat16")))
    <DTypePolicy "mixed_bfloat16">
    """
    return deserialize_keras_object(config, custom_objects)
