"""Activation functions, elementwise or along an axis."""

from __future__ import annotations

from typing import Any

from ...core.config import thread
from ...core.dtypes import static_shape
from ...core.engine import jax, jnp, promoted
from ...core.op import Axis, Tensor, TensorLike, op
from ...core.types import Array
from ...core.warnings import warn
from ..checks import axis_in


def _float(x: Array) -> Array:
    return x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(promoted(x, float))


@op
def celu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """Computes the continuously differentiable exponential linear unit.

    It is `x` for positive `x`, else `alpha * (exp(x / alpha) - 1)`.

    Args:
        x: Tensor.
        alpha: Scale of the exponential part.

    Returns:
        Tensor of the shape of `x`.

    >>> celu([-1.0, 1.0]).round(3)
    Array([-0.632,  1.   ], dtype=float32)
    """
    return jax.nn.celu(_float(x), alpha)


@op
def elu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """Computes the exponential linear unit ([paper](https://arxiv.org/abs/1511.07289)).

    It is `x` for positive `x`, else `alpha * (exp(x) - 1)`.

    Args:
        x: Tensor.
        alpha: Scale of the exponential part.

    Returns:
        Tensor of the shape of `x`.

    >>> elu([-1.0, 1.0]).round(3)
    Array([-0.632,  1.   ], dtype=float32)
    """
    return jax.nn.elu(_float(x), alpha)


@op(elementwise=True)
def gelu(x: TensorLike, approximate: bool = True) -> Tensor:
    """Computes the Gaussian error linear unit ([paper](https://arxiv.org/abs/1606.08415)).

    It is `x` times the cumulative distribution function of the standard normal distribution.

    Args:
        x: Tensor.
        approximate: Whether to use the approximation with `tanh`.

    Returns:
        Tensor of the shape of `x`.

    >>> gelu([-1.0, 1.0], approximate=False).round(3)
    Array([-0.159...,  0.841     ], dtype=float32)
    """
    return jax.nn.gelu(_float(x), approximate)


@op
def glu(x: TensorLike, axis: int = -1) -> Tensor:
    """Computes the gated linear unit ([paper](https://arxiv.org/abs/1612.08083)).

    It is the first half of `x` along `axis` times the sigmoid of the second half.

    Args:
        x: Tensor.
        axis: Axis to halve.

    Returns:
        Tensor with half the size along `axis`.

    Raises:
        ValueError: The size of `axis` is odd.

    >>> glu([2.0, 0.0])
    Array([1.], dtype=float32)
    """
    if isinstance(x.shape[axis], int) and x.shape[axis] % 2:
        raise ValueError(f"axis size must be divisible by 2. Received: x.shape={x.shape} with axis={axis}")
    return jax.nn.glu(_float(x), axis)


@op
def hard_shrink(x: TensorLike, threshold: float = 0.5) -> Tensor:
    """Computes the hard shrinkage: `x` if its absolute value is above `threshold`, else 0.

    Args:
        x: Tensor.
        threshold: Threshold, a non-negative float.

    Returns:
        Tensor of the shape of `x`.

    >>> hard_shrink([-1.0, 0.2])
    Array([-1.,  0.], dtype=float32)
    """
    x = _float(x)
    return jnp.where(jnp.abs(x) > threshold, x, jnp.zeros_like(x))


@op
def hard_sigmoid(x: TensorLike) -> Tensor:
    """Computes a piecewise linear approximation of the sigmoid: `x / 6 + 1/2` clipped to [0, 1].

    Args:
        x: Tensor.

    Returns:
        Tensor of the shape of `x`.

    >>> hard_sigmoid([-4.0, 0.0, 4.0])
    Array([0. , 0.5, 1. ], dtype=float32)
    """
    return jax.nn.hard_sigmoid(_float(x))


@op
def hard_silu(x: TensorLike) -> Tensor:
    """Computes `x * hard_sigmoid(x)` ([paper](https://arxiv.org/abs/1905.02244)).

    Args:
        x: Tensor.

    Returns:
        Tensor of the shape of `x`.

    >>> hard_silu([-4.0, 3.0])
    Array([-0.,  3.], dtype=float32)
    """
    return jax.nn.hard_silu(_float(x))


hard_swish = hard_silu


@op
def hard_tanh(x: TensorLike) -> Tensor:
    """Clips `x` to [-1, 1].

    Args:
        x: Tensor.

    Returns:
        Tensor of the shape of `x`.

    >>> hard_tanh([-4.0, 0.5])
    Array([-1. ,  0.5], dtype=float32)
    """
    return jax.nn.hard_tanh(x)


