"""EfficientNet: inverted residual blocks with squeeze-and-excitation, scaled in width, depth and image size."""

from __future__ import annotations

import math
from typing import Any

from .. import layers
from ..core.keras_tensor import KerasTensor
from .architecture import Family, architectures, standard
from .blocks import channel_axis, channels, conv, dense_head, depthwise, divisible, stride_padding, strided_depthwise
from .given import Given
from .imagenet_utils import RGB_DEVIATION, decode_predictions, preprocessing
from .published import PUBLISHED

CONV_INITIALIZER = {
    "class_name": "VarianceScaling",
    "config": {"scale": 2.0, "mode": "fan_out", "distribution": "truncated_normal"},
}
DENSE_INITIALIZER = {
    "class_name": "VarianceScaling",
    "config": {"scale": 1.0 / 3.0, "mode": "fan_out", "distribution": "uniform"},
}

# Number of blocks, kernel size, filters, factor of the expansion, and stride of the first block of the stages.
_STAGES = [
    (1, 3, 16, 1, 1),
    (2, 3, 24, 6, 2),
    (2, 5, 40, 6, 2),
    (3, 3, 80, 6, 2),
    (3, 5, 112, 6, 1),
    (4, 5, 192, 6, 2),
    (1, 3, 320, 6, 1),
]


