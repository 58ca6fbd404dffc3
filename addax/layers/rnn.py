"""RNN: a layer that runs a cell over the timesteps of sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

import numpy as np

from ..core import tree
from ..core.dtypes import is_float
from ..core.keras_tensor import KerasTensor
from ..core.naming import to_snake_case
from ..core.op import Tensor
from ..core.ours import is_ours
from ..core.serialization import deserialize_keras_object
from ..core.signature import signature_of
from ..core.state import StateScope, current_scope
from ..core.types import LayerOptions, ShapeTree, Tree
from ..core.variable import Variable
from ..kernels.rnn import recurrence, scan_cell
from ..ops import any as any_along
from ..ops import cast
from .input_spec import InputSpec
from .layer import Layer, Shape
from .rnn_cells import (
    Cell,
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
from .sizes import check_mask, flag, static_shape


class RNN(Layer):
    """Runs a cell over the timesteps of its input.

    Args:
        cell: A cell, or a list of cells to stack. A cell is a layer whose `call(inputs_at_t, states_at_t)` returns
            `(output_at_t, states_at_t_plus_1)`, with an attribute `state_size` (an int, or a list with one for each
            state), and optionally `output_size` and `get_initial_state(batch_size)`.
        return_sequences: Whether to return the outputs of all timesteps instead of the last.
        return_state: Whether to return the final states, too.
        go_backwards: Whether to process the sequence in reverse; outputs are in reversed order, too.
        stateful: Whether the final states of a batch are the initial states of the next. The batch size must be fixed.
        unroll: Whether to unroll the loop over timesteps: faster for short sequences, slower to compile.
        zero_output_for_mask: Whether the output at masked timesteps is zero instead of the previous output.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `cell` has no `call` or no `state_size`, or a flag isn't a bool.

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
        cell: Cell,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Unpack[LayerOptions],
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
        self.cell = cell
        self.return_sequences = flag(self, "return_sequences", return_sequences)
        self.return_state = flag(self, "return_state", return_state)
        self.go_backwards = flag(self, "go_backwards", go_backwards)
        self.stateful = flag(self, "stateful", stateful)
        self.unroll = flag(self, "unroll", unroll)
        self.zero_output_for_mask = flag(self, "zero_output_for_mask", zero_output_for_mask)
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

    def _set_states(self, states: Tree) -> None:
        # Not through `__setattr__`: they are no weights, neither counted nor saved, but programs carry them as state.
        self.__dict__["states"] = states

    @property
    def variables(self) -> list[Variable]:
        """All variables: weights, states of random generators, and the states of a stateful layer."""
        return [*super().variables, *(tree.flatten(self.states) if self.states is not None else [])]

    def _mixes_rows(self, training: bool) -> bool:
        return self.stateful or not isinstance(self.cell, Layer)

    def build(self, sequences_shape: Shape, initial_state_shape: ShapeTree = None) -> None:
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
            self._set_states(tree.map_shape_structure(lambda s: self._state_variable(s, next(paths)), shapes))

    def _state_variable(self, shape: tuple, position: int) -> Variable:
        def begin(shape: tuple, dtype: str) -> Any:
            if isinstance(self.cell, (RecurrentCell, StackedRNNCells)):
                return np.zeros(shape, "float32")
            return tree.flatten(self.get_initial_state(shape[0]))[position]

        return Variable(begin, shape=shape, dtype=self.variable_dtype, trainable=False, name="rnn_state")

    def get_initial_state(self, batch_size: int | None) -> list:
        """Returns the initial states: those of the cell's `get_initial_state`, else zeros.

        Args:
            batch_size: Number of sequences.
        """
        return initial_state(self.cell, batch_size, self.compute_dtype)

    def reset_state(self) -> None:
        """Resets the states of a stateful layer to their initial values."""
        if self.states is not None:
            begin = tree.flatten(self.get_initial_state(tree.flatten(self.states)[0].shape[0]))
            for variable, value in zip(tree.flatten(self.states), begin):
                variable.assign(value)

    def reset_states(self) -> None:
        """Alias of `reset_state`."""
        self.reset_state()

    def compute_output_shape(self, sequences_shape: Shape, initial_state_shape: ShapeTree = None) -> Any:
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

    def compute_mask(self, _: Tree, mask: Tree) -> Any:
        mask = tree.flatten(mask)[0]
        output = mask if self.return_sequences else None
        if not self.return_state:
            return output
        return [output] + [None] * len(self.state_size)

    def call(
        self, sequences: Tensor, initial_state: Tree = None, mask: Tensor | None = None, training: bool = False
    ) -> Any:
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
        # Cells have dtype policies of their own; the output follows the layer's.
        returned = (output, *states) if self.return_state else output
        return tree.map_structure(self._to_compute_dtype, returned)

    def _to_compute_dtype(self, x: Tensor) -> Any:
        return cast(x, self.compute_dtype) if is_float(x.dtype) else x

    def _first_states(self, sequences: Tensor, given: Tree) -> list:
        """Returns the states before the first timestep: those given, those kept, or the cell's initial ones."""
        batch = sequences.shape[0]
        if self.stateful:
            self._check_batch_size(batch)
        if given is not None:
            return self._checked_states(given, batch)
        if self.stateful:
            return tree.map_structure(lambda v: v.value, self.states)
        return self.get_initial_state(batch)

    def _check_batch_size(self, batch: int | None) -> None:
        """Raises ValueError if a stateful layer gets a batch of another size than it was built for."""
        expected = tree.flatten(self.states)[0].shape[0]
        if isinstance(batch, int) and batch != expected:
            raise ValueError(
                "If an RNN is stateful, the batch size of the input sequences must be the same as the batch size "
                f"of the initial state. \n- Expected batch size: {expected}\n- Received batch size: {batch}\n"
                f"(layer '{self.path}' of type {type(self).__name__}: the batch size was fixed as it was built)"
            )

    def _checked_states(self, given: Tree, batch: int | None) -> list:
        """Returns given initial states in the structure of the cell's.

        Raises:
            ValueError: Their number or a shape is wrong.
        """
        structure = tree.map_shape_structure(_Leaf, state_shapes(self.cell.state_size, batch))
        expected = tree.flatten(structure)
        found = tree.flatten(given)
        shapes = ", ".join(str(tuple(f.shape)) for f in found)
        sizes = [f.shape[0] for f in found if f.ndim]
        if isinstance(batch, int) and any(isinstance(n, int) and n != batch for n in sizes):
            raise ValueError(
                f"Layer '{self.path}' ({type(self).__name__}) got a batch of {batch} sequences, but `initial_state` of "
                f"shape(s) {shapes}: expected a state for each sequence."
            )
        if len(found) != len(expected) or any(tuple(f.shape[1:]) != e.shape[1:] for f, e in zip(found, expected)):
            raise ValueError(
                f"Layer '{self.path}' ({type(self).__name__}) takes {len(expected)} initial state(s) of shape(s) "
                f"{', '.join(str(('batch', *e.shape[1:])) for e in expected)}. Received `initial_state` with "
                f"{len(found)}, of shape(s) {shapes}."
            )
        return tree.pack_sequence_as(structure, [cast(f, self.compute_dtype) for f in found])

    def inner_loop(
        self, sequences: Tensor, initial_state: list, mask: Tensor | None, training: bool | None = False
    ) -> tuple:
        """Runs the cell over the timesteps.

        Args:
            sequences: `(batch, time, ...)`.
            initial_state: The initial states.
            mask: Bool, `(batch, time)`, or None.
            training: Whether to apply dropout.

        Returns:
            The last output (None with `return_sequences`), the outputs of all timesteps (None without), and the final
            states.
        """
        run = self._run_known_cell if self._cell_is_known() else self._run_any_cell
        output, states = run(sequences, initial_state, mask, training)
        return (None, output, states) if self.return_sequences else (output, None, states)

    @property
    def _loop_options(self) -> dict[str, bool]:
        return {
            "return_sequences": self.return_sequences,
            "reverse": self.go_backwards,
            "unroll": self.unroll,
            "zero_output": self.zero_output_for_mask,
        }

    def _cell_is_known(self) -> bool:
        """Returns whether the cell computes its step in `kernels.rnn` and nothing else."""
        cell = self.cell
        return (
            isinstance(cell, RecurrentCell)
            and type(cell).call is RecurrentCell.call
            and cell.activity_regularizer is None
            and cell.dtype_policy == self.dtype_policy
        )

    def _run_known_cell(
        self, sequences: Tensor, states: list, mask: Tensor | None, training: bool | None
    ) -> tuple[Any, list]:
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
            **self._loop_options,
        )
        return output, list(last)

    def _run_any_cell(
        self, sequences: Tensor, states: list, mask: Tensor | None, training: bool | None
    ) -> tuple[Any, list]:
        cell = self.cell
        if training:
            draw_masks(cell, sequences.shape[0])
        # Variables that the cell assigns (random seeds, moving averages) are carried from one step to the next.
        carried = [v for v in cell.variables if not v.trainable] if isinstance(cell, Layer) else []
        written: set[int] = set()
        owners: list[Layer] = []
        outer = current_scope()

        def step(x: Tensor, states: list, aux: list) -> tuple:
            with StateScope(zip(carried, aux), abstract=outer is not None and outer.abstract) as scope:
                output, new = call_cell(cell, x, states, training)
                aux = [v.value_uncast() for v in carried]
            written.update(scope.written)
            owners[:] = [layer for layer, _ in scope.added]
            return output, new, aux, [loss for _, loss in scope.added]

        output, last, aux, losses = scan_cell(
            step,
            sequences,
            states,
            [v.value_uncast() for v in carried],
            mask,
            output_state=_output_state,
            **self._loop_options,
        )
        for variable, value in zip(carried, aux):
            if id(variable) in written:
                variable.assign(value)
        for layer, loss in zip(owners, losses):
            layer.add_loss(loss.sum())
        return output, last

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> RNN:
        if isinstance(config.get("cell"), dict):
            config = {**config, "cell": deserialize_keras_object(config["cell"], custom_objects)}
        return super().from_config(config)


class _Leaf:
    """A shape that counts as a leaf, not as a container."""

    def __init__(self, shape: tuple):
        self.shape = shape


def _output_state(states: list) -> Any:
    # The first state of a cell is its output; the output of stacked cells is that of the last.
    return tree.flatten(states[-1] if isinstance(states[-1], list) else states)[0]


class CellRNN(RNN):
    """Base of the layers of one kind of built-in cell, whose arguments their constructors take."""

    cell_class: type[RecurrentCell]
    _config_skip = ("cell", "use_cudnn")
    _config_null_activity = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "cell_class" in cls.__dict__:
            for name in cell_parameters(cls.cell_class):
                if name != "seed":
                    setattr(cls, name, property(_of_cell(name), doc=f"`{name}` of the cell."))

    def __init__(self, cell: RecurrentCell, *args: Any, **kwargs: Unpack[LayerOptions]):
        super().__init__(cell, *args, **kwargs)
        self.input_spec = InputSpec(ndim=3)

    @classmethod
    def _make_cell(cls, given: dict[str, Any]) -> RecurrentCell:
        """Makes the cell of a layer that is about to be constructed.

        Args:
            given: The arguments of the layer's constructor, its `locals()`; `implementation`, which is the cell's, is
                taken out of its `kwargs`.
        """
        kwargs = given["kwargs"]
        names = set(signature_of(cls.cell_class.__init__).parameters) - {"self", "kwargs"}  # type: ignore[misc]
        return cls.cell_class(
            **{name: given[name] for name in names & given.keys()},
            name=to_snake_case(cls.cell_class.__name__),
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            implementation=kwargs.pop("implementation", 2),
        )


def _of_cell(name: str) -> Callable:
    return lambda self: getattr(self.cell, name)