@op
def leaky_relu(x: TensorLike, negative_slope: float = 0.2) -> Tensor:
    """Computes the leaky rectified linear unit: `x` if positive, else `negative_slope * x`.

    Args:
        x: Tensor.
        negative_slope: Slope for negative `x`.

    Returns:
        Tensor of the shape of `x`.

    >>> leaky_relu([-1.0, 1.0])
    Array([-0.2,  1. ], dtype=float32)
    """
    return jax.nn.leaky_relu(_float(x), negative_slope)


@op
def log_sigmoid(x: TensorLike) -> Tensor:
    """Computes the logarithm of the sigmoid.

    Args:
        x: Tensor.

    Returns:
        Tensor of the shape of `x`.

    >>> log_sigmoid([0.0])
    Array([-0.693...], dtype=float32)
    """
    return jax.nn.log_sigmoid(_float(x))


@op
def log_softmax(x: TensorLike, axis: Axis = -1) -> Tensor:
    """Computes the logarithm of the softmax along `axis`.

    Args:
        x: Tensor.
        axis: Axis or axes to normalize over; None for all.

    Returns:
        Tensor of the shape of `x`.

    Raises:
        ValueError: `axis` is out of bounds.

    >>> log_softmax([0.0, 0.0])
    Array([-0.693..., -0.693...], dtype=float32)
    """
    return jax.nn.log_softmax(_float(x), _axes(axis))


@op(elementwise=True)
def relu(x: TensorLike) -> Tensor:
    """Computes the rectified linear unit, `max(x, 0)`. Its gradient at zero is 0.

    Args:
        x: Tensor.

    Returns:
        Tensor of the shape of `x`.

    >>> relu([-1.0, 2.0])
    Array([0., 2.], dtype=float32)
    """
    return jax.nn.relu(x)


@op
def relu6(x: TensorLike) -> Tensor:
    """Computes the rectified linear unit bounded by 6: clips `x` to [0, 6].

    Args:
        x: Tensor.

    Returns:
        Tensor of the shape of `x`.

    >>> relu6([-1.0, 8.0])
    Array([0., 6.], dtype=float32)
    """
    return jax.nn.relu6(x)


@op
def selu(x: TensorLike) -> Tensor:
    """Computes the scaled exponential linear unit ([paper](https://arxiv.org/abs/1706.02515)).

    It is `elu` scaled such that mean 0 and variance 1 are preserved from layer to layer.

    Args:
        x: Tensor.

    Returns:
        Tensor of the shape of `x`.

    >>> selu([-1.0, 1.0]).round(3)
    Array([-1.111...,  1.051    ], dtype=float32)
    """
    return jax.nn.selu(_float(x))


@op(elementwise=True)
def sigmoid(x: TensorLike) -> Tensor:
    """Computes the sigmoid (logistic function), `1 / (1 + exp(-x))`.

    Args:
        x: Tensor.

    Returns:
        Tensor of the shape of `x`, in [0, 1].

    >>> sigmoid([0.0])
    Array([0.5], dtype=float32)
    """
    return jax.nn.sigmoid(_float(x))


@op(elementwise=True)
def silu(x: TensorLike) -> Tensor:
    """Computes the sigmoid linear unit or swish, `x * sigmoid(x)` ([paper](https://arxiv.org/abs/1702.03118)).

    Args:
        x: Tensor.

    Returns:
        Tensor of the shape of `x`.

    >>> silu([0.0, 1.0]).round(3)
    Array([0.   , 0.731], dtype=float32)
    """
    return jax.nn.silu(_float(x))


swish = silu


@op
def soft_shrink(x: TensorLike, threshold: float = 0.5) -> Tensor:
    """Computes the soft shrinkage: shifts `x` towards zero by `threshold`, with 0 where the absolute value is below it.

    Args:
        x: Tensor.
        threshold: Threshold, a non-negative float.

    Returns:
        Tensor of the shape of `x`.

    >>> soft_shrink([-1.0, 0.2])
    Array([-0.5,  0. ], dtype=float32)
    """
    x = x.astype(promoted(x, float))
    return jnp.where(jnp.abs(x) > threshold, x - jnp.sign(x) * threshold, jnp.zeros_like(x))


@op
def softmax(x: TensorLike, axis: Axis = -1) -> Tensor:
    """Computes the softmax along `axis`: `exp(x)` normalized to a sum of 1.

    Args:
        x: Tensor.
        axis: Axis or axes to normalize over; None for all.

    Returns:
        Tensor of the shape of `x`.

    Raises:
        ValueError: `axis` is out of bounds.

    >>> softmax([0.0, 0.0])
    Array([0.5, 0.5], dtype=float32)
    """
    if isinstance(axis, int) and axis_in(x, axis) >= 0 and x.shape[axis] == 1:
        _warn_of_one_entry(x, axis)
    return jax.nn.softmax(_float(x), _axes(axis))


