"""Long short-term memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

from .. import activations
from ..core.types import (
    ActivationLike,
    ConstraintLike,
    InitializerLike,
    LayerOptions,
    RecurrentOptions,
    RegularizerLike,
)
from ..kernels.rnn import lstm_step
from .rnn import CellRNN
from .rnn_cells import RecurrentCell
from .sizes import check_cudnn, flag


class LSTMCell(RecurrentCell):
    """Cell of `LSTM`.

    Args:
        units: Size of the output and of each of the two states.
        activation: Activation of the candidate cell state and of the output, a name or function; None for none.
        recurrent_activation: Activation of the gates, a name or function.
        use_bias: Whether to add a learned bias.
        kernel_initializer, recurrent_initializer, bias_initializer: Initializers of the two kernels and the bias.
        unit_forget_bias: Whether the bias of the forget gate is initialized to ones.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: Regularizers of the two kernels and the bias.
        kernel_constraint, recurrent_constraint, bias_constraint: Constraints on the two kernels and the bias.
        dropout: Fraction of the inputs to drop in training, with one mask for all timesteps of a sequence.
        recurrent_dropout: Fraction of the state to drop in training, with one mask for all timesteps.
        seed: Random seed of the dropout: an int, or None.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `units` isn't a positive int, or a flag or rate is invalid.

    >>> output, states = keras.layers.LSTMCell(4)(np.ones((2, 3)), [np.zeros((2, 4)), np.zeros((2, 4))])
    >>> output.shape, len(states)
    ((2, 4), 2)
    """

    gates = 4
    state_count = 2
    gate_activations = ("activation", "recurrent_activation")
    step = staticmethod(lstm_step)

    unit_forget_bias: bool

    def __init__(
        self,
        units: int,
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
        self._configure(locals())
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = flag(self, "unit_forget_bias", unit_forget_bias)

    @property
    def _initial_bias(self) -> Callable:
        return self._bias_with_unit_forget_gate if self.unit_forget_bias else self.bias_initializer


class LSTM(CellRNN):
    """Long short-term memory: a recurrent layer with a cell state that input, forget and output gates control
    ([paper](https://www.bioinf.jku.at/publications/older/2604.pdf)).

    Args:
        units: Size of the output and of each of the two states.
        activation: Activation of the candidate cell state and of the output, a name or function; None for none.
        recurrent_activation: Activation of the gates, a name or function.
        use_bias: Whether to add a learned bias.
        kernel_initializer, recurrent_initializer, bias_initializer: Initializers of the two kernels and the bias.
        unit_forget_bias: Whether the bias of the forget gate is initialized to ones.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: Regularizers of the two kernels and the bias.
        activity_regularizer: Regularizer of the output.
        kernel_constraint, recurrent_constraint, bias_constraint: Constraints on the two kernels and the bias.
        dropout: Fraction of the inputs to drop in training, with one mask for all timesteps of a sequence.
        recurrent_dropout: Fraction of the state to drop in training, with one mask for all timesteps.
        seed: Random seed of the dropout: an int, or None.
        return_sequences: Whether to return the outputs of all timesteps instead of the last.
        return_state: Whether to return the final states, too.
        go_backwards: Whether to process the sequence in reverse.
        stateful: Whether the final states of a batch are the initial states of the next.
        unroll: Whether to unroll the loop over timesteps.
        use_cudnn: Accepted for compatibility and ignored: addax has one implementation.
        **kwargs: `zero_output_for_mask` (see `RNN`), `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `units` isn't a positive int, or a flag or rate is invalid.

    Input shape `(batch, timesteps, features)`; output shapes as for `RNN`. States: hidden and cell state.

    >>> output, h, c = keras.layers.LSTM(4, return_sequences=True, return_state=True)(np.ones((2, 5, 3)))
    >>> output.shape, h.shape, c.shape
    ((2, 5, 4), (2, 4), (2, 4))
    """

    cell_class = LSTMCell

    def __init__(
        self,
        units: int,
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
        unroll: bool = False,
        use_cudnn: bool | str = "auto",
        **kwargs: Unpack[RecurrentOptions],
    ):
        cell = self._make_cell(locals())
        options: dict[str, Any] = {**kwargs, "activity_regularizer": activity_regularizer}
        super().__init__(cell, return_sequences, return_state, go_backwards, stateful, unroll, **options)
        self.use_cudnn = check_cudnn(self, use_cudnn)
