"""Simple recurrent layers: a dense layer that sees its own last output."""

from __future__ import annotations

from typing import Any

from ..kernels.rnn import simple_step
from .rnn import CellRNN
from .rnn_cells import RecurrentCell


class SimpleRNNCell(RecurrentCell):
    """One step of `SimpleRNN`: `activation(inputs @ kernel + state @ recurrent_kernel + bias)`.

    Args:
        units: Number of features of the output and of the state.
        activation: Name or function applied to the sum; None for none.
        use_bias: Whether to add a learned bias.
        kernel_initializer, recurrent_initializer, bias_initializer: How the weights begin.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: Penalties on the weights.
        kernel_constraint, recurrent_constraint, bias_constraint: What is applied to the weights after each update.
        dropout: Fraction of the inputs that is dropped in training, the same at all timesteps of a sequence.
        recurrent_dropout: Fraction of the state that is dropped in training, likewise.
        seed: An int that fixes the dropout.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> output, states = keras.layers.SimpleRNNCell(4)(np.ones((2, 3)), [np.zeros((2, 4))])
    >>> output.shape, states[0].shape
    ((2, 4), (2, 4))
    """

    step = staticmethod(simple_step)

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
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


class SimpleRNN(CellRNN):
    """A recurrent layer whose next state is one dense layer of its input and its state.

    Args:
        units: Number of features of the output and of the state.
        activation: Name or function applied to the sum; None for none.
        use_bias: Whether to add a learned bias.
        kernel_initializer, recurrent_initializer, bias_initializer: How the weights begin.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: Penalties on the weights.
        activity_regularizer: Penalty on the output.
        kernel_constraint, recurrent_constraint, bias_constraint: What is applied to the weights after each update.
        dropout: Fraction of the inputs that is dropped in training, the same at all timesteps of a sequence.
        recurrent_dropout: Fraction of the state that is dropped in training, likewise.
        return_sequences: Whether to return the outputs of all timesteps instead of the last.
        return_state: Whether to return the last states, too.
        go_backwards: Whether to run from the last timestep to the first.
        stateful: Whether a batch begins with the states the one before ended with.
        unroll: Whether to lay the timesteps out one after the other instead of looping.
        seed: An int that fixes the dropout.
        **kwargs: `zero_output_for_mask` (see `RNN`), `name`, `dtype` and other arguments of `Layer`.

    Input shape `(batch, timesteps, features)`; output shapes as for `RNN`.

    >>> keras.layers.SimpleRNN(4, return_sequences=True)(np.ones((2, 5, 3))).shape
    (2, 5, 4)
    """

    cell_class = SimpleRNNCell
    _config_skip = ("cell", "seed")

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        cell = self._make_cell(
            kwargs,
            units=units,
            activation=activation,
            use_bias=use_bias,
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
