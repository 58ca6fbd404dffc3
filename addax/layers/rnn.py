"""RNN: a cell run over the timesteps of sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import tree
from ..core.dtypes import is_float
from ..core.keras_tensor import KerasTensor
from ..core.naming import name_scope, to_snake_case
from ..core.ours import is_ours
from ..core.serialization import deserialize_keras_object
from ..core.state import StateScope, current_scope
from ..core.variable import Variable
from ..kernels.rnn import recurrence, scan_cell
from ..ops import any as any_along
from ..ops import cast
from .input_spec import InputSpec
from .layer import Layer, Shape
from .rnn_cells import (
    RecurrentCell,
    StackedRNNCells,
    as_list,
    build_cell,
    call_cell,
    cell_output_size,
    cell_parameters,
    draw_masks,
    initial_state,
    reset_masks,
    state_shapes,
)
from .sizes import WeightOptions, check_mask, flags, static_shape, weight_arguments


class RNN(Layer):
    """Runs a cell over the timesteps of its input.

    Args:
        cell: A cell, or a list of cells that are stacked. A cell is a layer whose `call(inputs_at_t, states_at_t)`
            returns `(output_at_t, states_at_t_plus_1)`, with an attribute `state_size` (an int, or a list with one
            for each state), and optionally `output_size` and `get_initial_state(batch_size)`.
        return_sequences: Whether to return the outputs of all timesteps instead of the last.
        return_state: Whether to return the last states, too.
        go_backwards: Whether to run from the last timestep to the first; outputs come in that order.
        stateful: Whether a batch begins with the states the one before ended with. The batch size must be fixed.
        unroll: Whether to lay the timesteps out one after the other instead of looping: faster for short sequences.
        zero_output_for_mask: Whether the output at masked timesteps is zero instead of the one before.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Input shape `(batch, timesteps, ...)`; output shape `(batch, units)`, or `(batch, timesteps, units)` with
    `return_sequences`, in a tuple with the states with `return_state`.

    >>> class Sum(keras.layers.Layer):
    ...     state_size = 3
    ...     def call(self, inputs, states):
    ...         total = states[0] + inputs
    ...         return total, [total]
    >>> keras.layers.RNN(Sum())(np.ones((1, 4, 3)))
    Array([[4., 4., 4.]], dtype=float32)
    """

    rowwise = "always"
    _config_skip: tuple[str, ...] = ()
    states: Any  # the Variables of a stateful layer, in the structure of the cell's states; else None

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(list(cell), dtype=self.dtype_policy)
        if not hasattr(cell, "call"):
            raise ValueError(f"Argument `cell` should have a `call` method. Received: cell={cell}")
        if not hasattr(cell, "state_size"):
            raise ValueError(
                "The RNN cell should have a `state_size` attribute (single integer or list of integers, one integer "
                f"per RNN state). Received: cell={cell}"
            )
        flags(
            self,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            zero_output_for_mask=zero_output_for_mask,
        )
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.supports_masking = True
        self._set_states(None)

    @property
    def state_size(self) -> list:
        """The sizes of the states, a list."""
        return as_list(self.cell.state_size)

    @property
    def single_state(self) -> bool:
        """Whether the cell has one state."""
        return not isinstance(self.cell.state_size, (list, tuple))

    def _set_states(self, states: Any) -> None:
        # They hold what happened last, which is no weight: neither counted nor saved, but state of every program.
        self.__dict__["states"] = states

    @property
    def variables(self) -> list[Variable]:
        """All variables: weights, states of random generators, and the states of a stateful layer."""
        return [*super().variables, *(tree.flatten(self.states) if self.states is not None else [])]

    def _mixes_rows(self, training: bool) -> bool:
        return self.stateful or not isinstance(self.cell, Layer)

    def build(self, sequences_shape: Shape, initial_state_shape: Any = None) -> None:
        build_cell(self.cell, (sequences_shape[0], *sequences_shape[2:]))
        if self.stateful:
            batch = sequences_shape[0]
            if batch is None:
                raise ValueError(
                    "When using `stateful=True` in a RNN, the batch size must be static. Found dynamic batch size: "
                    f"sequence.shape={sequences_shape} (layer '{self.name}'). Give it in "
                    "`Input(batch_shape=(batch, ...))`."
                )
            shapes = state_shapes(self.cell.state_size, batch)
            paths = iter(range(len(tree.flatten(tree.map_shape_structure(lambda s: 0, shapes)))))
            with name_scope(self.name):
                self._set_states(tree.map_shape_structure(lambda s: self._state_variable(s, next(paths)), shapes))

    def _state_variable(self, shape: tuple, position: int) -> Variable:
        def begin(shape: tuple, dtype: str) -> Any:
            if isinstance(self.cell, (RecurrentCell, StackedRNNCells)):
                return np.zeros(shape, "float32")
            return tree.flatten(self.get_initial_state(shape[0]))[position]

        return Variable(begin, shape=shape, dtype=self.variable_dtype, trainable=False, name="rnn_state")

    def get_initial_state(self, batch_size: Any) -> list:
        """The states that sequences begin with: the cell's, else zeros.

        Args:
            batch_size: Number of sequences.
        """
        return initial_state(self.cell, batch_size, self.compute_dtype)

    def reset_state(self) -> None:
        """Sets the states of a stateful layer back to the beginning."""
        if self.states is not None:
            begin = tree.flatten(self.get_initial_state(tree.flatten(self.states)[0].shape[0]))
            for variable, value in zip(tree.flatten(self.states), begin):
                variable.assign(value)

    def reset_states(self) -> None:
        """`reset_state`, under its older name."""
        self.reset_state()

    def compute_output_shape(self, sequences_shape: Shape, initial_state_shape: Any = None) -> Any:
        batch, length = sequences_shape[0], sequences_shape[1]
        size = cell_output_size(self.cell)
        features = size if isinstance(size, tuple) else (size,)
        output = (batch, length, *features) if self.return_sequences else (batch, *features)
        if not self.return_state:
            return output
        return (output, *state_shapes(self.cell.state_size, batch))

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        return tree.map_structure(
            lambda t: KerasTensor(t.shape, self.compute_dtype), super().compute_output_spec(*args, **kwargs)
        )

    def compute_mask(self, _: Any, mask: Any) -> Any:
        mask = tree.flatten(mask)[0]
        output = mask if self.return_sequences else None
        if not self.return_state:
            return output
        return [output] + [None] * len(self.state_size)

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        mask = tree.flatten(mask)[0]
        if mask is not None:
            check_mask(self, mask, static_shape(sequences))
            mask = cast(mask, "bool")
            if mask.ndim > 2:
                mask = any_along(mask, axis=tuple(range(2, mask.ndim)))
        states = self._first_states(sequences, initial_state)
        reset_masks(self.cell)
        try:
            last, outputs, states = self.inner_loop(sequences, states, mask, training=training)
        finally:
            reset_masks(self.cell)
        if self.stateful:
            for variable, value in zip(tree.flatten(self.states), tree.flatten(states)):
                variable.assign(value)
        output = outputs if self.return_sequences else last
        # Cells have policies of their own; what comes out is of the layer's.
        returned = (output, *states) if self.return_state else output
        return tree.map_structure(self._to_compute_dtype, returned)

    def _to_compute_dtype(self, x: Any) -> Any:
        return cast(x, self.compute_dtype) if is_float(x.dtype) else x

    def _first_states(self, sequences: Any, given: Any) -> list:
        batch = sequences.shape[0]
        if self.stateful:
            expected = tree.flatten(self.states)[0].shape[0]
            if isinstance(batch, int) and batch != expected:
                raise ValueError(
                    "If an RNN is stateful, the batch size of the input sequences must be the same as the batch size "
                    f"of the initial state. \n- Expected batch size: {expected}\n- Received batch size: {batch}\n"
                    f"(layer '{self.path}' of type {type(self).__name__}: the batch size was fixed as it was built)"
                )
        if given is None:
            if self.stateful:
                return tree.map_structure(lambda v: v.value, self.states)
            return self.get_initial_state(batch)
        shapes = state_shapes(self.cell.state_size, batch)
        expected = tree.flatten(tree.map_shape_structure(_Leaf, shapes))
        found = tree.flatten(given)
        if any(isinstance(batch, int) and isinstance(f.shape[0], int) and f.shape[0] != batch for f in found if f.ndim):
            raise ValueError(
                f"Layer '{self.path}' ({type(self).__name__}) got a batch of {batch} sequences, but `initial_state` of "
                f"shape(s) {', '.join(str(tuple(f.shape)) for f in found)}: expected a state for each sequence."
            )
        if len(found) != len(expected) or any(
            tuple(f.shape[1:]) != e.shape[1:] for f, e in zip(found, expected) if hasattr(f, "shape")
        ):
            raise ValueError(
                f"Layer '{self.path}' ({type(self).__name__}) takes {len(expected)} initial state(s) of shape(s) "
                f"{', '.join(str(('batch', *e.shape[1:])) for e in expected)}. Received `initial_state` with "
                f"{len(found)}, of shape(s) {', '.join(str(tuple(f.shape)) for f in found)}."
            )
        found = [cast(f, self.compute_dtype) for f in found]
        return tree.pack_sequence_as(tree.map_shape_structure(_Leaf, shapes), found)

    def inner_loop(self, sequences: Any, initial_state: list, mask: Any, training: Any = False) -> tuple:
        """Runs the cell over time.

        Args:
            sequences: `(batch, time, ...)`.
            initial_state: The states to begin with.
            mask: Bool, `(batch, time)`, or None.
            training: Whether dropout is on.

        Returns:
            The last output or None, the outputs of all steps or None (`return_sequences` decides), the last states.
        """
        run = self._run_known_cell if self._cell_is_known() else self._run_any_cell
        output, states = run(sequences, initial_state, mask, training)
        return (None, output, states) if self.return_sequences else (output, None, states)

    @property
    def _how(self) -> dict[str, bool]:
        return {
            "return_sequences": self.return_sequences,
            "reverse": self.go_backwards,
            "unroll": self.unroll,
            "zero_output": self.zero_output_for_mask,
        }

    def _cell_is_known(self) -> bool:
        """Whether the cell does what its step in `kernels.rnn` does, and nothing else."""
        cell = self.cell
        return (
            isinstance(cell, RecurrentCell)
            and type(cell).call is RecurrentCell.call
            and cell.activity_regularizer is None
            and cell.dtype_policy == self.dtype_policy
        )

    def _run_known_cell(self, sequences: Any, states: list, mask: Any, training: Any) -> tuple[Any, list]:
        cell = self.cell
        functions = cell.step_activations()
        projection = cell.projection(sequences, training)
        output, last = recurrence(
            cell.step,
            sequences,
            projection,
            tuple(states),
            cell.step_weights(),
            cell.recurrent_masks(states[0], training),
            mask,
            activations=functions,
            compiled=all(is_ours(f) and not isinstance(f, Layer) for f in functions),
            **self._how,
        )
        return output, list(last)

    def _run_any_cell(self, sequences: Any, states: list, mask: Any, training: Any) -> tuple[Any, list]:
        cell = self.cell
        if training:
            draw_masks(cell, sequences.shape[0])
        # What the cell assigns at one step (random seeds, moving averages) is carried to the next.
        carried = [v for v in cell.variables if not v.trainable] if isinstance(cell, Layer) else []
        written: set[int] = set()
        owners: list[Layer] = []
        outer = current_scope()

        def step(x: Any, states: list, aux: list) -> tuple:
            with StateScope(zip(carried, aux), abstract=outer is not None and outer.abstract) as scope:
                output, new = call_cell(cell, x, states, training)
                aux = [v.value_uncast() for v in carried]
            written.update(scope.written)
            owners[:] = [layer for layer, _ in scope.losses]
            return output, new, aux, [loss for _, loss in scope.losses]

        output, last, aux, losses = scan_cell(
            step,
            sequences,
            states,
            [v.value_uncast() for v in carried],
            mask,
            output_state=_output_state,
            **self._how,
        )
        for variable, value in zip(carried, aux):
            if id(variable) in written:
                variable.assign(value)
        for layer, loss in zip(owners, losses):
            layer.add_loss(loss.sum())
        return output, last

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> RNN:
        if isinstance(config.get("cell"), dict):
            config = {**config, "cell": deserialize_keras_object(config["cell"])}
        return super().from_config(config)


class _Leaf:
    """A shape that is not a container."""

    def __init__(self, shape: tuple):
        self.shape = shape


def _output_state(states: list) -> Any:
    # The output of stacked cells is that of the last; a cell's own first state is its output.
    return tree.flatten(states[-1] if isinstance(states[-1], list) else states)[0]


class CellRNN(RNN):
    """The base of the layers for one kind of built-in cell, whose arguments they take as their own."""

    cell_class: type[RecurrentCell]
    _config_skip = ("cell", "use_cudnn")
    _config_null_activity = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "cell_class" in cls.__dict__:
            for name in cell_parameters(cls.cell_class):
                if name != "seed":
                    setattr(cls, name, property(_of_cell(name), doc=f"`{name}` of the cell."))

    def __init__(self, cell: RecurrentCell, *args: Any, **kwargs: Any):
        super().__init__(cell, *args, **kwargs)
        self.input_spec = InputSpec(ndim=3)

    @classmethod
    def _make_cell(
        cls,
        kwargs: dict[str, Any],
        *,
        kernel: WeightOptions,
        recurrent: WeightOptions,
        bias: WeightOptions,
        **arguments: Any,
    ) -> RecurrentCell:
        """Makes the cell of a layer that is about to be constructed with `kwargs`.

        Args:
            kwargs: Those of the layer's constructor; `implementation`, which is the cell's, is taken out of them.
            kernel, recurrent, bias: Initializer, regularizer and constraint of each weight.
            **arguments: The other arguments of the cell.
        """
        return cls.cell_class(
            **arguments,
            **weight_arguments(kernel=kernel, recurrent=recurrent, bias=bias),
            name=to_snake_case(cls.cell_class.__name__),
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            implementation=kwargs.pop("implementation", 2),
        )


def _of_cell(name: str) -> Callable:
    return lambda self: getattr(self.cell, name)
