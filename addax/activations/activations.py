"""The activation functions. Most are the op of the same name."""

from __future__ import annotations

from ..core.engine import jax, jnp
from ..core.op import Tensor, TensorLike, op
from ..ops.nn.activations import (
    celu,
    elu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh_shrink,
    threshold,
)
from ..ops.nn.activations import gelu as gelu_op
from ..ops.numpy.elementwise import exp, tanh

hard_swish = hard_silu
swish = silu


def exponential(x: TensorLike) -> Tensor:
    """Computes the exponential, `exp(x)`.

    Args:
        x: Tensor.

    Returns:
        Tensor of the shape of `x`.

    >>> exponential([0.0])
    Array([1.], dtype=float32)
    """
    return exp(x)


def gelu(x: TensorLike, approximate: bool = False) -> Tensor:
    """Computes the Gaussian error linear unit ([paper](https://arxiv.org/abs/1606.08415)).

    It is `x` times the cumulative distribution function of the standard normal distribution.

    Args:
        x: Tensor.
        approximate: Whether to use the approximation with `tanh`.

    Returns:
        Tensor of the shape of `x`.

    >>> gelu([-1.0, 1.0]).round(3)
    Array([-0.159...,  0.841     ], dtype=float32)
    """
    return gelu_op(x, approximate)


def linear(x: TensorLike) -> Tensor:
    """Returns its argument unchanged.

    Args:
        x: Tensor.

    Returns:
        `x`.

    >>> linear(3.0)
    3.0
    """
    return x


@op
def mish(x: TensorLike) -> Tensor:
    """Computes `x * tanh(softplus(x))` ([paper](https://arxiv.org/abs/1908.08681)).

    Args:
        x: Tensor.

    Returns:
        Tensor of the shape of `x`.

    >>> mish([0.0, 1.0]).round(3)
    Array([0.        , 0.865...], dtype=float32)
    """
    return x * jnp.tanh(jax.nn.softplus(x))


@op(keras_class="ReLU")
def relu(x: TensorLike, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Tensor:
    """Computes the rectified linear unit, optionally leaky, bounded or with a threshold.

    It is `x` from `threshold` to `max_value`, and `negative_slope * (x - threshold)` below `threshold`.

    Args:
        x: Tensor.
        negative_slope: Slope below the threshold.
        max_value: Upper bound of the result; None for no bound.
        threshold: Threshold above which the function is `x`.

    Returns:
        Tensor of the shape of `x`.

    >>> relu([-1.0, 2.0, 8.0], negative_slope=0.5, max_value=6.0)
    Array([-0.5,  2. ,  6. ], dtype=float32)
    """
    if threshold == 0 and max_value is None:
        return jax.nn.relu(x) if negative_slope == 0 else jax.nn.leaky_relu(x, negative_slope)
    if threshold == 0 and max_value == 6:
        above = jax.nn.relu6(x)  # unlike `clip`, without a gradient at 6
    else:
        above = jax.nn.relu(x) if threshold == 0 else x * (x > threshold).astype(x.dtype)
        above = above if max_value is None else jnp.clip(above, 0, max_value)
    return above if negative_slope == 0 else above - negative_slope * jax.nn.relu(threshold - x)


__all__ = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]
