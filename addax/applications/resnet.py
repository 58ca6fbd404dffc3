"""ResNet: bottleneck blocks with a shortcut."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import layers
from ..core.keras_tensor import KerasTensor
from .architecture import Family, architectures, standard
from .blocks import channel_axis, conv
from .given import Given
from .imagenet_utils import decode_predictions, preprocessing
from .published import PUBLISHED

Block = Callable[[KerasTensor, int, int, bool, str], KerasTensor]

# Numbers of blocks in the four stages, by number of layers.
DEPTHS = {"50": (3, 4, 6, 3), "101": (3, 4, 23, 3), "152": (3, 8, 36, 3)}


def members(suffix: str) -> dict[str, dict[str, Any]]:
    """Returns the members of a family whose names end with `suffix`."""
    return {f"ResNet{n}{suffix}": {"name": f"resnet{n}{suffix.lower()}", "depths": d} for n, d in DEPTHS.items()}


def norm(x: KerasTensor, name: str) -> KerasTensor:
    """Normalizes the batch."""
    return layers.BatchNormalization(axis=channel_axis(3), epsilon=1.001e-5, name=f"{name}_bn")(x)


def norm_relu(x: KerasTensor, name: str) -> KerasTensor:
    """Normalizes the batch and applies relu."""
    return layers.Activation("relu", name=f"{name}_relu")(norm(x, name))


def stem(x: KerasTensor, norm_first: bool) -> KerasTensor:
    """Adds the first convolution and pooling; `norm_first` leaves its normalization to the blocks."""
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
    x = conv(x, 64, 7, 2, padding="valid", use_bias=True, name="conv1_conv")
    if not norm_first:
        x = norm_relu(x, "conv1")
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    return layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)


def stages(x: KerasTensor, depths: Sequence[int], block: Block, strided: int) -> KerasTensor:
    """Adds four stages of blocks.

    Args:
        x: Features.
        depths: Numbers of blocks.
        block: Function of the features, filters, stride, whether the shortcut has a convolution, and a name.
        strided: Index of the block that halves the image, in all stages but one: the first if it's the first block, the
            last if it's the last block.
    """
    for stage, depth in enumerate(depths, 2):
        for i in range(depth):
            halves = i == strided % depth and stage != (2 if strided == 0 else 5)
            x = block(x, 2 ** (stage + 4), 2 if halves else 1, i == 0, f"conv{stage}_block{i + 1}")
    return x


def _block(x: KerasTensor, filters: int, stride: int, widen: bool, name: str) -> KerasTensor:
    shortcut = x
    if widen:
        shortcut = conv(x, 4 * filters, 1, stride, padding="valid", use_bias=True, name=f"{name}_0_conv")
        shortcut = norm(shortcut, f"{name}_0")
    x = norm_relu(conv(x, filters, 1, stride, padding="valid", use_bias=True, name=f"{name}_1_conv"), f"{name}_1")
    x = norm_relu(conv(x, filters, 3, use_bias=True, name=f"{name}_2_conv"), f"{name}_2")
    x = norm(conv(x, 4 * filters, padding="valid", use_bias=True, name=f"{name}_3_conv"), f"{name}_3")
    return layers.Activation("relu", name=f"{name}_out")(layers.Add(name=f"{name}_add")([shortcut, x]))


def _body(x: KerasTensor, given: Given, depths: Sequence[int]) -> KerasTensor:
    return stages(stem(x, norm_first=False), depths, _block, strided=0)


_FAMILY = Family("ResNet", _body, PUBLISHED["resnet"])
ResNet50, ResNet101, ResNet152 = architectures(__name__, standard, _FAMILY, members(""))
preprocess_input = preprocessing(__name__, _FAMILY.published.mode)

__all__ = ["ResNet50", "ResNet101", "ResNet152", "decode_predictions", "preprocess_input"]
