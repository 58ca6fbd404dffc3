"""Inception-ResNet-V2: Inception modules whose outputs are scaled and added to their inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import layers
from ..core.keras_tensor import KerasTensor
from ..core.op import Tensor
from ..core.types import Shape
from ..layers.layer import Layer
from .architecture import Family, architectures, standard
from .blocks import channels, conv, pool
from .given import Given
from .imagenet_utils import decode_predictions, preprocessing
from .inception_v3 import Branch, branch, concatenate, conv_norm, module, reduction, stem
from .published import PUBLISHED


class CustomScaleLayer(Layer):
    """Adds the second input, times a number, to the first.

    Args:
        scale: The number.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> CustomScaleLayer(0.5)([np.ones(2), np.ones(2)])
    Array([1.5, 1.5], dtype=float32)
    """

    keras_module = "keras.src.applications.inception_resnet_v2"
    rowwise = "always"

    def __init__(self, scale: float, **kwargs: Any):
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        return inputs[0] + inputs[1] * self.scale

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        return input_shape[0]


def _residual(x: KerasTensor, branches: Sequence[Branch], scale: float, name: str, active: bool = True) -> KerasTensor:
    """Adds a residual block of parallel branches; `active` ends it with relu."""
    y = concatenate([branch(x, steps) for steps in branches], f"{name}_mixed")
    y = conv(y, channels(x), use_bias=True, name=f"{name}_conv")
    x = CustomScaleLayer(scale)([x, y])
    return layers.Activation("relu", name=f"{name}_ac")(x) if active else x


def _body(x: KerasTensor, given: Given) -> KerasTensor:
    x = stem(x)
    x = module(x, [[(96, 1)], [(48, 1), (64, 5)], [(64, 1), (96, 3), (96, 3)]], 64, "mixed_5b")
    blocks: list[Branch] = [[(32, 1)], [(32, 1), (32, 3)], [(32, 1), (48, 3), (64, 3)]]
    for i in range(1, 11):
        x = _residual(x, blocks, 0.17, f"block35_{i}")
    x = reduction(x, [[(384, 3, 2, "valid")], [(256, 1), (256, 3), (384, 3, 2, "valid")]], "mixed_6a")
    blocks = [[(192, 1)], [(128, 1), (160, (1, 7)), (192, (7, 1))]]
    for i in range(1, 21):
        x = _residual(x, blocks, 0.1, f"block17_{i}")
    ends = [[(256, 1), (384, 3, 2, "valid")], [(256, 1), (288, 3, 2, "valid")]]
    x = reduction(x, [*ends, [(256, 1), (288, 3), (320, 3, 2, "valid")]], "mixed_7a")
    blocks = [[(192, 1)], [(192, 1), (224, (1, 3)), (256, (3, 1))]]
    for i in range(1, 11):
        x = _residual(x, blocks, 0.2 if i < 10 else 1.0, f"block8_{i}", active=i < 10)
    return conv_norm(x, 1536, 1, name="conv_7b")


_FAMILY = Family("InceptionResNetV2", _body, PUBLISHED["inception_resnet_v2"], pool=pool, size=299, least=75)
(InceptionResNetV2,) = architectures(
    __name__, standard, _FAMILY, {"InceptionResNetV2": {"name": "inception_resnet_v2"}}
)
preprocess_input = preprocessing(__name__, _FAMILY.published.mode)

__all__ = ["CustomScaleLayer", "InceptionResNetV2", "decode_predictions", "preprocess_input"]
