"""Pooling of any rank, as plain `lax` references."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.engine import jnp, lax
from .conv import Sizes, per_axis


def _window(inputs: Any, pool_size: Sizes, strides: Sizes | None, data_format: str) -> tuple[tuple, tuple]:
    rank = inputs.ndim - 2
    size = per_axis(pool_size, rank, "pool_size")
    step = size if strides is None else per_axis(strides, rank, "strides")
    if data_format == "channels_last":
        return (1, *size, 1), (1, *step, 1)
    return (1, 1, *size), (1, 1, *step)


def max_pool(
    inputs: Any,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str = "valid",
    data_format: str = "channels_last",
) -> Any:
    """The greatest element of each window.

    Args:
        inputs: `(batch, *spatial, channels)`, or channels second for "channels_first".
        pool_size: Size of the window: an int or one an axis.
        strides: Steps; None for `pool_size`.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first".
    """
    size, step = _window(inputs, pool_size, strides, data_format)
    floats = jnp.issubdtype(inputs.dtype, jnp.floating)
    # A NumPy scalar: with one that JAX may trace, `reduce_window` has no gradient.
    lowest = np.array(-np.inf if floats else jnp.iinfo(inputs.dtype).min, inputs.dtype)
    return lax.reduce_window(inputs, lowest, lax.max, size, step, padding.upper())


def average_pool(
    inputs: Any,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str = "valid",
    data_format: str = "channels_last",
) -> Any:
    """The mean of each window; what "same" padding adds doesn't count.

    Args:
        inputs, pool_size, strides, padding, data_format: As for `max_pool`.
    """
    size, step = _window(inputs, pool_size, strides, data_format)
    if not jnp.issubdtype(inputs.dtype, jnp.floating):
        inputs = inputs.astype("float32")
    zero = np.zeros((), inputs.dtype)
    sums = lax.reduce_window(inputs, zero, lax.add, size, step, padding.upper())
    if padding == "valid":
        count = 1
        for n in size:
            count *= n
        return sums / count
    shape = tuple(1 if n == 1 else d for n, d in zip(size, inputs.shape))
    counts = lax.reduce_window(jnp.ones(shape, inputs.dtype), zero, lax.add, size, step, padding.upper())
    return sums / counts
