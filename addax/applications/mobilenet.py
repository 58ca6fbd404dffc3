"""MobileNet: depthwise separable convolutions."""

from __future__ import annotations

import os

from .. import layers
from ..core.keras_tensor import KerasTensor
from ..core.types import ActivationLike, Shape
from ..core.warnings import warn
from ..models.model import Functional
from .architecture import Family, architectures
from .blocks import channel_axis, conv, depthwise, pool
from .given import Given
from .imagenet_utils import decode_predictions, preprocessing
from .published import PUBLISHED

# Filters and stride of the blocks.
_BLOCKS = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
_SIZES = (128, 160, 192, 224)
_ALPHAS = {0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"}  # and their names in files


def check_alpha(given: Given, alphas: tuple[float, ...]) -> None:
    """Raises ValueError unless there are weights of ImageNet for this factor of filters."""
    if given.alpha not in alphas:
        *first, last = (f"`{alpha}`" for alpha in alphas)
        raise ValueError(
            f"If imagenet weights are being loaded, alpha can be one of {', '.join(first)} or {last} only.  Received "
            f"alpha={given.alpha}"
        )


def trained_size(given: Given, sizes: tuple[int, ...]) -> int:
    """Returns the size of the images that the weights for this input were trained on."""
    height, width = given.size or (None, None)
    return height if height == width and height in sizes else 224  # type: ignore[return-value]


def pretrained_size(given: Given, alphas: tuple[float, ...], sizes: tuple[int, ...]) -> int:
    """Checks arguments for the weights of ImageNet; returns the size that inputs of the classifier have then."""
    check_alpha(given, alphas)
    size = trained_size(given, sizes)
    if given.size != (size, size):
        warn(
            f"`input_shape` is undefined or non-square, or `rows` is not in {list(sizes)}. Weights for input shape "
            f"({size}, {size}) will be loaded as the default.",
        )
    return size


def _norm_relu(x: KerasTensor, name: str) -> KerasTensor:
    x = layers.BatchNormalization(axis=channel_axis(), name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def _body(x: KerasTensor, given: Given) -> KerasTensor:
    x = _norm_relu(conv(x, int(32 * given.alpha), 3, 2, name="conv1"), "conv1")
    for i, (filters, stride) in enumerate(_BLOCKS, 1):
        if stride == 2:
            x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{i}")(x)
        padding = "same" if stride == 1 else "valid"
        name = f"conv_dw_{i}"
        x = depthwise(x, 3, stride, padding=padding, depth_multiplier=given.depth_multiplier, name=name)
        x = _norm_relu(x, name)
        x = _norm_relu(conv(x, int(filters * given.alpha), name=f"conv_pw_{i}"), f"conv_pw_{i}")
    return x


def _head(x: KerasTensor, given: Given) -> KerasTensor:
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Dropout(given.dropout, name="dropout")(x)
    x = conv(x, given.classes, use_bias=True, name="conv_preds")
    x = layers.Reshape((given.classes,), name="reshape_2")(x)
    return layers.Activation(given.classifier_activation, name="predictions")(x)


def _path(given: Given) -> str:
    top = "" if given.include_top else "_no_top"
    return f"mobilenet/mobilenet_{_ALPHAS[given.alpha]}_{trained_size(given, _SIZES)}_tf{top}.h5"


def _template(
    input_shape: Shape | None = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    dropout: float = 0.001,
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
    *("MobileNet", _body, PUBLISHED["mobilenet"], _head, pool),
    path=_path,
    pretrained_size=lambda given: pretrained_size(given, tuple(_ALPHAS), _SIZES),
)
(MobileNet,) = architectures(
    __name__, _template, _FAMILY, {"MobileNet": {"name": lambda g: f"mobilenet_{g.alpha:0.2f}_{g.rows}"}}
)
preprocess_input = preprocessing(__name__, _FAMILY.published.mode)

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]
