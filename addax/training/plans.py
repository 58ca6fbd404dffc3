"""Plans: the ways of running the steps of an epoch.

Arrays are put on the device, whole (`OnDevice`) or part by part (`PartByPart`), and many steps run in one dispatch when
nothing looks between them; else `OneByOne` runs one step a dispatch. Batches of iterables have a plan in `gathered.py`.
Which program runs a step depends on the program, the data and the settings alone: never on the clock or on where a run
was interrupted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..core import config as settings
from ..core.buffers import own_copy
from ..core.engine import jax, put
from ..data.batches import ArrayBatches, Batch, Batches, packed
from .dispatches import UNDER_WAY, Dispatch, InFlight, Run
from .program import Program, State
from .stacks import gathered, room_for, rows_like

DEVICE_BUDGET = 2 << 30  # bytes of data that may be kept on the device
_COPIED = 64 << 20  # and on a CPU, where they are a second copy of the user's


class HostArrays:
    """The arrays that the user passed, and what of them is on the device.

    Args:
        arrays: `(x, y, sample_weight)`.
    """

    def __init__(self, arrays: Batch):
        self.arrays = arrays
        self._whole: Any = None
        self._parts: list = []  # memory of parts, used in turn

    def whole(self) -> Any:
        """All rows on the device, as the steps take them."""
        if self._whole is None:
            self._whole = put(own_copy(packed(self.arrays)))
        return self._whole

    def part(self, rows: np.ndarray, count: int) -> Any:
        """The first `count` of these rows, in memory of a dispatch that has been waited for."""
        place = self._parts.pop(0) if len(self._parts) > UNDER_WAY else rows_like(self.arrays, len(rows))
        self._parts.append(place)
        return packed(gathered(self.arrays, rows, count, place))


@dataclass
class Rows:
    """The rows of one epoch, cut into batches.

    Attributes:
        order: Row numbers, int32.
        shuffled: Whether they are in another order than the data.
        size: Rows a batch.
        filled: Whether a last batch that isn't full is filled up, so that it runs in the same program as the others.
    """

    order: np.ndarray
    shuffled: bool
    size: int
    filled: bool

    @property
    def full(self) -> int:
        """Number of full batches."""
        return len(self.order) // self.size

    @property
    def steps(self) -> int:
        """Number of batches of `size` rows, one that is filled up included."""
        return self.full + self.filled

    @property
    def total(self) -> int | None:
        """Number of real rows, where not all are."""
        return len(self.order) if self.filled else None

    @property
    def rest(self) -> np.ndarray:
        """The rows of a last batch with a program of its own."""
        return self.order[:0] if self.filled else self.order[self.full * self.size :]

    def of(self, step: int) -> np.ndarray:
        """The real rows of a batch."""
        return self.order[step * self.size : (step + 1) * self.size]

    def padded(self, batches: int) -> np.ndarray:
        """The order, with rows that are never real for `batches` batches behind it."""
        return np.concatenate([self.order, np.zeros(batches * self.size, "int32")])


class StepRows(Sequence):
    """The rows of each step of a dispatch, for observers: they are cut when somebody asks.

    Args:
        rows: Those of the epoch.
        first: The first step.
        count: Number of steps.
    """

    def __init__(self, rows: Rows, first: int, count: int):
        self.rows = rows
        self.steps = range(first, first + count)

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, index: Any) -> Any:
        return self.rows.of(self.steps[index])


@dataclass
class ArrayPlan:
    """Base of plans for arrays that the steps are cut from.

    Attributes:
        program: The program of the steps.
        source: The batches.
        arrays: Their arrays.
        rows: The rows of this epoch.
        count: Steps a dispatch.
        in_flight: Dispatches under way.
    """

    program: Program
    source: ArrayBatches
    arrays: HostArrays
    rows: Rows
    count: int
    in_flight: InFlight
    start: int = 0  # the first step that is still to be done

    on_device: ClassVar[bool] = False

    def dispatches(self) -> Iterator[Dispatch]:
        """The dispatches of the epoch."""
        data = self.arrays.whole() if self.on_device else None
        self._compile_rest(data)
        yield from self._batches(data)
        step = self.rows.full
        if len(rest := self.rows.rest) and self.start <= step:
            yield Dispatch(step, step, lambda state: self._step(state, data, rest, None), [rest])

    def _batches(self, data: Any) -> Iterator[Dispatch]:
        """The dispatches of all batches of one size."""
        raise NotImplementedError

    def _groups(self) -> Iterator[tuple[int, int]]:
        """First step and number of steps of each dispatch."""
        for first in range(self.start, self.rows.steps, self.count):
            yield first, min(self.count, self.rows.steps - first)

    def _dispatch(self, first: int, count: int, run: Run, looped: bool = True) -> Dispatch:
        return Dispatch(first, first + count - 1, run, StepRows(self.rows, first, count), looped)

    def _step(self, state: State, data: Any, rows: np.ndarray, valid: int | None) -> tuple[State, Any]:
        """One step on some rows."""
        if data is not None:
            return self.program.on_rows(state, data, rows, valid)
        return self.program.on_batch(state, packed(self.source.rows_of(rows)), valid)

    def _compile_rest(self, data: Any) -> None:
        rest = self.rows.rest
        if len(rest) and self.rows.full:
            state = self.program.read()
            if data is None:
                self.program.prepare_batch(state, packed(self.source.rows_of(rest)))
            else:
                self.program.prepare_rows(state, data, rest)


class OnDevice(ArrayPlan):
    """All rows are on the device; each dispatch is a loop of steps that pick theirs."""

    on_device = True

    def _batches(self, data: Any) -> Iterator[Dispatch]:
        rows = self.rows
        order = put(rows.padded(1)) if rows.shuffled or rows.filled else None
        for first, count in self._groups():

            def run(state: State, first: int = first, count: int = count) -> tuple[State, Any]:
                state, logs = self.program.many(state, data, order, first, count, rows.size, rows.total)
                self.in_flight.add(logs)
                return state, logs

            yield self._dispatch(first, count, run)


class PartByPart(ArrayPlan):
    """The rows of each dispatch are put on the device for it; it is a loop of steps."""

    def _batches(self, data: Any) -> Iterator[Dispatch]:
        rows, size = self.rows, self.rows.size
        padded = rows.padded(self.count)
        for first, count in self._groups():
            part = self.arrays.part(padded[first * size : (first + self.count) * size], count * size)
            valid = None if rows.total is None else min(rows.total - first * size, count * size)

            def run(state: State, part: Any = part, count: int = count, valid: Any = valid) -> tuple[State, Any]:
                state, logs = self.program.many(state, part, None, 0, count, size, valid)
                self.in_flight.add(logs)
                return state, logs

            yield self._dispatch(first, count, run)


class OneByOne(ArrayPlan):
    """One step a dispatch, on batches cut from the user's arrays."""

    def _batches(self, data: Any) -> Iterator[Dispatch]:
        rows, size = self.rows, self.rows.size
        padded = rows.padded(1)

        def batch(step: int) -> Any:
            part = slice(step * size, (step + 1) * size)
            in_place = (
                data is None and not rows.shuffled and part.stop <= len(rows.order)
            )  # a view of the user's arrays
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
    program: Program, source: ArrayBatches, arrays: HostArrays, per: int, watched: bool, in_flight: InFlight, start: int
) -> ArrayPlan:
    """Chooses how the steps of an epoch over arrays run.

    Args:
        program: The program of the steps.
        source: The batches.
        arrays: Their arrays.
        per: Steps between two calls of the callbacks' batch hooks.
        watched: Whether there are such hooks.
        in_flight: Dispatches under way.
        start: The first step that is still to be done.
    """
    shuffled = source.next_order()
    order = np.arange(source.rows, dtype="int32") if shuffled is None else shuffled
    full, rest = divmod(source.rows, source.batch_size)
    filled = bool(rest and full) and program.may_pad
    rows = Rows(order, shuffled is not None, source.batch_size, filled)
    on_cpu = jax.default_backend() == "cpu"
    fits = source.host_bytes <= (_COPIED if on_cpu else DEVICE_BUDGET)
    # Of data that don't fit, the batches of a dispatch are put on the device for it.
    most = rows.steps if fits else room_for(source.peek())
    count = min(_loop_length(program, packed(arrays.arrays), rows, per if watched else None), most)
    if count > 1:  # a loop of one step a dispatch would cost more than the step alone
        plan: type[ArrayPlan] = OnDevice if fits else PartByPart
        return plan(program, source, arrays, rows, count, in_flight, start)
    # On a CPU, where nothing is gained by having all of them there, single batches are cut from the user's arrays.
    plan = OneByOneOnDevice if fits and not on_cpu else OneByOne
    return plan(program, source, arrays, rows, per, in_flight, start)


def _loop_length(program: Program, data: Any, rows: Rows, fixed: int | None) -> int:
    """The number of steps of a loop on the device; 1 where the steps run one by one."""
    if fixed == 1 or rows.steps < 2 or not settings.get("fuse_steps"):
        return 1
    if not program.can_fuse(program.read(), data, rows.size, rows.filled):
        return 1
    return fixed or program.loop_length(data, rows.size, rows.filled)


def takes_arrays(program: Program, source: Batches, steps: int | None) -> bool:
    """Whether steps can be cut from the arrays that the user passed."""
    return isinstance(source, ArrayBatches) and steps in (None, source.steps) and not program.eager
