"""Augmentation of colors: brightness, contrast, hue, saturation, sharpness, blur and histograms of each image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from ..core.engine import jnp
from ..core.types import Array, Config, ImageOptions, PlainImageOptions, SeedLike, Tree
from ..kernels import resampling
from ..ops import image as image_ops
from ..random import randint, uniform
from .image_base import (
    BaseImagePreprocessingLayer,
    Factor,
    Frame,
    Transformation,
    chance,
    check_value_range,
    factor_pair,
    per_image,
)
from .image_base import _numbers as numbers
from .sizes import count, per_axis


class ColorAugmentation(BaseImagePreprocessingLayer):
    """Base of layers that change the values of pixels, within a range."""

    value_range: Sequence[float]

    def _span(self) -> float:
        low, high = self.value_range
        return high - low

    def _clipped(self, images: Array) -> Array:
        low, high = self.value_range
        return jnp.clip(images, low, high)

    def _unit(self, images: Array) -> Array:
        """Returns images with values in [0, 1]."""
        return (images - self.value_range[0]) / self._span()

    def _ranged(self, images: Array) -> Array:
        """Undoes `_unit`."""
        return images * self._span() + self.value_range[0]

    def _gray(self, images: Array) -> Array:
        return image_ops.rgb_to_grayscale(images, self.data_format)

    @property
    def _space(self) -> tuple[int, int]:
        """The spatial axes."""
        return (1, 2) if self.data_format == "channels_last" else (2, 3)


class FactorAugmentation(ColorAugmentation):
    """Base of color augmentation with one factor for each image, which `_drawn` names.

    Args:
        factor: Strength: a pair (lower, upper), or a number.
        value_range: Range of the values of pixels.
        data_format: "channels_last" or "channels_first"; None for the default.
        seed: Random seed: an int gives the same draws in every run; None for new ones.
    """

    _takes_factor = True
    _drawn = "factor"  # the key of the factors in a transformation
    _idle: float | None = None  # the factor at inference, which changes nothing

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Unpack[ImageOptions],
    ):
        super().__init__(factor=factor, data_format=data_format, **kwargs)
        self.value_range = check_value_range(self, value_range)
        self._seeded(seed)

    def _factors(self, frame: Frame, seed: SeedLike) -> Array:
        lower, upper = self.factor
        return uniform((frame.batch,), lower, upper, seed=seed)

    def _draw(self, frame: Frame, seed: SeedLike) -> Transformation:
        return {self._drawn: per_image(self._factors(frame, seed))}

    def _augment(self, images: Array, transformation: Transformation, interpolation: str | None = None) -> Array:
        factors = per_image(jnp.asarray(transformation[self._drawn])).astype(images.dtype)
        return self._clipped(self._changed(images, factors))

    def _changed(self, images: Array, factors: Array) -> Array:
        """Applies factors, `(batch, 1, 1, 1)`, to images."""
        raise NotImplementedError


class RandomBrightness(FactorAugmentation):
    """Adds a random number to the pixels of each image.

    Args:
        factor: Fraction of the range of values to add, in [-1, 1]: a pair (lower, upper), or a number `f` for
            `(-f, f)`.
        value_range: Range of the values of pixels, which the result is clipped to.
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        **kwargs: `bounding_box_format`, `data_format`, `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `factor` is a number outside [-1, 1], or `value_range` isn't two numbers.

    >>> keras.layers.RandomBrightness((0.2, 0.2), value_range=(0, 1))(np.ones((1, 1, 1, 3)) / 2)[0, 0, 0]
    Array([0.7, 0.7, 0.7], dtype=float32)
    """

    _drawn = "rgb_delta"

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **kwargs: Unpack[PlainImageOptions],
    ):
        super().__init__(factor, value_range, seed=seed, **kwargs)

    def _factors(self, frame: Frame, seed: SeedLike) -> Array:
        return super()._factors(frame, seed) * self._span()

    def _changed(self, images: Array, factors: Array) -> Array:
        return images + factors


class RandomContrast(FactorAugmentation):
    """Changes the contrast of each image by a random factor, around the mean of each channel.

    Args:
        factor: Bounds of the change: a pair (lower, upper) for factors in `(1 - lower, 1 + upper)`, or a number `f` in
            [0, 1] for `(1, 1 + f)`.
        value_range: Range of the values of pixels, which the result is clipped to.
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        **kwargs: `bounding_box_format`, `data_format`, `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `factor` is a number outside [0, 1], or `value_range` isn't two numbers.

    >>> keras.layers.RandomContrast(0.5)(np.ones((2, 4, 4, 3)), training=True).shape
    (2, 4, 4, 3)
    """

    _bounds = (0, 1)
    _drawn = "contrast_factor"

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **kwargs: Unpack[PlainImageOptions],
    ):
        super().__init__(factor, value_range, seed=seed, **kwargs)

    def _factors(self, frame: Frame, seed: SeedLike) -> Array:
        lower, upper = self.factor
        return 1 + uniform((frame.batch,), -lower, upper, seed=seed)

    def _changed(self, images: Array, factors: Array) -> Array:
        mean = images.mean(self._space, keepdims=True)
        return (images - mean) * factors + mean


class RandomColorDegeneration(FactorAugmentation):
    """Mixes each image with its grayscale version.

    Args:
        factor: Share of the grayscale image: a pair (lower, upper), or a number `f` for `(-f, f)`.
        value_range: Range of the values of pixels, which the result is clipped to.
        data_format: "channels_last" or "channels_first"; None for the default.
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        **kwargs: `bounding_box_format`, `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `factor` is a number outside [-1, 1], or `value_range` isn't two numbers.

    >>> keras.layers.RandomColorDegeneration((1.0, 1.0))(np.array([[[[100.0, 100.0, 0.0]]]])).round(1)[0, 0, 0]
    Array([88.6, 88.6, 88.6], dtype=float32)
    """

    def _changed(self, images: Array, factors: Array) -> Array:
        return images + (self._gray(images) - images) * factors


class RandomHue(FactorAugmentation):
    """Shifts the hue of each image by a random amount.

    Args:
        factor: Bounds of the shift, in half turns of the color circle: a pair (lower, upper), or a number `f` in [0, 1]
            for `(0, f)`. The direction is drawn, too.
        value_range: Range of the values of pixels.
        data_format: "channels_last" or "channels_first"; None for the default.
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        **kwargs: `bounding_box_format`, `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `factor` is a number outside [0, 1], or `value_range` isn't two numbers.

    >>> keras.layers.RandomHue(0.5)(np.ones((2, 4, 4, 3)), training=True).shape
    (2, 4, 4, 3)
    """

    _bounds = (0, 1)

    def _draw(self, frame: Frame, seed: SeedLike) -> Transformation:
        sign = jnp.where(uniform((frame.batch,), seed=seed) > 0.5, -1.0, 1.0)
        return {"factor": sign * self._factors(frame, seed) * 0.5}

    def _changed(self, images: Array, factors: Array) -> Array:
        return self._in_hsv(images, lambda hue, saturation: ((hue + factors) % 1.0, saturation))

    def _in_hsv(self, images: Array, change: Any) -> Array:
        axis = -1 if self.data_format == "channels_last" else 1
        parts = jnp.split(image_ops.rgb_to_hsv(self._unit(images), self.data_format), 3, axis)
        hsv = jnp.concatenate([*change(*parts[:2]), parts[2]], axis)
        return self._ranged(image_ops.hsv_to_rgb(hsv, self.data_format))


class RandomSaturation(RandomHue):
    """Multiplies the saturation of each image by a random factor.

    Args:
        factor: Bounds of a number `f` that gives the factor `f / (1 - f)`: 0 for gray, 0.5 for no change, 1 for full
            saturation: a pair (lower, upper), or a number.
        value_range: Range of the values of pixels.
        data_format: "channels_last" or "channels_first"; None for the default.
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        **kwargs: `bounding_box_format`, `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `factor` is a number outside [-1, 1], or `value_range` isn't two numbers.

    >>> keras.layers.RandomSaturation((0.5, 0.5))(np.array([[[[90.0, 60.0, 0.0]]]])).round(1)[0, 0, 0]
    Array([90., 60.,  0.], dtype=float32)
    """

    _bounds = (-1, 1)

    def _draw(self, frame: Frame, seed: SeedLike) -> Transformation:
        factors = self._factors(frame, seed)
        return {"factor": factors / jnp.maximum(1 - factors, 1e-7)}

    def _changed(self, images: Array, factors: Array) -> Array:
        return self._in_hsv(images, lambda hue, saturation: (hue, jnp.clip(saturation * factors, 0, 1)))


class RandomSharpness(FactorAugmentation):
    """Blurs or sharpens each image.

    Args:
        factor: Sharpness: 0 for a blurred image, 0.5 for no change, 1 for a sharpened one: a pair (lower, upper), or a
            number `f` in [0, 1] for `(0, f)`.
        value_range: Range of the values of pixels, which the result is clipped to.
        data_format: "channels_last" or "channels_first"; None for the default.
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        **kwargs: `bounding_box_format`, `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `factor` is a number outside [0, 1], or `value_range` isn't two numbers.

    >>> keras.layers.RandomSharpness(0.5)(np.ones((2, 4, 4, 3)), training=True).shape
    (2, 4, 4, 3)
    """

    _bounds = (0, 1)

    def _draw(self, frame: Frame, seed: SeedLike) -> Transformation:
        return {"factor": self._factors(frame, seed)}

    def _changed(self, images: Array, factors: Array) -> Array:
        # The mean of a window in which the center counts five times.
        ones = jnp.ones(3, images.dtype)
        sums = self._restored(resampling.separable_filter(self._channels_last(images), (ones, ones)))
        smooth = (sums + 4 * images) / 13
        return smooth + (images - smooth) * (2 * factors)


class RandomGrayscale(ColorAugmentation):
    """Converts images to grayscale at random; they keep three channels.

    Args:
        factor: Probability for each image, in [0, 1].
        data_format: "channels_last" or "channels_first"; None for the default.
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        **kwargs: `bounding_box_format`, `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `factor` isn't in [0, 1].

    >>> keras.layers.RandomGrayscale(1.0)(np.array([[[[100.0, 100.0, 0.0]]]])).round(1)[0, 0, 0]
    Array([88.6, 88.6, 88.6], dtype=float32)
    """

    def __init__(
        self,
        factor: float = 0.5,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Unpack[ImageOptions],
    ):
        super().__init__(data_format=data_format, **kwargs)
        if len(numbers(factor)) != 1 or isinstance(factor, (list, tuple)) or not 0 <= factor <= 1:
            raise ValueError(
                f"`factor` should be between 0 and 1. Received: factor={factor} (layer '{self.name}' of type "
                "RandomGrayscale)"
            )
        self.factor: Any = factor
        self._seeded(seed)

    @property
    def _config_skip(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("seed",) if self.bounding_box_format else ("seed", "bounding_box_format")

    def _draw(self, frame: Frame, seed: SeedLike) -> Transformation:
        return per_image(uniform((frame.batch,), seed=seed) < self.factor)

    def _augment(self, images: Array, transformation: Transformation, interpolation: str | None = None) -> Array:
        return jnp.where(per_image(jnp.asarray(transformation)), self._gray(images), images)


class RandomInvert(ColorAugmentation):
    """Inverts the colors of images at random.

    Args:
        factor: Probability: a number `p` to draw it from (0, p) for each image, or a pair (lower, upper).
        value_range: Range of the values of pixels.
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        data_format: "channels_last" or "channels_first"; None for the default.
        **kwargs: `bounding_box_format`, `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `factor` is a number outside [0, 1], or `value_range` isn't two numbers.

    >>> keras.layers.RandomInvert((1.0, 1.0))(np.array([[[[255.0, 100.0, 0.0]]]]))[0, 0, 0]
    Array([  0., 155., 255.], dtype=float32)
    """

    _takes_factor = True
    _bounds = (0, 1)

    def __init__(
        self,
        factor: Factor = 1.0,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ):
        super().__init__(factor=factor, data_format=data_format, **kwargs)
        self.value_range = check_value_range(self, value_range)
        self._seeded(seed)

    def _draw(self, frame: Frame, seed: SeedLike) -> Transformation:
        return {"apply_inversion": chance(frame, self.factor, seed)}

    def _augment(self, images: Array, transformation: Transformation, interpolation: str | None = None) -> Array:
        return jnp.where(per_image(transformation["apply_inversion"]), sum(self.value_range) - images, images)


class RandomPosterization(FactorAugmentation):
    """Reduces the number of bits of each color.

    Args:
        factor: Number of bits that are kept, in [1, 8]: a pair (lower, upper) for numbers from `lower` to `upper - 1`,
            or an int `n` for (1, n).
        value_range: Range of the values of pixels.
        data_format: "channels_last" or "channels_first"; None for the default.
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        **kwargs: `bounding_box_format`, `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `factor` isn't one or two numbers in [1, 8], or `value_range` isn't two numbers.

    >>> keras.layers.RandomPosterization((2, 2))(np.array([[[[10.0, 100.0, 255.0]]]]))[0, 0, 0]
    Array([  0.,  64., 192.], dtype=float32)
    """

    _bounds = (1, 8)
    _drawn = "shift_factor"

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Unpack[ImageOptions],
    ):
        pair = numbers(factor)
        if not 1 <= len(pair) <= 2 or not all(1 <= n <= 8 for n in pair):
            raise ValueError(
                "The `factor` argument should be a number (or a list of two numbers) in the range [1, 8]. Received: "
                f"factor={factor} (of a layer of type RandomPosterization)"
            )
        super().__init__((1, *pair)[-2:], value_range, data_format, seed, **kwargs)

    def _draw(self, frame: Frame, seed: SeedLike) -> Transformation:
        lower, upper = (int(n) for n in self.factor)
        shape = (frame.batch,)
        bits = randint(shape, lower, upper, seed=seed) if lower < upper else jnp.full(shape, lower)
        return {"shift_factor": (8 - bits).astype("uint8")}

    def _augment(self, images: Array, transformation: Transformation, interpolation: str | None = None) -> Array:
        # A byte without its last bits: the next multiple of a power of two below.
        step = 2.0 ** per_image(jnp.asarray(transformation["shift_factor"], "float32")).astype(images.dtype)
        scale = 255 / self._span()
        byte = jnp.floor(jnp.clip((images - self.value_range[0]) * scale, 0, 255) + 1e-4)
        return jnp.floor(byte / step) * step / scale + self.value_range[0]


class Solarization(ColorAugmentation):
    """Adds a random number to the pixels of each image, and inverts those at or above a random threshold.

    Args:
        addition_factor: Number to add, as a fraction of the range of values, in [0, 1]: a pair (lower, upper), or a
            number `f` for (0, f).
        threshold_factor: Threshold, likewise.
        value_range: Range of the values of pixels, which the result is clipped to.
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        **kwargs: `bounding_box_format`, `data_format`, `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: A factor isn't in [0, 1], or `value_range` isn't two numbers.

    >>> keras.layers.Solarization(threshold_factor=(0.4, 0.4))(np.array([[[[255.0, 200.0, 0.0]]]])).round()[0, 0, 0]
    Array([ 0., 55.,  0.], dtype=float32)
    """

    def __init__(
        self,
        addition_factor: Factor = 0.0,
        threshold_factor: Factor = 0.0,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **kwargs: Unpack[PlainImageOptions],
    ):
        super().__init__(**kwargs)
        self.addition_factor = self._fractions("addition_factor", addition_factor)
        self.threshold_factor = self._fractions("threshold_factor", threshold_factor)
        self.value_range = check_value_range(self, value_range)
        self._seeded(seed)

    def _fractions(self, name: str, factor: Factor) -> tuple[float, float]:
        pair = numbers(factor)
        wrong = [(name, factor)] if len(pair) != (2 if isinstance(factor, (list, tuple)) else 1) else []
        wrong += [("input_number", number) for number in pair if not 0 <= number <= 1]
        if wrong:
            raise ValueError(
                "The `addition_factor` and `threshold_factor` arguments should be a number (or a list of two numbers) "
                f"in the range [0, 1]. Received: {wrong[0][0]}={wrong[0][1]} (layer '{self.name}' of type "
                "Solarization)"
            )
        return (min(pair), max(pair)) if len(pair) == 2 else (0, pair[0])

    def _draw(self, frame: Frame, seed: SeedLike) -> Transformation:
        # Numbers and thresholds are of images with values in [0, 255].
        factors = (("additions", self.addition_factor), ("thresholds", self.threshold_factor))
        return {
            name: per_image(uniform((frame.batch,), lower * 255, upper * 255, seed=seed))
            for name, (lower, upper) in factors
        }

    def _augment(self, images: Array, transformation: Transformation, interpolation: str | None = None) -> Array:
        additions, thresholds = (
            per_image(jnp.asarray(transformation[name])).astype(images.dtype) for name in ("additions", "thresholds")
        )
        changed = jnp.clip(self._unit(images) * 255 + additions, 0, 255)
        return self._ranged(jnp.where(changed < thresholds, changed, 255 - changed) / 255)


class RandomGaussianBlur(ColorAugmentation):
    """Blurs images at random with a Gaussian filter.

    Args:
        factor: Probability: a number `p` to draw it from (0, p) for each image, or a pair (lower, upper).
        kernel_size: Size of the filter, an odd int, or one along the width and one along the height.
        sigma: Standard deviation of the filter, in pixels, drawn once for a batch and each direction: a pair
            (lower, upper), or a number `s` in [0, 1] for (0, s).
        value_range: Range of the values of pixels, which the result is clipped to.
        data_format: "channels_last" or "channels_first"; None for the default.
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        **kwargs: `bounding_box_format`, `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `factor` or `sigma` is out of bounds, `kernel_size` isn't odd, or `value_range` isn't two numbers.

    >>> keras.layers.RandomGaussianBlur()(np.ones((2, 4, 4, 3)), training=True).shape
    (2, 4, 4, 3)
    """

    _takes_factor = True
    _bounds = (0, 1)

    def __init__(
        self,
        factor: Factor = 1.0,
        kernel_size: int | Sequence[int] = 3,
        sigma: Factor = 1.0,
        value_range: Sequence[float] = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Unpack[ImageOptions],
    ):
        super().__init__(factor=factor, data_format=data_format, **kwargs)
        self.kernel_size = self._odd(kernel_size)
        if isinstance(sigma, (list, tuple)) and numbers(sigma) and list(sigma) != sorted(sigma):
            raise ValueError(
                "The `sigma` argument should be a number (or a list of two numbers) in the range [0, 1]. Received: "
                f"factor={sigma} (layer '{self.name}' of type RandomGaussianBlur)"
            )
        self.sigma = factor_pair(self, sigma, "sigma")
        self.value_range = check_value_range(self, value_range)
        self._seeded(seed)

    def _odd(self, kernel_size: int | Sequence[int]) -> tuple[int, int]:
        sizes = tuple(kernel_size) if isinstance(kernel_size, (list, tuple)) else (kernel_size,) * 2
        named = f"(layer '{self.name}' of type RandomGaussianBlur)"
        if len(sizes) != 2:
            raise ValueError(
                "The `kernel_size` argument should be a number (or a list of two numbers) Received: "
                f"kernel_size={kernel_size} {named}"
            )
        if not all(isinstance(n, int) and n > 0 and n % 2 for n in sizes):
            raise ValueError(f"kernel_size must be an odd number. Received: kernel_size={kernel_size} {named}")
        return sizes

    def _draw(self, frame: Frame, seed: SeedLike) -> Transformation:
        apply = chance(frame, self.factor, seed)
        lower, upper = self.sigma
        return {"should_apply_blur": apply, "blur_factor": uniform((2,), lower, upper, seed=seed)}

    def _augment(self, images: Array, transformation: Transformation, interpolation: str | None = None) -> Array:
        sigmas = jnp.maximum(jnp.asarray(transformation["blur_factor"]), 1e-6)
        across, down = (resampling.gaussian(n, s, images.dtype) for n, s in zip(self.kernel_size, sigmas))
        blurred = self._restored(resampling.separable_filter(self._channels_last(images), (down, across)))
        return self._clipped(jnp.where(per_image(transformation["should_apply_blur"]), blurred, images))


class AutoContrast(ColorAugmentation):
    """Stretches the values of each channel of each image to the whole range.

    Args:
        value_range: Range of the values of pixels.
        **kwargs: `bounding_box_format`, `data_format`, `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `value_range` isn't two numbers.

    >>> keras.layers.AutoContrast()(np.array([[[[10.0], [20.0], [60.0]]]])).ravel().round()
    Array([  0.,  51., 255.], dtype=float32)
    """

    rowwise = "always"
    _at_inference = True

    def __init__(self, value_range: Sequence[float] = (0, 255), **kwargs: Unpack[PlainImageOptions]):
        super().__init__(**kwargs)
        self.value_range = check_value_range(self, value_range)

    def get_random_transformation(self, data: Tree, training: bool = True, seed: SeedLike = None) -> None:
        """Returns None: nothing is drawn."""
        return None

    def transform_images(self, images: Array, transformation: Transformation = None, training: bool = True) -> Array:
        """Transforms a batch of images; the result has the layer's compute dtype."""
        return super().transform_images(images, {}, training)

    def _augment(self, images: Array, transformation: Transformation, interpolation: str | None = None) -> Array:
        low, high = (f(images, self._space, keepdims=True) for f in (jnp.min, jnp.max))
        stretched = self._ranged((images - low) / jnp.where(high > low, high - low, 1))
        return jnp.where(high > low, self._clipped(stretched), images)


