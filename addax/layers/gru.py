"""Gated recurrent units."""

from __future__ import annotations

from typing import Any

from .. import activations
from ..kernels.rnn import gru_reset_before_step, gru_step
from .rnn import CellRNN
from .rnn_cells import RecurrentCell
from .sizes import flags


class GRUCell(RecurrentCell):
    """One step of `GRU`.

    Args:
        units: Number of features of the output and of the state.
        activation: Name or function of the candidate; None for none.
        recurrent_activation: Name or function of the gates.
        use_bias: Whether to add learned biases.
        kernel_initializer, recurrent_initializer, bias_initializer: How the weights begin.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: Penalties on the weights.
        kernel_constraint, recurrent_constraint, bias_constraint: What is applied to the weights after each update.
        dropout: Fraction of the inputs that is dropped in training, the same at all timesteps of a sequence.
        recurrent_dropout: Fraction of the state that is dropped in training, likewise.
        reset_after: Whether the reset gate acts after the product with the recurrent kernel, as in cuDNN, or before
            it, as first published.
        seed: An int that fixes the dropout.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> output, states = keras.layers.GRUCell(4)(np.ones((2, 3)), [np.zeros((2, 4))])
    >>> output.shape, states[0].shape
    ((2, 4), (2, 4))
    """

    gates = 3
    gate_activations = ("activation", "recurrent_activation")

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
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
        reset_after: bool = True,
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
        flags(self, reset_after=reset_after)
        self.reset_after = reset_after

    @property
    def step(self) -> Any:
        """The step in `kernels.rnn`."""
        return gru_step if self.reset_after else gru_reset_before_step

    def _bias_shape(self) -> tuple[int, ...]:
        # With `reset_after` the state's product has a bias of its own, inside the reset.
        return (2, self.gates * self.units) if self.reset_after else super()._bias_shape()

    def _input_bias(self) -> Any:
        bias = super()._input_bias()
        return bias if bias is None or not self.reset_after else bias[0]

    def step_weights(self) -> tuple:
        bias = self.bias.value[1] if self.bias is not None and self.reset_after else None
        return (self.recurrent_kernel.value, bias)


class GRU(CellRNN):
    """Gated recurrent unit: a recurrent layer whose gates mix the old state with a new one
    ([paper](https://arxiv.org/abs/1406.1078)).

    Args:
        units: Number of features of the output and of the state.
        activation: Name or function of the candidate; None for none.
        recurrent_activation: Name or function of the gates.
        use_bias: Whether to add learned biases.
        kernel_initializer, recurrent_initializer, bias_initializer: How the weights begin.
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
        reset_after: Whether the reset gate acts after the product with the recurrent kernel, as in cuDNN, or before
            it, as first published.
        use_cudnn: Kept for compatibility: addax has one implementation.
        **kwargs: `zero_output_for_mask` (see `RNN`), `name`, `dtype` and other arguments of `Layer`.

    Input shape `(batch, timesteps, features)`; output shapes as for `RNN`.

    >>> keras.layers.GRU(4)(np.ones((2, 5, 3))).shape
    (2, 4)
    """

    cell_class = GRUCell

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
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
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ):
        cell = self._make_cell(
            kwargs,
            units=units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            reset_after=reset_after,
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
