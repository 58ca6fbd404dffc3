"""Random numbers. `seed` is None, an int (which gives the same numbers in every call) or a `SeedGenerator`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .core.convert import to_tensor, unwrap
from .core.dtypes import floatx, is_float, is_int, numpy_dtype, standardize_dtype
from .core.engine import jax, jnp
from .core.op import DTypeLike, Tensor, TensorLike
from .core.public import listing
from .core.seeds import SeedGenerator, draw_key

Seed = int | SeedGenerator | None
Shape = int | Sequence[int]

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]
__dir__ = listing(__all__)


def _float(dtype: DTypeLike, function: str) -> Any:
    name = standardize_dtype(dtype)
    if not is_float(name):
        raise ValueError(f"`keras.random.{function}` requires a floating point `dtype`. Received: dtype={dtype} ")
    return numpy_dtype(name)


def _sizes(shape: Shape) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)


def normal(shape: Shape, mean: float = 0.0, stddev: float = 1.0, dtype: DTypeLike = None, seed: Seed = None) -> Tensor:
    """Draws from a normal distribution.

    Args:
        shape: Shape of the result.
        mean: Mean.
        stddev: Standard deviation.
        dtype: Float dtype; None for the default float.
        seed: None, an int or a `SeedGenerator`.

    Returns:
        Tensor of shape `shape`.

    Raises:
        ValueError: `dtype` is not a float dtype, or `seed` is of another type.

    >>> normal((2, 3), seed=1).shape
    (2, 3)
    """
    dtype = _float(dtype, "normal")
    sample = jax.random.normal(draw_key(seed), _sizes(shape), dtype)
    return sample * jnp.asarray(unwrap(stddev), dtype) + jnp.asarray(unwrap(mean), dtype)


def truncated_normal(
    shape: Shape, mean: float = 0.0, stddev: float = 1.0, dtype: DTypeLike = None, seed: Seed = None
) -> Tensor:
    """Draws from a normal distribution truncated at two standard deviations from the mean.

    Args:
        shape: Shape of the result.
        mean: Mean.
        stddev: Standard deviation before truncation.
        dtype: Float dtype; None for the default float.
        seed: None, an int or a `SeedGenerator`.

    Returns:
        Tensor of shape `shape`.

    Raises:
        ValueError: `dtype` is not a float dtype, or `seed` is of another type.

    >>> bool(abs(truncated_normal((100,), seed=1)).max() <= 2)
    True
    """
    dtype = _float(dtype, "truncated_normal")
    sample = jax.random.truncated_normal(draw_key(seed), -2.0, 2.0, _sizes(shape), dtype)
    return sample * jnp.asarray(unwrap(stddev), dtype) + jnp.asarray(unwrap(mean), dtype)


def uniform(
    shape: Shape, minval: float = 0.0, maxval: float = 1.0, dtype: DTypeLike = None, seed: Seed = None
) -> Tensor:
    """Draws from a uniform distribution over `[minval, maxval)`.

    Args:
        shape: Shape of the result.
        minval, maxval: Bounds.
        dtype: Float dtype; None for the default float.
        seed: None, an int or a `SeedGenerator`.

    Returns:
        Tensor of shape `shape`.

    Raises:
        ValueError: `dtype` is not a float dtype, or `seed` is of another type.

    >>> uniform((2,), seed=1).shape
    (2,)
    """
    dtype = _float(dtype, "uniform")
    return jax.random.uniform(draw_key(seed), _sizes(shape), dtype, unwrap(minval), unwrap(maxval))


def randint(shape: Shape, minval: int, maxval: int, dtype: DTypeLike = "int32", seed: Seed = None) -> Tensor:
    """Draws integers uniformly from `[minval, maxval)`.

    Args:
        shape: Shape of the result.
        minval, maxval: Bounds.
        dtype: Integer dtype.
        seed: None, an int or a `SeedGenerator`.

    Returns:
        Tensor of shape `shape`.

    Raises:
        ValueError: `dtype` is not an integer dtype, or `seed` is of another type.

    >>> randint((2,), 5, 6, seed=1)
    Array([5, 5], dtype=int32)
    """
    if not is_int(standardize_dtype(dtype)):
        raise ValueError(f"`keras.random.randint` requires an integer `dtype`. Received: dtype={dtype} ")
    return jax.random.randint(draw_key(seed), _sizes(shape), unwrap(minval), unwrap(maxval), numpy_dtype(dtype))


def categorical(logits: TensorLike, num_samples: int, dtype: DTypeLike = "int32", seed: Seed = None) -> Tensor:
    """Draws classes with the probabilities `softmax(logits)`.

    Args:
        logits: Tensor, `(batch, classes)`.
        num_samples: Number of draws per row.
        dtype: Dtype of the result.
        seed: None, an int or a `SeedGenerator`.

    Returns:
        Tensor of class indices, `(batch, num_samples)`.

    Raises:
        ValueError: `logits` doesn't have rank 2, or `seed` is of another type.

    >>> categorical([[0.0, -1e9]], 3, seed=1)
    Array([[0, 0, 0]], dtype=int32)
    """
    logits = to_tensor(logits)
    if logits.ndim != 2:
        raise ValueError(
            f"`logits` should be a 2-D tensor with shape [batch_size, num_classes]. Received: {logits.shape}"
        )
    shape = (logits.shape[0], num_samples)
    return jax.random.categorical(draw_key(seed), logits[:, :, None], axis=1, shape=shape).astype(numpy_dtype(dtype))


def gamma(shape: Shape, alpha: float, dtype: DTypeLike = None, seed: Seed = None) -> Tensor:
    """Draws from a gamma distribution with scale 1.

    Args:
        shape: Shape of the result.
        alpha: Shape parameter of the distribution, positive.
        dtype: Float dtype; None for the default float.
        seed: None, an int or a `SeedGenerator`.

    Returns:
        Tensor of shape `shape`.

    Raises:
        ValueError: `dtype` is not a float dtype, or `seed` is of another type.

    >>> bool((gamma((5,), 2.0, seed=1) > 0).all())
    True
    """
    return jax.random.gamma(draw_key(seed), unwrap(alpha), _sizes(shape), _float(dtype or floatx(), "gamma"))


def binomial(
    shape: Shape, counts: TensorLike, probabilities: TensorLike, dtype: DTypeLike = None, seed: Seed = None
) -> Tensor:
    """Draws from a binomial distribution: the number of successes in `counts` trials.

    Args:
        shape: Shape of the result.
        counts: Numbers of trials, which broadcast to `shape`.
        probabilities: Probabilities of success, in [0, 1], which broadcast to `shape`.
        dtype: Float dtype; None for the default float.
        seed: None, an int or a `SeedGenerator`.

    Returns:
        Tensor of shape `shape`.

    Raises:
        ValueError: `dtype` is not a float dtype, or `seed` is of another type.

    >>> binomial((3,), 5, 1.0, seed=1)
    Array([5., 5., 5.], dtype=float32)
    """
    dtype = _float(dtype, "binomial")
    return jax.random.binomial(draw_key(seed), to_tensor(counts), to_tensor(probabilities), _sizes(shape), dtype)


def beta(shape: Shape, alpha: TensorLike, beta: TensorLike, dtype: DTypeLike = None, seed: Seed = None) -> Tensor:
    """Draws from a beta distribution, in [0, 1].

    Args:
        shape: Shape of the result.
        alpha, beta: Shape parameters of the distribution, positive, which broadcast to `shape`.
        dtype: Float dtype; None for the default float.
        seed: None, an int or a `SeedGenerator`.

    Returns:
        Tensor of shape `shape`.

    Raises:
        ValueError: `dtype` is not a float dtype, or `seed` is of another type.

    >>> beta((2,), 1.0, 3.0, seed=1).shape
    (2,)
    """
    dtype = _float(dtype, "beta")
    return jax.random.beta(draw_key(seed), to_tensor(alpha, dtype), to_tensor(beta, dtype), _sizes(shape), dtype)


def dropout(
    inputs: TensorLike, rate: float, noise_shape: Sequence[int | None] | None = None, seed: Seed = None
) -> Tensor:
    """Sets elements to 0 with probability `rate` and scales the others by `1 / (1 - rate)`.

    Args:
        inputs: Float tensor.
        rate: Probability, in [0, 1].
        noise_shape: Shape of the mask, which broadcasts with `inputs`; None in it stands for the size of `inputs`.
        seed: None, an int or a `SeedGenerator`.

    Returns:
        Tensor of the shape of `inputs`.

    Raises:
        ValueError: `seed` is of another type.

    >>> sorted(set(dropout(jnp.ones(100), 0.5, seed=1).tolist()))
    [0.0, 2.0]
    """
    inputs = to_tensor(inputs)
    keep = 1.0 - rate
    shape = inputs.shape if noise_shape is None else noise_shape
    shape = tuple(have if n is None else n for n, have in zip(shape, inputs.shape))
    mask = jnp.broadcast_to(jax.random.bernoulli(draw_key(seed), keep, shape), inputs.shape)
    return jnp.where(mask, inputs / jnp.asarray(keep, inputs.dtype), jnp.zeros_like(inputs))


def shuffle(x: TensorLike, axis: int = 0, seed: Seed = None) -> Tensor:
    """Shuffles the elements along `axis`, independently at each position of the other axes.

    Args:
        x: Tensor.
        axis: Axis to shuffle along.
        seed: None, an int or a `SeedGenerator`.

    Returns:
        Tensor of the shape of `x`.

    Raises:
        ValueError: `axis` is out of bounds, or `seed` is of another type.

    >>> sorted(shuffle([1, 2, 3], seed=1).tolist())
    [1, 2, 3]
    """
    return jax.random.permutation(draw_key(seed), to_tensor(x), axis, independent=True)