class Equalization(AutoContrast):
    """Equalizes the histogram of each channel of each image, in training.

    Args:
        value_range: Range of the values of pixels.
        bins: Number of bins of the histograms.
        data_format: "channels_last" or "channels_first"; None for the default.
        **kwargs: `bounding_box_format`, `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `value_range` isn't two numbers, or `bins` isn't a positive int.

    >>> keras.layers.Equalization()(np.array([[[[10.0], [20.0], [20.0], [60.0]]]])).ravel()
    Array([  0., 170., 170., 255.], dtype=float32)
    """

    rowwise = "always"
    _at_inference = False

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        bins: int = 256,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ):
        super().__init__(value_range, data_format=data_format, **kwargs)
        self.bins = count(self, "bins", bins)

    def _augment(self, images: Array, transformation: Transformation, interpolation: str | None = None) -> Array:
        x = self._channels_last(images)
        batch, height, width, channels = x.shape
        planes = jnp.moveaxis(x, -1, 1).reshape(batch * channels, height * width)
        index = jnp.clip((self._unit(planes) * (self.bins - 1)).astype("int32"), 0, self.bins - 1)
        totals = jnp.cumsum(histograms(index, self.bins), 1)
        least = jnp.min(jnp.where(totals > 0, totals, height * width), 1, keepdims=True)
        spread = height * width - least
        table = jnp.round((totals - least) / jnp.maximum(spread, 1) * 255)
        levels = jnp.take_along_axis(jnp.clip(table, 0, 255), index, 1, mode="promise_in_bounds")
        equal = self._ranged(levels.astype(x.dtype) / 255)
        equal = jnp.where(spread > 0, equal, planes).reshape(batch, channels, height, width)
        return self._restored(jnp.moveaxis(equal, 1, -1))


