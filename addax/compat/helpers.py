"""Helpers from the inside of Keras that libraries built on it use: see the table in `inside.py`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..core import tree
from ..core.abstract import abstract_call
from ..core.dtypes import standardize_dtype
from ..core.keras_tensor import KerasTensor
from ..core.tracking import untracked


def compute_output_spec(fn: Callable, *args: Any, **kwargs: Any) -> Any:
    """Returns KerasTensors like the outputs of `fn` for these arguments, arrays or KerasTensors; computes nothing.

    >>> compute_output_spec(keras.layers.Dense(2), np.ones((4, 3))).shape
    (4, 2)
    """
    args, kwargs = tree.map_structure(_as_symbolic, (args, kwargs))
    return abstract_call(fn, args, kwargs)


def _as_symbolic(x: Any) -> Any:
    is_array = not isinstance(x, KerasTensor) and hasattr(x, "shape") and hasattr(x, "dtype")
    return KerasTensor(x.shape, standardize_dtype(x.dtype)) if is_array else x


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


__all__ = ["compute_output_spec", "no_automatic_dependency_tracking"]
