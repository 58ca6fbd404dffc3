"""Xception: separable convolutions with shortcuts."""

from __future__ import annotations

from .. import layers
from ..core.keras_tensor import KerasTensor
from .architecture import Family, architectures, standard
from .blocks import channel_axis, conv, pool
from .given import Given
from .imagenet_utils import decode_predictions, preprocessing
from .published import PUBLISHED


def _norm(x: KerasTensor, name: str | None = None) -> KerasTensor:
    return layers.BatchNormalization(axis=channel_axis(), name=name)(x)


def _relu(x: KerasTensor, name: str) -> KerasTensor:
    return layers.Activation("relu", name=f"{name}_act")(x)


def _separable(x: KerasTensor, filters: int, name: str) -> KerasTensor:
    x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    return _norm(x, f"{name}_bn")


def _downsampling(x: KerasTensor, first: int, second: int, block: int) -> KerasTensor:
    """Adds a block of two separable convolutions that halves the image. The first block's input is active already."""
    shortcut = _norm(conv(x, second, 1, 2))
    for i, filters in enumerate((first, second), 1):
        name = f"block{block}_sepconv{i}"
        x = _separable(x if (block, i) == (2, 1) else _relu(x, name), filters, name)
    return layers.Add()([layers.MaxPooling2D(3, strides=2, padding="same", name=f"block{block}_pool")(x), shortcut])


def _body(x: KerasTensor, given: Given) -> KerasTensor:
    for i, (filters, stride) in enumerate(((32, 2), (64, 1)), 1):
        x = conv(x, filters, 3, stride, padding="valid", name=f"block1_conv{i}")
        x = _relu(_norm(x, f"block1_conv{i}_bn"), f"block1_conv{i}")
    for block, filters in enumerate((128, 256, 728), 2):
        x = _downsampling(x, filters, filters, block)
    for block in range(5, 13):
        y = x
        for i in (1, 2, 3):
            name = f"block{block}_sepconv{i}"
            y = _separable(_relu(y, name), 728, name)
        x = layers.Add()([y, x])
    x = _downsampling(x, 728, 1024, 13)
    for i, filters in enumerate((1536, 2048), 1):
        name = f"block14_sepconv{i}"
        x = _relu(_separable(x, filters, name), name)
    return x


_FAMILY = Family("Xception", _body, PUBLISHED["xception"], pool=pool, size=299, least=71)
(Xception,) = architectures(__name__, standard, _FAMILY, {"Xception": {"name": "xception"}})
preprocess_input = preprocessing(__name__, _FAMILY.published.mode)

__all__ = ["Xception", "decode_predictions", "preprocess_input"]
