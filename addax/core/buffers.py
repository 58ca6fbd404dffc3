"""NumPy arrays that are handed to JAX, and that nobody else writes to.

JAX reads a NumPy array after the call has returned that it was passed to, and goes on reading one that begins at a
multiple of 64 bytes, as it takes that as it is. So what a user may write to again is copied first; a copy that is
aligned is the only one that is made.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import tree

_ALIGNMENT = 64  # bytes


def empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array with undefined values that JAX takes as it is.

    >>> empty((2, 3), "float32").ctypes.data % 64
    0
    """
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + _ALIGNMENT, "uint8")
    skip = -memory.ctypes.data % _ALIGNMENT
    return memory[skip : skip + size].view(dtype).reshape(shape)


def own_copy(arrays: Any) -> Any:
    """A structure with copies of its NumPy arrays; other leaves stay as they are.

    >>> mine = np.zeros(2)
    >>> copy = own_copy({"a": mine})
    >>> mine[:] = 1
    >>> copy
    {'a': array([0., 0.])}
    """
    return tree.map_structure(_copy, arrays)


def _copy(x: Any) -> Any:
    if not isinstance(x, np.ndarray):
        return x
    copy = empty(x.shape, x.dtype)
    np.copyto(copy, x)
    return copy
