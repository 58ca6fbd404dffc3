"""Ways of training members: which of them can share a program, and whether that is worth it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.placement import current
from ..data.batches import ArrayBatches, packed
from ..training.device_loops import loop_length, why_off, why_slow
from ..training.executables import first_difference
from ..training.loop import Training
from ..training.plans import fits_on_device
from ..training.program import Program
from ..training.specs import batch_spec
from ..training.xla import overhead_and_work

VMAP, MAP, IN_TURN = "vmap", "map", "one after another"
WAYS = (VMAP, MAP, IN_TURN)

# Seconds of computing, to one of starting operations, up to which one program for all members is the faster. Measured
# with `python -m benchmarks.ensembles` on a CPU: at 0.2 to 1.1 it takes 0.45 to 0.9 of the time of fits, at 10 more.
_SMALL = 1.5


def groups_of(trainings: Sequence[Training]) -> list[list[int]]:
    """Returns the numbers of the trainings in groups, each of those that compute the same with other values.

    Args:
        trainings: The trainings, not begun.
    """
    found: list[list[int]] = []
    for k, training in enumerate(trainings):
        for group in found:
            if _same(trainings[group[0]], training):
                group.append(k)
                break
        else:
            found.append([k])
    return found


def _same(one: Training, other: Training) -> bool:
    mine, theirs = one.runner.program, other.runner.program
    if mine.eager or theirs.eager:  # nothing is compiled that could be shared
        return mine.eager and theirs.eager
    if mine.description.is_known and theirs.description.is_known:
        return mine.description == theirs.description
    # Code of the user's: what JAX traces of it tells.
    if _shapes(mine) != _shapes(theirs) or one.model._ordered_log_names() != other.model._ordered_log_names():
        return False
    jaxprs = [_traced(p, t.runner.source.peek()) for p, t in ((mine, one), (theirs, other))]
    return not first_difference(*jaxprs)


def _shapes(program: Program) -> list:
    return [[(v.shape, v._dtype, v.placement) for v in group] for group in program.groups]


def _traced(program: Program, batch: Any) -> Any:
    return program.trace_step(program.state_spec(), packed(batch)).jaxpr


def why_apart(trainings: Sequence[Training]) -> str:
    """Returns why trainings of one group can't be run in one program; empty where they can.

    Args:
        trainings: The trainings.
    """
    first = trainings[0]
    runner = first.runner
    if off := why_off(runner.program):
        return off
    if current() is not None:
        return "a distribution is set"
    if any(t.callbacks.has_batch_hooks or t.callbacks.has_test_batch_hooks for t in trainings):
        return "a callback is called after each batch"
    if any(t.finder is not None for t in trainings):
        return "a callback looks for values that aren't finite"
    if first.between.pauses is not None:
        return "validation runs between steps"
    for used in (runner, first.validation):
        if used is None or not isinstance(used.source, ArrayBatches):
            continue
        if used.arrays is None:
            return f"the number of steps is given and the arrays have {used.source.steps} batches"
        if not fits_on_device(used.source):
            return "the data are too large to be put on the device"
    return ""


def why_slower(training: Training) -> str:
    """Returns why steps of several members in one program would take longer; empty where they don't.

    Args:
        training: The training of one of the members.
    """
    program, source = training.runner.program, training.runner.source
    batch = packed(source.peek())
    size = source.batch_size or 1
    state = program.state_spec()
    if not loop_length(program, state, batch, size, False):
        return why_slow(program)
    overhead, work = overhead_and_work(program.trace_step(state, batch_spec(batch, size)).jaxpr)
    return "" if work <= _SMALL * overhead else "a step is large enough to keep the device busy"


__all__ = ["IN_TURN", "MAP", "VMAP", "WAYS", "groups_of", "why_apart", "why_slower"]
