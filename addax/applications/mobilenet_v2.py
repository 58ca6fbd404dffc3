"""MobileNetV2: inverted residual blocks, which widen, convolve each channel, and project."""

from __future__ import annotations

import os
from dataclasses import replace

from .. import layers
from ..core.keras_tensor import KerasTensor
from ..core.types import ActivationLike, Shape
from ..models.model import Functional
from .architecture import Family, architectures
from .blocks import channel_axis, channels, conv, divisible, pool, sizes_of, strided_depthwise
from .given import Given
from .imagenet_utils import decode_predictions, preprocessing
from .mobilenet import pretrained_size, trained_size
from .published import PUBLISHED

# Filters, stride of the first block, and number of blocks of the stages.
_STAGES = [(16, 1, 1), (24, 2, 2), (32, 2, 3), (64, 2, 4), (96, 1, 3), (160, 2, 3), (320, 1, 1)]
_SIZES = (96, 128, 160, 192, 224)
_ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)


def _norm(x: KerasTensor, name: str) -> KerasTensor:
    return layers.BatchNormalization(axis=channel_axis(), momentum=0.999, name=name)(x)


def _norm_relu(x: KerasTensor, name: str, relu: str) -> KerasTensor:
    return layers.ReLU(6.0, name=relu)(_norm(x, name))


def _block(x: KerasTensor, filters: int, stride: int, number: int) -> KerasTensor:
    name = f"block_{number}_" if number else "expanded_conv_"
    inputs, width = x, channels(x)
    if number:
        x = _norm_relu(conv(x, 6 * width, name=f"{name}expand"), f"{name}expand_BN", f"{name}expand_relu")
    x = strided_depthwise(x, 3, stride, name=f"{name}depthwise", pad_name=f"{name}pad")
    x = _norm_relu(x, f"{name}depthwise_BN", f"{name}depthwise_relu")
    x = _norm(conv(x, filters, name=f"{name}project"), f"{name}project_BN")
    return layers.Add(name=f"{name}add")([inputs, x]) if stride == 1 and width == filters else x


def _body(x: KerasTensor, given: Given) -> KerasTensor:
    x = _norm_relu(conv(x, divisible(32 * given.alpha), 3, 2, name="Conv1"), "bn_Conv1", "Conv1_relu")
    number = 0
    for filters, stride, depth in _STAGES:
        for i in range(depth):
            x = _block(x, divisible(filters * given.alpha), stride if i == 0 else 1, number)
            number += 1
    last = divisible(1280 * max(given.alpha, 1.0))
    return _norm_relu(conv(x, last, padding="valid", name="Conv_1"), "Conv_1_bn", "out_relu")


def _head(x: KerasTensor, given: Given) -> KerasTensor:
    x = layers.GlobalAveragePooling2D()(x)
    return layers.Dense(given.classes, activation=given.classifier_activation, name="predictions")(x)


def check_tensor(given: Given) -> None:
    """Raises ValueError if `input_tensor` and `input_shape` have other sizes."""
    tensor = given.input_tensor
    if given.size is None or not isinstance(tensor, KerasTensor):
        return
    sides = sizes_of(tensor)
    for i, (theirs, ours) in enumerate(zip(sides, given.size)):
        if theirs != ours:
            raise ValueError(
                f"input_tensor.shape[{i + 1}] must equal input_shape[{i}]; Received `input_tensor.shape="
                f"{tensor.shape}`, `input_shape={given.input_shape}`"
            )


def _arguments(given: Given) -> Given:
    check_tensor(given)
    tensor = given.input_tensor
    if given.include_top and given.size is None and isinstance(tensor, KerasTensor):
        height, width = sizes_of(tensor)
        if height == width and height in _SIZES:
            return replace(given, input_shape=tensor.shape[1:])
    return given


def _path(given: Given) -> str:
    top = "" if given.include_top else "_no_top"
    numbers = f"{float(given.alpha)}_{trained_size(given, _SIZES)}"
    return f"mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{numbers}{top}.h5"


def _template(
    input_shape: Shape | None = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: str | os.PathLike | None = "imagenet",
    input_tensor: KerasTensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str | None = None,
) -> Functional:
    raise NotImplementedError


_FAMILY = Family(
    *("MobileNetV2", _body, PUBLISHED["mobilenet_v2"], _head, pool),
    path=_path,
    arguments=_arguments,
    pretrained_size=lambda given: pretrained_size(given, _ALPHAS, _SIZES),
)
(MobileNetV2,) = architectures(
    __name__, _template, _FAMILY, {"MobileNetV2": {"name": lambda g: f"mobilenetv2_{g.alpha:0.2f}_{g.rows}"}}
)
preprocess_input = preprocessing(__name__, _FAMILY.published.mode)

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]
