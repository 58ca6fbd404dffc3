"""Depthwise and separable convolutions."""

from __future__ import annotations

from typing import Any, Unpack

from ..core.op import Tensor
from ..core.types import ActivationLike, ConstraintLike, InitializerLike, LayerOptionsButActivity, RegularizerLike
from ..kernels.conv import Sizes
from ..ops.nn import depthwise_conv, separable_conv
from .convolutional import Convolution
from .layer import Shape
from .sizes import add_weight, positive, static_shape


class BaseDepthwiseConv(Convolution):
    """Base of `DepthwiseConv1D` and `DepthwiseConv2D`, which set `rank`."""

    def __init__(
        self,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        depthwise_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Unpack[LayerOptionsButActivity],
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.depth_multiplier = positive(self, "depth_multiplier", depth_multiplier)
        self._configure(locals(), "depthwise", "bias")

    def build(self, input_shape: Shape) -> None:
        channels = self._require_channels(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.kernel = add_weight(self, "kernel", shape, options="depthwise")
        self.bias = add_weight(self, "bias", (channels * self.depth_multiplier,)) if self.use_bias else None

    def call(self, inputs: Tensor) -> Any:
        self.compute_output_shape(static_shape(inputs))
        x = depthwise_conv(inputs, self.kernel, self.strides, self.padding, self.data_format, self.dilation_rate)
        return self._finish(x)

    def _output_channels(self, channels: int | None) -> int | None:
        return None if channels is None else channels * self.depth_multiplier


class DepthwiseConv1D(BaseDepthwiseConv):
    """1D depthwise convolution: convolves each channel separately.

    Args:
        kernel_size: Size of the kernel: an int, or one per axis.
        strides: Strides: an int, or one per axis.
        padding: "valid" (no padding) or "same" (output size `ceil(size / strides)`).
        depth_multiplier: Number of output channels per input channel.
        data_format: "channels_last" or "channels_first"; None for the default.
        dilation_rate: Dilation rate of the kernel: an int, or one per axis.
        activation: Activation of the result, a name or function; None for none.
        use_bias: Whether to add a learned bias to each output channel.
        depthwise_initializer, bias_initializer: Initializers of the depthwise kernel and the bias.
        depthwise_regularizer, bias_regularizer: Regularizers of the depthwise kernel and the bias.
        activity_regularizer: Regularizer of the output.
        depthwise_constraint, bias_constraint: Constraints on the depthwise kernel and the bias.
        **kwargs: `name`, `dtype`, `trainable` and other arguments of `Layer`.

    Raises:
        ValueError: A size isn't positive, `padding` is unknown, or options exclude each other.

    >>> keras.layers.DepthwiseConv1D(3, depth_multiplier=2)(np.ones((1, 10, 4))).shape
    (1, 8, 8)
    """

    rank = 1


class DepthwiseConv2D(BaseDepthwiseConv):
    """2D depthwise convolution: convolves each channel separately.

    Args:
        kernel_size, strides, ...: As for `DepthwiseConv1D`, with sizes for two axes.

    >>> keras.layers.DepthwiseConv2D(3, padding="same")(np.ones((1, 8, 8, 4))).shape
    (1, 8, 8, 4)
    """

    rank = 2


class BaseSeparableConv(Convolution):
    """Base of `SeparableConv1D` and `SeparableConv2D`, which set `rank`."""

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        depth_multiplier: int = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        pointwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike = None,
        pointwise_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        depthwise_constraint: ConstraintLike = None,
        pointwise_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Unpack[LayerOptionsButActivity],
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = positive(self, "filters", filters)
        self.depth_multiplier = positive(self, "depth_multiplier", depth_multiplier)
        self._configure(locals(), "depthwise", "pointwise", "bias")

    def build(self, input_shape: Shape) -> None:
        channels = self._require_channels(input_shape)
        deep = (*self.kernel_size, channels, self.depth_multiplier)
        point = (*(1,) * self.rank, channels * self.depth_multiplier, self.filters)
        self.depthwise_kernel = add_weight(self, "depthwise_kernel", deep, options="depthwise")
        self.pointwise_kernel = add_weight(self, "pointwise_kernel", point, options="pointwise")
        self.bias = add_weight(self, "bias", (self.filters,)) if self.use_bias else None

    def call(self, inputs: Tensor) -> Any:
        self.compute_output_shape(static_shape(inputs))
        x = separable_conv(
            inputs,
            self.depthwise_kernel,
            self.pointwise_kernel,
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
        )
        return self._finish(x)

    def _output_channels(self, channels: int | None) -> int | None:
        return self.filters


class SeparableConv1D(BaseSeparableConv):
    """1D separable convolution: a depthwise convolution, then a pointwise one that mixes the channels.

    Args:
        filters: Number of filters: the output channels.
        kernel_size: Size of the kernel: an int, or one per axis.
        strides: Strides: an int, or one per axis.
        padding: "valid" (no padding) or "same" (output size `ceil(size / strides)`).
        data_format: "channels_last" or "channels_first"; None for the default.
        dilation_rate: Dilation rate of the kernel: an int, or one per axis.
        depth_multiplier: Number of channels per input channel after the depthwise convolution.
        activation: Activation of the result, a name or function; None for none.
        use_bias: Whether to add a learned bias to each output channel.
        depthwise_initializer, pointwise_initializer, bias_initializer: Initializers of the two kernels and the bias.
        depthwise_regularizer, pointwise_regularizer, bias_regularizer: Regularizers of the two kernels and the bias.
        activity_regularizer: Regularizer of the output.
        depthwise_constraint, pointwise_constraint, bias_constraint: Constraints on the two kernels and the bias.
        **kwargs: `name`, `dtype`, `trainable` and other arguments of `Layer`.

    Raises:
        ValueError: A size isn't positive, `padding` is unknown, or options exclude each other.

    >>> keras.layers.SeparableConv1D(8, 3)(np.ones((1, 10, 4))).shape
    (1, 8, 8)
    """

    rank = 1


class SeparableConv2D(BaseSeparableConv):
    """2D separable convolution: a depthwise convolution, then a pointwise one that mixes the channels
    ([paper](https://arxiv.org/abs/1610.02357)).

    Args:
        filters, kernel_size, strides, ...: As for `SeparableConv1D`, with sizes for two axes.

    >>> keras.layers.SeparableConv2D(8, 3)(np.ones((1, 10, 10, 4))).shape
    (1, 8, 8, 8)
    """

    rank = 2


SeparableConvolution1D = SeparableConv1D
SeparableConvolution2D = SeparableConv2D
