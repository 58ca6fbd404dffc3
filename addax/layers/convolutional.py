"""1D, 2D and 3D convolutions and transposed convolutions."""

from __future__ import annotations

from typing import Any, Unpack

from .. import activations
from ..core.config import standardize_data_format
from ..core.op import Tensor, TensorLike
from ..core.signature import arguments_in
from ..core.types import (
    ActivationLike,
    ConstraintLike,
    ConvolutionOptions,
    InitializerLike,
    LayerOptionsButActivity,
    RegularizerLike,
)
from ..kernels.conv import Sizes
from ..kernels.conv_transpose import transposed_length
from ..ops.nn import conv, conv_transpose
from ..ops.numpy import add, reshape
from .input_spec import InputSpec
from .kernel_layer import Kernel, KernelLayer
from .layer import Layer, Shape
from .shown_signature import ShownSignature
from .sizes import (
    add_weight,
    channel_axis,
    choice,
    flag,
    is_int,
    join_shape,
    known_channels,
    mixes_rows,
    per_axis,
    positive,
    split_shape,
    static_shape,
    take_weight_options,
    weight_options,
    windowed,
)


class Convolution(Layer):
    """Base of all convolutions: sizes per axis, bias and activation. `rank` is the number of spatial axes."""

    rowwise = "always"
    rank: int
    bias: Any
    paddings: tuple[str, ...] = ("valid", "same")
    _config_null_activity = True
    __signature__ = ShownSignature(per_axis=("strides", "dilation_rate"))

    def _configure(self, given: dict[str, Any], *weights: str) -> None:
        """Sets the options that all convolutions have.

        Args:
            given: The arguments of the constructor, its `locals()`.
            *weights: Names of the weights.
        """
        self.kernel_size = per_axis(self, "kernel_size", given["kernel_size"], self.rank)
        self.strides = per_axis(self, "strides", given["strides"], self.rank)
        self.dilation_rate = per_axis(self, "dilation_rate", given["dilation_rate"], self.rank)
        self.padding = choice(self, "padding", given["padding"], self.paddings)
        self.data_format = standardize_data_format(given["data_format"])
        self.activation = activations.get(given["activation"])
        self.use_bias = flag(self, "use_bias", given["use_bias"])
        take_weight_options(self, **weight_options(given, *weights))
        self.input_spec = InputSpec(min_ndim=self.rank + 2, max_ndim=self.rank + 2)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "`strides > 1` not supported in conjunction with `dilation_rate > 1`. "
                f"Received: strides={self.strides} and dilation_rate={self.dilation_rate} (layer '{self.name}')"
            )

    def _require_channels(self, input_shape: Shape) -> int:
        channels = known_channels(self, input_shape, self.data_format)
        axes = {channel_axis(self.data_format): channels}
        self.input_spec = InputSpec(min_ndim=self.rank + 2, max_ndim=self.rank + 2, axes=axes)
        self.compute_output_shape(input_shape)  # raises for inputs smaller than the kernel
        return channels

    def _finish(self, x: Tensor) -> Any:
        """Adds the bias and applies the activation."""
        return self.activation(self._add_bias(x))

    def _add_bias(self, x: Tensor) -> Any:
        if self.bias is None:
            return x
        bias = self.bias
        if self.data_format == "channels_first":
            bias = reshape(bias, (-1, *(1,) * self.rank))
        return add(x, bias)

    def _mixes_rows(self, training: bool) -> bool:
        return mixes_rows(self.activation)

    def _output_activation(self) -> Any:
        return self.activation

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        space = windowed(
            self, input_shape, self.kernel_size, self.strides, self.padding, self.data_format, self.dilation_rate
        )
        channels = split_shape(input_shape, self.data_format)[1]
        return join_shape(input_shape[0], space, self._output_channels(channels), self.data_format)

    def _output_channels(self, channels: int | None) -> int | None:
        raise NotImplementedError


