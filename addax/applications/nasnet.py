"""NASNet: normal and reduction cells that were found by a search."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import Any

from .. import layers
from ..core.keras_tensor import KerasTensor
from ..core.naming import name_scope
from ..core.types import ActivationLike, Shape
from ..layers import AveragePooling2D, MaxPooling2D
from ..models.model import Functional
from .architecture import Family, architectures
from .blocks import channel_axis, channels, conv, dense_head, pool, stride_padding
from .given import Given
from .imagenet_utils import decode_predictions, preprocessing
from .published import PUBLISHED


def _norm(x: KerasTensor, name: str) -> KerasTensor:
    return layers.BatchNormalization(axis=channel_axis(), momentum=0.9997, epsilon=1e-3, name=name)(x)


def _conv(x: KerasTensor, filters: int, size: int = 1, strides: int = 1, **options: Any) -> KerasTensor:
    return conv(x, filters, size, strides, kernel_initializer="he_normal", **options)


def _relu(x: KerasTensor) -> KerasTensor:
    return layers.Activation("relu")(x)


def _adjust(previous: KerasTensor, halve: bool, filters: int, cell: str) -> KerasTensor:
    """Gives the output of the cell before the last the size and the channels of the last cell's."""
    if not halve and channels(previous) == filters:
        return previous
    with name_scope("adjust_block"), name_scope(f"adjust_{'reduction' if halve else 'projection'}_block_{cell}"):
        if not halve:
            return _norm(_conv(_relu(previous), filters, name=f"adjust_conv_projection_{cell}"), f"adjust_bn_{cell}")
        x = layers.Activation("relu", name=f"adjust_relu_1_{cell}")(previous)
        # Every second pixel, from the first and from the second on.
        even = layers.AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_1_{cell}")(x)
        even = _conv(even, filters // 2, name=f"adjust_conv_1_{cell}")
        odd = layers.Cropping2D(((1, 0), (1, 0)))(layers.ZeroPadding2D(((0, 1), (0, 1)))(x))
        odd = layers.AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_2_{cell}")(odd)
        odd = _conv(odd, filters // 2, name=f"adjust_conv_2_{cell}")
        return _norm(layers.Concatenate(axis=channel_axis())([even, odd]), f"adjust_bn_{cell}")


class _Cell:
    """Layers of one cell, named after it.

    Args:
        kind: "normal" or "reduction".
        name: Name of the cell.
        filters: Filters of all its convolutions.
    """

    def __init__(self, kind: str, name: str, filters: int):
        self.kind, self.name, self.filters = kind, name, filters
        # The first convolution makes an odd size of an even one, such as 111 of 224; the sizes after it are even again.
        self.halves_even = name != "stem_1"

    def squeezed(self, x: KerasTensor) -> KerasTensor:
        """Applies relu, a convolution of one pixel and normalization."""
        x = _conv(_relu(x), self.filters, name=f"{self.kind}_conv_1_{self.name}")
        return _norm(x, f"{self.kind}_bn_1_{self.name}")

    @property
    def scope(self) -> AbstractContextManager[None]:
        """The scope of the paths of its weights."""
        return name_scope(f"{self.kind}_A_block_{self.name}")

    def separable(
        self, x: KerasTensor, size: int, place: str, stride: int = 1, block: str | None = None
    ) -> KerasTensor:
        """Applies relu, separable convolution and normalization, twice."""
        name = f"{self.kind}_{place}_{self.name}"
        with name_scope(f"block_{block or place[-1]}"), name_scope(f"separable_conv_block_{name}"):
            for i, strides in ((1, stride), (2, 1)):
                x = _relu(x)
                if strides == 2:
                    x = stride_padding(x, size, f"separable_conv_1_pad_{name}", self.halves_even)
                padding = "valid" if strides == 2 else "same"
                convolution = layers.SeparableConv2D(
                    self.filters, size, strides, padding, use_bias=False, name=f"separable_conv_{i}_{name}"
                )
                x = _norm(convolution(x), f"separable_conv_{i}_bn_{name}")
        return x

    def pool(self, x: KerasTensor, kind: type[layers.Layer], place: str, stride: int = 1) -> KerasTensor:
        """Applies pooling of 3x3 pixels."""
        padding = "valid" if stride == 2 else "same"
        return kind(3, strides=stride, padding=padding, name=f"{self.kind}_{place}_{self.name}")(x)  # type: ignore

    def add(self, a: KerasTensor, b: KerasTensor, place: str | None) -> KerasTensor:
        """Adds two branches."""
        return layers.Add(name=place and f"{self.kind}_{place}_{self.name}")([a, b])

    def concatenate(self, branches: list[KerasTensor]) -> KerasTensor:
        """Concatenates the channels of the branches."""
        return layers.Concatenate(axis=channel_axis(), name=f"{self.kind}_concat_{self.name}")(branches)


def _normal(x: KerasTensor, previous: KerasTensor, halve: bool, filters: int, name: str) -> KerasTensor:
    cell = _Cell("normal", name, filters)
    with cell.scope:
        p = _adjust(previous, halve, filters, name)
        h = cell.squeezed(x)
        sums = [
            cell.add(cell.separable(h, 5, "left1"), cell.separable(p, 3, "right1"), "add_1"),
            cell.add(cell.separable(p, 5, "left2"), cell.separable(p, 3, "right2"), "add_2"),
            cell.add(cell.pool(h, AveragePooling2D, "left3"), p, "add_3"),
            cell.add(cell.pool(p, AveragePooling2D, "left4"), cell.pool(p, AveragePooling2D, "right4"), "add_4"),
            cell.add(cell.separable(h, 3, "left5"), h, "add_5"),
        ]
        return cell.concatenate([p, *sums])


def _reduction(x: KerasTensor, previous: KerasTensor | None, halve: bool, filters: int, name: str) -> KerasTensor:
    """Adds a cell that halves the image. The first has no cell before the last."""
    cell = _Cell("reduction", name, filters)
    with cell.scope:
        p = x if previous is None else _adjust(previous, halve, filters, name)
        h = cell.squeezed(x)
        padded = stride_padding(h, 3, f"reduction_pad_1_{name}", cell.halves_even)
        first = cell.add(cell.separable(h, 5, "left1", 2), cell.separable(p, 7, "right1", 2), "add_1")
        second = cell.add(cell.pool(padded, MaxPooling2D, "left2", 2), cell.separable(p, 7, "right2", 2), "add_2")
        third = cell.add(cell.pool(padded, AveragePooling2D, "left3", 2), cell.separable(p, 5, "right3", 2), "add3")
        fourth = cell.add(second, cell.pool(first, AveragePooling2D, "left4"), None)
        last = cell.separable(first, 3, "left4", block="5")
        fifth = cell.add(last, cell.pool(padded, MaxPooling2D, "right5", 2), "add4")
        return cell.concatenate([second, third, fourth, fifth])


def _body(x: KerasTensor, given: Given, stem: int, filters: int, depth: int, skip: bool) -> KerasTensor:
    """Adds the cells.

    Args:
        x: Images.
        given: The arguments.
        stem: Filters of the first convolution.
        filters: Filters of the first normal cells.
        depth: Number of normal cells of each size.
        skip: Whether the cell after a reduction skips the reduction's input, for the output of the cell before.
    """
    p = _norm(_conv(x, stem, 3, 2, padding="valid", name="stem_conv1"), "stem_bn1")
    x = _reduction(p, None, False, filters // 4, "stem_1")
    x, p = _reduction(x, p, True, filters // 2, "stem_2"), x
    for stage in range(3):
        width = filters * 2**stage
        if stage:
            reduced = _reduction(x, p, False, width, f"reduce_{depth * stage}")
            x, p = reduced, p if skip else x
        for i in range(depth):
            # The first cell of a stage is the only one whose two inputs differ in size.
            x, p = _normal(x, p, i == 0, width, str(stage * depth + i + bool(stage))), x
    return _relu(x)


def _head(x: KerasTensor, given: Given) -> KerasTensor:
    return dense_head(x, given, pool_name=None)


def _template(
    input_shape: Shape | None = None,
    include_top: bool = True,
    weights: str | os.PathLike | None = "imagenet",
    input_tensor: KerasTensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str | None = None,
) -> Functional:
    raise NotImplementedError


_FAMILY = Family("NASNet", _body, PUBLISHED["nasnet"], head=_head, pool=pool, channels_first=False)
NASNetMobile, NASNetLarge = architectures(
    __name__,
    _template,
    _FAMILY,
    {
        "NASNetMobile": {
            "name": "nasnet_mobile",
            "always_sized": True,
            "stem": 32,
            "filters": 44,
            "depth": 4,
            "skip": False,
        },
        "NASNetLarge": {"name": "nasnet_large", "size": 331, "stem": 96, "filters": 168, "depth": 6, "skip": True},
    },
)
preprocess_input = preprocessing(__name__, _FAMILY.published.mode)

__all__ = ["NASNetLarge", "NASNetMobile", "decode_predictions", "preprocess_input"]
