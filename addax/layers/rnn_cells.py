"""Recurrent cells: the base of the built-in ones, stacked cells, and calls of any cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, Unpack

import numpy as np

from .. import activations, initializers
from ..core import tree
from ..core.config import thread
from ..core.dtypes import numpy_dtype
from ..core.engine import is_tracer, jnp
from ..core.keras_tensor import KerasTensor
from ..core.op import Tensor
from ..core.seeds import SeedGenerator
from ..core.serialization import deserialize_keras_object
from ..core.signature import init_parameters
from ..core.types import DTypeLike, LayerOptions, ShapeTree, Tree
from ..kernels.rnn import project
from ..random import dropout
from .calling import Call, call_signature
from .layer import Layer, Shape
from .sizes import add_weight, flag, is_whole, mixes_rows, number, take_weight_options, weight_options

# A layer, or another object with `state_size` that is called with inputs and states.
Cell: TypeAlias = Any
# An int (a size), a tuple (a shape), or a list of them (several states).
StateSize: TypeAlias = Any


def check_units(units: int, layer: Layer) -> int:
    """Returns `units`, which must be a positive whole number."""
    if not is_whole(units) or units <= 0:
        raise ValueError(
            f"Received an invalid value for argument `units`, expected a positive integer, got {units}. "
            f"(layer '{layer.name}', {type(layer).__name__})"
        )
    return int(units)


class RecurrentCell(Layer):
    """Base of the cells whose step function is one of `kernels.rnn`: weights, dropout masks, the step.

    A subclass defines `step`, and the numbers of its gates and states.
    """

    rowwise = "always"
    gates = 1
    state_count = 1
    gate_activations: tuple[str, ...] = ("activation",)
    step: Any

    _about: tuple[str, ...] = ("seed",)  # the random generator has it
    units: int
    use_bias: bool
    kernel_initializer: Any
    recurrent_initializer: Any
    bias_initializer: Any
    kernel_regularizer: Any
    recurrent_regularizer: Any
    bias_regularizer: Any
    kernel_constraint: Any
    recurrent_constraint: Any
    bias_constraint: Any
    dropout: float
    recurrent_dropout: float
    seed: int | None

    def __init__(self, **kwargs: Any):
        implementation = kwargs.pop("implementation", 2)
        super().__init__(**kwargs)
        self._implementation = implementation

    def _configure(self, given: dict[str, Any]) -> None:
        """Sets the options that all cells have.

        Args:
            given: The arguments of the constructor, its `locals()`.
        """
        self.units = check_units(given["units"], self)
        self.activation = activations.get(given["activation"])
        self.use_bias = flag(self, "use_bias", given["use_bias"])
        take_weight_options(self, **weight_options(given, "kernel", "recurrent", "bias"))
        self.dropout, self.recurrent_dropout = (
            min(1.0, max(0.0, number(self, name, given[name]))) for name in ("dropout", "recurrent_dropout")
        )
        self.seed = given["seed"]
        self.seed_generator = SeedGenerator(self.seed)
        # As in Keras, the gates share one dropout mask of the inputs unless the state has dropout, too.
        self.input_masks = self.gates if self.recurrent_dropout or self._implementation == 1 else 1
        self.state_size = self.units if self.state_count == 1 else [self.units] * self.state_count
        self.output_size = self.units

    def _mixes_rows(self, training: bool) -> bool:
        # The dropout mask depends on the size of the batch.
        return mixes_rows(*self.step_activations()) or (training and self.dropout + self.recurrent_dropout > 0)

    def build(self, input_shape: Shape) -> None:
        width = self.gates * self.units
        self.kernel = add_weight(self, "kernel", (input_shape[-1], width))
        self.recurrent_kernel = add_weight(self, "recurrent_kernel", (self.units, width), options="recurrent")
        self.bias = None
        if self.use_bias:
            self.bias = add_weight(self, "bias", self._bias_shape(), initializer=self._initial_bias)

    def _bias_shape(self) -> tuple[int, ...]:
        return (self.gates * self.units,)

    @property
    def _initial_bias(self) -> Callable:
        return self.bias_initializer

    def _bias_with_unit_forget_gate(self, shape: Shape, dtype: DTypeLike = None) -> Any:
        """Initializes the bias of the four gates of an LSTM, that of the forget gate with ones."""
        # Drawn as in Keras: input gate, ones for the forget gate, candidate and output gate together.
        parts = [
            self.bias_initializer((self.units,), dtype=dtype),
            initializers.get("ones")((self.units,), dtype=dtype),
            self.bias_initializer((2 * self.units,), dtype=dtype),
        ]
        return np.concatenate([np.asarray(p) for p in parts])

    # The step in two parts: the projection of the inputs, which can be computed for all timesteps at once, and the rest

    def projection(self, inputs: Tensor, training: bool | None = False) -> tuple:
        """Returns kernel, bias and dropout masks, the arguments of `kernels.rnn.project` that follow `inputs`.

        Args:
            inputs: `(batch, features)` or `(batch, time, features)`.
            training: Whether dropout is applied.
        """
        masks = None
        if training and self.dropout:
            masks = _as_tuple(self.get_dropout_mask(inputs if inputs.ndim == 2 else inputs[:, 0]))
        return self.kernel.value, self._input_bias(), masks

    def recurrent_masks(self, state: Tensor, training: bool | None = False) -> tuple | None:
        """Returns the dropout masks of the state, one per gate, or None."""
        if not (training and self.recurrent_dropout):
            return None
        return _as_tuple(self.get_recurrent_dropout_mask(state))

    def step_weights(self) -> tuple:
        """Returns the weights that the step function takes."""
        return (self.recurrent_kernel.value,)

    def step_activations(self) -> tuple:
        """Returns the activations that the step function takes."""
        return tuple(getattr(self, name) for name in self.gate_activations)

    def _input_bias(self) -> Any:
        return None if self.bias is None else self.bias.value

    def call(self, inputs: Tensor, states: Tree, training: bool = False) -> tuple:
        states = tuple(states) if isinstance(states, (list, tuple)) else (states,)
        x = project(inputs, *self.projection(inputs, training))
        masks = self.recurrent_masks(states[0], training)
        new = self.step(x, states, self.step_weights(), masks, self.step_activations())
        return new[0], list(new)

    def compute_output_shape(self, input_shape: Shape, states_shape: ShapeTree = None) -> Any:
        shape = (input_shape[0], self.units)
        return shape, [shape] * self.state_count

    def get_initial_state(self, batch_size: int | None = None) -> list:
        """Returns zeros of shape `(batch_size, units)`, an array for each state."""
        shape = (batch_size, self.units)
        return [jnp.zeros(shape, numpy_dtype(self.compute_dtype)) for _ in range(self.state_count)]

    # Dropout masks, the same at all timesteps of a sequence

    def get_dropout_mask(self, step_input: Tensor) -> Any:
        """Returns the dropout mask of the inputs, a list if gates have their own; it is kept until it is reset."""
        return self._mask("_dropout_mask", step_input, self.dropout, self.input_masks)

    def get_recurrent_dropout_mask(self, step_input: Tensor) -> Any:
        """Returns the dropout mask of the state, a list if there are several gates; it is kept until it is reset."""
        return self._mask("_recurrent_dropout_mask", step_input, self.recurrent_dropout, self.gates)

    def _mask_shapes(self, batch_size: int | None) -> tuple[tuple, tuple]:
        """Returns the shapes of the inputs of one timestep and of a state."""
        return (batch_size, self.kernel.shape[0]), (batch_size, self.units)

    def reset_dropout_mask(self) -> None:
        """Discards the dropout mask of the inputs, so that the next step draws a new one."""
        self.__dict__.pop("_dropout_mask", None)

    def reset_recurrent_dropout_mask(self) -> None:
        """Discards the dropout mask of the state, so that the next step draws a new one."""
        self.__dict__.pop("_recurrent_dropout_mask", None)

    def _mask(self, attribute: str, like: Tensor, rate: float, count: int) -> Any:
        # A traced mask can't be used outside the call it was drawn in.
        context, held = self.__dict__.get(attribute, (None, None))
        if held is not None and (context is thread.call_context or not is_tracer(tree.flatten(held)[0])):
            return held
        masks = [dropout(jnp.ones_like(like), rate, seed=self.seed_generator) for _ in range(count)]
        mask = masks if count > 1 else masks[0]
        self.__dict__[attribute] = (thread.call_context, mask)
        return mask


def cell_parameters(cls: type) -> list[str]:
    """Returns the names of the constructor's arguments that not every layer has."""
    common = init_parameters(Layer)
    return [name for name in init_parameters(cls) if name not in common]