class BaseConv(Convolution, KernelLayer):
    """Base of `Conv1D`, `Conv2D` and `Conv3D`, which set `rank`."""

    kernel = Kernel()
    _modes = ()
    _update_beside = False  # a convolution with the update would be another one, with as many channels as its rank

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        groups: int = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Unpack[ConvolutionOptions],
    ):
        options: dict[str, Any] = {**kwargs, "activity_regularizer": activity_regularizer}
        lora_rank, lora_alpha = options.pop("lora_rank", None), options.pop("lora_alpha", None)
        super().__init__(**options)
        self._take_stand_ins(lora_rank, lora_alpha, None)
        self.filters = positive(self, "filters", filters)
        if not is_int(groups) or groups <= 0:
            raise ValueError(
                f"The number of groups must be a positive integer. Received: groups={groups}. Invalid value for "
                f"argument `groups` of layer '{self.name}' ({type(self).__name__})."
            )
        self.groups = int(groups)
        if self.filters % self.groups:
            raise ValueError(
                "The number of filters must be evenly divisible by the number of groups. "
                f"Received: groups={groups}, filters={filters} (layer '{self.name}')."
            )
        self._configure(locals(), "kernel", "bias")

    def build(self, input_shape: Shape) -> None:
        channels = self._require_channels(input_shape)
        if channels % self.groups:
            raise ValueError(
                "The number of input channels must be evenly divisible by the number of groups. Received "
                f"groups={self.groups}, but the input of layer '{self.path}' has {channels} channels (full input "
                f"shape is {input_shape})."
            )
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self._add_kernel(shape)
        self.bias = add_weight(self, "bias", (self.filters,)) if self.use_bias else None

    def _product(self, inputs: Tensor, kernel: Any) -> Any:
        return self.convolution_op(inputs, kernel)

    def call(self, inputs: Tensor) -> Any:
        self.compute_output_shape(static_shape(inputs))
        return self.activation(self._affine(inputs))

    def convolution_op(self, inputs: Tensor, kernel: TensorLike) -> Any:
        """Convolves the inputs with a kernel; subclasses may override it, e.g. to change the kernel.

        Args:
            inputs: The inputs of `call`.
            kernel: The kernel, of the shape of `self.kernel`.

        Returns:
            The result without bias and activation.
        """
        return conv(inputs, kernel, self.strides, self.padding, self.data_format, self.dilation_rate)

    def _output_channels(self, channels: int | None) -> int | None:
        return self.filters


class Conv1D(BaseConv):
    """1D convolution, over time or the positions of a sequence.

    Args:
        filters: Number of filters: the output channels.
        kernel_size: Length of the kernel, an int.
        strides: Stride, an int.
        padding: "valid" (no padding), "same" (output length `ceil(length / strides)`), or "causal" (outputs depend on
            no later inputs).
        data_format: "channels_last", `(batch, length, channels)`, or "channels_first"; None for the default.
        dilation_rate: Dilation rate of the kernel, an int.
        groups: Number of groups of channels that are convolved separately.
        activation: Activation of the result, a name or function; None for none.
        use_bias: Whether to add a learned bias to each output channel.
        kernel_initializer, bias_initializer: Initializers of the kernel and the bias.
        kernel_regularizer, bias_regularizer: Regularizers of the kernel and the bias.
        activity_regularizer: Regularizer of the output.
        kernel_constraint, bias_constraint: Constraints on the kernel and the bias, applied after each update.
        **kwargs: `name`, `dtype`, `trainable` and other arguments of `Layer`.

    Raises:
        ValueError: A size isn't positive, `padding` is unknown, or options exclude each other.

    >>> keras.layers.Conv1D(8, 3, padding="causal")(np.ones((2, 10, 4))).shape
    (2, 10, 8)
    """

    rank = 1
    paddings = ("valid", "same", "causal")


class Conv2D(BaseConv):
    """2D convolution, over height and width of images.

    Args:
        filters: Number of filters: the output channels.
        kernel_size: Size of the kernel: an int, or `(height, width)`.
        strides: Strides: an int, or `(height, width)`.
        padding: "valid" (no padding) or "same" (output size `ceil(size / strides)`).
        data_format: "channels_last", `(batch, height, width, channels)`, or "channels_first"; None for the default.
        dilation_rate: Dilation rate of the kernel: an int, or one per axis.
        groups, activation, use_bias: As for `Conv1D`.
        kernel_initializer, bias_initializer: Initializers of the kernel and the bias.
        kernel_regularizer, bias_regularizer: Regularizers of the kernel and the bias.
        activity_regularizer: Regularizer of the output.
        kernel_constraint, bias_constraint: Constraints on the kernel and the bias, applied after each update.
        **kwargs: `name`, `dtype`, `trainable` and other arguments of `Layer`.

    Raises:
        ValueError: A size isn't positive, `padding` is unknown, or options exclude each other.

    >>> keras.layers.Conv2D(8, 3, strides=2, padding="same")(np.ones((2, 28, 28, 1))).shape
    (2, 14, 14, 8)
    """

    rank = 2


class Conv3D(BaseConv):
    """3D convolution, over volumes or video frames.

    Args:
        filters: Number of filters: the output channels.
        kernel_size: Size of the kernel: an int, or one per axis.
        strides: Strides: an int, or one per axis.
        padding: "valid" (no padding) or "same" (output size `ceil(size / strides)`).
        data_format: "channels_last", `(batch, depth, height, width, channels)`, or "channels_first".
        dilation_rate: Dilation rate of the kernel: an int, or one per axis.
        groups, activation, use_bias: As for `Conv1D`.
        kernel_initializer, bias_initializer: Initializers of the kernel and the bias.
        kernel_regularizer, bias_regularizer: Regularizers of the kernel and the bias.
        activity_regularizer: Regularizer of the output.
        kernel_constraint, bias_constraint: Constraints on the kernel and the bias, applied after each update.
        **kwargs: `name`, `dtype`, `trainable` and other arguments of `Layer`.

    Raises:
        ValueError: A size isn't positive, `padding` is unknown, or options exclude each other.

    >>> keras.layers.Conv3D(2, 3)(np.ones((1, 5, 5, 5, 1))).shape
    (1, 3, 3, 3, 2)
    """

    rank = 3