class Blocks:
    """Layers of the blocks, as one of the two families has them.

    Args:
        momentum: Momentum of the normalizations.
        depthwise_name: Name of the depthwise convolutions, after that of the block.
        explicit_padding: Whether images are padded by layers of their own before a depthwise convolution of stride 2.
    """

    def __init__(self, momentum: float, depthwise_name: str, explicit_padding: bool):
        self.momentum = momentum
        self.depthwise_name = depthwise_name
        self.explicit_padding = explicit_padding

    def conv(self, x: KerasTensor, filters: int, size: int = 1, strides: int = 1, **options: Any) -> KerasTensor:
        """Applies a convolution without bias."""
        return conv(x, filters, size, strides, kernel_initializer=CONV_INITIALIZER, **options)

    def norm(self, x: KerasTensor, name: str) -> KerasTensor:
        """Normalizes the batch."""
        axis = channel_axis(3)
        return layers.BatchNormalization(axis=axis, momentum=self.momentum, name=f"{name}bn")(x)

    def norm_swish(self, x: KerasTensor, name: str) -> KerasTensor:
        """Normalizes the batch and applies swish."""
        return layers.Activation("swish", name=f"{name}activation")(self.norm(x, name))

    def excited(self, x: KerasTensor, filters: int, name: str) -> KerasTensor:
        """Scales channels by a function of their means (squeeze-and-excitation), by way of `filters` numbers."""
        width = channels(x)
        y = layers.GlobalAveragePooling2D(name=f"{name}se_squeeze")(x)
        shape = (width, 1, 1) if channel_axis() == 1 else (1, 1, width)
        y = layers.Reshape(shape, name=f"{name}se_reshape")(y)
        y = self.conv(y, filters, use_bias=True, activation="swish", name=f"{name}se_reduce")
        y = self.conv(y, width, use_bias=True, activation="sigmoid", name=f"{name}se_expand")
        return layers.Multiply(name=f"{name}se_excite")([x, y])

    def inverted(
        self, x: KerasTensor, filters: int, size: int, stride: int, expansion: int, drop: float, name: str
    ) -> KerasTensor:
        """Adds an inverted residual block.

        Args:
            x: Features.
            filters: Filters of the block's output.
            size: Kernel size.
            stride: Stride of the depthwise convolution.
            expansion: Factor of the number of channels within the block.
            drop: Rate at which samples skip the block in training.
            name: Beginning of the layers' names.
        """
        inputs, width = x, channels(x)
        if expansion != 1:
            x = self.norm_swish(self.conv(x, expansion * width, name=f"{name}expand_conv"), f"{name}expand_")
        depth_name = f"{name}{self.depthwise_name}"
        if self.explicit_padding:
            x = strided_depthwise(
                x, size, stride, name=depth_name, pad_name=f"{depth_name}_pad", depthwise_initializer=CONV_INITIALIZER
            )
        else:
            x = depthwise(x, size, stride, name=depth_name, depthwise_initializer=CONV_INITIALIZER)
        x = self.excited(self.norm_swish(x, name), max(1, width // 4), name)
        x = self.norm(self.conv(x, filters, name=f"{name}project_conv"), f"{name}project_")
        return self.residual(inputs, x, stride, drop, name)

    def residual(self, inputs: KerasTensor, x: KerasTensor, stride: int, drop: float, name: str) -> KerasTensor:
        """Adds the block's input to its output where the shapes agree."""
        if stride != 1 or channels(inputs) != channels(x):
            return x
        if drop:
            x = layers.Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{name}drop")(x)
        return layers.Add(name=f"{name}add")([x, inputs])


def block_name(stage: int, i: int) -> str:
    """Returns the beginning of the names of a block's layers.

    >>> block_name(2, 0), block_name(3, 26)
    ('block2a_', 'block3{_')
    """
    return f"block{stage}{chr(ord('a') + i)}_"


_BLOCKS = Blocks(momentum=0.99, depthwise_name="dwconv", explicit_padding=True)


def _body(x: KerasTensor, given: Given, width: float, depth: float) -> KerasTensor:
    x = layers.Rescaling(1.0 / 255.0)(x)
    x = layers.Normalization(axis=channel_axis(3))(x)
    if given.pretrained:
        # The weights were trained on pixels divided by the deviations, and hold their squares.
        x = layers.Rescaling([1.0 / math.sqrt(d) for d in RGB_DEVIATION])(x)
    x = stride_padding(x, 3, "stem_conv_pad")
    x = _BLOCKS.conv(x, divisible(32 * width), 3, 2, padding="valid", name="stem_conv")
    x = _BLOCKS.norm_swish(x, "stem_")
    counts = [math.ceil(depth * blocks) for blocks, *_ in _STAGES]
    number = 0
    for stage, (count, (_, size, filters, expansion, stride)) in enumerate(zip(counts, _STAGES), 1):
        for i in range(count):
            drop = 0.2 * number / sum(counts)
            first = stride if i == 0 else 1
            x = _BLOCKS.inverted(x, divisible(filters * width), size, first, expansion, drop, block_name(stage, i))
            number += 1
    return _BLOCKS.norm_swish(_BLOCKS.conv(x, divisible(1280 * width), name="top_conv"), "top_")


def _head(x: KerasTensor, given: Given) -> KerasTensor:
    return dense_head(x, given, kernel_initializer=DENSE_INITIALIZER)


# Factors of width and depth, size of the images, and rate of dropout, of B0 to B7.
_SCALES = [
    (1.0, 1.0, 224, 0.2),
    (1.0, 1.1, 240, 0.2),
    (1.1, 1.2, 260, 0.3),
    (1.2, 1.4, 300, 0.3),
    (1.4, 1.8, 380, 0.4),
    (1.6, 2.2, 456, 0.4),
    (1.8, 2.6, 528, 0.5),
    (2.0, 3.1, 600, 0.5),
]
_MEMBERS = {
    f"EfficientNetB{i}": {"name": f"efficientnetb{i}", "size": n, "dropout": drop, "width": width, "depth": depth}
    for i, (width, depth, n, drop) in enumerate(_SCALES)
}
_FAMILY = Family("EfficientNet", _body, PUBLISHED["efficientnet"], head=_head)
(
    EfficientNetB0,
    EfficientNetB1,
    EfficientNetB2,
    EfficientNetB3,
    EfficientNetB4,
    EfficientNetB5,
    EfficientNetB6,
    EfficientNetB7,
) = architectures(__name__, standard, _FAMILY, _MEMBERS)
preprocess_input = preprocessing(__name__, _FAMILY.published.mode)

__all__ = [*_MEMBERS, "decode_predictions", "preprocess_input"]