def _warn_of_one_entry(x: Array, axis: int) -> None:
    layers = getattr(thread.call_context, "stack", ())
    where = f" (layer '{layers[-1].name}': softmax of a single unit is 1 whatever the input)" if layers else ""
    warn(
        f"You are using a softmax over axis {axis} of a tensor of shape {static_shape(x)}. This axis has size 1. The "
        "softmax operation will always return the value 1, which is likely not what you intended. Did you mean to use "
        f"a sigmoid instead?{where}"
    )


@op(elementwise=True)
def softplus(x: TensorLike) -> Tensor:
    """Computes `log(1 + exp(x))`, a smooth approximation of `relu`.

    Args:
        x: Tensor.

    Returns:
        Tensor of the shape of `x`.

    >>> softplus([0.0])
    Array([0.693...], dtype=float32)
    """
    return jax.nn.softplus(_float(x))


@op
def softsign(x: TensorLike) -> Tensor:
    """Computes `x / (1 + |x|)`.

    Args:
        x: Tensor.

    Returns:
        Tensor of the shape of `x`.

    >>> softsign([1.0])
    Array([0.5], dtype=float32)
    """
    return jax.nn.soft_sign(_float(x))


@op
def sparse_plus(x: TensorLike) -> Tensor:
    """Computes a piecewise quadratic approximation of `softplus`: 0 below -1, `x` above 1, a parabola between.

    Args:
        x: Tensor.

    Returns:
        Tensor of the shape of `x`.

    >>> sparse_plus([-2.0, 0.0, 2.0])
    Array([0.  , 0.25, 2.  ], dtype=float32)
    """
    return jax.nn.sparse_plus(_float(x))


@op
def sparse_sigmoid(x: TensorLike) -> Tensor:
    """Computes a piecewise linear approximation of the sigmoid: 0 below -1, 1 above 1, a line between.

    Args:
        x: Tensor.

    Returns:
        Tensor of the shape of `x`.

    >>> sparse_sigmoid([-2.0, 0.0, 2.0])
    Array([0. , 0.5, 1. ], dtype=float32)
    """
    return jax.nn.sparse_sigmoid(_float(x))


@op
def sparsemax(x: TensorLike, axis: int = -1) -> Tensor:
    """Computes the sparsemax ([paper](https://arxiv.org/abs/1602.02068)).

    It is the Euclidean projection of `x` onto the probability simplex.

    Args:
        x: Tensor.
        axis: Axis to normalize over.

    Returns:
        Tensor of the shape of `x`, non-negative, with sums of 1 along `axis`.

    Raises:
        ValueError: `axis` is out of bounds.

    >>> sparsemax([1.0, 0.8, -1.0]).round(2)
    Array([0.599..., 0.399..., 0.        ], dtype=float32)
    """
    x = jnp.moveaxis(_float(x), axis, -1)
    ordered = jnp.flip(jnp.sort(x, -1), -1)
    sums = jnp.cumsum(ordered, -1)
    rank = jnp.arange(1, x.shape[-1] + 1, dtype=x.dtype)
    # The support is the longest prefix whose members stay positive after the shift by tau.
    size = jnp.sum(1 + rank * ordered > sums, -1, keepdims=True)
    tau = (jnp.take_along_axis(sums, size - 1, -1) - 1) / size
    return jnp.moveaxis(jnp.maximum(x - tau, 0), -1, axis)


@op
def squareplus(x: TensorLike, b: float = 4) -> Tensor:
    """Computes `(x + sqrt(x**2 + b)) / 2`, which approximates `relu` ([paper](https://arxiv.org/abs/2112.11687)).

    Args:
        x: Tensor.
        b: Smoothness, a non-negative float; 0 gives `relu`.

    Returns:
        Tensor of the shape of `x`.

    >>> squareplus([0.0])
    Array([1.], dtype=float32)
    """
    return jax.nn.squareplus(_float(x), b)


@op
def tanh_shrink(x: TensorLike) -> Tensor:
    """Computes `x - tanh(x)`.

    Args:
        x: Tensor.

    Returns:
        Tensor of the shape of `x`.

    >>> tanh_shrink([0.0])
    Array([0.], dtype=float32)
    """
    return x - jnp.tanh(x)


@op
def threshold(x: TensorLike, threshold: float, default_value: float) -> Tensor:
    """Replaces elements that are not above a threshold.

    Args:
        x: Tensor.
        threshold: Threshold.
        default_value: Replacement of the elements at or below the threshold.

    Returns:
        Tensor of the shape of `x`, and its dtype promoted with that of the numbers.

    >>> threshold([-1.0, 2.0], 0.0, 9.0)
    Array([9., 2.], dtype=float32)
    """
    return jnp.where(x > threshold, x, default_value)


def _axes(axis: Axis) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis
