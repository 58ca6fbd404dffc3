"""Random initializers. Counter-based generators on the host need no compilation and are reproducible everywhere."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from ..core.errors import did_you_mean
from ..core.op import Axis
from ..core.seeds import SeedGenerator, host_rng
from ..core.types import ArrayLike, DTypeLike
from .base import Blocks, RandomInitializer

# The standard deviation of a standard normal distribution truncated at two standard deviations.
_TRUNCATED_STDDEV = 0.87962566103423978


_BLOCK = 1 << 20  # elements that are drawn at a time, of whole rows: they stay in the cache


class _Law(NamedTuple):
    """A distribution of elements: a function of a generator, a shape and a dtype, then scaled and moved."""

    draw: Callable[[np.random.Generator, Sequence[int], Any], np.ndarray]
    factor: float
    offset: float = 0.0


class _Independent(RandomInitializer):
    """Base of initializers that draw all elements independently, so that parts of a value can be made alone."""

    def _law(self, shape: Sequence[int]) -> _Law:
        raise NotImplementedError

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = None) -> np.ndarray:
        blocks = self.blocks(shape, dtype)
        if blocks.parts == 1:
            return blocks.make(0)
        value = np.empty(tuple(shape), self.float_dtype(dtype)[1])
        for number in range(blocks.parts):
            value[number * blocks.rows : (number + 1) * blocks.rows] = blocks.make(number)
        return value

    def blocks(self, shape: Sequence[int], dtype: DTypeLike = None) -> Blocks:
        """Returns the value that one call would give, in parts that are made when they are asked for.

        Args:
            shape: Shape of the variable.
            dtype: Dtype name; None for the default float.
        """
        shape = tuple(shape)
        drawn_in, dtype = self.float_dtype(dtype)
        law, key = self._law(shape), self.key()
        rows, row = (shape[0], math.prod(shape[1:])) if shape else (1, 1)
        step = max(_BLOCK // max(row, 1), 1)

        def make(number: int) -> np.ndarray:
            part = (min(step, rows - number * step), *shape[1:]) if shape else ()
            return _scaled(law.draw(host_rng(key, number), part, drawn_in), law.factor, law.offset, dtype)

        return Blocks(step, max(-(-rows // step), 1), make)


class RandomNormal(_Independent):
    """Initializes from a normal distribution.

    Args:
        mean: Mean.
        stddev: Standard deviation.
        seed: An int, a `SeedGenerator`, or None to draw a seed now.

    >>> keras.initializers.RandomNormal(stddev=1.0, seed=0)((2, 3)).shape
    (2, 3)
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | SeedGenerator | None = None):
        super().__init__(seed)
        self.mean = mean
        self.stddev = stddev

    def _law(self, shape: Sequence[int]) -> _Law:
        return _Law(_normal, self.stddev, self.mean)


class TruncatedNormal(_Independent):
    """Initializes from a normal distribution truncated at two standard deviations from the mean.

    Args:
        mean: Mean before truncation.
        stddev: Standard deviation before truncation.
        seed: An int, a `SeedGenerator`, or None to draw a seed now.

    >>> bool((abs(keras.initializers.TruncatedNormal(stddev=1.0, seed=0)((1000,))) <= 2).all())
    True
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | SeedGenerator | None = None):
        super().__init__(seed)
        self.mean = mean
        self.stddev = stddev

    def _law(self, shape: Sequence[int]) -> _Law:
        return _Law(_truncated_normal, self.stddev, self.mean)


class RandomUniform(_Independent):
    """Initializes from a uniform distribution over `[minval, maxval)`.

    Args:
        minval: Lower bound.
        maxval: Upper bound.
        seed: An int, a `SeedGenerator`, or None to draw a seed now.

    >>> bool((keras.initializers.RandomUniform(2.0, 3.0, seed=0)((100,)) >= 2).all())
    True
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | SeedGenerator | None = None):
        super().__init__(seed)
        self.minval = minval
        self.maxval = maxval

    def _law(self, shape: Sequence[int]) -> _Law:
        return _Law(_uniform, self.maxval - self.minval, self.minval)


