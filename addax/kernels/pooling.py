"""Pooling of any rank: the plain `lax` references, and forms for CPUs made of strided slices.

XLA:CPU takes the gradient of a maximum over windows one element at a time (`select_and_scatter`). Here the places that
won are kept as small numbers, and gradients flow through elementwise code that XLA fuses. Forward mode, vmap and second
derivatives work: only the tangent of the maximum is written by hand, the rest is JAX's. Where nothing is
differentiated, the maximum is XLA's own: with it XLA joins pooling and the convolutions around it into one piece that
runs on all cores, which slices would cut up (predictions of a convnet: 1.4 -> 0.65 s).

Milliseconds of CPU time, float32, reference -> slices (2 cores, AVX-512):

| | forward | forward and gradient |
|---|---|---|
| max 2x2 of 64x32x32x32 | 0.57 | 22.5 -> 1.8 |
| max 3x3 by steps of 2 of 32x57x57x64 | 9.2 | 99 -> 16 |
| average 2x2 of 64x32x32x32 | 0.85 -> 0.40 | 5.2 -> 2.1 |
| average 3x3 by steps of 2 of 32x57x57x64 | 3.9 -> 2.2 | 49 -> 6 |
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..core.engine import jax, jnp, lax
from .conv import Sizes, check_windows, per_axis

# Windows with more elements than this are left to XLA: each is a slice, and code and compile time grow with them.
_MOST_SLICES = 25


def _window(inputs: Any, pool_size: Sizes, strides: Sizes | None, data_format: str) -> tuple[tuple, tuple]:
    rank = inputs.ndim - 2
    size = per_axis(pool_size, rank, "pool_size")
    step = size if strides is None else per_axis(strides, rank, "strides")
    if data_format == "channels_last":
        return (1, *size, 1), (1, *step, 1)
    return (1, 1, *size), (1, 1, *step)


def use_slices(inputs: Any, size: tuple, step: tuple, *, summed: bool = False) -> bool:
    """The rule: whether windows become strided slices.

    On CPUs, for sizes that are numbers and small windows. With channels first, overlapping slices of rows are no
    faster than the reference; and nor are sums over windows that don't overlap where these are large.

    Args:
        inputs: What is pooled.
        size, step: The window's size and steps, one number an axis.
        summed: Whether it is for an average.
    """
    if jax.default_backend() != "cpu" or not all(isinstance(n, int) for n in inputs.shape[1:]):
        return False
    if size[-1] > 1 and step != size:
        return False
    return math.prod(size) <= (9 if summed else _MOST_SLICES)


def _padded(inputs: Any, size: tuple, step: tuple, padding: str, value: Any) -> Any:
    if padding == "valid":
        return inputs
    pads = lax.padtype_to_pads(inputs.shape, size, step, "SAME")
    return lax.pad(inputs, jnp.asarray(value, inputs.dtype), [(low, high, 0) for low, high in pads])


def _slices(x: Any, size: tuple, step: tuple) -> Iterator[Any]:
    """The first elements of all windows, the second ones, ..., in the order in which they lie in the window."""
    counts = [(n - k) // s + 1 if k > 1 or s > 1 else n for n, k, s in zip(x.shape, size, step)]
    for start in itertools.product(*(range(k) for k in size)):
        yield x[tuple(slice(a, a + (n - 1) * s + 1, s) for a, n, s in zip(start, counts, step))]


def _lowest(dtype: Any) -> Any:
    floats = jnp.issubdtype(dtype, jnp.floating)
    # A NumPy scalar: with one that JAX may trace, `reduce_window` has no gradient.
    return np.array(-np.inf if floats else jnp.iinfo(dtype).min, dtype)


def _greatest(x: Any, size: tuple, step: tuple) -> Any:
    return lax.reduce_window(x, _lowest(x.dtype), lax.max, size, step, "VALID")


@functools.cache
def _max_of_slices() -> Callable:
    pool = jax.custom_jvp(_greatest, nondiff_argnums=(1, 2))

    @pool.defjvp
    def tangent(size: tuple, step: tuple, primals: tuple, tangents: tuple) -> tuple[Any, Any]:
        best, *others = _slices(primals[0], size, step)
        winner = jnp.zeros(best.shape, "uint8")
        for i, x in enumerate(others, 1):
            winner = jnp.where(x > best, np.uint8(i), winner)
            best = jnp.maximum(best, x)
        moved = [jnp.where(winner == np.uint8(i), t, 0) for i, t in enumerate(_slices(tangents[0], size, step))]
        return best, functools.reduce(jnp.add, moved)

    # Compiled by itself, so that a call outside of a program is one dispatch.
    return jax.jit(pool, static_argnums=(1, 2))


@functools.cache
def _sum_of_slices() -> Callable:
    return jax.jit(lambda x, size, step: functools.reduce(jnp.add, _slices(x, size, step)), static_argnums=(1, 2))


def max_pool(
    inputs: Any,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str = "valid",
    data_format: str = "channels_last",
) -> Any:
    """The greatest element of each window; of equal ones the first gets the whole gradient.

    Args:
        inputs: `(batch, *spatial, channels)`, or channels second for "channels_first".
        pool_size: Size of the window: an int or one an axis.
        strides: Steps; None for `pool_size`.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first".
    """
    size, step = _window(inputs, pool_size, strides, data_format)
    check_windows(inputs.shape, size, (1,) * inputs.ndim, padding)
    lowest = _lowest(inputs.dtype)
    if use_slices(inputs, size, step):
        return _max_of_slices()(_padded(inputs, size, step, padding, lowest), size, step)
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
    greatest = jax.custom_jvp(lambda x, axis: jnp.max(x, axis, keepdims=True), nondiff_argnums=(1,))

    @greatest.defjvp
    def tangent(axis: tuple[int, ...], primals: tuple, tangents: tuple) -> tuple[Any, Any]:
        (x,), (moved,) = primals, tangents
        best = jnp.max(x, axis, keepdims=True)
        equal = x == best
        count = jnp.sum(equal, axis, dtype="int32", keepdims=True)

        def first() -> Any:
            last = jnp.moveaxis(x, axis, range(-len(axis), 0))
            flat = last.reshape(*last.shape[: -len(axis)], -1)
            won = jax.nn.one_hot(jnp.argmax(flat, -1), flat.shape[-1], dtype=x.dtype)
            return jnp.moveaxis(won.reshape(last.shape), range(-len(axis), 0), axis)

        share = lax.cond(jnp.all(count > 0), lambda: equal.astype(x.dtype) / count.astype(x.dtype), first)
        return best, jnp.sum(share * moved, axis, keepdims=True)

    return greatest


def global_max_pool(inputs: Any, axis: tuple[int, ...], keepdims: bool = False) -> Any:
    """The greatest element over some axes; equal ones share the gradient.

    Its gradient looks for the elements that equal the maximum. XLA may compute what is pooled once for the maximum and
    again, rounded otherwise, for the comparison (sums of depthwise convolutions), so that none does: 0 / 0 in JAX's
    own gradient. Then the first of the greatest gets all of it.

    Args:
        inputs: Numbers of any shape.
        axis: The axes to reduce, none of them negative.
        keepdims: Whether they stay, with size 1.
    """
    if not jnp.issubdtype(inputs.dtype, jnp.floating):
        return jnp.max(inputs, axis, keepdims=keepdims)
    best = _max_over()(inputs, axis)
    return best if keepdims else jnp.squeeze(best, axis)
