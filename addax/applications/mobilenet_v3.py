"""MobileNetV3: inverted residual blocks, some with squeeze-and-excitation and hard swish."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial

from .. import layers
from ..core.keras_tensor import KerasTensor
from ..core.types import ActivationLike, Shape
from ..core.warnings import warn
from ..models.model import Functional
from ..ops.numpy import add, multiply
from .architecture import Family, architectures
from .blocks import channel_axis, channels, conv, divisible, strided_depthwise
from .given import Given
from .imagenet_utils import decode_predictions, preprocessing
from .mobilenet_v2 import check_tensor
from .published import PUBLISHED

# Of each block: factor of the expansion, filters, kernel size, stride, squeeze-and-excitation, hard swish.
Row = tuple[float, int, int, int, bool, bool]
_SMALL: list[Row] = [
    (1, 16, 3, 2, True, False),
    (72 / 16, 24, 3, 2, False, False),
    (88 / 24, 24, 3, 1, False, False),
    (4, 40, 5, 2, True, True),
    (6, 40, 5, 1, True, True),
    (6, 40, 5, 1, True, True),
    (3, 48, 5, 1, True, True),
    (3, 48, 5, 1, True, True),
    (6, 96, 5, 2, True, True),
    (6, 96, 5, 1, True, True),
    (6, 96, 5, 1, True, True),
]
_LARGE: list[Row] = [
    (1, 16, 3, 1, False, False),
    (4, 24, 3, 2, False, False),
    (3, 24, 3, 1, False, False),
    (3, 40, 5, 2, True, False),
    (3, 40, 5, 1, True, False),
    (3, 40, 5, 1, True, False),
    (6, 80, 3, 2, False, True),
    (2.5, 80, 3, 1, False, True),
    (2.3, 80, 3, 1, False, True),
    (2.3, 80, 3, 1, False, True),
    (6, 112, 3, 1, True, True),
    (6, 112, 3, 1, True, True),
    (6, 160, 5, 2, True, True),
    (6, 160, 5, 1, True, True),
    (6, 160, 5, 1, True, True),
]

Activate = Callable[[KerasTensor], KerasTensor]


def _norm(x: KerasTensor, name: str) -> KerasTensor:
    return layers.BatchNormalization(axis=channel_axis(), momentum=0.999, name=f"{name}_bn")(x)


def _relu(x: KerasTensor) -> KerasTensor:
    return layers.ReLU()(x)


def _hard_swish(x: KerasTensor) -> KerasTensor:
    return layers.Activation("hard_swish")(x)


def _excite(x: KerasTensor, name: str) -> KerasTensor:
    """Scales channels by a hard sigmoid of their means (squeeze-and-excitation)."""
    name = f"{name}_squeeze_excite"
    width = channels(x)
    y = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_avg_pool")(x)
    y = conv(y, divisible(width * 0.25), use_bias=True, name=f"{name}_conv")
    y = layers.ReLU(name=f"{name}_relu")(y)
    y = conv(y, width, use_bias=True, name=f"{name}_conv_1")
    y = multiply(layers.ReLU(6.0)(add(y, 3.0)), 1.0 / 6.0)  # a hard sigmoid
    return layers.Multiply(name=f"{name}_mul")([x, y])


def _block(x: KerasTensor, row: Row, given: Given, number: int) -> KerasTensor:
    expansion, filters, size, stride, excited, hard = row
    if given.minimalistic:
        size, excited, hard = 3, False, False
    activate: Activate = _hard_swish if hard else _relu
    name = f"expanded_conv_{number}" if number else "expanded_conv"
    inputs, width, filters = x, channels(x), divisible(filters * given.alpha)
    if number:
        x = activate(_norm(conv(x, divisible(width * expansion), name=f"{name}_expand"), f"{name}_expand"))
    name = f"{name}_depthwise"
    x = activate(_norm(strided_depthwise(x, size, stride, name=name, pad_name=f"{name}_pad"), name))
    name = name.removesuffix("_depthwise")
    if excited:
        x = _excite(x, name)
    x = _norm(conv(x, filters, name=f"{name}_project"), f"{name}_project")
    return layers.Add(name=f"{name}_add")([inputs, x]) if stride == 1 and width == filters else x


def _body(x: KerasTensor, given: Given, blocks: Sequence[Row], last: int) -> KerasTensor:
    activate: Activate = _relu if given.minimalistic else _hard_swish
    if given.include_preprocessing:
        x = layers.Rescaling(1.0 / 127.5, offset=-1.0)(x)
    x = activate(_norm(conv(x, 16, 3, 2, name="conv"), "conv"))
    for i, row in enumerate(blocks):
        x = _block(x, row, given, i)
    x = activate(_norm(conv(x, divisible(channels(x) * 6), name="conv_1"), "conv_1"))
    if not given.include_top:
        return x
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    wide = divisible(last * given.alpha) if given.alpha > 1.0 else last
    return activate(conv(x, wide, use_bias=True, name="conv_2"))


def _head(x: KerasTensor, given: Given) -> KerasTensor:
    if given.dropout > 0:
        x = layers.Dropout(given.dropout)(x)
    x = conv(x, given.classes, use_bias=True, name="logits")
    return layers.Activation(given.classifier_activation, name="predictions")(layers.Flatten()(x))


def _arguments(given: Given) -> Given:
    check_tensor(given)
    return given


def _pretrained_size(given: Given) -> int:
    if given.alpha not in ((1.0,) if given.minimalistic else (0.75, 1.0)):
        raise ValueError(
            "If imagenet weights are being loaded, alpha can be one of `0.75`, `1.0` for non minimalistic or `1.0` for "
            f"minimalistic only. Received: alpha={given.alpha}, minimalistic={given.minimalistic}"
        )
    if given.size != (224, 224):
        warn(
            "`input_shape` is undefined or non-square, or `rows` is not 224. Weights for input shape (224, 224) will "
            "be loaded as the default.",
        )
    return 224


def _path(kind: str, given: Given) -> str:
    minimalistic = "_minimalistic" if given.minimalistic else ""
    top = "" if given.include_top else "_no_top_v2"
    file = f"weights_mobilenet_v3_{kind}{minimalistic}_224_{float(given.alpha)}_float{top}.h5"
    return f"mobilenet_v3/{file}"


def _template(
    input_shape: Shape | None = None,
    alpha: float = 1.0,
    minimalistic: bool = False,
    include_top: bool = True,
    weights: str | os.PathLike | None = "imagenet",
    input_tensor: KerasTensor | None = None,
    classes: int = 1000,
    pooling: str | None = None,
    dropout_rate: float = 0.2,
    classifier_activation: ActivationLike = "softmax",
    include_preprocessing: bool = True,
    name: str | None = None,
) -> Functional:
    raise NotImplementedError


_FAMILY = Family(
    *("MobileNetV3", _body, PUBLISHED["mobilenet_v3"], _head),
    any_size=True,
    arguments=_arguments,
    pretrained_size=_pretrained_size,
)
MobileNetV3Small, MobileNetV3Large = architectures(
    __name__,
    _template,
    _FAMILY,
    {
        "MobileNetV3Small": {
            "name": "MobileNetV3Small",
            "path": partial(_path, "small"),
            "blocks": _SMALL,
            "last": 1024,
        },
        "MobileNetV3Large": {
            "name": "MobileNetV3Large",
            "path": partial(_path, "large"),
            "blocks": _LARGE,
            "last": 1280,
        },
    },
)
preprocess_input = preprocessing(__name__, _FAMILY.published.mode)

__all__ = ["decode_predictions", "preprocess_input"]