def histograms(index: Array, bins: int) -> Array:
    """Counts how often each bin occurs in each row.

    Args:
        index: Ints in [0, bins): `(rows, elements)`.
        bins: Number of bins.

    Returns:
        Ints, `(rows, bins)`.
    """
    rows = jnp.arange(index.shape[0])[:, None]
    return jnp.zeros((index.shape[0], bins), "int32").at[rows, index].add(1, mode="promise_in_bounds")


class ContrastLimitedAdaptiveHistogramEqualization(AutoContrast):
    """Equalizes histograms locally, with a limit of the contrast (CLAHE).

    Args:
        value_range: Range of the values of pixels.
        clip_limit: Limit of the counts of a histogram, as a multiple of the mean count.
        tile_grid_size: Numbers of tiles along height and width, each with a histogram of its own.
        data_format: "channels_last" or "channels_first"; None for the default.
        **kwargs: `bounding_box_format`, `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `value_range` isn't two numbers, or `tile_grid_size` isn't two positive ints.

    >>> layer = keras.layers.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(2, 2))
    >>> layer(np.ones((1, 8, 8, 3))).shape
    (1, 8, 8, 3)
    """

    rowwise = "always"
    _at_inference = True

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        clip_limit: float = 4.0,
        tile_grid_size: Sequence[int] = (8, 8),
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ):
        super().__init__(value_range, data_format=data_format, **kwargs)
        self.clip_limit = clip_limit
        self.tile_grid_size = per_axis(self, "tile_grid_size", tile_grid_size, 2)

    def _augment(self, images: Array, transformation: Transformation, interpolation: str | None = None) -> Array:
        x = jnp.moveaxis(self._channels_last(images), -1, 1)
        batch, channels, height, width = x.shape
        levels = jnp.clip(self._unit(x) * 255 + 1e-4, 0, 255).astype("int32")
        rows, columns = self.tile_grid_size
        tall, wide = -(-height // rows), -(-width // columns)
        pads = [(0, 0), (0, 0), (0, tall * rows - height), (0, wide * columns - width)]
        tiles = jnp.pad(levels, pads, mode="symmetric").reshape(batch, channels, rows, tall, columns, wide)
        tiles = jnp.moveaxis(tiles, 3, 4).reshape(-1, tall * wide)
        tables = self._tables(tiles, tall * wide).astype(x.dtype).reshape(batch * channels, -1)
        # Each pixel takes its value from the tables of the four nearest tiles.
        down, across = (_between(n, size, tiles) for n, size, tiles in ((height, tall, rows), (width, wide, columns)))
        levels = levels.reshape(batch * channels, -1)
        total: Any = 0
        for row, weight_y in down:
            for column, weight_x in across:
                tile = (row[:, None] * columns + column).reshape(-1)
                value = jnp.take_along_axis(tables, tile * 256 + levels, 1, mode="promise_in_bounds")
                total = total + value * (weight_y[:, None] * weight_x).reshape(-1).astype(x.dtype)
        equal = self._ranged(total / 255).reshape(batch, channels, height, width)
        return self._restored(jnp.moveaxis(equal, 1, -1))

    def _tables(self, tiles: Array, size: int) -> Array:
        """Returns the new value of each of the 256 levels for each tile: `(tiles, 256)`, in [0, 255]."""
        counts = histograms(tiles, 256).astype("float32")
        limit = self.clip_limit * size / 256
        spare = jnp.maximum(counts - limit, 0).sum(1, keepdims=True)
        totals = jnp.cumsum(jnp.minimum(counts, limit) + spare / 256, 1)
        first, last = totals[:, :1], totals[:, -1:]
        return (totals - first) / jnp.maximum(last - first, 1e-7) * 255


def _between(size: int, tile: int, tiles: int) -> list[tuple[Array, Array]]:
    """Returns for each position along an axis the two nearest tiles, with their weights."""
    at = jnp.clip(jnp.arange(size, dtype="float32") / tile - 0.5, 0, tiles - 1)
    floor = jnp.floor(at)
    lower = floor.astype("int32")
    return [(lower, 1 - (at - floor)), (jnp.minimum(lower + 1, tiles - 1), at - floor)]


class RandomColorJitter(ColorAugmentation):
    """Changes brightness, contrast, saturation and hue of each image at random.

    Args:
        value_range: Range of the values of pixels.
        brightness_factor, contrast_factor, saturation_factor, hue_factor: Arguments of `RandomBrightness`,
            `RandomContrast`, `RandomSaturation` and `RandomHue`; None for no such change.
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        data_format: "channels_last" or "channels_first"; None for the default.
        **kwargs: `bounding_box_format`, `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: A factor is out of bounds, or `value_range` isn't two numbers.

    >>> keras.layers.RandomColorJitter(brightness_factor=0.1, hue_factor=0.2)(np.ones((2, 4, 4, 3))).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        brightness_factor: Factor = None,
        contrast_factor: Factor = None,
        saturation_factor: Factor = None,
        hue_factor: Factor = None,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.value_range = value_range
        self.brightness_factor = brightness_factor
        self.contrast_factor = contrast_factor
        self.saturation_factor = saturation_factor
        self.hue_factor = hue_factor
        self._seeded(seed)
        shared: Config = {
            "value_range": value_range,
            "data_format": self.data_format,
            "seed": self.seed,
            "dtype": self.dtype_policy,
        }
        kinds = {
            "random_brightness": (RandomBrightness, brightness_factor),
            "random_contrast": (RandomContrast, contrast_factor),
            "random_saturation": (RandomSaturation, saturation_factor),
            "random_hue": (RandomHue, hue_factor),
        }
        for name, (kind, factor) in kinds.items():
            setattr(self, name, None if factor is None else kind(factor, **shared))

    _PARTS = ("random_brightness", "random_contrast", "random_saturation", "random_hue")

    def _draw(self, frame: Frame, seed: SeedLike) -> Transformation:
        parts = [(name, getattr(self, name)) for name in self._PARTS]
        return {name: part._draw(frame, seed) for name, part in parts if part is not None}

    def transform_images(self, images: Array, transformation: Transformation, training: bool = True) -> Array:
        """Applies a transformation to a batch of images; one is drawn here if it is None, as in Keras."""
        if training and transformation is None:
            transformation = self.get_random_transformation(images)
        return super().transform_images(images, transformation, training)

    def _augment(self, images: Array, transformation: Transformation, interpolation: str | None = None) -> Array:
        for name, part in transformation.items():
            images = getattr(self, name)._augment(images, part)
        return images
