"""Small conversions of data, on the host."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.config import floatx


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """Class indices as one-hot rows.

    Args:
        x: Ints, shape `(...)` or `(..., 1)`.
        num_classes: Number of classes; the largest index + 1 when None.

    Returns:
        Floats, shape `(..., num_classes)`.

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


def normalize(x: Any, axis: int = -1, order: int = 2) -> np.ndarray:
    """`x` divided by its norm along `axis`; rows of zeros stay.

    >>> normalize(np.array([[3.0, 4.0]]))
    array([[0.6, 0.8]])
    """
    x = np.asarray(x)
    x = x if x.dtype.kind == "f" else x.astype(floatx())
    norm = np.atleast_1d(np.linalg.norm(x, order, axis))
    norm[norm == 0] = 1
    return x / np.expand_dims(norm, axis)
