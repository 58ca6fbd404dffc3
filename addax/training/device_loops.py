"""Many steps in one dispatch: loops over steps on the device, and the choice of programs that run well in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import config as settings
from ..core import placement, tree
from ..core.compile_time import compiling
from ..core.engine import jax, jnp, lax
from ..core.fingerprint import Description
from ..core.lending import State
from ..core.types import Array, Tree
from ..data.batches import count_rows, packed
from .program import Program
from .specs import batch_spec, merged, take_rows
from .xla import no_loop, seconds

_DISPATCH = 0.1  # seconds that a dispatch of many steps may take
_LEAST = 1e-6  # seconds that a step is taken to last at least
LONG_STEPS = "a step is long enough for a dispatch of its own"


def run_steps(
    program: Program,
    state: State,
    arrays: Tree,
    order: Array | None,
    steps: tuple[int, int],
    size: int,
    total: int | None = None,
    passing: bool = False,
) -> tuple[State, Any]:
    """Runs training or evaluation steps in one dispatch.

    Args:
        program: The program of the steps.
        state: Values of the variables.
        arrays: The data, on the device.
        order: Order of the rows, int32 of shape `(rows,)`, padded by a batch; None for the given order.
        steps: First step and number of steps; all numbers run the same compiled program.
        size: Rows per batch.
        total: Number of real rows if the last batch is not full; else None.
        passing: Whether the data are put on the device for this dispatch alone, in the order of the steps.

    Returns:
        The new state and the last step's logs.
    """
    start, count = map(np.int32, steps)
    real = None if total is None else np.int32(total)
    if program.spread is not None and passing:
        return program.dispatch(steps_, size, state, program.spread.put_steps(arrays, size), start, count, real)
    arrays = placement.put_data(arrays) if program.spread is not None else arrays
    return program.dispatch(loop_, size, state, arrays, order, start, count, real)


def run_predictions(program: Program, state: State, data: Tree, count: int, size: int) -> tuple[State, Any]:
    """Runs `count` steps of prediction in one dispatch.

    Args:
        program: The program of the steps.
        state: Values of the variables.
        data: The rows of as many batches as the program is compiled for.
        count: Number of batches whose outputs are needed.
        size: Rows per batch.

    Returns:
        The new state and the outputs, those of batches after `count` undefined.
    """
    if program.spread is not None:
        data = program.spread.put_steps(data, size)
    return program.dispatch(_predictions, size, state, data, np.int32(count))


# Compiled functions of a description, as in `program.py`


def loop_(
    description: Description, size: int, state: State, arrays: Any, order: Any, start: Any, count: Any, total: Any
) -> tuple[State, Any]:
    """Runs steps `start` to `start + count` on batches of `size` rows, of which `total` are real (None for all)."""
    program = description.program()

    def batch(i: Any) -> Any:
        if order is not None:
            return program.rows(take_rows(arrays, lax.dynamic_slice_in_dim(order, i * size, size)))
        return program.rows(_cut(arrays, i * size, size))

    return _loop(description, batch, size, state, start, count, total)


def steps_(
    description: Description, size: int, state: State, batches: Any, start: Any, count: Any, total: Any
) -> tuple[State, Any]:
    """As `loop_`, on batches whose rows are spread over the devices, as `Placement.put_steps` put them."""
    program = description.program()
    return _loop(description, lambda i: _spread_batch(program, batches, i, size), size, state, start, count, total)


def _spread_batch(program: Program, batches: Any, i: Any, size: int) -> Any:
    one = tree.map_structure(lambda a: None if a is None else lax.dynamic_index_in_dim(a, i, keepdims=False), batches)
    return program.spread.cut(program.rows(one), size)  # type: ignore[union-attr]


def _loop(
    description: Description,
    batch: Callable[[Any], Any],
    size: int,
    state: State,
    start: Any,
    count: Any,
    total: Any,
) -> tuple[State, Any]:
    program = description.program()

    def valid(i: Any) -> Any:
        return None if total is None else jnp.minimum(total - i * size, size)

    if program.is_builtin:
        # The logs follow from the metrics' state, so they are computed once, after the last step.
        update = program.traced_update
        fixed = state[0] if program.kind == "test" else None  # values that don't change needn't be carried by the loop

        def body(i: Any, carry: Any) -> Any:
            given = [fixed, *carry] if fixed is not None else carry
            new = update(description, None, given, batch(i), valid(i))
            return new[1:] if fixed is not None else new

        carry = lax.fori_loop(start, start + count, body, state[1:] if fixed is not None else state)
        state = [[None] * len(fixed), *carry] if fixed is not None else carry
        return program.in_place(state), program.whole(program.model._logs_of(state[-1]))

    one = program.traced_step  # traced once, for the logs' shapes and for the loop

    def step(i: Any, carry: Any) -> Any:
        return one(description, None, carry[0], batch(i), None)

    shapes = jax.eval_shape(lambda s: one(description, None, s, batch(0), None)[1], state)
    logs = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
    state, logs = lax.fori_loop(start, start + count, step, (state, logs))
    return program.in_place(state), program.whole(logs)


def _predictions(description: Description, size: int, state: State, data: Any, count: Any) -> tuple[State, Any]:
    """Returns predictions for `count` batches of `size` rows; the rows after them are undefined."""
    program = description.program()

    def batch(i: Any) -> Any:
        x = _cut(data, i * size, size) if program.spread is None else _spread_batch(program, data, i, size)
        return packed((x, None, None))

    def body(i: Any, carry: Any) -> Any:
        others, found = carry
        new, out = program.step(description, [state[0], others], batch(i), None)
        place = lax.dynamic_update_slice_in_dim
        return merged(others, new[1]), jax.tree.map(lambda all_, one: place(all_, one, i * size, 0), found, out)

    rows = count_rows(data) * (1 if program.spread is None else size)
    shapes = jax.eval_shape(lambda s: program.step(description, s, batch(0), None)[1], state)
    found = jax.tree.map(lambda s: jnp.zeros((rows, *s.shape[1:]), s.dtype), shapes)
    others, found = lax.fori_loop(0, count, body, (state[1], found))
    return program.in_place([[], others]), program.whole(found)


def _cut(arrays: Any, start: Any, size: int) -> Any:
    return tree.map_structure(lambda a: None if a is None else lax.dynamic_slice_in_dim(a, start, size), arrays)


# Which programs run well in loops


def can_predict(program: Program, x: Tree, size: int) -> bool:
    """Returns whether `run_predictions` can be used, and is worth it: outputs have a row for each row of the data."""
    if program.eager or not settings.get("fuse_steps"):
        return False
    return not _judged(program, packed((x, None, None)), size)[0]


def loop_length(program: Program, arrays: Tree, size: int, ragged: bool) -> int:
    """Returns how many steps a loop runs in about a tenth of a second; 0 where loops are slow here (`xla.no_loop`).

    Progress is shown, and Ctrl-C handled, between two dispatches. The number depends on the program alone.
    """
    if program.eager or program.kind == "predict":
        return 0
    why, taken = _judged(program, arrays, size, ragged)
    return 0 if why else max(1, int(_DISPATCH / max(taken, _LEAST)))  # steps that compute nothing take no time


def _judged(program: Program, arrays: Tree, size: int, ragged: bool = False) -> tuple[str, float]:
    """Returns why steps on batches of arrays should not run in a loop, if so, and the seconds that a step takes."""
    leaves, structure = jax.tree_util.tree_flatten(arrays)
    key = (program.kind, size, ragged, structure, *[(a.shape[1:], a.dtype) for a in leaves])
    known = program.executables.no_loop
    if key not in known:
        valid = jax.ShapeDtypeStruct((), "int32") if ragged else None
        with compiling():
            traced = program.trace_step(program.state_spec(), batch_spec(arrays, size), valid)
        known[key] = no_loop(traced.jaxpr, 3 if program.kind == "train" else 1)
        program.executables.seconds[key] = seconds(traced.jaxpr) / placement.count()
        if program.kind == "predict" and any(s.shape[:1] != (size,) for s in jax.tree.leaves(traced.out_info[1])):
            known[key] = "outputs have no row for each input"
    return known[key], program.executables.seconds[key]


def why_off(program: Program) -> str:
    """Returns why steps of a program never run in loops; an empty string if they may."""
    if program.eager:
        return "`run_eagerly` is on" if program.model.run_eagerly else "a layer of the model can't be compiled"
    return "" if settings.get("fuse_steps") else "the setting `fuse_steps` is off"


def why_slow(program: Program) -> str:
    """Returns why loops were found slow for steps of a program; an empty string if they weren't."""
    return ", ".join(sorted({why for why in program.executables.no_loop.values() if why}))


__all__ = [
    "LONG_STEPS",
    "can_predict",
    "loop_",
    "loop_length",
    "run_predictions",
    "run_steps",
    "why_off",
    "why_slow",
]
