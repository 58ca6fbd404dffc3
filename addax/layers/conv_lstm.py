"""Convolutional long short-term memory, for sequences of signals, images and volumes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

from .. import activations
from ..core.config import standardize_data_format
from ..core.dtypes import numpy_dtype
from ..core.engine import jnp
from ..core.op import Tensor
from ..core.types import (
    ActivationLike,
    ConstraintLike,
    InitializerLike,
    LayerOptions,
    RecurrentOptions,
    RegularizerLike,
    ShapeTree,
    Tree,
)
from ..kernels.conv import Sizes
from ..ops.nn import conv
from ..ops.numpy import split
from .input_spec import InputSpec
from .layer import Shape
from .rnn import CellRNN
from .rnn_cells import RecurrentCell
from .sizes import add_weight, choice, flag, join_shape, known_channels, per_axis, positive, windowed


class ConvLSTMCell(RecurrentCell):
    """Cell of `ConvLSTM1D`, `ConvLSTM2D` and `ConvLSTM3D`.

    Args:
        rank: Number of spatial axes.
        filters: Number of filters: the channels of the output and of each of the two states.
        kernel_size: Size of the kernels: an int, or one per spatial axis.
        strides: Strides of the convolution of the inputs.
        padding: "valid" or "same", for the convolution of the inputs; that of the state is always "same".
        data_format: "channels_last" or "channels_first"; None for the default.
        dilation_rate: Dilation rate of the convolution of the inputs.
        activation, recurrent_activation, use_bias, unit_forget_bias: As for `LSTMCell`.
        kernel_initializer, recurrent_initializer, bias_initializer: Initializers of the two kernels and the bias.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: Regularizers of the two kernels and the bias.
        kernel_constraint, recurrent_constraint, bias_constraint: Constraints on the two kernels and the bias.
        dropout, recurrent_dropout: Fractions of the inputs and of the state to drop in training.
        seed: Random seed of the dropout: an int, or None.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: A size isn't positive, or options exclude each other.
    """

    gates = 4
    state_count = 2
    gate_activations = ("activation", "recurrent_activation")
    output_size: Any  # known once it is built
    state_size: Any

    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        activation: ActivationLike = "tanh",
        recurrent_activation: ActivationLike = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: RegularizerLike = None,
        recurrent_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        recurrent_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Unpack[LayerOptions],
    ):
        super().__init__(**kwargs)
        self.rank = rank
        self.filters = positive(self, "filters", filters)
        self.kernel_size = per_axis(self, "kernel_size", kernel_size, rank)
        self.strides = per_axis(self, "strides", strides, rank)
        self.dilation_rate = per_axis(self, "dilation_rate", dilation_rate, rank)
        self.padding = choice(self, "padding", padding, ("valid", "same"))
        self.data_format = standardize_data_format(data_format)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "Specifying `strides > 1` is not compatible with `dilation_rate > 1`. Please provide `strides=1` or "
                f"`dilation_rate=1`. Received: strides={self.strides} and dilation_rate={self.dilation_rate}"
            )
        self._configure({**locals(), "units": self.filters})
        self.input_masks = 1  # the gates share a mask: the inputs are convolved once for all of them
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = flag(self, "unit_forget_bias", unit_forget_bias)
        self.input_spec = InputSpec(ndim=rank + 2)

    def build(self, input_shape: Shape, states_shape: ShapeTree = None) -> None:
        channels = known_channels(self, input_shape, self.data_format)
        width = self.gates * self.filters
        self.kernel = add_weight(self, "kernel", (*self.kernel_size, channels, width))
        recurrent = (*self.kernel_size, self.filters, width)
        self.recurrent_kernel = add_weight(self, "recurrent_kernel", recurrent, options="recurrent")
        self.bias = None
        if self.use_bias:
            self.bias = add_weight(self, "bias", (width,), initializer=self._initial_bias)
        self._input_shape = tuple(input_shape[1:])
        self.output_size = self.compute_output_shape(input_shape)[0][1:]
        self.state_size = [self.output_size] * self.state_count

    @property
    def _initial_bias(self) -> Callable:
        return self._bias_with_unit_forget_gate if self.unit_forget_bias else self.bias_initializer

    def call(self, inputs: Tensor, states: Tree, training: bool = False) -> tuple:
        hidden, carry = states
        masked = hidden
        if training and self.dropout:
            inputs = inputs * self.get_dropout_mask(inputs)
        if training and self.recurrent_dropout:
            masked = hidden * self.get_recurrent_dropout_mask(hidden)
        x = conv(inputs, self.kernel, self.strides, self.padding, self.data_format, self.dilation_rate)
        if self.bias is not None:
            bias = self.bias.value
            x = x + (bias if self.data_format == "channels_last" else bias.reshape(-1, *(1,) * self.rank))
        x = x + conv(masked, self.recurrent_kernel, 1, "same", self.data_format)
        activation, recurrent = self.step_activations()
        i, f, c, o = split(x, 4, axis=-1 if self.data_format == "channels_last" else 1)
        carry = recurrent(f) * carry + recurrent(i) * activation(c)
        hidden = recurrent(o) * activation(carry)
        return hidden, [hidden, carry]

    def get_recurrent_dropout_mask(self, step_input: Tensor) -> Any:
        return self._mask("_recurrent_dropout_mask", step_input, self.recurrent_dropout, 1)

    def _mask_shapes(self, batch_size: int | None) -> tuple[tuple, tuple]:
        return (batch_size, *self._input_shape), (batch_size, *self.output_size)

    def compute_output_shape(self, input_shape: Shape, states_shape: ShapeTree = None) -> Any:
        sizes = (input_shape, self.kernel_size, self.strides, self.padding, self.data_format, self.dilation_rate)
        shape = join_shape(input_shape[0], windowed(self, *sizes), self.filters, self.data_format)
        return shape, [shape] * self.state_count

    def get_initial_state(self, batch_size: int | None = None) -> list:
        """Returns zeros of the shape of each state."""
        return [jnp.zeros((batch_size, *size), numpy_dtype(self.compute_dtype)) for size in self.state_size]


class ConvLSTM(CellRNN):
    """Base of `ConvLSTM1D`, `ConvLSTM2D` and `ConvLSTM3D`, which set `rank`."""

    cell_class = ConvLSTMCell
    _config_skip = ("cell", "rank")
    rank: int

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        activation: ActivationLike = "tanh",
        recurrent_activation: ActivationLike = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: RegularizerLike = None,
        recurrent_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        recurrent_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Unpack[RecurrentOptions],
    ):
        cell = self._make_cell({**locals(), "rank": type(self).rank})
        options: dict[str, Any] = {**kwargs, "activity_regularizer": activity_regularizer}
        super().__init__(cell, return_sequences, return_state, go_backwards, stateful, **options)
        self.input_spec = InputSpec(ndim=self.rank + 3)

    def build(self, sequences_shape: Shape, initial_state_shape: ShapeTree = None) -> None:
        if None in sequences_shape[2:]:
            raise ValueError(
                "ConvLSTM layers only support static input shapes for the spatial dimension. Received invalid input "
                f"shape: input_shape={sequences_shape} (layer '{self.path}')"
            )
        super().build(sequences_shape, initial_state_shape)

    def compute_output_shape(self, sequences_shape: Shape, initial_state_shape: ShapeTree = None) -> Any:
        batch, length, *rest = sequences_shape
        state = self.cell.compute_output_shape((batch, *rest))[0]
        output = (batch, length, *state[1:]) if self.return_sequences else state
        return (output, state, state) if self.return_state else output


class ConvLSTM1D(ConvLSTM):
    """1D convolutional LSTM, for sequences of signals ([paper](https://arxiv.org/abs/1506.04214)).

    Args:
        filters: Number of filters: the channels of the output and of each of the two states.
        kernel_size: Size of the kernels: an int, or one per spatial axis.
        strides: Strides of the convolution of the inputs: an int, or one per spatial axis.
        padding: "valid" or "same", for the convolution of the inputs; that of the state is always "same".
        data_format: "channels_last", `(batch, time, ..., channels)`, or "channels_first"; None for the default.
        dilation_rate: Dilation rate of the convolution of the inputs: an int, or one per spatial axis.
        activation, recurrent_activation, use_bias, unit_forget_bias: As for `LSTM`.
        kernel_initializer, recurrent_initializer, bias_initializer: Initializers of the two kernels and the bias.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: Regularizers of the two kernels and the bias.
        activity_regularizer: Regularizer of the output.
        kernel_constraint, recurrent_constraint, bias_constraint: Constraints on the two kernels and the bias.
        dropout, recurrent_dropout: Fractions of the inputs and of the state to drop in training, with one mask for all
            timesteps of a sequence.
        seed, return_sequences, return_state, go_backwards, stateful: As for `LSTM`.
        **kwargs: `unroll`, `zero_output_for_mask` (see `RNN`), `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: A size isn't positive, options exclude each other, or a spatial size of the input is unknown.

    Input shape `(batch, time, ..., channels)`; output shape `(batch, ..., filters)`, or `(batch, time, ..., filters)`
    with `return_sequences`.

    >>> keras.layers.ConvLSTM1D(4, 3)(np.ones((2, 5, 8, 1))).shape
    (2, 6, 4)
    """

    rank = 1


class ConvLSTM2D(ConvLSTM):
    """2D convolutional LSTM, for sequences of images ([paper](https://arxiv.org/abs/1506.04214)).

    Args:
        filters, kernel_size, ...: As for `ConvLSTM1D`, with sizes for two axes.

    >>> keras.layers.ConvLSTM2D(4, 3, padding="same", return_sequences=True)(np.ones((1, 2, 5, 5, 3))).shape
    (1, 2, 5, 5, 4)
    """

    rank = 2


class ConvLSTM3D(ConvLSTM):
    """3D convolutional LSTM, for sequences of volumes ([paper](https://arxiv.org/abs/1506.04214)).

    Args:
        filters, kernel_size, ...: As for `ConvLSTM1D`, with sizes for three axes.

    >>> keras.layers.ConvLSTM3D(2, 2)(np.ones((1, 2, 3, 3, 3, 1))).shape
    (1, 2, 2, 2, 2)
    """

    rank = 3
