"""Remains of Keras 2: `keras.legacy`."""

from . import saving as saving

__all__ = ["saving"]
