"""Layers that make inputs larger or smaller along the spatial axes: padding, cropping, repeating."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.config import standardize_data_format
from ..core.engine import jax
from ..ops.numpy import pad, repeat
from .input_spec import InputSpec
from .layer import Layer, Shape
from .sizes import choice, count, join_shape, pairs_per_axis, per_axis, split_shape, static_shape

Pairs = tuple[tuple[int, int], ...]


class SpatialResize(Layer):
    """A layer that changes the spatial sizes. `rank` is their number."""

    rowwise = "always"
    rank: int
    _keeps_dtype = True

    def _set_format(self, data_format: str | None) -> None:
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def _axes(self) -> range:
        first = 1 if self.data_format == "channels_last" else 2
        return range(first, first + self.rank)

    def _resized(self, input_shape: Shape, lengths: Sequence[int | None]) -> Shape:
        return join_shape(input_shape[0], lengths, split_shape(input_shape, self.data_format)[1], self.data_format)


class ZeroPadding(SpatialResize):
    """Zeros around the input."""

    padding: Any

    @property
    def _pairs(self) -> Pairs:
        return (self.padding,) if self.rank == 1 else self.padding

    def call(self, inputs: Any) -> Any:
        widths: list[tuple[int, int]] = [(0, 0)] * inputs.ndim
        for axis, pair in zip(self._axes, self._pairs):
            widths[axis] = pair
        return pad(inputs, widths)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        space = split_shape(input_shape, self.data_format)[0]
        return self._resized(input_shape, [None if n is None else n + a + b for n, (a, b) in zip(space, self._pairs)])


class ZeroPadding1D(ZeroPadding):
    """Zeros before and behind each sequence.

    Args:
        padding: How many: an int, or a pair (before, behind).
        data_format: "channels_last" or "channels_first"; None for the default.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> keras.layers.ZeroPadding1D((1, 2))(np.ones((2, 3, 4))).shape
    (2, 6, 4)
    """

    rank = 1

    def __init__(self, padding: int | Sequence[int] = 1, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self._set_format(data_format)
        self.padding = per_axis(self, "padding", padding, 2, least=0)


class ZeroPadding2D(ZeroPadding):
    """Zeros around each image.

    Args:
        padding: How many: an int, an int an axis, or a pair (before, behind) an axis.
        data_format: "channels_last" or "channels_first"; None for the default.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> keras.layers.ZeroPadding2D(((1, 0), (2, 2)))(np.ones((1, 4, 4, 3))).shape
    (1, 5, 8, 3)
    """

    rank = 2

    def __init__(self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self._set_format(data_format)
        self.padding = pairs_per_axis(self, "padding", padding, 2)


class ZeroPadding3D(ZeroPadding):
    """Zeros around each volume.

    Args:
        padding, data_format, ...: As for `ZeroPadding2D`, with sizes for three axes.

    >>> keras.layers.ZeroPadding3D(1)(np.ones((1, 2, 2, 2, 3))).shape
    (1, 4, 4, 4, 3)
    """

    rank = 3

    def __init__(self, padding: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self._set_format(data_format)
        self.padding = pairs_per_axis(self, "padding", padding, 3)


class Cropping(SpatialResize):
    """The input without its margins."""

    cropping: Any

    @property
    def _pairs(self) -> Pairs:
        return (self.cropping,) if self.rank == 1 else self.cropping

    def call(self, inputs: Any) -> Any:
        self.compute_output_shape(static_shape(inputs))
        window: list[slice] = [slice(None)] * inputs.ndim
        for axis, (a, b) in zip(self._axes, self._pairs):
            window[axis] = slice(a, -b if b else None)
        return inputs[tuple(window)]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        space = split_shape(input_shape, self.data_format)[0]
        lengths = [None if n is None else n - a - b for n, (a, b) in zip(space, self._pairs)]
        if any(n is not None and n <= 0 for n in lengths):
            raise ValueError(
                f"`cropping` parameter of `{type(self).__name__}` layer must be smaller than the input length. Values "
                "in `cropping` argument should be smaller than the corresponding spatial dimension of the input. "
                f"Received: input_shape={input_shape}, cropping={self.cropping} (layer '{self.path}' of type "
                f"{type(self).__name__})"
            )
        return self._resized(input_shape, lengths)


class Cropping1D(Cropping):
    """Sequences without their first and last steps.

    Args:
        cropping: How many to leave out: an int, or a pair (before, behind).
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> keras.layers.Cropping1D((1, 2))(np.ones((2, 6, 4))).shape
    (2, 3, 4)
    """

    rank = 1

    def __init__(self, cropping: int | Sequence[int] = (1, 1), **kwargs: Any):
        super().__init__(**kwargs)
        self._set_format("channels_last")
        self.cropping = per_axis(self, "cropping", cropping, 2, least=0)


class Cropping2D(Cropping):
    """Images without their margins.

    Args:
        cropping: How much to leave out: an int, an int an axis, or a pair (before, behind) an axis.
        data_format: "channels_last" or "channels_first"; None for the default.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> keras.layers.Cropping2D(((1, 0), (1, 1)))(np.ones((1, 5, 6, 3))).shape
    (1, 4, 4, 3)
    """

    rank = 2

    def __init__(self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self._set_format(data_format)
        self.cropping = pairs_per_axis(self, "cropping", cropping, 2)


class Cropping3D(Cropping):
    """Volumes without their margins.

    Args:
        cropping, data_format, ...: As for `Cropping2D`, with sizes for three axes.

    >>> keras.layers.Cropping3D(1)(np.ones((1, 4, 4, 4, 3))).shape
    (1, 2, 2, 2, 3)
    """

    rank = 3

    def __init__(self, cropping: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self._set_format(data_format)
        self.cropping = pairs_per_axis(self, "cropping", cropping, 3)


class UpSampling(SpatialResize):
    """Each element several times, along each spatial axis."""

    size: Any

    @property
    def _factors(self) -> tuple[int, ...]:
        return (self.size,) if self.rank == 1 else self.size

    def call(self, inputs: Any) -> Any:
        for axis, factor in zip(self._axes, self._factors):
            inputs = repeat(inputs, factor, axis=axis)
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        space = split_shape(input_shape, self.data_format)[0]
        return self._resized(input_shape, [None if n is None else n * f for n, f in zip(space, self._factors)])


class UpSampling1D(UpSampling):
    """Each step of a sequence several times.

    Args:
        size: How often.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> keras.layers.UpSampling1D(2)(np.array([1.0, 2.0]).reshape(1, 2, 1)).ravel()
    Array([1., 1., 2., 2.], dtype=float32)
    """

    rank = 1

    def __init__(self, size: int = 2, **kwargs: Any):
        super().__init__(**kwargs)
        self._set_format("channels_last")
        self.size = count(self, "size", size)


_METHODS = {"nearest": "nearest", "bilinear": "bilinear", "bicubic": "cubic", "lanczos3": "lanczos3"}
_METHODS["lanczos5"] = "lanczos5"


class UpSampling2D(UpSampling):
    """Images made larger by whole factors.

    Args:
        size: The factors, an int or `(height, width)`.
        data_format: "channels_last" or "channels_first"; None for the default.
        interpolation: "nearest" (each pixel repeated), "bilinear", "bicubic", "lanczos3" or "lanczos5".
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> keras.layers.UpSampling2D((2, 3))(np.ones((1, 4, 4, 1))).shape
    (1, 8, 12, 1)
    """

    rank = 2

    def __init__(
        self, size: Any = (2, 2), data_format: str | None = None, interpolation: str = "nearest", **kwargs: Any
    ):
        super().__init__(**kwargs)
        self._set_format(data_format)
        self.size = per_axis(self, "size", size, 2)
        self.interpolation = choice(self, "interpolation", interpolation, tuple(_METHODS))
        self._keeps_dtype = self.interpolation == "nearest"

    def call(self, inputs: Any) -> Any:
        if self.interpolation == "nearest":
            return super().call(inputs)
        if not jax.numpy.issubdtype(inputs.dtype, jax.numpy.floating):
            inputs = inputs.astype(self.compute_dtype)
        shape = self.compute_output_shape(tuple(inputs.shape))
        return jax.image.resize(inputs, shape, _METHODS[self.interpolation])


class UpSampling3D(UpSampling):
    """Volumes made larger by whole factors: each element is repeated.

    Args:
        size: The factors, an int or one an axis.
        data_format: "channels_last" or "channels_first"; None for the default.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> keras.layers.UpSampling3D(2)(np.ones((1, 2, 2, 2, 3))).shape
    (1, 4, 4, 4, 3)
    """

    rank = 3

    def __init__(self, size: Any = (2, 2, 2), data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self._set_format(data_format)
        self.size = per_axis(self, "size", size, 3)
