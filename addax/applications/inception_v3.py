"""Inception-V3: modules of parallel convolutions of several sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import layers
from ..core.keras_tensor import KerasTensor
from .architecture import Family, architectures, standard
from .blocks import channel_axis, conv, pool
from .given import Given
from .imagenet_utils import decode_predictions, preprocessing
from .published import PUBLISHED

# One convolution: filters, kernel size, then stride and padding where they aren't 1 and "same".
Step = tuple[Any, ...]
Branch = Sequence[Step]


def conv_norm(
    x: KerasTensor, filters: int, size: Any, strides: int = 1, padding: str = "same", name: str | None = None
) -> KerasTensor:
    """Applies convolution, normalization without scale, and relu."""
    x = conv(x, filters, size, strides, padding=padding, name=name)
    x = layers.BatchNormalization(axis=channel_axis(3), scale=False, name=name and f"{name}_bn")(x)
    return layers.Activation("relu", name=name and f"{name}_ac")(x)


def branch(x: KerasTensor, steps: Branch) -> KerasTensor:
    """Applies convolutions one after the other."""
    for step in steps:
        x = conv_norm(x, *step)
    return x


def concatenate(branches: Sequence[KerasTensor], name: str | None = None) -> KerasTensor:
    """Concatenates the channels of branches."""
    return layers.Concatenate(axis=channel_axis(3), name=name)(list(branches))


def stem(x: KerasTensor) -> KerasTensor:
    """Adds the first five convolutions, and pooling."""
    x = branch(x, [(32, 3, 2, "valid"), (32, 3, 1, "valid"), (64, 3)])
    x = layers.MaxPooling2D(3, strides=2)(x)
    x = branch(x, [(80, 1, 1, "valid"), (192, 3, 1, "valid")])
    return layers.MaxPooling2D(3, strides=2)(x)


def module(x: KerasTensor, branches: Sequence[Branch], pool_filters: int, name: str) -> KerasTensor:
    """Concatenates branches and a branch of average pooling with `pool_filters` filters."""
    made = [branch(x, steps) for steps in branches]
    made.append(conv_norm(layers.AveragePooling2D(3, strides=1, padding="same")(x), pool_filters, 1))
    return concatenate(made, name)


def reduction(x: KerasTensor, branches: Sequence[Branch], name: str) -> KerasTensor:
    """Concatenates branches that halve the image and a branch of max pooling."""
    return concatenate([*(branch(x, steps) for steps in branches), layers.MaxPooling2D(3, strides=2)(x)], name)


def _seven(filters: int) -> list[Branch]:
    """The branches of a module with convolutions over 7 pixels in one direction."""
    row, column = (filters, (1, 7)), (filters, (7, 1))
    return [
        [(192, 1)],
        [(filters, 1), row, (192, (7, 1))],
        [(filters, 1), column, row, column, (192, (1, 7))],
    ]


def _split(x: KerasTensor, name: str | None) -> KerasTensor:
    """Applies a row and a column of convolutions side by side."""
    return concatenate([conv_norm(x, 384, (1, 3)), conv_norm(x, 384, (3, 1))], name)


def _body(x: KerasTensor, given: Given) -> KerasTensor:
    x = stem(x)
    for i, filters in enumerate((32, 64, 64)):
        branches: list[Branch] = [[(64, 1)], [(48, 1), (64, 5)], [(64, 1), (96, 3), (96, 3)]]
        x = module(x, branches, filters, f"mixed{i}")
    x = reduction(x, [[(384, 3, 2, "valid")], [(64, 1), (96, 3), (96, 3, 2, "valid")]], "mixed3")
    for i, filters in enumerate((128, 160, 160, 192), 4):
        x = module(x, _seven(filters), 192, f"mixed{i}")
    last: Branch = [(192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3, 2, "valid")]
    x = reduction(x, [[(192, 1), (320, 3, 2, "valid")], last], "mixed8")
    for i in range(2):
        made = [
            conv_norm(x, 320, 1),
            _split(conv_norm(x, 384, 1), f"mixed9_{i}"),
            _split(branch(x, [(448, 1), (384, 3)]), None),
            conv_norm(layers.AveragePooling2D(3, strides=1, padding="same")(x), 192, 1),
        ]
        x = concatenate(made, f"mixed{9 + i}")
    return x


_FAMILY = Family("Inception", _body, PUBLISHED["inception_v3"], pool=pool, size=299, least=75)
(InceptionV3,) = architectures(__name__, standard, _FAMILY, {"InceptionV3": {"name": "inception_v3"}})
preprocess_input = preprocessing(__name__, _FAMILY.published.mode)

__all__ = ["InceptionV3", "decode_predictions", "preprocess_input"]
