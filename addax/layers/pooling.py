"""Pooling, global pooling and adaptive pooling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

from ..core.op import Tensor
from ..core.types import LayerOptions, LayerOptionsButName
from ..kernels.conv import Sizes
from ..kernels.pooling import global_max_pool
from ..ops.core import cast
from ..ops.nn import adaptive_average_pool, adaptive_max_pool, average_pool, max_pool
from ..ops.numpy import expand_dims, mean, multiply, ones_like, where
from ..ops.numpy import sum as sum_
from .layer import Shape
from .shown_signature import ShownSignature
from .sizes import (
    built_from_the_start,
    check_mask,
    choice,
    flag,
    is_int,
    per_axis,
    static_shape,
    windowed,
)
from .spatial import SpatialLayer


class Pooling(SpatialLayer):
    """Base of pooling over windows: one value for each window and channel."""

    pool: Callable[..., Any]
    __signature__ = ShownSignature(per_axis=("pool_size",))

    def __init__(
        self,
        pool_size: Sizes = 2,
        strides: Sizes | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Unpack[LayerOptionsButName],
    ):
        super().__init__(name=name, **kwargs)
        self.pool_size = per_axis(self, "pool_size", pool_size, self.rank)
        self.strides = per_axis(self, "strides", self.pool_size if strides is None else strides, self.rank)
        self.padding = choice(self, "padding", padding, ("valid", "same"))
        self._set_format(data_format)
        built_from_the_start(self)

    def call(self, inputs: Tensor) -> Any:
        self.compute_output_shape(static_shape(inputs))
        return type(self).pool(inputs, self.pool_size, self.strides, self.padding, self.data_format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        space = windowed(
            self,
            input_shape,
            self.pool_size,
            self.strides,
            self.padding,
            self.data_format,
            size_name="pool_size",
        )
        return self._with_space(input_shape, space)


class AveragePooling(Pooling):
    """Base of average pooling, whose window has no default size."""

    pool = average_pool
    pool_mode = "average"

    def __init__(
        self,
        pool_size: Sizes,
        strides: Sizes | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Unpack[LayerOptionsButName],
    ):
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class MaxPooling(Pooling):
    """Base of max pooling."""

    pool = max_pool
    pool_mode = "max"
    _keeps_dtype = True


class MaxPooling1D(MaxPooling):
    """1D max pooling: the maximum of each window.

    Args:
        pool_size: Length of the window, an int.
        strides: Strides: an int, or one per axis; None for `pool_size`.
        padding: "valid" (windows inside the input only) or "same" (output length `ceil(length / strides)`).
        data_format: "channels_last", `(batch, length, channels)`, or "channels_first"; None for the default.
        name, **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: A size isn't positive, or `padding` is unknown.

    >>> keras.layers.MaxPooling1D(2)(np.array([1.0, 3.0, 2.0, 0.0]).reshape(1, 4, 1)).ravel()
    Array([3., 2.], dtype=float32)
    """

    rank = 1


class MaxPooling2D(MaxPooling):
    """2D max pooling: the maximum of each window.

    Args:
        pool_size: Size of the window: an int, or `(height, width)`.
        strides: Strides: an int, or one per axis; None for `pool_size`.
        padding: "valid" (windows inside the input only) or "same" (output size `ceil(size / strides)`).
        data_format: "channels_last", `(batch, height, width, channels)`, or "channels_first"; None for the default.
        name, **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: A size isn't positive, or `padding` is unknown.

    >>> keras.layers.MaxPooling2D()(np.arange(16.0).reshape(1, 4, 4, 1)).ravel()
    Array([ 5.,  7., 13., 15.], dtype=float32)
    """

    rank = 2


class MaxPooling3D(MaxPooling):
    """3D max pooling: the maximum of each window.

    Args:
        pool_size, strides, padding, data_format, ...: As for `MaxPooling2D`, with sizes for three axes.

    >>> keras.layers.MaxPooling3D(2)(np.ones((1, 4, 4, 4, 3))).shape
    (1, 2, 2, 2, 3)
    """

    rank = 3


class AveragePooling1D(AveragePooling):
    """1D average pooling: the mean of each window, without the padding of "same".

    Args:
        pool_size, strides, padding, data_format, ...: As for `MaxPooling1D`.

    >>> keras.layers.AveragePooling1D(2)(np.array([1.0, 3.0, 2.0, 0.0]).reshape(1, 4, 1)).ravel()
    Array([2., 1.], dtype=float32)
    """

    rank = 1


class AveragePooling2D(AveragePooling):
    """2D average pooling: the mean of each window, without the padding of "same".

    Args:
        pool_size, strides, padding, data_format, ...: As for `MaxPooling2D`.

    >>> keras.layers.AveragePooling2D(2)(np.arange(16.0).reshape(1, 4, 4, 1)).ravel()
    Array([ 2.5,  4.5, 10.5, 12.5], dtype=float32)
    """

    rank = 2


class AveragePooling3D(AveragePooling):
    """3D average pooling: the mean of each window, without the padding of "same".

    Args:
        pool_size, strides, padding, data_format, ...: As for `MaxPooling2D`, with sizes for three axes.

    >>> keras.layers.AveragePooling3D(2)(np.ones((1, 4, 4, 4, 3))).shape
    (1, 2, 2, 2, 3)
    """

    rank = 3


class GlobalPooling(SpatialLayer):
    """Base of global pooling: one value for each channel."""

    reduce: Callable[..., Any]

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        self._set_format(data_format)
        self.keepdims = flag(self, "keepdims", keepdims)
        built_from_the_start(self)

    def call(self, inputs: Tensor) -> Any:
        return type(self).reduce(inputs, axis=self._axes, keepdims=self.keepdims)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self._with_space(input_shape, (1,) * self.rank if self.keepdims else ())


class GlobalAveragePooling(GlobalPooling):
    """Base of global average pooling."""

    reduce = mean


class GlobalMaxPooling(GlobalPooling):
    """Base of global max pooling."""

    reduce = global_max_pool
    _keeps_dtype = True


class GlobalAveragePooling1D(GlobalAveragePooling):
    """1D global average pooling: the mean of each channel over time, without masked timesteps.

    Args:
        data_format: "channels_last", `(batch, steps, channels)`, or "channels_first"; None for the default.
        keepdims: Whether to keep the reduced axis, with size 1.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Call arguments: `inputs`; `mask`, bool, of shape `(batch, steps)`. The mean is 0 if all timesteps are masked.

    >>> keras.layers.GlobalAveragePooling1D()(np.arange(6.0).reshape(1, 3, 2))
    Array([[2., 3.]], dtype=float32)
    """

    rank = 1

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Unpack[LayerOptions]):
        super().__init__(data_format=data_format, keepdims=keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Any:
        if mask is None:
            return super().call(inputs)
        shape = static_shape(inputs)
        check_mask(self, mask, (shape[0], shape[self._axes[0]]))
        weights = expand_dims(cast(mask, inputs.dtype), 2 if self.data_format == "channels_last" else 1)
        total = sum_(multiply(inputs, weights), axis=self._axes, keepdims=self.keepdims)
        count = sum_(weights, axis=self._axes, keepdims=self.keepdims)
        # A sequence of padding only has the mean 0: NaN from 0 / 0 would spread to all weights through the gradients.
        return total / where(count == 0, ones_like(count), count)

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> None:
        return None


class GlobalAveragePooling2D(GlobalAveragePooling):
    """2D global average pooling: the mean of each channel over height and width.

    Args:
        data_format: "channels_last", `(batch, height, width, channels)`, or "channels_first"; None for the default.
        keepdims: Whether to keep the reduced axes, with size 1.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> keras.layers.GlobalAveragePooling2D()(np.ones((2, 4, 4, 3))).shape
    (2, 3)
    """

    rank = 2


class GlobalAveragePooling3D(GlobalAveragePooling):
    """3D global average pooling: the mean of each channel over three axes.

    Args:
        data_format, keepdims, ...: As for `GlobalAveragePooling2D`.

    >>> keras.layers.GlobalAveragePooling3D(keepdims=True)(np.ones((2, 4, 4, 4, 3))).shape
    (2, 1, 1, 1, 3)
    """

    rank = 3


class GlobalMaxPooling1D(GlobalMaxPooling):
    """1D global max pooling: the maximum of each channel over time.

    Args:
        data_format: "channels_last", `(batch, steps, channels)`, or "channels_first"; None for the default.
        keepdims: Whether to keep the reduced axis, with size 1.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> keras.layers.GlobalMaxPooling1D()(np.arange(6.0).reshape(1, 3, 2))
    Array([[4., 5.]], dtype=float32)
    """

    rank = 1


class GlobalMaxPooling2D(GlobalMaxPooling):
    """2D global max pooling: the maximum of each channel over height and width.

    Args:
        data_format, keepdims, ...: As for `GlobalAveragePooling2D`.

    >>> keras.layers.GlobalMaxPooling2D()(np.ones((2, 4, 4, 3))).shape
    (2, 3)
    """

    rank = 2


class GlobalMaxPooling3D(GlobalMaxPooling):
    """3D global max pooling: the maximum of each channel over three axes.

    Args:
        data_format, keepdims, ...: As for `GlobalAveragePooling2D`.

    >>> keras.layers.GlobalMaxPooling3D()(np.ones((2, 4, 4, 4, 3))).shape
    (2, 3)
    """

    rank = 3


class AdaptivePooling(SpatialLayer):
    """Base of adaptive pooling: a given number of windows, whatever the size of the input."""

    pool: Callable[..., Any]

    def __init__(self, output_size: Sizes, data_format: str | None = None, **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        if not is_int(output_size) and not isinstance(output_size, (list, tuple)):
            raise TypeError(
                f"`output_size` must be an integer or tuple of {self.rank} integer{'s' * (self.rank > 1)}. Received: "
                f"{output_size} of type {type(output_size)} (layer '{self.name}')"
            )
        self.output_size = per_axis(self, "output_size", output_size, self.rank)
        self._set_format(data_format)

    def call(self, inputs: Tensor) -> Any:
        return type(self).pool(inputs, self.output_size, self.data_format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self._with_space(input_shape, self.output_size)


class AdaptiveAveragePooling(AdaptivePooling):
    """Base of adaptive average pooling."""

    pool = adaptive_average_pool


class AdaptiveMaxPooling(AdaptivePooling):
    """Base of adaptive max pooling."""

    pool = adaptive_max_pool
    _keeps_dtype = True


class AdaptiveAveragePooling1D(AdaptiveAveragePooling):
    """1D adaptive average pooling: the mean of each of `output_size` windows.

    Args:
        output_size: Number of windows, an int or a tuple of one.
        data_format: "channels_last", `(batch, length, channels)`, or "channels_first"; None for the default.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        TypeError: `output_size` is neither an int nor a tuple.
        ValueError: A size isn't positive.

    >>> keras.layers.AdaptiveAveragePooling1D(2)(np.arange(5.0).reshape(1, 5, 1)).ravel()
    Array([1., 3.], dtype=float32)
    """

    rank = 1


class AdaptiveAveragePooling2D(AdaptiveAveragePooling):
    """2D adaptive average pooling: the mean of each of `output_size` windows.

    Args:
        output_size: Number of windows: an int, or one per axis.
        data_format, ...: As for `AdaptiveAveragePooling1D`.

    >>> keras.layers.AdaptiveAveragePooling2D((2, 3))(np.ones((1, 7, 7, 1))).shape
    (1, 2, 3, 1)
    """

    rank = 2


class AdaptiveAveragePooling3D(AdaptiveAveragePooling):
    """3D adaptive average pooling: the mean of each of `output_size` windows.

    Args:
        output_size, data_format, ...: As for `AdaptiveAveragePooling2D`.

    >>> keras.layers.AdaptiveAveragePooling3D(2)(np.ones((1, 5, 5, 5, 1))).shape
    (1, 2, 2, 2, 1)
    """

    rank = 3


class AdaptiveMaxPooling1D(AdaptiveMaxPooling):
    """1D adaptive max pooling: the maximum of each of `output_size` windows.

    Args:
        output_size, data_format, ...: As for `AdaptiveAveragePooling1D`.

    >>> keras.layers.AdaptiveMaxPooling1D(2)(np.arange(5.0).reshape(1, 5, 1)).ravel()
    Array([2., 4.], dtype=float32)
    """

    rank = 1


class AdaptiveMaxPooling2D(AdaptiveMaxPooling):
    """2D adaptive max pooling: the maximum of each of `output_size` windows.

    Args:
        output_size, data_format, ...: As for `AdaptiveAveragePooling2D`.

    >>> keras.layers.AdaptiveMaxPooling2D(2)(np.ones((1, 7, 7, 1))).shape
    (1, 2, 2, 1)
    """

    rank = 2


class AdaptiveMaxPooling3D(AdaptiveMaxPooling):
    """3D adaptive max pooling: the maximum of each of `output_size` windows.

    Args:
        output_size, data_format, ...: As for `AdaptiveAveragePooling2D`.

    >>> keras.layers.AdaptiveMaxPooling3D(2)(np.ones((1, 5, 5, 5, 1))).shape
    (1, 2, 2, 2, 1)
    """

    rank = 3


MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
