"""Plans: the ways of running the steps of an epoch.

Arrays are copied to the device, whole (`OnDevice`) or part by part (`PartByPart`), and many steps run in one dispatch
when no callback looks between them; else `OneByOne` runs one step a dispatch. Batches of iterables have a plan in
`gathered.py`. Which program runs a step depends on the program, the data and the settings alone: never on the clock or
on where a run was interrupted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from ..core.placement import platform, put_data
from ..core.types import Tree
from ..data.batches import ArrayBatches, Batches, packed
from .device_loops import LONG_STEPS, loop_length, why_off, why_slow
from .dispatches import Dispatch, InFlight, Pauses, Run, loop_over
from .program import Program, State
from .rows import HostArrays, Rows, StepRows
from .stacks import capacity_for

DEVICE_BUDGET = 2 << 30  # bytes of data that may be kept on the device
_COPIED = 64 << 20  # and on a CPU, where they are a second copy of the user's


@dataclass
class ArrayPlan:
    """Base of plans for arrays that the batches are cut from.

    Attributes:
        program: The program of the steps.
        source: The batches.
        arrays: Their arrays.
        rows: The rows of this epoch.
        count: Steps a dispatch.
        in_flight: Dispatches under way.
        start: Number of the first step to run, in an epoch that is resumed.
        pauses: Steps after which a dispatch ends; None for none.
        why: Why the steps don't run in loops; empty where they do, and where a callback is the reason.
    """

    program: Program
    source: ArrayBatches
    arrays: HostArrays
    rows: Rows
    count: int
    in_flight: InFlight
    start: int = 0
    pauses: Pauses | None = None
    why: str = ""

    on_device: ClassVar[bool] = False

    def next(self, start: int) -> ArrayPlan:
        """Returns the plan of the next epoch, whose steps begin with `start`."""
        return replace(self, rows=_next_rows(self.source, self.rows.filled), start=start)

    def dispatches(self) -> Iterator[Dispatch]:
        """Yields the dispatches of the epoch."""
        data = self.arrays.whole() if self.on_device else None
        self._compile_rest(data)
        yield from self._batches(data)
        step = self.rows.full
        if len(rest := self.rows.rest) and self.start <= step:
            yield Dispatch(step, step, lambda state: self._step(state, data, rest, None), [rest])

    def _batches(self, data: Tree) -> Iterator[Dispatch]:
        """Yields the dispatches of all batches of one size; `data` are all rows if they are on the device, or None."""
        raise NotImplementedError

    def _groups(self) -> Iterator[tuple[int, int]]:
        """Yields first step and number of steps of each dispatch."""
        first, end = self.start, self.rows.steps
        while first < end:
            count = min(self.count, end - first, end if self.pauses is None else self.pauses.left(first))
            yield first, count
            first += count

    def _dispatch(self, first: int, count: int, run: Run, looped: bool = True) -> Dispatch:
        return Dispatch(first, first + count - 1, run, StepRows(self.rows, first, count), looped)

    def _step(self, state: State, data: Tree, rows: np.ndarray | slice, valid: int | None) -> tuple[State, Any]:
        """Runs one step on some rows, of which `valid` are real (None for all)."""
        if data is not None:
            return self.program.on_rows(state, data, rows, valid)
        return self.program.on_batch(state, packed(self.source.rows_of(rows)), valid)

    def _compile_rest(self, data: Tree) -> None:
        """Compiles the program of a smaller last batch while the others run."""
        rest = self.rows.rest
        if len(rest) and self.rows.full:
            state = self.program.read()
            if data is None:
                self.program.prepare_batch(state, packed(self.source.rows_of(rest)))
            else:
                self.program.prepare_rows(state, data, rest)


class OnDevice(ArrayPlan):
    """All rows are on the device; each dispatch is a loop of steps that take theirs from them."""

    on_device = True

    def _batches(self, data: Tree) -> Iterator[Dispatch]:
        rows = self.rows
        order = put_data(rows.padded(1, self.arrays.capacity)) if rows.shuffled or rows.filled else None
        for group in self._groups():
            run = loop_over(data, group, rows.size, self.program, self.in_flight, order, rows.total)
            yield self._dispatch(*group, run)


class PartByPart(ArrayPlan):
    """The rows of each dispatch are copied to the device for it; it is a loop of steps."""

    def _batches(self, data: Tree) -> Iterator[Dispatch]:
        rows, size = self.rows, self.rows.size
        padded = rows.padded(self.count)
        for first, count in self._groups():
            # As many rows for each dispatch, so that one program runs them all.
            part = self.arrays.part(padded[first * size : (first + self.count) * size], count * size)
            valid = None if rows.total is None else min(rows.total - first * size, count * size)
            run = loop_over(part, (0, count), size, self.program, self.in_flight, total=valid, passing=True)
            yield self._dispatch(first, count, run)


class OneByOne(ArrayPlan):
    """One step a dispatch, on batches cut from the user's arrays."""

    def _batches(self, data: Tree) -> Iterator[Dispatch]:
        rows, size = self.rows, self.rows.size
        padded = rows.padded(1)

        def batch(step: int) -> np.ndarray | slice:
            part = slice(step * size, (step + 1) * size)
            # A slice is a view of the user's arrays, without a copy.
            in_place = data is None and not rows.shuffled and part.stop <= len(rows.order)
            return part if in_place else padded[part]

        for first, count in self._groups():

            def run(state: State, first: int = first, count: int = count) -> tuple[State, Any]:
                logs = None
                for step in range(first, first + count):
                    valid = min(size, len(rows.order) - step * size) if rows.filled else None
                    state, logs = self._step(state, data, batch(step), valid)
                    self.in_flight.add(logs)
                return state, logs

            yield self._dispatch(first, count, run, looped=False)


