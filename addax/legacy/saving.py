"""Serialization as Keras 2 had it: `keras.legacy.saving`."""

from ..utils.legacy import deserialize_keras_object, serialize_keras_object

__all__ = ["deserialize_keras_object", "serialize_keras_object"]
