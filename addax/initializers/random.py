"""Random initializers: drawn on the host from counter-based generators, so they cost no compile and repeat anywhere."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from ..core.errors import did_you_mean
from ..core.seeds import SeedGenerator
from .base import RandomInitializer

# The standard deviation of a standard normal cut off at two standard deviations.
_TRUNCATED_STDDEV = 0.87962566103423978


class RandomNormal(RandomInitializer):
    """A normal distribution.

    Args:
        mean: Mean.
        stddev: Standard deviation.
        seed: Int, `SeedGenerator`, or None to draw a seed now.

    >>> keras.initializers.RandomNormal(stddev=1.0, seed=0)((2, 3)).shape
    (2, 3)
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | SeedGenerator | None = None):
        super().__init__(seed)
        self.mean = mean
        self.stddev = stddev

    def __call__(self, shape: Any, dtype: Any = None) -> np.ndarray:
        drawn_in, dtype = self.float_dtype(dtype)
        return _scaled(self.rng().standard_normal(tuple(shape), drawn_in), self.stddev, self.mean, dtype)


class TruncatedNormal(RandomInitializer):
    """A normal distribution without what lies beyond two standard deviations.

    Args:
        mean: Mean before truncation.
        stddev: Standard deviation before truncation.
        seed: Int, `SeedGenerator`, or None to draw a seed now.

    >>> bool((abs(keras.initializers.TruncatedNormal(stddev=1.0, seed=0)((1000,))) <= 2).all())
    True
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | SeedGenerator | None = None):
        super().__init__(seed)
        self.mean = mean
        self.stddev = stddev

    def __call__(self, shape: Any, dtype: Any = None) -> np.ndarray:
        drawn_in, dtype = self.float_dtype(dtype)
        return _scaled(_truncated_normal(self.rng(), shape, drawn_in), self.stddev, self.mean, dtype)


class RandomUniform(RandomInitializer):
    """A uniform distribution over `[minval, maxval)`.

    Args:
        minval: Lower bound.
        maxval: Upper bound.
        seed: Int, `SeedGenerator`, or None to draw a seed now.

    >>> bool((keras.initializers.RandomUniform(2.0, 3.0, seed=0)((100,)) >= 2).all())
    True
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | SeedGenerator | None = None):
        super().__init__(seed)
        self.minval = minval
        self.maxval = maxval

    def __call__(self, shape: Any, dtype: Any = None) -> np.ndarray:
        drawn_in, dtype = self.float_dtype(dtype)
        return _scaled(self.rng().random(tuple(shape), drawn_in), self.maxval - self.minval, self.minval, dtype)