class BaseConvTranspose(Convolution):
    """Base of `Conv1DTranspose`, `Conv2DTranspose` and `Conv3DTranspose`, which set `rank`."""

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        output_padding: Sizes | None = None,
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Unpack[LayerOptionsButActivity],
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = positive(self, "filters", filters)
        self._configure(locals(), "kernel", "bias")
        self.output_padding = None
        if output_padding is not None:
            self.output_padding = per_axis(self, "output_padding", output_padding, self.rank, least=0)
            for i, (extra, stride) in enumerate(zip(self.output_padding, self.strides)):
                if extra >= stride:
                    raise ValueError(
                        "`output_padding` must be strictly less than `strides` for all dimensions. At dimension "
                        f"{i}, `output_padding` is {extra} but `strides` is {stride}. Received: "
                        f"output_padding={self.output_padding}, strides={self.strides} (layer '{self.name}')"
                    )

    def build(self, input_shape: Shape) -> None:
        channels = self._require_channels(input_shape)
        self.kernel = add_weight(self, "kernel", (*self.kernel_size, self.filters, channels))
        self.bias = add_weight(self, "bias", (self.filters,)) if self.use_bias else None

    def call(self, inputs: Tensor) -> Any:
        x = conv_transpose(
            inputs,
            self.kernel,
            self.strides,
            self.padding,
            self.output_padding,
            self.data_format,
            self.dilation_rate,
        )
        return self._finish(x)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        extra = self.output_padding or (None,) * self.rank
        space = [
            None if n is None else transposed_length(n, k, s, d, self.padding, e)
            for n, k, s, d, e in zip(
                split_shape(input_shape, self.data_format)[0],
                self.kernel_size,
                self.strides,
                self.dilation_rate,
                extra,
            )
        ]
        return join_shape(input_shape[0], space, self.filters, self.data_format)


class Conv1DTranspose(BaseConvTranspose):
    """1D transposed convolution: maps the output size of a `Conv1D` back to its input size.

    Args:
        filters: Number of filters: the output channels.
        kernel_size: Size of the kernel: an int, or one per axis.
        strides: Strides, the factors by which the sizes grow: an int, or one per axis.
        padding: "valid" or "same" (output size `size * strides`).
        output_padding: Padding added at the end of each output axis, less than the stride: an int, or one per axis;
            None to infer the output size from the other arguments.
        data_format: "channels_last" or "channels_first"; None for the default.
        dilation_rate: Dilation rate of the kernel: an int, or one per axis.
        activation: Activation of the result, a name or function; None for none.
        use_bias: Whether to add a learned bias to each output channel.
        kernel_initializer, bias_initializer: Initializers of the kernel and the bias.
        kernel_regularizer, bias_regularizer: Regularizers of the kernel and the bias.
        activity_regularizer: Regularizer of the output.
        kernel_constraint, bias_constraint: Constraints on the kernel and the bias, applied after each update.
        **kwargs: `name`, `dtype`, `trainable` and other arguments of `Layer`.

    Raises:
        ValueError: A size isn't positive, `padding` is unknown, or options exclude each other.

    >>> keras.layers.Conv1DTranspose(4, 3, strides=2, padding="same")(np.ones((1, 5, 2))).shape
    (1, 10, 4)
    """

    rank = 1


class Conv2DTranspose(BaseConvTranspose):
    """2D transposed convolution, to upsample images ([paper](https://arxiv.org/abs/1603.07285)).

    Args:
        filters, kernel_size, ...: As for `Conv1DTranspose`, with sizes for two axes.

    >>> keras.layers.Conv2DTranspose(4, 3, strides=2, padding="same")(np.ones((1, 7, 7, 2))).shape
    (1, 14, 14, 4)
    """

    rank = 2


class Conv3DTranspose(BaseConvTranspose):
    """3D transposed convolution.

    Args:
        filters, kernel_size, ...: As for `Conv1DTranspose`, with sizes for three axes.

    >>> keras.layers.Conv3DTranspose(1, 2, strides=2)(np.ones((1, 2, 2, 2, 1))).shape
    (1, 4, 4, 4, 1)
    """

    rank = 3

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        data_format: str | None = None,
        output_padding: Sizes | None = None,
        dilation_rate: Sizes = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Unpack[LayerOptionsButActivity],
    ):
        # As in Keras, `data_format` comes before `output_padding` here.
        super().__init__(**arguments_in(locals()))


Convolution1D = Conv1D
Convolution2D = Conv2D
Convolution3D = Conv3D
Convolution1DTranspose = Conv1DTranspose
Convolution2DTranspose = Conv2DTranspose
Convolution3DTranspose = Conv3DTranspose
