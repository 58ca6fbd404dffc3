"""Pooling of any rank: the plain `lax` references, and forms for CPUs made of strided slices.

XLA:CPU computes the gradient of a maximum over windows one element at a time (`select_and_scatter`). Here the positions
of the maxima are kept as small integers, and gradients flow through elementwise code that XLA fuses. Forward mode, vmap
and second derivatives work: only the tangent of the maximum is written by hand, the rest is JAX's. Where nothing is
differentiated, the maximum is XLA's own: XLA fuses it with the convolutions around it into one computation on all
cores, which slices would split (predictions of a convnet: 1.4 -> 0.65 s).

Milliseconds of CPU time, float32, reference -> slices (2 cores, AVX-512):

| | forward | forward and gradient |
|---|---|---|
| max 2x2 of 64x32x32x32 | 0.57 | 22.5 -> 1.8 |
| max 3x3, strides of 2, of 32x57x57x64 | 9.2 | 99 -> 16 |
| average 2x2 of 64x32x32x32 | 0.85 -> 0.40 | 5.2 -> 2.1 |
| average 3x3, strides of 2, of 32x57x57x64 | 3.9 -> 2.2 | 49 -> 6 |
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..core.engine import jax, jnp, lax
from ..core.placement import platform
from ..core.types import Array, DTypeLike
from .conv import Sizes, check_windows, per_axis

# Windows with more elements are left to XLA: each element is a slice, and compile time grows with them.
_MOST_SLICES = 25


def _window(inputs: Array, pool_size: Sizes, strides: Sizes | None, data_format: str) -> tuple[tuple, tuple]:
    rank = inputs.ndim - 2
    size = per_axis(pool_size, rank, "pool_size")
    step = size if strides is None else per_axis(strides, rank, "strides")
    if data_format == "channels_last":
        return (1, *size, 1), (1, *step, 1)
    return (1, 1, *size), (1, 1, *step)


def use_slices(inputs: Array, size: tuple, step: tuple, *, summed: bool = False) -> bool:
    """Tests whether windows are computed as strided slices.

    They are on CPUs, for known sizes and small windows. With channels first, overlapping slices of rows are no faster
    than the reference; nor are large sums over windows that don't overlap.

    Args:
        inputs: Input of the pooling.
        size, step: Window size and strides, one int per axis of `inputs`.
        summed: Whether the windows are averaged.
    """
    if platform() != "cpu" or not all(isinstance(n, int) for n in inputs.shape[1:]):
        return False
    if size[-1] > 1 and step != size:
        return False
    return math.prod(size) <= (9 if summed else _MOST_SLICES)


def _padded(inputs: Array, size: tuple, step: tuple, padding: str, value: Any) -> Array:
    if padding == "valid":
        return inputs
    pads = lax.padtype_to_pads(inputs.shape, size, step, "SAME")
    return lax.pad(inputs, jnp.asarray(value, inputs.dtype), [(low, high, 0) for low, high in pads])


def _slices(x: Array, size: tuple, step: tuple) -> Iterator[Any]:
    """Yields the first elements of all windows, then the second ones, and so on."""
    counts = [(n - k) // s + 1 if k > 1 or s > 1 else n for n, k, s in zip(x.shape, size, step)]
    for start in itertools.product(*(range(k) for k in size)):
        yield x[tuple(slice(a, a + (n - 1) * s + 1, s) for a, n, s in zip(start, counts, step))]


def _lowest(dtype: DTypeLike) -> Any:
    if dtype == "bool":
        return np.array(False)
    floats = jnp.issubdtype(dtype, jnp.floating)
    # A NumPy scalar: `reduce_window` has no gradient for an initial value that JAX may trace.
    return np.array(-np.inf if floats else jnp.iinfo(dtype).min, dtype)


def _maximum(x: Array, size: tuple, step: tuple) -> Array:
    return lax.reduce_window(x, _lowest(x.dtype), lax.max, size, step, "VALID")


@functools.cache
def _max_of_slices() -> Callable:
    pool = jax.custom_jvp(_maximum, nondiff_argnums=(1, 2))

    @pool.defjvp
    def tangent(size: tuple, step: tuple, primals: tuple, tangents: tuple) -> tuple[Any, Any]:
        best, *others = _slices(primals[0], size, step)
        winner = jnp.zeros(best.shape, "uint8")
        for i, x in enumerate(others, 1):
            winner = jnp.where(x > best, np.uint8(i), winner)
            best = jnp.maximum(best, x)
        moved = [jnp.where(winner == np.uint8(i), t, 0) for i, t in enumerate(_slices(tangents[0], size, step))]
        return best, functools.reduce(jnp.add, moved)

    # Compiled by itself, so that an eager call is one dispatch.
    return jax.jit(pool, static_argnums=(1, 2))


@functools.cache
def _sum_of_slices() -> Callable:
    return jax.jit(lambda x, size, step: functools.reduce(jnp.add, _slices(x, size, step)), static_argnums=(1, 2))


def max_pool(
    inputs: Array,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str = "valid",
    data_format: str = "channels_last",
) -> Array:
    """Computes the maximum of each window. The first of equal elements gets the whole gradient.

    Args:
        inputs: `(batch, *spatial, channels)`; `(batch, channels, *spatial)` for "channels_first".
        pool_size: Window size: an int, or one int per spatial axis.
        strides: An int, or one int per spatial axis; None for `pool_size`.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first".

    Returns:
        `(batch, *new_spatial, channels)`, in the layout of `inputs`.
    """
    size, step = _window(inputs, pool_size, strides, data_format)
    check_windows(inputs.shape, size, (1,) * inputs.ndim, padding)
    lowest = _lowest(inputs.dtype)
    if use_slices(inputs, size, step):
        return _max_of_slices()(_padded(inputs, size, step, padding, lowest), size, step)
    return lax.reduce_window(inputs, lowest, lax.max, size, step, padding.upper())


def average_pool(
    inputs: Array,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str = "valid",
    data_format: str = "channels_last",
) -> Array:
    """Computes the mean of each window, not counting "same" padding.

    Args:
        inputs, pool_size, strides, padding, data_format: See `max_pool`.

    Returns:
        `(batch, *new_spatial, channels)`, in the layout of `inputs`.
    """
    size, step = _window(inputs, pool_size, strides, data_format)
    check_windows(inputs.shape, size, (1,) * inputs.ndim, padding)
    if not jnp.issubdtype(inputs.dtype, jnp.floating):
        inputs = inputs.astype("float32")
    zero = np.zeros((), inputs.dtype)
    if use_slices(inputs, size, step, summed=True):
        sums = _sum_of_slices()(_padded(inputs, size, step, padding, zero), size, step)
    else:
        sums = lax.reduce_window(inputs, zero, lax.add, size, step, padding.upper())
    if padding == "valid":
        return sums / math.prod(size)
    shape = tuple(1 if n == 1 else d for n, d in zip(size, inputs.shape))
    counts = lax.reduce_window(jnp.ones(shape, inputs.dtype), zero, lax.add, size, step, padding.upper())
    return sums / counts


@functools.cache
def _max_over() -> Callable:
    maximum = jax.custom_jvp(lambda x, axis: jnp.max(x, axis, keepdims=True), nondiff_argnums=(1,))

    @maximum.defjvp
    def tangent(axis: tuple[int, ...], primals: tuple, tangents: tuple) -> tuple[Any, Any]:
        (x,), (moved,) = primals, tangents
        best = jnp.max(x, axis, keepdims=True)
        equal = x == best
        count = jnp.sum(equal, axis, dtype="int32", keepdims=True)

        def first() -> Array:
            last = jnp.moveaxis(x, axis, range(-len(axis), 0))
            flat = last.reshape(*last.shape[: -len(axis)], -1)
            won = jax.nn.one_hot(jnp.argmax(flat, -1), flat.shape[-1], dtype=x.dtype)
            return jnp.moveaxis(won.reshape(last.shape), range(-len(axis), 0), axis)

        share = lax.cond(jnp.all(count > 0), lambda: equal.astype(x.dtype) / count.astype(x.dtype), first)
        return best, jnp.sum(share * moved, axis, keepdims=True)

    return maximum


def global_max_pool(inputs: Array, axis: tuple[int, ...], keepdims: bool = False) -> Array:
    """Computes the maximum over some axes. Equal elements share the gradient.

    The gradient goes to the elements that equal the maximum. XLA may compute the input once for the maximum and again,
    with other rounding, for the comparison (sums of depthwise convolutions), so that no element is equal: 0 / 0 in
    JAX's own gradient. In this case the first of the largest elements gets the whole gradient.

    Args:
        inputs: Array of any shape.
        axis: Axes to reduce, none of them negative.
        keepdims: Whether to keep the reduced axes with size 1.
    """
    if not jnp.issubdtype(inputs.dtype, jnp.floating):
        return jnp.max(inputs, axis, keepdims=keepdims)
    best = _max_over()(inputs, axis)
    return best if keepdims else jnp.squeeze(best, axis)
