"""Dtype policies: `keras.dtype_policies`."""

from .core.policy import DTypePolicy, DTypePolicyMap, FloatDTypePolicy, get
from .core.serialization import deserialize_keras_object as deserialize
from .core.serialization import serialize_keras_object as serialize

__all__ = ["DTypePolicy", "DTypePolicyMap", "FloatDTypePolicy", "deserialize", "get", "serialize"]
