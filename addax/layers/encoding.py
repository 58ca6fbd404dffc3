"""Encodings of categories: their numbers, one-hot, multi-hot, counts; on the host and as tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.op import Tensor
from ..ops import cast, expand_dims, multiply, one_hot, reshape
from ..ops import max as max_of
from ..ops import sum as sum_of
from .layer import Layer, Shape

MODES = ("int", "one_hot", "multi_hot", "count")


def encoded_shape(shape: Shape, size: int | None, mode: str) -> Shape:
    """Returns the shape of encoded indices.

    Args:
        shape: Shape of the indices.
        size: Number of categories.
        mode: One of `MODES`, or "tf_idf", which is like "count".
    """
    if mode == "int":
        return tuple(shape)
    if mode == "one_hot":
        shape = shape or (1,)
        return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), size)
    return (*shape[:-1], size)


def encode_on_host(indices: np.ndarray, size: int, mode: str) -> np.ndarray:
    """Encodes indices as int64.

    Args:
        indices: Integers; those outside `[0, size)` are left out.
        size: Number of categories.
        mode: One of `MODES`.

    >>> encode_on_host(np.array([[0, 2, 2]]), 3, "count")
    array([[1, 0, 2]])
    """
    if mode == "int":
        return indices
    shape: Any = encoded_shape(indices.shape, size, mode)
    sets = indices.reshape(-1, 1 if mode == "one_hot" else indices.shape[-1] if indices.ndim else 1)
    rows = np.repeat(np.arange(len(sets)), sets.shape[1])
    return count_on_host(rows, sets.ravel(), (len(sets), size), mode).reshape(shape)


def count_on_host(rows: np.ndarray, indices: np.ndarray, shape: tuple[int, int], mode: str) -> np.ndarray:
    """Returns how often each category occurs in each row, or whether it does, int64.

    Args:
        rows: Row of each index.
        indices: The indices; those outside `[0, shape[1])` are left out.
        shape: Number of rows and of categories.
        mode: "count", or any other for 0 and 1.
    """
    result = np.zeros(shape, np.int64)
    known = (indices >= 0) & (indices < shape[1])
    if not known.all():
        rows, indices = rows[known], indices[known]
    if mode == "count":
        np.add.at(result, (rows, indices), 1)
    else:
        result[rows, indices] = 1
    return result


def encode(indices: Tensor, size: int, mode: str, dtype: str, weights: Tensor | None = None) -> Any:
    """Encodes indices as tensors of `dtype`; those outside `[0, size)` are left out.

    Args:
        indices: Integers.
        size: Number of categories.
        mode: One of `MODES`.
        dtype: Dtype of the result.
        weights: Weight of each index in "count" mode; None for 1.
    """
    if mode == "int":
        return cast(indices, dtype)
    indices = cast(indices, "int32")
    shape = tuple(indices.shape)
    if mode == "one_hot":
        if len(shape) > 1 and shape[-1] == 1:
            return reshape(one_hot(indices, size, dtype=dtype), (*_known(shape[:-1]), size))
        return one_hot(indices if shape else expand_dims(indices, 0), size, dtype=dtype)
    found = one_hot(indices if shape else expand_dims(indices, 0), size, dtype=dtype)
    if mode == "multi_hot":
        return max_of(found, axis=-2, initial=0)
    if weights is not None:
        found = multiply(found, expand_dims(cast(weights, dtype), -1))
    return cast(sum_of(found, axis=-2), dtype)


def mixes_rows(layer: Layer, mode: str) -> bool:
    """Returns whether a built layer encodes the whole batch as one vector, as its inputs have no axis besides it."""
    shapes = list((layer._build_shapes or {}).values())
    return mode in ("multi_hot", "count", "tf_idf") and bool(shapes) and len(shapes[0] or ()) < 2


def _known(shape: Shape) -> tuple[int, ...]:
    return tuple(-1 if not isinstance(d, int) else d for d in shape)


def check_mode(layer: Layer, mode: object, modes: tuple[str, ...] = MODES) -> None:
    """Raises ValueError unless `mode` is one of `modes`."""
    if not isinstance(mode, str) or mode not in modes:
        raise ValueError(
            f"Unknown value for `output_mode` argument of {type(layer).__name__}. Allowed values are: {modes}. "
            f"Received: output_mode={mode} (layer '{layer.name}')"
        )
