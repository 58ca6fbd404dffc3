"""Gated recurrent units."""

from __future__ import annotations

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
from ..kernels.rnn import gru_reset_before_step, gru_step
from .rnn import CellRNN
from .rnn_cells import RecurrentCell
from .sizes import check_cudnn, flag


class GRUCell(RecurrentCell):
    """Cell of `GRU`.

    Args:
        units: Size of the output and of the state.
        activation: Activation of the candidate state, a name or function; None for none.
        recurrent_activation: Activation of the gates, a name or function.
        use_bias: Whether to add learned biases.
        kernel_initializer, recurrent_initializer, bias_initializer: Initializers of the two kernels and the bias.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: Regularizers of the two kernels and the bias.
        kernel_constraint, recurrent_constraint, bias_constraint: Constraints on the two kernels and the bias.
        dropout: Fraction of the inputs to drop in training, with one mask for all timesteps of a sequence.
        recurrent_dropout: Fraction of the state to drop in training, with one mask for all timesteps.
        reset_after: Whether to apply the reset gate after the product with the recurrent kernel (as in cuDNN) or before
            (as in the paper).
        seed: Random seed of the dropout: an int, or None.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `units` isn't a positive int, or a flag or rate is invalid.

    >>> output, states = keras.layers.GRUCell(4)(np.ones((2, 3)), [np.zeros((2, 4))])
    >>> output.shape, states[0].shape
    ((2, 4), (2, 4))
    """

    gates = 3
    gate_activations = ("activation", "recurrent_activation")

    def __init__(
        self,
        units: int,
        activation: ActivationLike = "tanh",
        recurrent_activation: ActivationLike = "sigmoid",
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
        reset_after: bool = True,
        seed: int | None = None,
        **kwargs: Unpack[LayerOptions],
    ):
        super().__init__(**kwargs)
        self._configure(locals())
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = flag(self, "reset_after", reset_after)

    @property
    def step(self) -> Any:
        """The step function, one of `kernels.rnn`."""
        return gru_step if self.reset_after else gru_reset_before_step

    def _bias_shape(self) -> tuple[int, ...]:
        # With `reset_after` the product with the state has a bias of its own, which the reset gate multiplies, too.
        return (2, self.gates * self.units) if self.reset_after else super()._bias_shape()

    def _input_bias(self) -> Any:
        bias = super()._input_bias()
        return bias if bias is None or not self.reset_after else bias[0]

    def step_weights(self) -> tuple:
        bias = self.bias.value[1] if self.bias is not None and self.reset_after else None
        return (self.recurrent_kernel.value, bias)


class GRU(CellRNN):
    """Gated recurrent unit: a recurrent layer whose reset and update gates combine the state with a candidate
    ([paper](https://arxiv.org/abs/1406.1078)).

    Args:
        units: Size of the output and of the state.
        activation: Activation of the candidate state, a name or function; None for none.
        recurrent_activation: Activation of the gates, a name or function.
        use_bias: Whether to add learned biases.
        kernel_initializer, recurrent_initializer, bias_initializer: Initializers of the two kernels and the bias.
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
        reset_after: Whether to apply the reset gate after the product with the recurrent kernel (as in cuDNN) or before
            (as in the paper).
        use_cudnn: Accepted for compatibility and ignored: addax has one implementation.
        **kwargs: `zero_output_for_mask` (see `RNN`), `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `units` isn't a positive int, or a flag or rate is invalid.

    Input shape `(batch, timesteps, features)`; output shapes as for `RNN`.

    >>> keras.layers.GRU(4)(np.ones((2, 5, 3))).shape
    (2, 4)
    """

    cell_class = GRUCell

    def __init__(
        self,
        units: int,
        activation: ActivationLike = "tanh",
        recurrent_activation: ActivationLike = "sigmoid",
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
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: bool | str = "auto",
        **kwargs: Unpack[RecurrentOptions],
    ):
        cell = self._make_cell(locals())
        options: dict[str, Any] = {**kwargs, "activity_regularizer": activity_regularizer}
        super().__init__(cell, return_sequences, return_state, go_backwards, stateful, unroll, **options)
        self.use_cudnn = check_cudnn(self, use_cudnn)
