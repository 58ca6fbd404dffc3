"""The plan for iterables, whose small batches are gathered for loops on the device."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ..core import tree
from ..core.buffers import own_copy
from ..core.placement import is_shared, joins_rows
from ..data import lockstep
from ..data.batches import Batch, EpochSteps, count_rows, packed
from .device_loops import LONG_STEPS, loop_length, why_slow
from .dispatches import Dispatch, InFlight, Pauses, Run, loop_over
from .padding import pad
from .program import Program, State
from .stacks import Stack, capacity_for

_SLOW = 0.1  # seconds that gathering may take


@dataclass
class Gathered:
    """Batches of an iterable: small ones are gathered for loops, others run one by one.

    Batches that the iterable yielded before it raised an error are still run.

    Attributes:
        program: The program of the steps.
        steps: The batches of the epoch.
        per: Steps a dispatch where they run one by one.
        loops: Whether batches may be gathered.
        check: Called with each batch and its number before it is used.
        in_flight: Dispatches under way.
        why: Why batches don't run in loops, where they don't.
        pauses: Steps after which a dispatch ends; None for none.
    """

    program: Program
    steps: EpochSteps
    per: int
    loops: bool
    check: Callable[[Batch, int], None]
    in_flight: InFlight
    why: str = ""
    pauses: Pauses | None = None
    _alone: list = field(default_factory=list)
    _stack: Stack | None = None
    _step: int = 0
    _began: float = 0.0
    _agrees: bool = False  # whether processes agree on each dispatch
    _ended: bool = False  # whether the data of a process have
    _error: Exception | None = None  # of another process's data

    def dispatches(self) -> Iterator[Dispatch]:
        """Yields the dispatches of the epoch."""
        error: Exception | None = None
        self._step = start = self.steps.start
        self._agrees = lockstep.is_needed(self.steps.source) and not joins_rows()
        try:
            for number, batch in enumerate(lockstep.batches_of(self.steps, each=False), start):
                self.check(batch, number)
                if number == start:
                    # By the first batch of all, so that it doesn't depend on where an epoch begins or goes on.
                    self._stack = self._stack_for(self.steps.source.like or batch)
                    self._began = time.perf_counter()
                yield from self._take(batch)
                if self._ended:  # as the data of another process have
                    break
        except Exception as e:
            if self._ended:  # it is about the processes
                raise
            error = e
        yield from self._flush(lockstep.ENDED if error is None else lockstep.FAILED)
        if error is not None or self._error is not None:
            raise error or self._error  # type: ignore[misc]

    def _take(self, batch: Batch) -> Iterator[Dispatch]:
        stack = self._stack
        if stack is not None and stack.takes(batch):
            yield from self._one_by_one()
            stack.add(batch)
            # A slow iterable's batches are not waited for: the same program runs any number of them, so that no result
            # depends on the clock. Processes that train together must start the same programs.
            waited = time.perf_counter() - self._began > _SLOW and not is_shared()
            if stack.is_full or self._pauses_after(stack.batches) or waited:
                yield from self._loop()
                self._began = time.perf_counter()
            return
        yield from self._loop()
        self._alone.append(own_copy(batch))
        if len(self._alone) == self.per or self._pauses_after(self._alone):
            yield from self._one_by_one()

    def _pauses_after(self, batches: list) -> bool:
        """Returns whether there is a pause after these batches, which are the next ones."""
        return self.pauses is not None and self.pauses.at(self._step + len(batches))

    def _flush(self, data: int) -> Iterator[Dispatch]:
        """Yields a dispatch of what is left at the end of the data; `data` says how they ended, for other processes."""
        yield from self._loop(data)
        yield from self._one_by_one(data)
        self._agreed([], data)

    def _agreed(self, batches: list, data: int) -> int:
        """Returns how many of the next batches are run: as many as all processes have."""
        if not self._agrees:
            return len(batches)
        if self._ended:
            return 0
        self._ended = True  # also where this raises an error
        count, self._ended, self._error = lockstep.agreed(self.steps, batches, data)
        return count

    def _stack_for(self, batch: Batch) -> Stack | None:
        """Returns the stack that batches like the first are gathered in; None where they run one by one."""
        size = self.steps.source.batch_size
        capacity = capacity_for(batch) if self.loops else 0
        if capacity < 2 or count_rows(batch) != size:
            return None
        capacity = min(capacity, loop_length(self.program, packed(batch), size, False))
        if capacity < 2:
            self.why = LONG_STEPS if capacity else why_slow(self.program)
            return None
        return Stack(batch, capacity)

    def _loop(self, data: int = lockstep.GOES_ON) -> Iterator[Dispatch]:
        """Yields a dispatch of the batches that are gathered, if there are any."""
        stack = self._stack
        if stack is None or not stack.batches:
            return
        self._stack = stack.another()
        if count := self._agreed(stack.batches, data):
            data = packed(stack.arrays)
            run = loop_over(data, (0, count), stack.size, self.program, self.in_flight, passing=True)
            yield self._dispatch(stack.batches[:count], run, looped=True)

    def _one_by_one(self, data: int = lockstep.GOES_ON) -> Iterator[Dispatch]:
        """Yields a dispatch of the batches that wait to be run one by one, if there are any."""
        batches, self._alone = self._alone, []
        if not batches or not (count := self._agreed(batches, data)):
            return

        def run(state: State) -> tuple[State, Any]:
            logs = None
            for batch in batches[:count]:
                state, logs = self.program.on_batch(state, *self._sized(packed(batch)))
                self.in_flight.add(logs)
            return state, logs

        yield self._dispatch(batches[:count], run, looped=False)

    def _dispatch(self, batches: list, run: Run, looped: bool) -> Dispatch:
        first = self._step
        self._step += len(batches)
        return Dispatch(first, self._step - 1, run, batches, looped)

    def _sized(self, data: tuple) -> tuple[tuple, int | None]:
        """Returns a batch, padded to the size of the first where it has fewer rows, and the number of real rows."""
        size = self.steps.source.batch_size
        if size is None or not self.program.may_pad:
            return data, None
        rows = {a.shape[0] if a.ndim else None for a in tree.flatten(data) if a is not None}
        count = rows.pop()
        if rows or count is None or count >= size:
            return data, None
        return pad(data, size), count
