"""VGG: stacks of 3x3 convolutions."""

from __future__ import annotations

from collections.abc import Sequence

from .. import layers
from ..core.keras_tensor import KerasTensor
from .architecture import Family, architectures, standard
from .blocks import conv, pool
from .given import Given
from .imagenet_utils import decode_predictions, preprocessing
from .published import PUBLISHED


def _body(x: KerasTensor, given: Given, depths: Sequence[int]) -> KerasTensor:
    for stage, (depth, filters) in enumerate(zip(depths, (64, 128, 256, 512, 512)), 1):
        for i in range(1, depth + 1):
            x = conv(x, filters, 3, use_bias=True, activation="relu", name=f"block{stage}_conv{i}")
        x = layers.MaxPooling2D(2, strides=2, name=f"block{stage}_pool")(x)
    return x


def _head(x: KerasTensor, given: Given) -> KerasTensor:
    x = layers.Flatten(name="flatten")(x)
    for name in ("fc1", "fc2"):
        x = layers.Dense(4096, activation="relu", name=name)(x)
    return layers.Dense(given.classes, activation=given.classifier_activation, name="predictions")(x)


_FAMILY = Family("VGG", _body, PUBLISHED["vgg"], head=_head, pool=pool)
VGG16, VGG19 = architectures(
    __name__,
    standard,
    _FAMILY,
    {
        "VGG16": {"name": "vgg16", "depths": (2, 2, 3, 3, 3)},
        "VGG19": {"name": "vgg19", "depths": (2, 2, 4, 4, 4)},
    },
)
preprocess_input = preprocessing(__name__, _FAMILY.published.mode)

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]
