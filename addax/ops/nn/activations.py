"""Functions that make a network more than one matrix: of each element, or along an axis."""

from __future__ import annotations

from typing import Any

from ...core.config import thread
from ...core.dtypes import static_shape
from ...core.engine import jax, jnp
from ...core.op import Tensor, TensorLike, op
from ...core.warnings import warn
from ..checks import axis_in


def _float(x: Any) -> Any:
    return x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(jnp.result_type(x, float))


@op
def celu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """`x` above zero, `alpha * (exp(x / alpha) - 1)` below: smooth for every `alpha`.

    >>> celu([-1.0, 1.0]).round(3)
    Array([-0.632,  1.   ], dtype=float32)
    """
    return jax.nn.celu(_float(x), alpha)


@op
def elu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """`x` above zero, `alpha * (exp(x) - 1)` below ([paper](https://arxiv.org/abs/1511.07289)).

    >>> elu([-1.0, 1.0]).round(3)
    Array([-0.632,  1.   ], dtype=float32)
    """
    return jax.nn.elu(_float(x), alpha)


@op(elementwise=True)
def gelu(x: TensorLike, approximate: bool = True) -> Tensor:
    """`x` times the normal distribution function of `x` ([paper](https://arxiv.org/abs/1606.08415)).

    Args:
        x: Tensor.
        approximate: Whether to compute it through `tanh`.

    >>> gelu([-1.0, 1.0], approximate=False).round(3)
    Array([-0.159...,  0.841     ], dtype=float32)
    """
    return jax.nn.gelu(_float(x), approximate)


@op
def glu(x: TensorLike, axis: int = -1) -> Tensor:
    """The first half of `x` along `axis` times the sigmoid of the second ([paper](https://arxiv.org/abs/1612.08083)).

    >>> glu([2.0, 0.0])
    Array([1.], dtype=float32)
    """
    if isinstance(x.shape[axis], int) and x.shape[axis] % 2:
        raise ValueError(f"axis size must be divisible by 2. Received: x.shape={x.shape} with axis={axis}")
    return jax.nn.glu(_float(x), axis)


@op
def hard_shrink(x: TensorLike, threshold: float = 0.5) -> Tensor:
    """`x` where its absolute value is above `threshold`, else 0.

    >>> hard_shrink([-1.0, 0.2])
    Array([-1.,  0.], dtype=float32)
    """
    x = _float(x)
    return jnp.where(jnp.abs(x) > threshold, x, jnp.zeros_like(x))


@op
def hard_sigmoid(x: TensorLike) -> Tensor:
    """`x / 6 + 1/2` brought into [0, 1].

    >>> hard_sigmoid([-4.0, 0.0, 4.0])
    Array([0. , 0.5, 1. ], dtype=float32)
    """
    return jax.nn.hard_sigmoid(_float(x))


@op
def hard_silu(x: TensorLike) -> Tensor:
    """`x * hard_sigmoid(x)` ([paper](https://arxiv.org/abs/1905.02244)).

    >>> hard_silu([-4.0, 3.0])
    Array([-0.,  3.], dtype=float32)
    """
    return jax.nn.hard_silu(_float(x))


hard_swish = hard_silu


@op
def hard_tanh(x: TensorLike) -> Tensor:
    """`x` brought into [-1, 1].

    >>> hard_tanh([-4.0, 0.5])
    Array([-1. ,  0.5], dtype=float32)
    """
    return jax.nn.hard_tanh(x)


@op
def leaky_relu(x: TensorLike, negative_slope: float = 0.2) -> Tensor:
    """`x` above zero, `negative_slope * x` below.

    >>> leaky_relu([-1.0, 1.0])
    Array([-0.2,  1. ], dtype=float32)
    """
    return jax.nn.leaky_relu(_float(x), negative_slope)


@op
def log_sigmoid(x: TensorLike) -> Tensor:
    """Logarithm of the sigmoid.

    >>> log_sigmoid([0.0])
    Array([-0.693...], dtype=float32)
    """
    return jax.nn.log_sigmoid(_float(x))


@op
def log_softmax(x: TensorLike, axis: Any = -1) -> Tensor:
    """Logarithm of the softmax along `axis` (an int, several, or None for all).

    >>> log_softmax([0.0, 0.0])
    Array([-0.693..., -0.693...], dtype=float32)
    """
    return jax.nn.log_softmax(_float(x), _axes(axis))


@op(elementwise=True)
def relu(x: TensorLike) -> Tensor:
    """`x` above zero, 0 below; the gradient at zero is 0.

    >>> relu([-1.0, 2.0])
    Array([0., 2.], dtype=float32)
    """
    return jax.nn.relu(x)


@op
def relu6(x: TensorLike) -> Tensor:
    """`x` brought into [0, 6].

    >>> relu6([-1.0, 8.0])
    Array([0., 6.], dtype=float32)
    """
    return jax.nn.relu6(x)


