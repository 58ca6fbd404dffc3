"""Layers that several families share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import layers
from ..core import config
from ..core.keras_tensor import KerasTensor
from ..core.types import Shape

if TYPE_CHECKING:
    from .given import Given


def channel_axis(last: int = -1) -> int:
    """Returns the axis of channels: 1 with "channels_first", else `last`, as which configs name it."""
    return 1 if config.image_data_format() == "channels_first" else last


def channels(x: KerasTensor) -> int:
    """Returns the number of channels of a batch of images."""
    return x.shape[channel_axis()]  # type: ignore[return-value]


def sizes_of(x: KerasTensor) -> Shape:
    """Returns height and width of a batch of images."""
    return x.shape[2:] if channel_axis() == 1 else x.shape[1:3]


def conv(
    x: KerasTensor, filters: int, size: Any = 1, strides: int = 1, *, padding: str = "same", **options: Any
) -> KerasTensor:
    """Applies a convolution, without bias unless `use_bias` is given."""
    options.setdefault("use_bias", False)
    return layers.Conv2D(filters, size, strides=strides, padding=padding, **options)(x)


def depthwise(x: KerasTensor, size: Any, strides: int = 1, *, padding: str = "same", **options: Any) -> KerasTensor:
    """Applies a depthwise convolution without bias."""
    return layers.DepthwiseConv2D(size, strides=strides, padding=padding, use_bias=False, **options)(x)


def stride_padding(x: KerasTensor, size: int, name: str, even: bool = True) -> KerasTensor:
    """Pads images for a convolution of stride 2 with "valid" padding, as TensorFlow pads for "same".

    Args:
        x: Images.
        size: Kernel size.
        name: Name of the layer.
        even: Whether images of unknown height count as of even height and width, as in Keras.
    """
    height, width = sizes_of(x)
    half = size // 2
    pairs = [(half - (even if height is None or n is None else n % 2 == 0), half) for n in (height, width)]
    return layers.ZeroPadding2D(pairs, name=name)(x)


def strided_depthwise(
    x: KerasTensor, size: int, strides: int, *, name: str, pad_name: str, **options: Any
) -> KerasTensor:
    """Applies a depthwise convolution, padded by a layer of its own where its stride is 2."""
    if strides == 2:
        x = stride_padding(x, size, pad_name)
    return depthwise(x, size, strides, padding="valid" if strides == 2 else "same", name=name, **options)


def divisible(value: float, divisor: int = 8) -> int:
    """Rounds a number of filters to a multiple of `divisor`, by no more than a tenth downwards.

    >>> divisible(30), divisible(8.5), divisible(12.1)
    (32, 8, 16)
    """
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


def dense_head(x: KerasTensor, given: Given, pool_name: str | None = "avg_pool", **options: Any) -> KerasTensor:
    """Adds average pooling, dropout where there is a rate, and the classifier."""
    x = layers.GlobalAveragePooling2D(name=pool_name)(x)
    if given.dropout:
        x = layers.Dropout(given.dropout, name="top_dropout")(x)
    return layers.Dense(given.classes, activation=given.classifier_activation, name="predictions", **options)(x)


def pool(x: KerasTensor, given: Given, average: str | None = None, maximum: str | None = None) -> KerasTensor:
    """Pools features over the image as `pooling` says, by a layer of an automatic or the given name."""
    if given.pooling == "avg":
        return layers.GlobalAveragePooling2D(name=average)(x)
    if given.pooling == "max":
        return layers.GlobalMaxPooling2D(name=maximum)(x)
    return x


def named_pool(x: KerasTensor, given: Given) -> KerasTensor:
    """Pools features by a layer called `avg_pool` or `max_pool`."""
    return pool(x, given, "avg_pool", "max_pool")
