"""Long short-term memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import activations, initializers
from ..kernels.rnn import lstm_step
from .layer import Shape
from .rnn import CellRNN
from .rnn_cells import RecurrentCell
from .sizes import flags


class LSTMCell(RecurrentCell):
    """One step of `LSTM`.

    Args:
        units: Number of features of the output and of each of the two states.
        activation: Name or function of the candidate and of the output; None for none.
        recurrent_activation: Name or function of the gates.
        use_bias: Whether to add a learned bias.
        kernel_initializer, recurrent_initializer, bias_initializer: How the weights begin.
        unit_forget_bias: Whether the bias of the forget gate begins with 1 added.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: Penalties on the weights.
        kernel_constraint, recurrent_constraint, bias_constraint: What is applied to the weights after each update.
        dropout: Fraction of the inputs that is dropped in training, the same at all timesteps of a sequence.
        recurrent_dropout: Fraction of the state that is dropped in training, likewise.
        seed: An int that fixes the dropout.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

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
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self._configure(
            units,
            activation,
            use_bias,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            kernel=(kernel_initializer, kernel_regularizer, kernel_constraint),
            recurrent=(recurrent_initializer, recurrent_regularizer, recurrent_constraint),
            bias=(bias_initializer, bias_regularizer, bias_constraint),
        )
        self.recurrent_activation = activations.get(recurrent_activation)
        flags(self, unit_forget_bias=unit_forget_bias)
        self.unit_forget_bias = unit_forget_bias

    @property
    def _initial_bias(self) -> Callable:
        return self._bias_with_open_forget_gate if self.unit_forget_bias else self.bias_initializer

    def _bias_with_open_forget_gate(self, shape: Shape, dtype: Any = None) -> Any:
        # The four parts are drawn as Keras does: input gate, ones, the last two together.
        parts = [
            self.bias_initializer((self.units,), dtype=dtype),
            initializers.get("ones")((self.units,), dtype=dtype),
            self.bias_initializer((2 * self.units,), dtype=dtype),
        ]
        return np.concatenate([np.asarray(p) for p in parts])


class LSTM(CellRNN):
    """Long short-term memory: a recurrent layer with a second state that gates keep, forget and read
    ([paper](https://www.bioinf.jku.at/publications/older/2604.pdf)).

    Args:
        units: Number of features of the output and of each of the two states.
        activation: Name or function of the candidate and of the output; None for none.
        recurrent_activation: Name or function of the gates.
        use_bias: Whether to add a learned bias.
        kernel_initializer, recurrent_initializer, bias_initializer: How the weights begin.
        unit_forget_bias: Whether the bias of the forget gate begins with 1 added.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: Penalties on the weights.
        activity_regularizer: Penalty on the output.
        kernel_constraint, recurrent_constraint, bias_constraint: What is applied to the weights after each update.
        dropout: Fraction of the inputs that is dropped in training, the same at all timesteps of a sequence.
        recurrent_dropout: Fraction of the state that is dropped in training, likewise.
        seed: An int that fixes the dropout.
        return_sequences: Whether to return the outputs of all timesteps instead of the last.
        return_state: Whether to return the last states, too.
        go_backwards: Whether to run from the last timestep to the first.
        stateful: Whether a batch begins with the states the one before ended with.
        unroll: Whether to lay the timesteps out one after the other instead of looping.
        use_cudnn: Kept for compatibility: addax has one implementation.
        **kwargs: `zero_output_for_mask` (see `RNN`), `name`, `dtype` and other arguments of `Layer`.

    Input shape `(batch, timesteps, features)`; output shapes as for `RNN`. The states are the output and the memory.

    >>> output, h, c = keras.layers.LSTM(4, return_sequences=True, return_state=True)(np.ones((2, 5, 3)))
    >>> output.shape, h.shape, c.shape
    ((2, 5, 4), (2, 4), (2, 4))
    """

    cell_class = LSTMCell

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ):
        cell = self._make_cell(
            kwargs,
            units=units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            unit_forget_bias=unit_forget_bias,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            kernel=(kernel_initializer, kernel_regularizer, kernel_constraint),
            recurrent=(recurrent_initializer, recurrent_regularizer, recurrent_constraint),
            bias=(bias_initializer, bias_regularizer, bias_constraint),
        )
        super().__init__(
            cell,
            return_sequences,
            return_state,
            go_backwards,
            stateful,
            unroll,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.use_cudnn = use_cudnn
