"""ConvNeXt: depthwise 7x7 convolutions and wide pointwise layers, with shortcuts."""

from __future__ import annotations

import os
from typing import Any

from ..core.keras_tensor import KerasTensor
from ..core.op import Tensor
from ..core.types import ActivationLike, Shape
from ..initializers import Constant
from ..kernels.noise import dropout
from ..layers import (
    Activation,
    Conv2D,
    Dense,
    GlobalAveragePooling2D,
    Layer,
    LayerNormalization,
    Normalization,
)
from ..layers.regularization import Noise, Strength
from ..models import Sequential
from ..models.model import Functional
from .architecture import Family, architectures
from .blocks import channels, conv, pool
from .given import Given
from .imagenet_utils import RGB_DEVIATION, RGB_MEAN, decode_predictions, preprocessing
from .published import PUBLISHED


class LayerScale(Layer):
    """Scales each channel by a weight, initialized to a small value ([paper](https://arxiv.org/abs/2103.17239)).

    Args:
        init_values: Initial value of the weights.
        projection_dim: Number of channels.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> LayerScale(0.5, 2)(np.ones((1, 2)))
    Array([[0.5, 0.5]], dtype=float32)
    """

    keras_module = "keras.src.applications.convnext"
    rowwise = "always"

    def __init__(self, init_values: float, projection_dim: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.init_values = init_values
        self.projection_dim = projection_dim

    def build(self, _: Shape) -> None:
        self.gamma = self.add_weight(shape=(self.projection_dim,), initializer=Constant(self.init_values))

    def call(self, x: Tensor) -> Tensor:
        return x * self.gamma

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


class StochasticDepth(Noise):
    """Drops whole samples in training, and scales the others ([paper](https://arxiv.org/abs/1603.09382)).

    Args:
        drop_path_rate: Fraction to drop, in [0, 1].
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> StochasticDepth(0.5)(np.ones((2, 3))).shape
    (2, 3)
    """

    keras_module = "keras.src.applications.convnext"
    strength = "drop_path_rate"
    drop_path_rate = Strength()
    seed = None

    def __init__(self, drop_path_rate: float, **kwargs: Any):
        super().__init__(**kwargs)
        self.drop_path_rate = drop_path_rate

    def call(self, x: Tensor, training: bool | None = None) -> Tensor:  # type: ignore[override]
        return super().call(x, training=bool(training))

    def _apply_noise(self, inputs: Tensor) -> Tensor:
        shape = (inputs.shape[0], *(1,) * (inputs.ndim - 1))
        return dropout(inputs, self.seed_generator.next(), self.drop_path_rate, shape)


def _layer_norm(name: str | None = None) -> LayerNormalization:
    return LayerNormalization(epsilon=1e-6, name=name)


def _block(x: KerasTensor, filters: int, name: str) -> KerasTensor:
    y = conv(x, filters, 7, groups=filters, use_bias=True, name=f"{name}_depthwise_conv")
    y = _layer_norm(f"{name}_layernorm")(y)
    y = Dense(4 * filters, name=f"{name}_pointwise_conv_1")(y)
    y = Activation("gelu", name=f"{name}_gelu")(y)
    y = Dense(filters, name=f"{name}_pointwise_conv_2")(y)
    y = LayerScale(1e-6, filters, name=f"{name}_layer_scale")(y)
    return x + Activation("linear", name=f"{name}_identity")(y)


def _body(x: KerasTensor, given: Given, depth: int, filters: int) -> KerasTensor:
    name = given.name
    if given.include_preprocessing and channels(x) == 3:
        mean = [255 * m for m in RGB_MEAN]
        variance = [(255 * d) ** 2 for d in RGB_DEVIATION]
        x = Normalization(mean=mean, variance=variance, name=f"{name}_prestem_normalization")(x)
    for stage, blocks in enumerate((3, 3, depth, 3)):
        width = filters * 2**stage
        if stage == 0:
            patches = Conv2D(width, 4, strides=4, name=f"{name}_stem_conv")
            steps = [patches, _layer_norm(f"{name}_stem_layernorm")]
            x = Sequential(steps, name=f"{name}_stem")(x)
        else:
            i = stage - 1
            halving = Conv2D(width, 2, strides=2, name=f"{name}_downsampling_conv_{i}")
            steps = [_layer_norm(f"{name}_downsampling_layernorm_{i}"), halving]
            x = Sequential(steps, name=f"{name}_downsampling_block_{i}")(x)
        for i in range(blocks):
            x = _block(x, width, f"{name}_stage_{stage}_block_{i}")
    return x


def _head(x: KerasTensor, given: Given) -> KerasTensor:
    name = given.name
    x = GlobalAveragePooling2D(name=f"{name}_head_gap")(x)
    x = _layer_norm(f"{name}_head_layernorm")(x)
    return Dense(given.classes, activation=given.classifier_activation, name=f"{name}_head_dense")(x)


def _pool(x: KerasTensor, given: Given) -> KerasTensor:
    return _layer_norm()(pool(x, given))


def _template(
    include_top: bool = True,
    include_preprocessing: bool = True,
    weights: str | os.PathLike | None = "imagenet",
    input_tensor: KerasTensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str | None = None,
) -> Functional:
    raise NotImplementedError


_FAMILY = Family("ConvNeXt", _body, PUBLISHED["convnext"], _head, _pool, channels_first=False, single_input=True)
ConvNeXtTiny, ConvNeXtSmall, ConvNeXtBase, ConvNeXtLarge, ConvNeXtXLarge = architectures(
    __name__,
    _template,
    _FAMILY,
    {
        "ConvNeXtTiny": {"name": "convnext_tiny", "depth": 9, "filters": 96},
        "ConvNeXtSmall": {"name": "convnext_small", "depth": 27, "filters": 96},
        "ConvNeXtBase": {"name": "convnext_base", "depth": 27, "filters": 128},
        "ConvNeXtLarge": {"name": "convnext_large", "depth": 27, "filters": 192},
        "ConvNeXtXLarge": {"name": "convnext_xlarge", "depth": 27, "filters": 256},
    },
)
preprocess_input = preprocessing(__name__, _FAMILY.published.mode)

__all__ = [
    "ConvNeXtBase",
    "ConvNeXtLarge",
    "ConvNeXtSmall",
    "ConvNeXtTiny",
    "ConvNeXtXLarge",
    "LayerScale",
    "StochasticDepth",
    "decode_predictions",
    "preprocess_input",
]
