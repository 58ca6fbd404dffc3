"""Conversions of data on the host."""

from __future__ import annotations

import numpy as np

from ..core.config import floatx
from ..core.types import ArrayLike


def to_categorical(x: ArrayLike, num_classes: int | None = None) -> np.ndarray:
    """Converts class indices to one-hot vectors.

    Args:
        x: Integers, `(...)` or `(..., 1)`.
        num_classes: Number of classes; None for the largest index + 1.

    Returns:
        Float64 array, `(..., num_classes)`.

    Raises:
        ValueError: An index is negative or not below `num_classes`.

    >>> to_categorical([0, 2])
    array([[1., 0., 0.], [0., 0., 1.]])
    """
    x = np.asarray(x)
    indices = x.astype("int64")
    if indices.ndim > 1 and indices.shape[-1] == 1:
        indices = indices[..., 0]
    num_classes = num_classes or int(indices.max()) + 1
    if indices.size and (indices.min() < 0 or indices.max() >= num_classes):
        raise ValueError(
            f"`to_categorical` got class indices from {indices.min()} to {indices.max()}; with num_classes="
            f"{num_classes} they must be in [0, {num_classes})."
        )
    return np.eye(num_classes)[indices]


def normalize(x: ArrayLike, axis: int = -1, order: int = 2) -> np.ndarray:
    """Divides an array by its norm along `axis`; vectors of zeros stay zero.

    Args:
        x: Array.
        axis: Axis to normalize over.
        order: Order of the norm; 2 is the Euclidean norm.

    Returns:
        Float array of the shape of `x`.

    >>> normalize(np.array([[3.0, 4.0]]))
    array([[0.6, 0.8]])
    """
    x = np.asarray(x)
    x = x if x.dtype.kind == "f" else x.astype(floatx())
    norm = np.atleast_1d(np.linalg.norm(x, order, axis))
    norm[norm == 0] = 1
    return x / np.expand_dims(norm, axis)
