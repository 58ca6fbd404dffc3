"""Ways of training members: which of them can share a program, and whether that is worth it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.engine import jax
from ..core.placement import current, platform
from ..data.batches import ArrayBatches, packed
from ..training.device_loops import loop_length, why_off, why_slow
from ..training.executables import first_difference
from ..training.loop import Training
from ..training.plans import fits_on_device
from ..training.program import Program
from ..training.specs import batch_spec
from ..training.xla import overhead_and_work
from .lanes import DEVICES, IN_TURN, MAP, VMAP, lanes_of, threads

# Seconds of computing, to one of starting operations, up to which one program for several members is the faster.
# Measured with `python -m benchmarks.ensembles` on one core of a CPU: at 0.2 to 1.1 it takes 0.45 to 0.9 of the time of
# fits, at 10 more.
_SMALL = 1.5

# Seconds of computing up to which a step doesn't use several cores well by itself. Two threads with a program each take
# half of the time at 0.0015 (256 units, 64 rows), and as long as one at 0.005.
_OF_ONE_CORE = 0.003


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


def chosen(trainings: Sequence[Training]) -> tuple[str, str]:
    """Returns the way that serves the trainings of one group best, and why.

    Args:
        trainings: The trainings, not begun; at least two.
    """
    if why := why_apart(trainings):
        return IN_TURN, why
    program, source = trainings[0].runner.program, trainings[0].runner.source
    batch, size = packed(source.peek()), source.batch_size or 1
    loops = loop_length(program, batch, size, False) > 0
    count, cores = len(trainings), threads()
    # Virtual devices of a CPU share what large steps use whole.
    if jax.local_device_count() > 1 and (loops or platform() != "cpu"):
        used = lanes_of(DEVICES, count)[0].mesh.size
        return DEVICES, f"{used} devices compute at the same time, and send each other nothing"
    if not loops:
        return IN_TURN, why_slow(program)
    overhead, work = overhead_and_work(program.trace_step(program.state_spec(), batch_spec(batch, size)).jaxpr)
    if work <= _SMALL * overhead:
        return VMAP, "a step is small: starting its operations takes a good part of it"
    if cores > 1 and work <= _OF_ONE_CORE:
        return MAP, f"a step is small enough for one core, and {min(cores, count)} cores compute at the same time"
    return IN_TURN, "a step is large enough to keep the device busy"


__all__ = ["chosen", "groups_of", "why_apart"]
