"""Simple recurrent layers."""

from __future__ import annotations

from typing import Any, Unpack

from ..core.types import (
    ActivationLike,
    ConstraintLike,
    InitializerLike,
    LayerOptions,
    RecurrentOptions,
    RegularizerLike,
)
from ..kernels.rnn import simple_step
from .rnn import CellRNN
from .rnn_cells import RecurrentCell


class SimpleRNNCell(RecurrentCell):
    """Cell of `SimpleRNN`: `activation(inputs @ kernel + state @ recurrent_kernel + bias)`.

    Args:
        units: Size of the output and of the state.
        activation: Activation of the new state, a name or function; None for none.
        use_bias: Whether to add a learned bias.
        kernel_initializer, recurrent_initializer, bias_initializer: Initializers of the two kernels and the bias.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: Regularizers of the two kernels and the bias.
        kernel_constraint, recurrent_constraint, bias_constraint: Constraints on the two kernels and the bias.
        dropout: Fraction of the inputs to drop in training, with one mask for all timesteps of a sequence.
        recurrent_dropout: Fraction of the state to drop in training, with one mask for all timesteps.
        seed: Random seed of the dropout: an int, or None.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `units` isn't a positive int, or a flag or rate is invalid.

    >>> output, states = keras.layers.SimpleRNNCell(4)(np.ones((2, 3)), [np.zeros((2, 4))])
    >>> output.shape, states[0].shape
    ((2, 4), (2, 4))
    """

    step = staticmethod(simple_step)

    def __init__(
        self,
        units: int,
        activation: ActivationLike = "tanh",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
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


class SimpleRNN(CellRNN):
    """Fully connected recurrent layer: its output is fed back as its state.

    Args:
        units: Size of the output and of the state.
        activation: Activation of the new state, a name or function; None for none.
        use_bias: Whether to add a learned bias.
        kernel_initializer, recurrent_initializer, bias_initializer: Initializers of the two kernels and the bias.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: Regularizers of the two kernels and the bias.
        activity_regularizer: Regularizer of the output.
        kernel_constraint, recurrent_constraint, bias_constraint: Constraints on the two kernels and the bias.
        dropout: Fraction of the inputs to drop in training, with one mask for all timesteps of a sequence.
        recurrent_dropout: Fraction of the state to drop in training, with one mask for all timesteps.
        return_sequences: Whether to return the outputs of all timesteps instead of the last.
        return_state: Whether to return the final states, too.
        go_backwards: Whether to process the sequence in reverse.
        stateful: Whether the final states of a batch are the initial states of the next.
        unroll: Whether to unroll the loop over timesteps.
        seed: Random seed of the dropout: an int, or None.
        **kwargs: `zero_output_for_mask` (see `RNN`), `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `units` isn't a positive int, or a flag or rate is invalid.

    Input shape `(batch, timesteps, features)`; output shapes as for `RNN`.

    >>> keras.layers.SimpleRNN(4, return_sequences=True)(np.ones((2, 5, 3))).shape
    (2, 5, 4)
    """

    cell_class = SimpleRNNCell
    _config_skip = ("cell", "seed")

    def __init__(
        self,
        units: int,
        activation: ActivationLike = "tanh",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        recurrent_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        recurrent_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Unpack[RecurrentOptions],
    ):
        cell = self._make_cell(locals())
        options: dict[str, Any] = {**kwargs, "activity_regularizer": activity_regularizer}
        super().__init__(cell, return_sequences, return_state, go_backwards, stateful, unroll, **options)
