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
from .errors import describe

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


def longer(rows: Any, size: int) -> Any:
    """An array with copies of its first row added up to `size` rows; itself where it has as many.

    >>> longer(np.array([1, 2]), 4)
    array([1, 2, 1, 1])
    """
    if rows.shape[0] == size:
        return rows
    rows = np.asarray(rows)  # on the device, each number of rows would need a compiled program
    out = empty((size, *rows.shape[1:]), rows.dtype)
    out[: len(rows)] = rows
    out[len(rows) :] = rows[:1]
    return out


def own_copy(arrays: Any) -> Any:
    """A structure with copies of its NumPy arrays; other leaves stay as they are.

    >>> mine = np.zeros(2)
    >>> copy = own_copy({"a": mine})
    >>> mine[:] = 1
    >>> copy
    {'a': array([0., 0.])}
    """
    return _copy(arrays) if type(arrays) is np.ndarray else tree.map_structure(_copy, arrays)


def _copy(x: Any) -> Any:
    if not isinstance(x, np.ndarray):
        return x
    if x.dtype == object:  # text, which JAX doesn't see
        return x.copy()
    copy = empty(x.shape, x.dtype)
    np.copyto(copy, x)
    return copy


def unchanging(x: np.ndarray, dtype: Any) -> np.ndarray:
    """An array of some dtype that nobody can write to: a copy, but of one whose memory is `bytes`, which never change.

    >>> read = np.frombuffer(b"abcd", "uint8")
    >>> unchanging(read, "uint8") is read, unchanging(read.copy(), "uint8") is read
    (True, False)
    """
    memory: Any = x
    while type(memory) is np.ndarray:
        memory = memory.base
    is_fixed = type(memory) is bytes and x.dtype == dtype and x.flags.c_contiguous and x.dtype.isnative
    return x if is_fixed else np.array(x, dtype)


def as_numbers(x: Any) -> np.ndarray:
    """`x` as a NumPy array of numbers or bools.

    Raises:
        ValueError: `x` is text, an object, or a masked array with elements that are masked: the mask would be lost.

    >>> as_numbers([1, 2])
    array([1, 2])
    """
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        raise ValueError(
            "numpy masked arrays are not supported: the mask would be dropped and the masked elements used. Use "
            f"arr.filled(value) to convert the value to a standard numpy array. Received a masked array of shape "
            f"{x.shape} with {np.ma.count_masked(x)} masked elements."
        )
    if isinstance(x, (list, tuple)):
        for element in x:
            if isinstance(element, (np.ma.MaskedArray, list, tuple)):
                as_numbers(element)
    array = np.asarray(x)
    if array.dtype == object or array.dtype.kind in "US":
        raise ValueError(
            f"Cannot convert a value of dtype {array.dtype} to a tensor: addax computes with numbers and bools. "
            f"Received {describe(x)}."
        )
    return array
