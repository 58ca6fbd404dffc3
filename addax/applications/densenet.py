"""DenseNet: each block gets the outputs of all blocks before it."""

from __future__ import annotations

from collections.abc import Sequence

from .. import layers
from ..core.keras_tensor import KerasTensor
from .architecture import Family, architectures, standard
from .blocks import channel_axis, channels, conv
from .given import Given
from .imagenet_utils import decode_predictions, preprocessing
from .published import PUBLISHED

_GROWTH = 32


def _norm_relu(x: KerasTensor, name: str, separator: str = "_") -> KerasTensor:
    x = layers.BatchNormalization(axis=channel_axis(3), epsilon=1.001e-5, name=f"{name}{separator}bn")(x)
    return layers.Activation("relu", name=f"{name}{separator}relu")(x)


def _block(x: KerasTensor, name: str) -> KerasTensor:
    y = conv(_norm_relu(x, f"{name}_0"), 4 * _GROWTH, padding="valid", name=f"{name}_1_conv")
    y = conv(_norm_relu(y, f"{name}_1"), _GROWTH, 3, name=f"{name}_2_conv")
    return layers.Concatenate(axis=channel_axis(3), name=f"{name}_concat")([x, y])


def _transition(x: KerasTensor, name: str) -> KerasTensor:
    """Halves the number of channels, and the image."""
    x = _norm_relu(x, name)
    x = conv(x, channels(x) // 2, padding="valid", name=f"{name}_conv")
    return layers.AveragePooling2D(2, strides=2, name=f"{name}_pool")(x)


def _body(x: KerasTensor, given: Given, depths: Sequence[int]) -> KerasTensor:
    x = layers.ZeroPadding2D(3)(x)
    x = _norm_relu(conv(x, 64, 7, 2, padding="valid", name="conv1_conv"), "conv1")
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(layers.ZeroPadding2D(1)(x))
    for stage, depth in enumerate(depths, 2):
        if stage > 2:
            x = _transition(x, f"pool{stage - 1}")
        for i in range(1, depth + 1):
            x = _block(x, f"conv{stage}_block{i}")
    return _norm_relu(x, "", "")


_FAMILY = Family("DenseNet", _body, PUBLISHED["densenet"], channels_first=False)
DenseNet121, DenseNet169, DenseNet201 = architectures(
    __name__,
    standard,
    _FAMILY,
    {
        "DenseNet121": {"name": "densenet121", "depths": (6, 12, 24, 16)},
        "DenseNet169": {"name": "densenet169", "depths": (6, 12, 32, 32)},
        "DenseNet201": {"name": "densenet201", "depths": (6, 12, 48, 32)},
    },
)
preprocess_input = preprocessing(__name__, _FAMILY.published.mode)

__all__ = ["DenseNet121", "DenseNet169", "DenseNet201", "decode_predictions", "preprocess_input"]