class VarianceScaling(_Independent):
    """Initializes with variance `scale / fan`, where the fan is the number of connections of a unit.

    The fan is the size of the second to last axis for "fan_in" and that of the last axis for "fan_out", times the size
    of the receptive field (the product of all axes before them).

    Args:
        scale: Positive factor of the variance.
        mode: "fan_in", "fan_out" or "fan_avg", their mean.
        distribution: "truncated_normal" (also called "normal"), "untruncated_normal" or "uniform".
        seed: An int, a `SeedGenerator`, or None to draw a seed now.
        input_axes, output_axes: Axes that count as inputs and outputs; if both are given, the fans are the products of
            their sizes.

    Raises:
        ValueError: `scale` is not positive, or `mode` or `distribution` is unknown.

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
        """Returns this initializer with the fans of the given axes, or itself if it was constructed with axes.

        Layers use it whose kernels aren't laid out like those of convolutions. The seed stays the same.

        Args:
            input_axes: Axes of the kernel that count as inputs.
            output_axes: Axes of the kernel that count as outputs.

        >>> bool(keras.initializers.HeNormal(seed=0).with_axes([0], [1, 2])((64, 4, 8)).std() > 0.15)
        True
        """
        if self.input_axes is not None or self.output_axes is not None:
            return self
        other = copy.copy(self)
        other.input_axes, other.output_axes = input_axes, output_axes
        return other

    def _law(self, shape: Sequence[int]) -> _Law:
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        stddev = math.sqrt(self.scale / max(1.0, fan))
        if self.distribution == "uniform":
            limit = math.sqrt(3.0) * stddev
            return _Law(_uniform, 2 * limit, -limit)
        if self.distribution == "truncated_normal":
            return _Law(_truncated_normal, stddev / _TRUNCATED_STDDEV)
        return _Law(_normal, stddev)


class _Preset(VarianceScaling):
    """Base class of named settings of VarianceScaling."""

    preset: tuple[float, Any, str]

    def __init__(
        self,
        seed: int | SeedGenerator | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ):
        super().__init__(*self.preset, seed=seed, input_axes=input_axes, output_axes=output_axes)


class GlorotUniform(_Preset):
    """Glorot uniform initializer, also called Xavier uniform: uniform within `±sqrt(6 / (fan_in + fan_out))`.

    Args:
        seed: An int, a `SeedGenerator`, or None to draw a seed now.
        input_axes, output_axes: See `VarianceScaling`.

    See [Glorot & Bengio, 2010](https://proceedings.mlr.press/v9/glorot10a.html).

    >>> bool(abs(keras.initializers.GlorotUniform(seed=0)((2, 4))).max() <= 1)
    True
    """

    preset = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Preset):
    """Glorot normal initializer, also called Xavier normal.

    Truncated normal with standard deviation `sqrt(2 / (fan_in + fan_out))`.

    Args:
        seed: An int, a `SeedGenerator`, or None to draw a seed now.
        input_axes, output_axes: See `VarianceScaling`.

    See [Glorot & Bengio, 2010](https://proceedings.mlr.press/v9/glorot10a.html).

    >>> keras.initializers.GlorotNormal(seed=0)((2, 4)).dtype
    dtype('float32')
    """

    preset = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Preset):
    """He uniform initializer: uniform within `±sqrt(6 / fan_in)`.

    Args:
        seed: An int, a `SeedGenerator`, or None to draw a seed now.
        input_axes, output_axes: See `VarianceScaling`.

    See [He et al., 2015](https://arxiv.org/abs/1502.01852).

    >>> bool(abs(keras.initializers.HeUniform(seed=0)((6, 4))).max() <= 1)
    True
    """

    preset = (2.0, "fan_in", "uniform")


class HeNormal(_Preset):
    """He normal initializer: truncated normal with standard deviation `sqrt(2 / fan_in)`.

    Args:
        seed: An int, a `SeedGenerator`, or None to draw a seed now.
        input_axes, output_axes: See `VarianceScaling`.

    See [He et al., 2015](https://arxiv.org/abs/1502.01852).

    >>> keras.initializers.HeNormal(seed=0)((2, 4)).dtype
    dtype('float32')
    """

    preset = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Preset):
    """LeCun uniform initializer: uniform within `±sqrt(3 / fan_in)`.

    Args:
        seed: An int, a `SeedGenerator`, or None to draw a seed now.
        input_axes, output_axes: See `VarianceScaling`.

    See [LeCun et al., 1998](https://doi.org/10.1007/3-540-49430-8_2).

    >>> bool(abs(keras.initializers.LecunUniform(seed=0)((3, 4))).max() <= 1)
    True
    """

    preset = (1.0, "fan_in", "uniform")


class LecunNormal(_Preset):
    """LeCun normal initializer: truncated normal with standard deviation `sqrt(1 / fan_in)`.

    Args:
        seed: An int, a `SeedGenerator`, or None to draw a seed now.
        input_axes, output_axes: See `VarianceScaling`.

    See [LeCun et al., 1998](https://doi.org/10.1007/3-540-49430-8_2).

    >>> keras.initializers.LecunNormal(seed=0)((2, 4)).dtype
    dtype('float32')
    """

    preset = (1.0, "fan_in", "truncated_normal")


class Orthogonal(RandomInitializer):
    """Initializes with a random matrix of orthonormal rows or columns (whichever are fewer), uniformly distributed.

    A shape of more than two axes is treated as a matrix of `(product of the others, last)`.

    Args:
        gain: Factor of the matrix.
        seed: An int, a `SeedGenerator`, or None to draw a seed now.

    See [Saxe et al., 2014](https://arxiv.org/abs/1312.6120). Shapes of fewer than two axes are a ValueError.

    >>> q = keras.initializers.Orthogonal(seed=0)((4, 3))
    >>> bool(np.allclose(q.T @ q, np.eye(3), atol=1e-6))
    True
    """

    def __init__(self, gain: float = 1.0, seed: int | SeedGenerator | None = None):
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = None) -> np.ndarray:
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
        q *= np.sign(np.diag(r))  # else the signs follow LAPACK's conventions, and the distribution isn't uniform
        return _scaled(np.reshape(q if rows >= columns else q.T, shape), self.gain, 0.0, dtype)


def compute_fans(shape: Sequence[int], input_axes: Axis = None, output_axes: Axis = None) -> tuple[int, int]:
    """Returns the fan-in and fan-out of a kernel: the numbers of inputs and outputs of a unit.

    Args:
        shape: Shape of the kernel.
        input_axes, output_axes: Axes that count as inputs and outputs; None for the last two, as in convolutions.

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


def _normal(rng: np.random.Generator, shape: Sequence[int], dtype: Any) -> np.ndarray:
    return rng.standard_normal(tuple(shape), dtype)


def _uniform(rng: np.random.Generator, shape: Sequence[int], dtype: Any) -> np.ndarray:
    return rng.random(tuple(shape), dtype)


def _truncated_normal(rng: np.random.Generator, shape: Sequence[int], dtype: Any) -> np.ndarray:
    values = rng.standard_normal(math.prod(shape), dtype)
    (outside,) = np.nonzero(np.abs(values) > 2)
    while outside.size:  # one value in 22 the first time, so this ends after a few rounds
        values[outside] = rng.standard_normal(outside.size, dtype)
        outside = outside[np.abs(values[outside]) > 2]
    return values.reshape(tuple(shape))


def _scaled(values: ArrayLike, factor: float, offset: float, dtype: np.dtype) -> np.ndarray:
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
