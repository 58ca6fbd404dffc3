"""Zero padding, cropping and upsampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from ..core.engine import jax
from ..core.op import Tensor
from ..core.types import LayerOptions
from ..kernels.conv import Sizes
from ..ops.numpy import pad, repeat
from .layer import Shape
from .sizes import PairsLike, choice, count, pairs_per_axis, per_axis, split_shape, static_shape
from .spatial import SpatialLayer

Pairs = tuple[tuple[int, int], ...]


class Margins(SpatialLayer):
    """Base of layers that add or remove elements before and after each spatial axis."""

    _keeps_dtype = True
    _margins: str  # the attribute with the numbers of elements

    def _set_margins(self, value: PairsLike, data_format: str | None) -> None:
        self._set_format(data_format)
        if self.rank == 1:
            found: Any = per_axis(self, self._margins, value, 2, least=0)
        else:
            found = pairs_per_axis(self, self._margins, value, self.rank)
        setattr(self, self._margins, found)

    @property
    def _pairs(self) -> Pairs:
        """The numbers of elements (before, after) each spatial axis."""
        found = getattr(self, self._margins)
        return (found,) if self.rank == 1 else found


class ZeroPadding(Margins):
    """Base of `ZeroPadding1D`, `ZeroPadding2D` and `ZeroPadding3D`, which set `rank`."""

    _margins = "padding"

    def call(self, inputs: Tensor) -> Any:
        widths: list[tuple[int, int]] = [(0, 0)] * inputs.ndim
        for axis, pair in zip(self._axes, self._pairs):
            widths[axis] = pair
        return pad(inputs, widths)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        space = split_shape(input_shape, self.data_format)[0]
        return self._with_space(
            input_shape, [None if n is None else n + a + b for n, (a, b) in zip(space, self._pairs)]
        )


class ZeroPadding1D(ZeroPadding):
    """Pads sequences with zeros.

    Args:
        padding: Number of zeros: an int, or a pair (before, after).
        data_format: "channels_last" or "channels_first"; None for the default.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `padding` is negative or has the wrong number of elements.

    >>> keras.layers.ZeroPadding1D((1, 2))(np.ones((2, 3, 4))).shape
    (2, 6, 4)
    """

    rank = 1

    def __init__(
        self, padding: int | Sequence[int] = 1, data_format: str | None = None, **kwargs: Unpack[LayerOptions]
    ):
        super().__init__(**kwargs)
        self._set_margins(padding, data_format)


class ZeroPadding2D(ZeroPadding):
    """Pads images with zeros.

    Args:
        padding: Number of zeros: an int, an int per axis, or a pair (before, after) per axis.
        data_format: "channels_last" or "channels_first"; None for the default.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `padding` is negative or has the wrong number of elements.

    >>> keras.layers.ZeroPadding2D(((1, 0), (2, 2)))(np.ones((1, 4, 4, 3))).shape
    (1, 5, 8, 3)
    """

    rank = 2

    def __init__(self, padding: PairsLike = (1, 1), data_format: str | None = None, **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        self._set_margins(padding, data_format)


class ZeroPadding3D(ZeroPadding):
    """Pads volumes with zeros.

    Args:
        padding, data_format, ...: As for `ZeroPadding2D`, with sizes for three axes.

    >>> keras.layers.ZeroPadding3D(1)(np.ones((1, 2, 2, 2, 3))).shape
    (1, 4, 4, 4, 3)
    """

    rank = 3

    def __init__(
        self,
        padding: PairsLike = ((1, 1), (1, 1), (1, 1)),
        data_format: str | None = None,
        **kwargs: Unpack[LayerOptions],
    ):
        super().__init__(**kwargs)
        self._set_margins(padding, data_format)


class Cropping(Margins):
    """Base of `Cropping1D`, `Cropping2D` and `Cropping3D`, which set `rank`."""

    _margins = "cropping"
    cropping: Any

    def call(self, inputs: Tensor) -> Any:
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
        return self._with_space(input_shape, lengths)


class Cropping1D(Cropping):
    """Crops the start and end of sequences.

    Args:
        cropping: Number of timesteps to remove: an int, or a pair (before, after).
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `cropping` is negative or has the wrong number of elements.

    >>> keras.layers.Cropping1D((1, 2))(np.ones((2, 6, 4))).shape
    (2, 3, 4)
    """

    rank = 1

    def __init__(self, cropping: int | Sequence[int] = (1, 1), **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        self._set_margins(cropping, "channels_last")


class Cropping2D(Cropping):
    """Crops images.

    Args:
        cropping: Number of elements to remove: an int, an int per axis, or a pair (before, after) per axis.
        data_format: "channels_last" or "channels_first"; None for the default.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `cropping` is negative or has the wrong number of elements.

    >>> keras.layers.Cropping2D(((1, 0), (1, 1)))(np.ones((1, 5, 6, 3))).shape
    (1, 4, 4, 3)
    """

    rank = 2

    def __init__(
        self, cropping: PairsLike = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Unpack[LayerOptions]
    ):
        super().__init__(**kwargs)
        self._set_margins(cropping, data_format)


class Cropping3D(Cropping):
    """Crops volumes.

    Args:
        cropping, data_format, ...: As for `Cropping2D`, with sizes for three axes.

    >>> keras.layers.Cropping3D(1)(np.ones((1, 4, 4, 4, 3))).shape
    (1, 2, 2, 2, 3)
    """

    rank = 3

    def __init__(
        self,
        cropping: PairsLike = ((1, 1), (1, 1), (1, 1)),
        data_format: str | None = None,
        **kwargs: Unpack[LayerOptions],
    ):
        super().__init__(**kwargs)
        self._set_margins(cropping, data_format)


class UpSampling(SpatialLayer):
    """Base of `UpSampling1D`, `UpSampling2D` and `UpSampling3D`, which set `rank`."""

    _keeps_dtype = True
    size: Any

    @property
    def _factors(self) -> tuple[int, ...]:
        return (self.size,) if self.rank == 1 else self.size

    def call(self, inputs: Tensor) -> Any:
        for axis, factor in zip(self._axes, self._factors):
            inputs = repeat(inputs, factor, axis=axis)
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        space = split_shape(input_shape, self.data_format)[0]
        return self._with_space(input_shape, [None if n is None else n * f for n, f in zip(space, self._factors)])


class UpSampling1D(UpSampling):
    """Repeats each timestep of a sequence.

    Args:
        size: Number of repetitions, a positive int.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `size` isn't positive.

    >>> keras.layers.UpSampling1D(2)(np.array([1.0, 2.0]).reshape(1, 2, 1)).ravel()
    Array([1., 1., 2., 2.], dtype=float32)
    """

    rank = 1

    def __init__(self, size: int = 2, **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        self._set_format("channels_last")
        self.size = count(self, "size", size)


_METHODS = {"nearest": "nearest", "bilinear": "bilinear", "bicubic": "cubic", "lanczos3": "lanczos3"}
_METHODS["lanczos5"] = "lanczos5"


class UpSampling2D(UpSampling):
    """Upsamples images by integer factors.

    Args:
        size: Upsampling factors: an int, or `(height, width)`.
        data_format: "channels_last" or "channels_first"; None for the default.
        interpolation: "nearest" (repeats each pixel), "bilinear", "bicubic", "lanczos3" or "lanczos5".
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `size` isn't positive, or `interpolation` is unknown.

    >>> keras.layers.UpSampling2D((2, 3))(np.ones((1, 4, 4, 1))).shape
    (1, 8, 12, 1)
    """

    rank = 2

    def __init__(
        self,
        size: Sizes = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Unpack[LayerOptions],
    ):
        super().__init__(**kwargs)
        self._set_format(data_format)
        self.size = per_axis(self, "size", size, 2)
        self.interpolation = choice(self, "interpolation", interpolation, tuple(_METHODS))
        self._keeps_dtype = self.interpolation == "nearest"

    def call(self, inputs: Tensor) -> Any:
        if self.interpolation == "nearest":
            return super().call(inputs)
        if not jax.numpy.issubdtype(inputs.dtype, jax.numpy.floating):
            inputs = inputs.astype(self.compute_dtype)
        shape = self.compute_output_shape(tuple(inputs.shape))
        return jax.image.resize(inputs, shape, _METHODS[self.interpolation])


class UpSampling3D(UpSampling):
    """Upsamples volumes by integer factors: repeats each element.

    Args:
        size: Upsampling factors: an int, or one per axis.
        data_format: "channels_last" or "channels_first"; None for the default.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> keras.layers.UpSampling3D(2)(np.ones((1, 2, 2, 2, 3))).shape
    (1, 4, 4, 4, 3)
    """

    rank = 3

    def __init__(self, size: Sizes = (2, 2, 2), data_format: str | None = None, **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        self._set_format(data_format)
        self.size = per_axis(self, "size", size, 3)