class OneByOneOnDevice(OneByOne):
    """One step a dispatch, on rows that are on the device."""

    on_device = True


def array_plan(
    program: Program,
    source: ArrayBatches,
    arrays: HostArrays,
    per: int,
    hooks: bool,
    in_flight: InFlight,
    start: int,
    pauses: Pauses | None = None,
) -> ArrayPlan:
    """Chooses how the steps of an epoch over arrays run.

    Args:
        program: The program of the steps.
        source: The batches.
        arrays: Their arrays.
        per: Steps between two calls of the callbacks' batch hooks.
        hooks: Whether there are such hooks.
        in_flight: Dispatches under way.
        start: Number of the first step to run.
        pauses: Steps after which a dispatch ends; None for none.
    """
    full, rest = divmod(source.rows, source.batch_size)
    rows = _next_rows(source, filled=bool(rest and full) and program.may_pad)
    on_cpu, fits = platform() == "cpu", fits_on_device(source)
    count, why = _loop_length(program, packed(arrays.arrays), rows, per if hooks else None)
    if count > 1 and not fits:  # the batches of a dispatch are copied to the device for it
        count = min(count, capacity_for(source.peek()))
        why = "the data are too large to be put on the device, and two batches too large to be gathered"
    if count > 1:  # a loop of one step a dispatch would cost more than the step alone
        plan: type[ArrayPlan] = OnDevice if fits else PartByPart
        return plan(program, source, arrays, rows, count, in_flight, start, pauses)
    # On a CPU, where nothing is gained by having all of them there, single batches are cut from the user's arrays.
    plan = OneByOneOnDevice if fits and not on_cpu else OneByOne
    return plan(program, source, arrays, rows, per, in_flight, start, pauses, why)


def _next_rows(source: ArrayBatches, filled: bool) -> Rows:
    """Begins a pass over arrays; returns its rows."""
    order = source.next_order()
    every = np.arange(source.rows, dtype="int32") if order is None else order
    return Rows(every, order is not None, source.batch_size, filled)


def fits_on_device(source: ArrayBatches) -> bool:
    """Returns whether all rows of arrays may be put on the device."""
    return source.host_bytes <= (_COPIED if platform() == "cpu" else DEVICE_BUDGET)


def _loop_length(program: Program, data: Tree, rows: Rows, fixed: int | None) -> tuple[int, str]:
    """Returns the number of steps of a loop on the device, and why it is 1 where no callback is the reason."""
    why = why_off(program)
    if why or rows.steps < 2:
        return 1, why or "an epoch has one full batch"
    if fixed == 1:
        return 1, ""
    length = loop_length(program, data, rows.size, rows.filled)
    return (fixed or length, LONG_STEPS) if length else (1, why_slow(program))


def takes_arrays(program: Program, source: Batches, steps: int | None) -> bool:
    """Returns whether batches can be cut from the arrays that the user passed."""
    return isinstance(source, ArrayBatches) and steps in (None, source.steps) and not program.eager
