"""Normalization, and attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.config import epsilon as default_epsilon
from ...core.dtypes import floatx
from ...core.engine import jnp, lax, promoted
from ...core.op import Argument, Axis, Tensor, TensorLike, op
from ...core.types import Array
from ...core.warnings import warn
from ...kernels.attention import attend
from ..checks import axis_in, differ


def _axes(axis: Axis) -> Any:
    return tuple(axis) if isinstance(axis, (list, tuple)) else axis


def _several(x: Array, axis: Any) -> tuple[int, ...]:
    return tuple(axis_in(x, a) for a in ((axis,) if isinstance(axis, int) else axis))


def _along(x: Array, axes: tuple[int, ...], weight: Array) -> Array:
    """Reshapes a scale or offset of the size of `axes` to lie along them; others are broadcast as they are."""
    sizes = [x.shape[a] if a in axes else 1 for a in range(x.ndim)]
    if weight.ndim == x.ndim or differ(weight.size, math.prod(sizes)):
        return weight
    return weight.reshape(sizes)


@op
def moments(x: TensorLike, axes: Axis, keepdims: bool = False, synchronized: bool = False) -> tuple[Tensor, Tensor]:
    """Computes mean and variance along `axes`, in float32 for float16 inputs.

    Args:
        x: Tensor.
        axes: Axis or axes to reduce.
        keepdims: Whether to keep the reduced axes with size 1.
        synchronized: Kept for compatibility: arrays that are sharded over devices are always reduced as a whole.

    Returns:
        Mean and variance, tensors without the reduced axes.

    Raises:
        IndexError: An axis is out of bounds. For symbolic tensors this is a ValueError.

    >>> [v.tolist() for v in moments([1.0, 3.0], [0])]
    [2.0, 1.0]
    """
    half = x.dtype == jnp.float16
    values = x.astype("float32") if half else x
    axes = _axes(axes)
    mean = jnp.mean(values, axes, keepdims=True)
    variance = jnp.var(values, axis=axes, keepdims=True)
    if not keepdims:
        mean, variance = jnp.squeeze(mean, axes), jnp.squeeze(variance, axes)
    if half:
        limit = jnp.finfo("float16")
        mean, variance = (jnp.clip(v, limit.min, limit.max).astype("float16") for v in (mean, variance))
    return mean, variance


@op(keras_class="BatchNorm")
def batch_normalization(
    x: TensorLike,
    mean: TensorLike,
    variance: TensorLike,
    axis: int,
    offset: TensorLike | None = None,
    scale: TensorLike | None = None,
    epsilon: float = 1e-3,
) -> Tensor:
    """Normalizes with given moments ([paper](https://arxiv.org/abs/1502.03167)).

    Computes `(x - mean) / sqrt(variance + epsilon) * scale + offset`.

    Args:
        x: Tensor.
        mean, variance: Vectors of the size of `axis`.
        axis: Axis of the features.
        offset, scale: Vectors of the size of `axis`, or None.
        epsilon: Small float added to the variance for numerical stability.

    Returns:
        Tensor of the shape of `x`; the dtypes of `x` and the vectors are promoted.

    Raises:
        ValueError: `axis` is out of bounds, or a vector has another size.

    >>> batch_normalization([[1.0, 2.0]], [1.0, 1.0], [1.0, 1.0], axis=-1, epsilon=0.0)
    Array([[0., 1.]], dtype=float32)
    """
    axis = axis_in(x, axis)
    size = x.shape[axis]
    shape = [size if a == axis else 1 for a in range(x.ndim)]
    for name, vector in (("mean", mean), ("variance", variance), ("offset", offset), ("scale", scale)):
        if vector is not None and differ(vector.size, size):
            raise ValueError(
                f"Arguments `{name}` must be a vector of length `x.shape[axis]`. Expected: `({size},)`. "
                f"Received: `{tuple(vector.shape)}`."
            )
    # One multiplication and one addition per element of `x`: all else is per feature.
    given = promoted(*(v for v in (mean, variance, offset, scale) if v is not None))
    factor = lax.rsqrt(variance.astype(given).reshape(shape) + epsilon)
    if scale is not None:
        factor = factor * scale.astype(given).reshape(shape)
    shift = -mean.astype(given).reshape(shape) * factor
    if offset is not None:
        shift = shift + offset.astype(given).reshape(shape)
    wide = promoted(x, factor)
    return x.astype(wide) * factor.astype(wide) + shift.astype(wide)


@op(keras_class="LayerNorm")
def layer_normalization(
    x: TensorLike,
    gamma: TensorLike | None = None,
    beta: TensorLike | None = None,
    axis: Axis = -1,
    epsilon: float | None = None,
    rms_scaling: bool = False,
) -> Tensor:
    """Normalizes each sample to mean 0 and variance 1 along `axis` ([paper](https://arxiv.org/abs/1607.06450)).

    Args:
        x: Tensor.
        gamma: Scale, of the size of `axis`, or None.
        beta: Offset, of the size of `axis`, or None.
        axis: Axis or axes to normalize over.
        epsilon: Small float added to the variance for numerical stability; None for the default.
        rms_scaling: Whether to divide by the standard deviation without subtracting the mean. Deprecated.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        ValueError: `axis` is out of bounds.

    >>> layer_normalization([[1.0, 3.0]]).round(3)
    Array([[-1.,  1.]], dtype=float32)
    """
    if rms_scaling:
        warn(
            "You passed `rms_scaling=True`, which is deprecated. This argument incorrectly scales the input by the "
            "variance, not the root mean square. To correctly use RMS Normalization, please use "
            "`keras.ops.rms_normalization` / `keras.ops.nn.rms_normalization` instead."
        )
    epsilon = default_epsilon() if epsilon is None else epsilon
    dtype = x.dtype
    compute = promoted(dtype, "float32")
    x = x.astype(compute)
    axes = _several(x, axis)
    gamma, beta = (None if w is None else _along(x, axes, w).astype(compute) for w in (gamma, beta))
    mean = jnp.mean(x, axes, keepdims=True)
    variance = jnp.mean(jnp.square(x - mean), axes, keepdims=True)
    if rms_scaling:
        out = x * lax.rsqrt(variance + epsilon)
        return (out if gamma is None else out * gamma).astype(dtype)
    factor = lax.rsqrt(variance + epsilon)
    if gamma is not None:
        factor = factor * gamma
    out = (x - mean) * factor
    return (out if beta is None else out + beta).astype(dtype)


@op(keras_class="RMSNorm")
def rms_normalization(
    x: TensorLike, scale: TensorLike | None = None, axis: Axis = -1, epsilon: float | None = None
) -> Tensor:
    """Normalizes by the root mean square along `axis` ([paper](https://arxiv.org/abs/1910.07467)).

    Computes `x / sqrt(mean(x**2) + epsilon) * scale`.

    Args:
        x: Tensor.
        scale: Scale, of the size of `axis`, or None.
        axis: Axis or axes to normalize over.
        epsilon: Small float added to the mean square for numerical stability; None for the default.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        ValueError: `axis` is out of bounds.

    >>> rms_normalization([[1.0, 1.0]]).round(3)
    Array([[1., 1.]], dtype=float32)
    """
    epsilon = default_epsilon() if epsilon is None else epsilon
    dtype = x.dtype
    x = x.astype(promoted(dtype, "float32"))
    axes = _several(x, axis)
    out = x * lax.rsqrt(jnp.mean(jnp.square(x), axes, keepdims=True) + epsilon)
    if scale is not None:
        out = out * _along(x, axes, jnp.asarray(scale))
    return out.astype(dtype)


@op
def normalize(x: TensorLike, axis: Axis = -1, order: int = 2, epsilon: float | None = None) -> Tensor:
    """Divides a tensor by its norm along `axis`.

    Args:
        x: Tensor.
        axis: Axis or axes to normalize over.
        order: Order of the norm, an int of at least 1; 2 is the Euclidean norm.
        epsilon: Lower bound of the norm; None for the default.

    Returns:
        Float tensor of the shape of `x`.

    Raises:
        ValueError: `order` is not an int of at least 1, or `axis` is out of bounds.

    >>> normalize([[3.0, 4.0]])
    Array([[0.6, 0.8]], dtype=float32)
    """
    if not isinstance(order, (int, np.integer)) or order < 1:
        raise ValueError(f"Argument `order` must be an int >= 1. Received: order={order}")
    epsilon = default_epsilon() if epsilon is None else epsilon
    if not jnp.issubdtype(x.dtype, jnp.inexact):
        x = x.astype(floatx())
    if order == 2:
        square = jnp.sum(jnp.square(x), _axes(axis), keepdims=True)
        return x * lax.rsqrt(jnp.maximum(square, epsilon**2))
    axes = range(x.ndim) if axis is None else _several(x, axis)
    norm = jnp.linalg.norm(x, order, axes[0] if len(axes) == 1 else tuple(axes), keepdims=True)
    return x / jnp.maximum(norm, epsilon)


@op
def dot_product_attention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    bias: TensorLike | None = None,
    mask: TensorLike | None = None,
    scale: Argument = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Tensor:
    """Computes scaled dot-product attention ([paper](https://arxiv.org/abs/1706.03762)).

    Args:
        query: Tensor, `(batch, queries, heads, dim)`.
        key, value: Tensors, `(batch, keys, key_heads, dim)`; `key_heads` divides `heads`.
        bias: Tensor added to the logits; broadcasts to `(batch, heads, queries, keys)`.
        mask: Bool tensor that broadcasts likewise; True for positions to attend to.
        scale: Factor of the logits, a float; None for `1 / sqrt(dim)`.
        is_causal: Whether each query attends only to keys up to its own position.
        flash_attention: Whether to use the device's fused kernel; None chooses automatically.
        attn_logits_soft_cap: Bound of the logits' absolute value, applied by `tanh`; None for no bound.

    Returns:
        Tensor, `(batch, queries, heads, dim)`.

    Raises:
        ValueError: A tensor doesn't have rank 4, or the shapes don't fit together.

    >>> dot_product_attention(jnp.ones((1, 2, 1, 4)), jnp.ones((1, 3, 1, 4)), jnp.ones((1, 3, 1, 4))).shape
    (1, 2, 1, 4)
    """
    shapes = f"Received: query.shape={query.shape}, key.shape={key.shape}, value.shape={value.shape}."
    if any(x.ndim != 4 for x in (query, key, value)):
        raise ValueError(f"`dot_product_attention` only supports 4D inputs. {shapes}")
    heads, key_heads = query.shape[2], key.shape[2]
    if isinstance(heads, int) and isinstance(key_heads, int) and heads % key_heads:
        raise ValueError(
            f"The number of query heads must be a multiple of key/value heads, but got {heads} vs {key_heads}. {shapes}"
        )
    sizes = [(query, key, 0), (key, value, 0), (key, value, 1), (key, value, 2), (query, key, 3)]
    if any(differ(a.shape[i], b.shape[i]) for a, b, i in sizes):
        raise ValueError(
            "`query`, `key` and `value` must have the same batch size, `query` and `key` the same head size, "
            f"`key` and `value` the same length and number of heads. {shapes}"
        )
    mask = None if mask is None else mask.astype(bool)
    dtype = promoted(query, key, value)
    query, key, value = (x.astype(dtype) for x in (query, key, value))
    return attend(query, key, value, bias, mask, scale, is_causal, attn_logits_soft_cap, flash_attention)
