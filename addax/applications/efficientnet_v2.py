"""EfficientNetV2: EfficientNet with fused blocks in its first stages."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence

from .. import layers
from ..core.keras_tensor import KerasTensor
from ..core.types import ActivationLike, Shape
from ..models.model import Functional
from .architecture import Family, architectures
from .blocks import channel_axis, channels, dense_head
from .efficientnet import DENSE_INITIALIZER, Blocks, block_name
from .given import Given
from .imagenet_utils import RGB_DEVIATION, RGB_MEAN, decode_predictions, preprocessing
from .published import PUBLISHED

# Number of blocks, filters, factor of the expansion, and stride of the first block of the stages. The first three
# stages have fused blocks, the others squeeze-and-excitation. All kernels are 3x3.
Stages = Sequence[tuple[int, int, int, int]]
_B: Stages = [(1, 16, 1, 1), (2, 32, 4, 2), (2, 48, 4, 2), (3, 96, 4, 2), (5, 112, 6, 1), (8, 192, 6, 2)]
_S: Stages = [(2, 24, 1, 1), (4, 48, 4, 2), (4, 64, 4, 2), (6, 128, 4, 2), (9, 160, 6, 1), (15, 256, 6, 2)]
_M: Stages = [
    *[(3, 24, 1, 1), (5, 48, 4, 2), (5, 80, 4, 2), (7, 160, 4, 2), (14, 176, 6, 1), (18, 304, 6, 2)],
    (5, 512, 6, 1),
]
_L: Stages = [
    *[(4, 32, 1, 1), (7, 64, 4, 2), (7, 96, 4, 2), (10, 192, 4, 2), (19, 224, 6, 1), (25, 384, 6, 2)],
    (7, 640, 6, 1),
]
_FUSED = 3

_BLOCKS = Blocks(momentum=0.9, depthwise_name="dwconv2", explicit_padding=False)


def _rounded(filters: float) -> int:
    return max(8, int(filters + 4) // 8 * 8)


def _fused(x: KerasTensor, filters: int, stride: int, expansion: int, drop: float, name: str) -> KerasTensor:
    """Adds a block with one convolution in place of the expansion and the depthwise convolution."""
    inputs = x
    if expansion == 1:
        x = _BLOCKS.norm_swish(_BLOCKS.conv(x, filters, 3, stride, name=f"{name}project_conv"), f"{name}project_")
    else:
        x = _BLOCKS.conv(x, expansion * channels(x), 3, stride, name=f"{name}expand_conv")
        x = _BLOCKS.norm_swish(x, f"{name}expand_")
        x = _BLOCKS.norm(_BLOCKS.conv(x, filters, name=f"{name}project_conv"), f"{name}project_")
    return _BLOCKS.residual(inputs, x, stride, drop, name)


def _preprocessed(x: KerasTensor, normalized: bool) -> KerasTensor:
    if not normalized or channels(x) != 3:
        return layers.Rescaling(1.0 / 128.0, offset=-1)(x)
    x = layers.Rescaling(1.0 / 255.0)(x)
    variance = [d**2 for d in RGB_DEVIATION]
    return layers.Normalization(axis=channel_axis(3), mean=list(RGB_MEAN), variance=variance)(x)


def _body(
    x: KerasTensor,
    given: Given,
    stages: Stages,
    stem: int,
    width: float = 1.0,
    depth: float = 1.0,
    normalized: bool = False,
) -> KerasTensor:
    if given.include_preprocessing:
        x = _preprocessed(x, normalized)
    x = _BLOCKS.norm_swish(_BLOCKS.conv(x, _rounded(stem * width), 3, 2, name="stem_conv"), "stem_")
    number, total = 0, sum(count for count, *_ in stages)
    for stage, (count, filters, expansion, stride) in enumerate(stages, 1):
        for i in range(math.ceil(count * depth)):
            drop, name = 0.2 * number / total, block_name(stage, i)
            first, wide = stride if i == 0 else 1, _rounded(filters * width)
            if stage <= _FUSED:
                x = _fused(x, wide, first, expansion, drop, name)
            else:
                x = _BLOCKS.inverted(x, wide, 3, first, expansion, drop, name)
            number += 1
    return _BLOCKS.norm_swish(_BLOCKS.conv(x, _rounded(1280 * width), name="top_conv"), "top_")


def _head(x: KerasTensor, given: Given) -> KerasTensor:
    zeros = {"class_name": "Constant", "config": {"value": 0.0}}
    return dense_head(x, given, kernel_initializer=DENSE_INITIALIZER, bias_initializer=zeros)


def _template(
    include_top: bool = True,
    weights: str | os.PathLike | None = "imagenet",
    input_tensor: KerasTensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    include_preprocessing: bool = True,
    name: str | None = None,
) -> Functional:
    raise NotImplementedError


# Factors of width and depth, and size of the images, of B0 to B3.
_SCALES = [(1.0, 1.0, 224), (1.0, 1.1, 240), (1.1, 1.2, 260), (1.2, 1.4, 300)]
_B_MEMBERS = {
    f"B{i}": {"size": size, "stages": _B, "stem": 32, "width": width, "depth": depth, "normalized": True}
    for i, (width, depth, size) in enumerate(_SCALES)
}
_OTHERS = {
    "S": {"size": 384, "stages": _S, "stem": 24},
    "M": {"size": 480, "stages": _M, "stem": 24},
    "L": {"size": 480, "stages": _L, "stem": 32},
}
_MEMBERS = {
    f"EfficientNetV2{k}": {"name": f"efficientnetv2-{k.lower()}", "dropout": 0.2, **numbers}
    for k, numbers in (_B_MEMBERS | _OTHERS).items()
}
_FAMILY = Family("EfficientNetV2", _body, PUBLISHED["efficientnet_v2"], head=_head)
(
    EfficientNetV2B0,
    EfficientNetV2B1,
    EfficientNetV2B2,
    EfficientNetV2B3,
    EfficientNetV2S,
    EfficientNetV2M,
    EfficientNetV2L,
) = architectures(__name__, _template, _FAMILY, _MEMBERS)
preprocess_input = preprocessing(__name__, _FAMILY.published.mode)

__all__ = [*_MEMBERS, "decode_predictions", "preprocess_input"]
