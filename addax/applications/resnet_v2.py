"""ResNet-V2: residual blocks with normalization and activation before the convolutions."""

from __future__ import annotations

from collections.abc import Sequence

from .. import layers
from ..core.keras_tensor import KerasTensor
from .architecture import Family, architectures, standard
from .blocks import conv
from .given import Given
from .imagenet_utils import decode_predictions, preprocessing
from .published import PUBLISHED
from .resnet import members, norm_relu, stages, stem


def _block(x: KerasTensor, filters: int, stride: int, widen: bool, name: str) -> KerasTensor:
    active = norm_relu(x, f"{name}_preact")
    if widen:
        shortcut = conv(active, 4 * filters, 1, stride, padding="valid", use_bias=True, name=f"{name}_0_conv")
    else:
        shortcut = layers.MaxPooling2D(1, strides=stride)(x) if stride > 1 else x
    x = norm_relu(conv(active, filters, padding="valid", name=f"{name}_1_conv"), f"{name}_1")
    x = layers.ZeroPadding2D(1, name=f"{name}_2_pad")(x)
    x = norm_relu(conv(x, filters, 3, stride, padding="valid", name=f"{name}_2_conv"), f"{name}_2")
    x = conv(x, 4 * filters, padding="valid", use_bias=True, name=f"{name}_3_conv")
    return layers.Add(name=f"{name}_out")([shortcut, x])


def _body(x: KerasTensor, given: Given, depths: Sequence[int]) -> KerasTensor:
    return norm_relu(stages(stem(x, norm_first=True), depths, _block, strided=-1), "post")


_FAMILY = Family("ResNetV2", _body, PUBLISHED["resnet_v2"])
ResNet50V2, ResNet101V2, ResNet152V2 = architectures(__name__, standard, _FAMILY, members("V2"))
preprocess_input = preprocessing(__name__, _FAMILY.published.mode)

__all__ = ["ResNet50V2", "ResNet101V2", "ResNet152V2", "decode_predictions", "preprocess_input"]