@op
def selu(x: TensorLike) -> Tensor:
    """`elu` so scaled that mean 0 and variance 1 are kept from layer to layer ([paper](https://arxiv.org/abs/1706.02515)).

    >>> selu([-1.0, 1.0]).round(3)
    Array([-1.111...,  1.051    ], dtype=float32)
    """
    return jax.nn.selu(_float(x))


@op(elementwise=True)
def sigmoid(x: TensorLike) -> Tensor:
    """`1 / (1 + exp(-x))`.

    >>> sigmoid([0.0])
    Array([0.5], dtype=float32)
    """
    return jax.nn.sigmoid(_float(x))


@op(elementwise=True)
def silu(x: TensorLike) -> Tensor:
    """`x * sigmoid(x)`, also known as swish ([paper](https://arxiv.org/abs/1702.03118)).

    >>> silu([0.0, 1.0]).round(3)
    Array([0.   , 0.731], dtype=float32)
    """
    return jax.nn.silu(_float(x))


swish = silu


@op
def soft_shrink(x: TensorLike, threshold: float = 0.5) -> Tensor:
    """`x` moved towards zero by `threshold`, 0 where it would pass it.

    >>> soft_shrink([-1.0, 0.2])
    Array([-0.5,  0. ], dtype=float32)
    """
    return jnp.where(jnp.abs(x) > threshold, x - jnp.sign(x) * threshold, jnp.zeros_like(x))


@op
def softmax(x: TensorLike, axis: Any = -1) -> Tensor:
    """`exp(x)` so scaled that it sums to 1 along `axis` (an int, several, or None for all).

    >>> softmax([0.0, 0.0])
    Array([0.5, 0.5], dtype=float32)
    """
    if isinstance(axis, int) and axis_in(x, axis) >= 0 and x.shape[axis] == 1:
        _warn_of_one_entry(x, axis)
    return jax.nn.softmax(_float(x), _axes(axis))


def _warn_of_one_entry(x: Any, axis: int) -> None:
    layers = getattr(thread.call_context, "stack", ())
    where = f" (layer '{layers[-1].name}': softmax of a single unit is 1 whatever the input)" if layers else ""
    warn(
        f"You are using a softmax over axis {axis} of a tensor of shape {static_shape(x)}. This axis has size 1. The "
        "softmax operation will always return the value 1, which is likely not what you intended. Did you mean to use "
        f"a sigmoid instead?{where}"
    )


@op(elementwise=True)
def softplus(x: TensorLike) -> Tensor:
    """`log(1 + exp(x))`, a smooth `relu`.

    >>> softplus([0.0])
    Array([0.693...], dtype=float32)
    """
    return jax.nn.softplus(_float(x))


@op
def softsign(x: TensorLike) -> Tensor:
    """`x / (1 + |x|)`.

    >>> softsign([1.0])
    Array([0.5], dtype=float32)
    """
    return jax.nn.soft_sign(_float(x))


@op
def sparse_plus(x: TensorLike) -> Tensor:
    """0 up to -1, `x` from 1, and a parabola between.

    >>> sparse_plus([-2.0, 0.0, 2.0])
    Array([0.  , 0.25, 2.  ], dtype=float32)
    """
    return jax.nn.sparse_plus(_float(x))


@op
def sparse_sigmoid(x: TensorLike) -> Tensor:
    """0 up to -1, 1 from 1, and a line between.

    >>> sparse_sigmoid([-2.0, 0.0, 2.0])
    Array([0. , 0.5, 1. ], dtype=float32)
    """
    return jax.nn.sparse_sigmoid(_float(x))


@op
def sparsemax(x: TensorLike, axis: int = -1) -> Tensor:
    """The nearest point to `x` among those that sum to 1 and are not negative ([paper](https://arxiv.org/abs/1602.02068)).

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
    """`(x + sqrt(x**2 + b)) / 2`, a smooth `relu` ([paper](https://arxiv.org/abs/2112.11687)).

    >>> squareplus([0.0])
    Array([1.], dtype=float32)
    """
    return jax.nn.squareplus(_float(x), b)


@op
def tanh_shrink(x: TensorLike) -> Tensor:
    """`x - tanh(x)`.

    >>> tanh_shrink([0.0])
    Array([0.], dtype=float32)
    """
    return x - jnp.tanh(x)


@op
def threshold(x: TensorLike, threshold: float, default_value: float) -> Tensor:
    """`x` where it is above `threshold`, else `default_value`.

    >>> threshold([-1.0, 2.0], 0.0, 9.0)
    Array([9., 2.], dtype=float32)
    """
    return jnp.where(x > threshold, x, jnp.asarray(default_value, x.dtype))


def _axes(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis
