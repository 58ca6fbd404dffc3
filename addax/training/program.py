"""Programs: a model's step as a pure function, compiled, over one batch or over many in one dispatch."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import config as settings
from ..core import lending, placement, tracing
from ..core.changes import changes
from ..core.engine import jax, refuse_if_forked
from ..core.fingerprint import Description
from ..core.jax_inside import trace_context
from ..core.lending import Loan, State
from ..core.ours import is_ours
from ..core.variable import Variable
from . import functions
from .blocks import recomputed
from .executables import Executable, Function, dict_keys, shared, spec_of
from .padding import Sizes, can_leave_out, is_rowwise, row_count, valid_rows
from .specs import merged, take_rows
from .stateful import variables_of
from .steps import GROUPS

# What is compiled: functions of a description (whose program says what is computed), a static argument, the values of
# the variables, and data. They return the new values (None for what stays as it is) and logs or outputs.


def batch_(description: Description, rows: int | None, state: State, data: Any, valid: Any) -> tuple[State, Any]:
    """One step on a batch, of which `valid` rows are real (None for all); `rows` are its own where it is spread."""
    program = description.program()
    return program.step(description, state, data if rows is None else program.spread.cut(data, rows), valid)


def rows_(
    description: Description, static: None, state: State, arrays: Any, rows: Any, valid: Any
) -> tuple[State, Any]:
    """One step on some rows of arrays."""
    program = description.program()
    return program.step(description, state, program.rows(take_rows(arrays, rows)), valid)


def _update(description: Description, static: None, state: State, data: Any, valid: Any) -> State:
    """The state after a built-in step, without the logs: a part of other programs that is traced once for all."""
    return description.program().update(state, data, valid)


class Program:
    """The compiled steps of one kind (train, test or predict) for a model as it is compiled now.

    Args:
        model: The model.
        kind: "train", "test" or "predict".
    """

    def __init__(self, model: Any, kind: str):
        self.model = model
        self.kind = kind
        self.groups: list[list[Variable]] = [variables_of(model, name) for name in GROUPS[kind]]
        self._variables = [v for group in self.groups for v in group]
        ends = [0, *itertools.accumulate(map(len, self.groups))]
        self._bounds = list(itertools.pairwise(ends))
        self.spread = placement.for_a_program()
        if placement.lay_out(self._variables, kind == "train"):
            changes.count += 1  # compiled calls find the values elsewhere
        self.key = program_key(model, kind)
        self._step, custom = functions.step_of(model, kind)
        ours = all(is_ours(getattr(model, n)) for n in (f"{kind}_step", "compute_metrics"))
        builtin = kind != "predict" and not custom and ours
        self.eager = _runs_eagerly(model, custom)
        if self.eager:
            self.spread = None
        self.is_builtin = builtin and not self.eager
        self.may_pad = not self.eager and settings.get("pad_batches") and self._can_pad(builtin)
        recomputed(model, kind)  # raises an error here where the model has no blocks
        self.sizes = Sizes()
        self.checked: set = set()  # shapes and dtypes of data that were found to be right
        self.checked_at = changes.count  # when it was last known to be the model's
        self.description = self._describe()
        self.executables = shared.of(self.description)
        self._ready: dict[Any, Callable] = {}  # programs by what they are given, without what never changes
        self._ahead: list[Executable] = []
        self._loan = Loan(self.groups) if kind == "train" and not self.eager else None
        self._kept: dict[int, State] = {}  # by thread: what its last step returned

    def _can_pad(self, builtin: bool) -> bool:
        """Returns whether a batch may have rows that are not real."""
        model = self.model
        if self.kind == "predict":
            return is_ours(model.predict_step) and is_rowwise(model)
        whole = builtin and all(is_ours(getattr(model, n)) for n in ("compute_loss", "compute_loss_and_updates"))
        return whole and can_leave_out(model, self.kind)

    def _describe(self) -> Description:
        model = self.model
        roots = (self.groups, model, model.optimizer if self.kind == "train" else None)
        placements = tuple(v.placement for group in self.groups for v in group)
        found = Description(
            self.kind,
            self,
            *roots,
            more=None if self.kind == "predict" else tuple(model._ordered_log_names()),
            mesh=None if self.spread is None else self.spread.key,
            shardings=placements if any(p is not None for p in placements) else None,
        )
        found.label = f"model '{model.name}'"
        return found

    @property
    def compiles(self) -> int:
        """Number of programs that were traced."""
        return self.executables.traces

    # State

    def read(self) -> State:
        """The values of the variables, for a step. Until `write_back`, they are the program's to give to its steps."""
        if self._loan is not None:
            return self._loan.take()
        if self.kind == "train":
            return [[v.held_value() for v in group] for group in self.groups]
        found = lending.read(self, self._variables)
        return [found[start:end] for start, end in self._bounds]

    def state_spec(self) -> State:
        """Shapes and dtypes of the values, for tracing."""
        return [[jax.ShapeDtypeStruct(v.shape, v._dtype) for v in group] for group in self.groups]

    def write(self, state: State) -> None:
        """Puts values back into the variables."""
        for group, values in zip(self.groups, state):
            for v, value in zip(group, values):
                if value is not None:
                    v.replace_value(value)

    def write_back(self) -> None:
        """Puts the values after this thread's last step into the variables."""
        if self._loan is not None:
            self._loan.give_back()
            return
        state = self._kept.pop(threading.get_ident(), None)
        if state is not None:
            lending.write(self.groups, state)
        lending.done(self)

    def latest(self, variables: list[Variable]) -> list[Any]:
        """The values of variables after this thread's last step, which the next step may take over."""
        if self._loan is None:
            self.write_back()
        return lending.latest(variables)

    # Finding and running what is compiled

    @property
    def traced_step(self) -> Any:
        """One step as a part of programs, a function of description, None, state, data and the number of real rows."""
        return self.executables.part(self.kind, batch_)

    @property
    def traced_update(self) -> Any:
        """A built-in step without its logs; as `traced_step`, but only the state is returned."""
        return self.executables.part(self.kind, _update)

    def _find(self, function: Function, static: Any, args: tuple) -> Executable:
        keys = dict_keys(args[1:])
        description = self.description.of_data(keys) if keys else self.description
        rows = static if static is not None else row_count(args[2] if function is rows_ else args[1])
        return self.executables.find(description, function, static, args, rows, donates=self.kind == "train")

    def dispatch(self, function: Function, static: Any, *args: Any) -> tuple[State, Any]:
        """Runs a function such as `batch_`, compiled for its arguments; returns the new state and the rest.

        Args:
            function: What is compiled.
            static: What is no array among its arguments.
            *args: The state and further arguments.
        """
        if self.eager:
            refuse_if_forked()
            return self._keep(function(self.description, static, *args))
        step = self.compiled(function, static, args)
        try:
            return self._run(step, args)
        except (TypeError, ValueError):
            # Values that lie on other devices than those that the program was compiled for are refused before it runs.
            other = self._find(function, static, args).get()
            if other is step:
                raise
            self._ready[_key(function, static, args)] = other
            return self._run(other, args)

    def compiled(self, function: Function, static: Any, args: tuple) -> Callable:
        """Returns a function such as `batch_`, compiled for such arguments; see `dispatch`."""
        refuse_if_forked()
        key = _key(function, static, args)
        step = self._ready.get(key)
        if step is None:
            step = self._ready[key] = self._find(function, static, args).get()
        return step

    def _run(self, step: Callable, args: tuple) -> tuple[State, Any]:
        if self._loan is not None:
            return self._loan.run(step, args)
        new, out = self._keep(step(*args))
        if self.kind == "test":
            new = [merged(old, values) for old, values in zip(args[0], new)]
        return new, out

    def _keep(self, result: tuple[State, Any]) -> tuple[State, Any]:
        self._kept[threading.get_ident()] = result[0]
        return result

    def prepare_batch(self, state: State, data: Any) -> None:
        """Compiles `on_batch` for such arguments in another thread, while this one runs other steps."""
        data, rows = self._spread(data)
        self._compile_ahead(batch_, rows, state, data, None)

    def prepare_rows(self, state: State, arrays: Any, rows: Any) -> None:
        """Compiles `on_rows` for such arguments in another thread, while this one runs other steps."""
        self._compile_ahead(rows_, None, state, arrays, rows, None)

    def _compile_ahead(self, function: Function, static: Any, *args: Any) -> None:
        if not self.eager:
            found = self._find(function, static, args)
            if not found.is_ready:
                found.compile_beside()
                self._ahead.append(found)

    @property
    def is_compiling(self) -> bool:
        """Whether a program is being compiled ahead."""
        return any(not found.is_ready for found in self._ahead)

    def wait_until_compiled(self) -> None:
        """Waits for the programs that are being compiled ahead."""
        while self._ahead:
            self._ahead.pop().get()

    # Steps

    def rows(self, batch: Any) -> Any:
        """A batch whose rows are spread over the devices, for whoever traces it."""
        return batch if self.spread is None else self.spread.rows(batch)

    def whole(self, out: Any) -> Any:
        """Outputs or logs that each device has whole, for whoever traces it."""
        return out if self.spread is None else self.spread.whole(out)

    def _spread(self, batch: Any) -> tuple[Any, int | None]:
        """A batch on the devices that its rows are spread over, and the number of rows; None for one device."""
        return (batch, None) if self.spread is None else self.spread.put_rows(batch)

    def in_place(self, state: State) -> State:
        """A new state in the layouts of the variables, for whoever traces it."""
        if self.spread is None:
            return state
        return [self.spread.constrain(group, values) for group, values in zip(self.groups, state)]

    def step(self, description: Description, state: State, data: Any, valid: Any) -> tuple[State, Any]:
        """One step, for whoever traces it."""
        new, out = self._step_of(description, state, data, valid)
        return self.in_place(new), self.whole(out)

    def _step_of(self, description: Description, state: State, data: Any, valid: Any) -> tuple[State, Any]:
        if self.is_builtin:
            new = self.traced_update(description, None, state, data, valid)
            if self.kind == "test":
                new = [[None] * len(state[0]), *new[1:]]
            return new, self.model._logs_of(new[-1])
        with valid_rows(valid), recomputed(self.model, self.kind):
            out, new = self._step(tuple(state), data)
        if self.kind == "predict":
            # None for what stays as it is, or one step would wait for another that does nothing to it.
            new = [(), [None if n is o else n for n, o in zip(new, state[1])]]
        return [list(group) for group in new], out

    def update(self, state: State, data: Any, valid: Any) -> State:
        """The state after a built-in step, for whoever traces it."""
        update = self.model._train_update if self.kind == "train" else self.model._test_update
        with valid_rows(valid), recomputed(self.model, self.kind):
            return self.in_place([list(g) for g in update(tuple(state), data)[0]])

    def on_batch(self, state: State, data: Any, valid: int | None = None) -> tuple[State, Any]:
        """One step on a batch.

        Args:
            state: Values of the variables.
            data: What the step takes.
            valid: How many rows of the batch, from the first, are real; None for all.
        """
        data, rows = self._spread(data)
        return self.dispatch(batch_, rows, state, data, None if valid is None else np.int32(valid))

    def on_rows(self, state: State, arrays: Any, rows: Any, valid: int | None = None) -> tuple[State, Any]:
        """One step on some rows of arrays that are on the device.

        Args:
            state: Values of the variables.
            arrays: The data, on the device.
            rows: Which rows, int32.
            valid: How many of them, from the first, are real; None for all.
        """
        return self.dispatch(rows_, None, state, arrays, rows, None if valid is None else np.int32(valid))

    def replay(self, state: State, data: Any) -> tuple[State, Any]:
        """One step on a batch, of which the variables learn nothing. Takes over the buffers of `state`."""
        data, rows = self._spread(data)
        args = (state, data, None)
        if self.eager:
            return batch_(self.description, rows, *args)
        return self._find(batch_, rows, args).get()(*args)

    def trace_step(self, state: Any, data: Any, valid: Any = None) -> Any:
        """A step as JAX traces it: a built-in one without its logs.

        Args:
            state, data, valid: As for `on_batch`, or specs of them.
        """
        keys = dict_keys(data)
        description = self.description.of_data(keys) if keys else self.description
        with tracing.lock:
            return (self.traced_update if self.is_builtin else self.traced_step).trace(
                description, None, state, data, valid
            )

    def __deepcopy__(self, memo: dict) -> None:
        return None  # a copy of the model makes its own

    def __reduce__(self) -> Any:
        return type(None), ()


def _key(function: Function, static: Any, args: tuple) -> tuple:
    return function, static, trace_context(), spec_of(args[1:])


def _runs_eagerly(model: Any, custom: bool) -> bool:
    return model.run_eagerly or custom or not model.supports_jit or model._computes_with_text()


def program_key(model: Any, kind: str) -> tuple:
    """Returns what a program depends on besides the shapes of the data; a change of it recompiles."""
    groups = tuple(tuple(id(v) for v in variables_of(model, name)) for name in GROUPS[kind])
    return groups, *surroundings(model, kind)


def surroundings(model: Any, kind: str) -> tuple:
    """Returns what a program depends on besides the variables and the shapes of the data."""
    return functions.custom_function(model, kind), placement.current(), kind == "train" and model._savings.parts