def _as_tuple(masks: Tree) -> tuple:
    return tuple(masks) if isinstance(masks, (list, tuple)) else (masks,)


class StackedRNNCells(Layer):
    """Stacks cells into one: the output of each is the input of the next.

    Args:
        cells: List of cells, from the first to the last.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `cells` isn't a list of cells.

    >>> cells = keras.layers.StackedRNNCells([keras.layers.LSTMCell(8), keras.layers.GRUCell(4)])
    >>> keras.layers.RNN(cells)(np.ones((2, 5, 3))).shape
    (2, 4)
    """

    rowwise = "always"

    def __init__(self, cells: Sequence[Cell], **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        if not isinstance(cells, (list, tuple)) or not cells:
            raise ValueError(
                f"`cells` of layer '{self.name}' (StackedRNNCells) must be a list of one or more cells. Received: "
                f"cells={cells}"
            )
        for cell in cells:
            if not hasattr(cell, "call"):
                raise ValueError(f"All cells must have a `call` method. Received cell without a `call`: {cell}")
            if not hasattr(cell, "state_size"):
                raise ValueError(
                    f"All cells must have a `state_size` attribute. Received cell without a `state_size`: {cell}"
                )
        self.cells = list(cells)

    def _mixes_rows(self, training: bool) -> bool:
        return not all(isinstance(cell, Layer) for cell in self.cells)

    @property
    def state_size(self) -> list:
        """The state sizes of the cells, from the first to the last."""
        return [list(c.state_size) if isinstance(c.state_size, (list, tuple)) else c.state_size for c in self.cells]

    @property
    def output_size(self) -> Any:
        """The output size of the last cell."""
        return cell_output_size(self.cells[-1])

    def build(self, input_shape: Shape) -> None:
        for cell in self.cells:
            build_cell(cell, input_shape)
            size = cell_output_size(cell)
            input_shape = (input_shape[0], *(size if isinstance(size, tuple) else (size,)))

    def call(self, inputs: Tensor, states: Tree, training: bool = False, **kwargs: Any) -> tuple:
        new_states = []
        for cell, state in zip(self.cells, states):
            inputs, new = call_cell(cell, inputs, as_list(state), training, **kwargs)
            new_states.append(new if isinstance(state, (list, tuple)) else new[0])
        return inputs, new_states

    def get_initial_state(self, batch_size: int | None = None) -> list:
        """Returns the initial states of the cells.

        Args:
            batch_size: Rows per batch.
        """
        return [states_within_stack(cell, batch_size, self.compute_dtype) for cell in self.cells]

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> StackedRNNCells:
        cells = [deserialize_keras_object(c, custom_objects) for c in config["cells"]]
        return super().from_config({**config, "cells": cells})


def cell_output_size(cell: Cell) -> Any:
    """Returns the size or shape of the output of `cell`: its `output_size`, else the size of its first state."""
    size = getattr(cell, "output_size", None)
    if size is None:
        size = cell.state_size[0] if isinstance(cell.state_size, (list, tuple)) else cell.state_size
    return size


def as_list(states: Tree) -> list:
    """Returns `states` as a list, a single state as a list of one."""
    return list(states) if isinstance(states, (list, tuple)) else [states]


def state_shapes(state_size: StateSize, batch_size: int | None) -> list:
    """Returns the shapes of a cell's states: an int is a size, a tuple a shape, a list several states.

    >>> state_shapes([[3, 3], 2], None), state_shapes([(4, 4, 8)], 1)
    ([[(None, 3), (None, 3)], (None, 2)], [(1, 4, 4, 8)])
    """

    def shape(size: StateSize) -> Any:
        if isinstance(size, list):
            return [shape(s) for s in size]
        return (batch_size, *(size if isinstance(size, tuple) else (size,)))

    return [shape(size) for size in as_list(state_size)]


def states_within_stack(cell: Cell, batch_size: int | None, dtype: str) -> Any:
    """Returns the initial states of `cell` as it gives them: a single state may be alone or a list of one.

    Those of a cell without `get_initial_state` are zeros in the structure of its `state_size`.
    """
    if callable(getattr(cell, "get_initial_state", None)):
        found = cell.get_initial_state(batch_size=batch_size)
        return tree.map_structure(lambda s: getattr(s, "value", s), found)
    shapes = state_shapes(cell.state_size, batch_size)
    zeros = tree.map_shape_structure(lambda s: jnp.zeros(s, numpy_dtype(dtype)), shapes)
    return zeros if isinstance(cell.state_size, (list, tuple)) else zeros[0]


def initial_state(cell: Cell, batch_size: int | None, dtype: str) -> list:
    """Returns the initial states of `cell` as a list: those of its `get_initial_state`, else zeros."""
    return as_list(states_within_stack(cell, batch_size, dtype))


def build_cell(cell: Cell, input_shape: Shape) -> None:
    """Builds `cell` for inputs of one timestep."""
    if getattr(cell, "built", True):  # objects that aren't layers need no building
        return
    inputs = KerasTensor(input_shape, cell.input_dtype)
    shapes = state_shapes(cell.state_size, input_shape[0])
    states = tree.map_shape_structure(lambda s: KerasTensor(s, cell.compute_dtype), shapes)
    call = Call.bind(call_signature(cell), (inputs, states), {}, f"{type(cell).__name__}.call()")
    cell._maybe_build(call)


def call_cell(cell: Cell, inputs: Tensor, states: list, training: bool | None, **kwargs: Any) -> tuple[Any, list]:
    """Runs one step of `cell`.

    Returns:
        The output, and the new states in the structure of `states`.

    Raises:
        ValueError: The cell returned another number of states.
    """
    takes_training = not isinstance(cell, Layer) or "training" in call_signature(cell).names
    if takes_training and isinstance(cell, Layer):
        kwargs["training"] = training
    output, new = cell(inputs, states, **kwargs)
    found = tree.flatten(as_list(new))
    if len(found) != len(tree.flatten(states)):
        raise ValueError(
            f"The RNN cell {cell} returned {len(found)} states; expected {len(tree.flatten(states))}, as its "
            f"`state_size` says: {cell.state_size}"
        )
    return output, tree.pack_sequence_as(states, found)


def inner_cells(cell: Cell) -> list[RecurrentCell]:
    """Returns the built-in cells nested in `cell`, itself included."""
    layers = cell._flatten_layers() if isinstance(cell, Layer) else ()
    return [layer for layer in layers if isinstance(layer, RecurrentCell)]


def reset_masks(cell: Cell) -> None:
    """Discards the dropout masks of `cell` and of nested cells."""
    for inner in [*inner_cells(cell), cell]:
        for method in ("reset_dropout_mask", "reset_recurrent_dropout_mask"):
            if hasattr(inner, method):
                getattr(inner, method)()


def draw_masks(cell: Cell, batch_size: int | None) -> None:
    """Draws the dropout masks of `cell` and of nested cells ahead of a loop over timesteps, which share them."""
    for inner in inner_cells(cell):
        dtype = numpy_dtype(inner.compute_dtype)
        input_shape, state_shape = inner._mask_shapes(batch_size)
        if inner.dropout:
            inner.get_dropout_mask(jnp.ones(input_shape, dtype))
        if inner.recurrent_dropout:
            inner.get_recurrent_dropout_mask(jnp.ones(state_shape, dtype))
