"""Helpers from the inside of Keras that libraries built on it use: see the table in `inside.py`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..core.tracking import untracked


def no_automatic_dependency_tracking(method: Callable) -> Callable:
    """Returns `method` such that what it assigns to attributes doesn't belong to the object.

    >>> class Own(keras.layers.Layer):
    ...     @no_automatic_dependency_tracking
    ...     def lend(self, layer): self.lent = layer
    >>> own = Own()
    >>> own.lend(keras.layers.Dense(2))
    >>> own._layers
    []
    """

    @functools.wraps(method)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with untracked():
            return method(*args, **kwargs)

    return wrapper


__all__ = ["no_automatic_dependency_tracking"]