class VarianceScaling(RandomInitializer):
    """Values whose variance is `scale` over the number of connections of a unit.

    The connections (the fan) are the second-last dimension for `fan_in` and the last one for `fan_out`, times the size
    of a convolution's window (all dimensions before them).

    Args:
        scale: Positive factor of the variance.
        mode: "fan_in", "fan_out" or "fan_avg", their mean.
        distribution: "truncated_normal" (also called "normal"), "untruncated_normal" or "uniform".
        seed: Int, `SeedGenerator`, or None to draw a seed now.
        input_axes, output_axes: The dimensions that count as inputs and outputs; when both are given, the fans are the
            products of their sizes.

    >>> values = keras.initializers.VarianceScaling(2.0, seed=0)((400, 400))
    >>> bool(abs(values.var() * 400 / 2.0 - 1) < 0.02)
    True
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: Literal["fan_in", "fan_out", "fan_avg"] = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | SeedGenerator | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ):
        super().__init__(seed)
        if scale <= 0:
            raise ValueError(f"Argument `scale` must be positive float. Received: scale={scale}")
        _one_of("mode", mode, ("fan_in", "fan_out", "fan_avg"))
        distribution = distribution.lower()
        if distribution == "normal":
            distribution = "truncated_normal"
        _one_of("distribution", distribution, ("uniform", "truncated_normal", "untruncated_normal"))
        self.scale = scale
        self.mode = mode
        self.distribution = distribution
        self.input_axes = input_axes
        self.output_axes = output_axes

    def with_axes(self, input_axes: Sequence[int], output_axes: Sequence[int]) -> VarianceScaling:
        """This initializer with the fans of these dimensions, or itself where it was given dimensions of its own.

        A layer whose kernel isn't laid out as a convolution's says so with it. The seed stays the same.

        >>> keras.initializers.HeNormal(seed=0).with_axes([0], [1, 2])((64, 4, 8)).std() > 0.15
        True
        """
        if self.input_axes is not None or self.output_axes is not None:
            return self
        other = copy.copy(self)
        other.input_axes, other.output_axes = input_axes, output_axes
        return other

    def __call__(self, shape: Any, dtype: Any = None) -> np.ndarray:
        drawn_in, dtype = self.float_dtype(dtype)
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        stddev = math.sqrt(self.scale / max(1.0, fan))
        rng = self.rng()
        if self.distribution == "uniform":
            limit = math.sqrt(3.0) * stddev
            return _scaled(rng.random(tuple(shape), drawn_in), 2 * limit, -limit, dtype)
        if self.distribution == "truncated_normal":
            return _scaled(_truncated_normal(rng, shape, drawn_in), stddev / _TRUNCATED_STDDEV, 0.0, dtype)
        return _scaled(rng.standard_normal(tuple(shape), drawn_in), stddev, 0.0, dtype)


class _Preset(VarianceScaling):
    """A named setting of VarianceScaling."""

    preset: tuple[float, Any, str]

    def __init__(
        self,
        seed: int | SeedGenerator | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ):
        super().__init__(*self.preset, seed=seed, input_axes=input_axes, output_axes=output_axes)


class GlorotUniform(_Preset):
    """Uniform within `sqrt(6 / (fan_in + fan_out))`, also called Xavier uniform.

    Args:
        seed: Int, `SeedGenerator`, or None to draw a seed now.
        input_axes, output_axes: See `VarianceScaling`.

    See [Glorot & Bengio, 2010](https://proceedings.mlr.press/v9/glorot10a.html).

    >>> bool(abs(keras.initializers.GlorotUniform(seed=0)((2, 4))).max() <= 1)
    True
    """

    preset = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Preset):
    """Truncated normal of standard deviation `sqrt(2 / (fan_in + fan_out))`, also called Xavier normal.

    Args:
        seed: Int, `SeedGenerator`, or None to draw a seed now.
        input_axes, output_axes: See `VarianceScaling`.

    See [Glorot & Bengio, 2010](https://proceedings.mlr.press/v9/glorot10a.html).

    >>> keras.initializers.GlorotNormal(seed=0)((2, 4)).dtype
    dtype('float32')
    """

    preset = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Preset):
    """Uniform within `sqrt(6 / fan_in)`.

    Args:
        seed: Int, `SeedGenerator`, or None to draw a seed now.
        input_axes, output_axes: See `VarianceScaling`.

    See [He et al., 2015](https://arxiv.org/abs/1502.01852).

    >>> bool(abs(keras.initializers.HeUniform(seed=0)((6, 4))).max() <= 1)
    True
    """

    preset = (2.0, "fan_in", "uniform")


class HeNormal(_Preset):
    """Truncated normal of standard deviation `sqrt(2 / fan_in)`.

    Args:
        seed: Int, `SeedGenerator`, or None to draw a seed now.
        input_axes, output_axes: See `VarianceScaling`.

    See [He et al., 2015](https://arxiv.org/abs/1502.01852).

    >>> keras.initializers.HeNormal(seed=0)((2, 4)).dtype
    dtype('float32')
    """

    preset = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Preset):
    """Uniform within `sqrt(3 / fan_in)`.

    Args:
        seed: Int, `SeedGenerator`, or None to draw a seed now.
        input_axes, output_axes: See `VarianceScaling`.

    See [LeCun et al., 1998](https://doi.org/10.1007/3-540-49430-8_2).

    >>> bool(abs(keras.initializers.LecunUniform(seed=0)((3, 4))).max() <= 1)
    True
    """

    preset = (1.0, "fan_in", "uniform")


class LecunNormal(_Preset):
    """Truncated normal of standard deviation `sqrt(1 / fan_in)`.

    Args:
        seed: Int, `SeedGenerator`, or None to draw a seed now.
        input_axes, output_axes: See `VarianceScaling`.

    See [LeCun et al., 1998](https://doi.org/10.1007/3-540-49430-8_2).

    >>> keras.initializers.LecunNormal(seed=0)((2, 4)).dtype
    dtype('float32')
    """

    preset = (1.0, "fan_in", "truncated_normal")


class Orthogonal(RandomInitializer):
    """A random matrix with orthogonal rows or columns (whichever are fewer), uniform over all of them.

    A shape of more than two dimensions is made as a matrix of `(product of the others, last)`.

    Args:
        gain: Factor of the matrix.
        seed: Int, `SeedGenerator`, or None to draw a seed now.

    See [Saxe et al., 2014](https://arxiv.org/abs/1312.6120).

    >>> q = keras.initializers.Orthogonal(seed=0)((4, 3))
    >>> bool(np.allclose(q.T @ q, np.eye(3), atol=1e-6))
    True
    """

    def __init__(self, gain: float = 1.0, seed: int | SeedGenerator | None = None):
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape: Any, dtype: Any = None) -> np.ndarray:
        shape = tuple(shape)
        if len(shape) < 2:
            raise ValueError(
                f"The tensor to initialize must be at least two-dimensional. Received: shape={shape} of rank "
                f"{len(shape)}."
            )
        drawn_in, dtype = self.float_dtype(dtype)
        rows, columns = math.prod(shape[:-1]), shape[-1]
        normal = self.rng().standard_normal((max(rows, columns), min(rows, columns)), drawn_in)
        q, r = np.linalg.qr(normal)
        q *= np.sign(np.diag(r))  # without it the signs follow LAPACK's conventions and aren't uniform
        return _scaled(np.reshape(q if rows >= columns else q.T, shape), self.gain, 0.0, dtype)


def compute_fans(shape: Any, input_axes: Any = None, output_axes: Any = None) -> tuple[int, int]:
    """The numbers of inputs and outputs that a unit of a kernel of this shape has.

    >>> compute_fans((3, 3, 16, 32)), compute_fans((8, 4, 16), [0], [1, 2])
    ((144, 288), (8, 64))
    """
    shape = tuple(shape)
    if input_axes is not None and output_axes is not None:
        return tuple(math.prod(shape[a] for a in np.atleast_1d(axes)) for axes in (input_axes, output_axes))  # type: ignore[return-value]
    if not shape:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


def _truncated_normal(rng: np.random.Generator, shape: Any, dtype: Any) -> np.ndarray:
    values = rng.standard_normal(math.prod(shape), dtype)
    (outside,) = np.nonzero(np.abs(values) > 2)
    while outside.size:  # one value in 22 the first time, so this ends after a few rounds
        values[outside] = rng.standard_normal(outside.size, dtype)
        outside = outside[np.abs(values[outside]) > 2]
    return values.reshape(tuple(shape))


def _scaled(values: Any, factor: float, offset: float, dtype: np.dtype) -> np.ndarray:
    values = np.asarray(values)  # shape () draws a plain number
    values *= factor
    if offset:
        values += offset
    return values.astype(dtype, copy=False)


def _one_of(argument: str, value: str, accepted: tuple[str, ...]) -> None:
    if value not in accepted:
        raise ValueError(f"Invalid `{argument}` argument: {value}. {did_you_mean(value, accepted)}")


# Keras's other public names of the same classes.
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
variance_scaling, orthogonal, OrthogonalInitializer = VarianceScaling, Orthogonal, Orthogonal
glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
he_uniform, he_normal = HeUniform, HeNormal
lecun_uniform, lecun_normal = LecunUniform, LecunNormal
