"""Runners: how programs are run over data.

Arrays are put on the device, whole or part by part, and small batches of iterables are gathered; then many steps run in
one dispatch when nothing looks between them (no callback with batch hooks), and one step a dispatch otherwise. Which
way is taken depends on the program, the data and the settings alone, so a run repeats bit for bit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..callbacks import CallbackList
from ..core import config as settings
from ..core import tree
from ..core.buffers import own_copy
from ..core.engine import fetch, jax, put
from ..data.batches import ArrayBatches, Batch, Batches, EpochSteps, count_rows
from . import guards, nans
from .padding import pad
from .program import Program
from .stacks import Stack, gathered, room_for, rows_like

DEVICE_BUDGET = 2 << 30  # bytes of data that may be kept on the device
_COPIED = 64 << 20  # and on a CPU, where they are a second copy of the user's
_UNDER_WAY = 1  # dispatches that are not waited for when the next is under way: each holds its memory
_REDRAW = 0.1  # seconds of steps between two looks of the progress bar


def numpy_logs(logs: dict[str, Any]) -> dict[str, Any]:
    """Logs on the host, sorted by name: floats, and arrays where a metric has several values."""
    fetched = fetch(dict(logs)) if logs else {}
    return {k: float(fetched[k]) if fetched[k].ndim == 0 else fetched[k] for k in sorted(fetched)}


class LazyLogs(dict):
    """Logs that come from the device when they are first looked at: a callback that doesn't look needn't wait."""

    def __init__(self, logs: dict[str, Any]):
        super().__init__(dict.fromkeys(sorted(logs)))  # the names are known
        self._on_device: dict[str, Any] | None = logs

    def _fetch(self) -> dict[str, Any]:
        if self._on_device is not None:
            on_device, self._on_device = self._on_device, None
            super().update(numpy_logs(on_device))
        return self

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


def _fetched(name: str) -> Callable:
    method = getattr(dict, name)

    def call(self: LazyLogs, *args: Any, **kwargs: Any) -> Any:
        self._fetch()
        return method(self, *args, **kwargs)

    call.__name__ = name
    return call


for _name in (
    "__delitem__ __eq__ __getitem__ __ior__ __iter__ __ne__ __or__ __repr__ __ror__ __setitem__ clear copy get items "
    "pop popitem setdefault update values"
).split():
    setattr(LazyLogs, _name, _fetched(_name))


class Runner:
    """Runs the steps of one kind over data.

    Args:
        model: The model.
        kind: "train" or "test".
        source: The batches.
        steps: Steps an epoch, or None for what the source has.
        watched: Whether something looks after every step (a callback's batch hook).
        shown: Whether something shows progress now and then.
    """

    def __init__(self, model: Any, kind: str, source: Batches, steps: int | None, watched: bool, shown: bool):
        self.model = model
        self.kind = kind
        self.source = source
        self.watched = watched
        self.shown = shown
        self.program: Program = model._program(kind)
        self.steps = steps if steps is not None else source.steps
        self.limited = EpochSteps(source, steps)
        self.arrays: Any = None  # where they are that the user passed, if the steps can be cut from them
        self._placed: Any = None  # the same on the device
        self._places: list = []  # where parts of them are put for a dispatch, in turn
        self.watch: nans.Watch | None = None
        self.fused = False  # whether the dispatch at hand is a loop on the device
        self._order: Any = None
        self._pending: list = []
        self._under_way: list = []
        # Arrays were looked at as a whole; of an iterable the batches of the first epoch are, one by one.
        self._checks = not isinstance(source, ArrayBatches)
        if isinstance(source, ArrayBatches) and steps in (None, source.steps) and not self.program.eager:
            self.arrays = source.arrays

    def place(self) -> Any:
        """The arrays on the device, as the steps take them."""
        if self._placed is None:
            self._placed = put(own_copy(trim(self.arrays)))
        return self._placed

    def let_go(self) -> None:
        """Frees the arrays on the device now, not when the cycles of callbacks and models are collected."""
        self.arrays = self._placed = None
        self._places = []

    def epoch(self, begin: Callable[[int], None], end: Callable[[int, Any], None], stop: Callable[[], bool]) -> Any:
        """Runs one epoch.

        Args:
            begin: Called with the number of the first step of a dispatch.
            end: Called with the number of the last step of a dispatch and its logs.
            stop: Whether to leave the epoch now.

        Returns:
            The last logs, on the device.
        """
        program = self.program = self.model._program(self.kind)
        if self.kind == "test":  # which begins from the start each time
            self.limited = EpochSteps(self.source, self.limited.steps)
        self.source.on_epoch_begin()
        logs: Any = None
        try:
            state = program.read()
            for first, last, run in self._runs():
                begin(first)
                if self.watched:
                    state = program.read()  # a callback may have changed it
                if self.watch is not None:
                    self.watch.before(state, first, self._steps_data(first, last))
                state, logs = run(state)
                if self.watch is not None:
                    self.watch.after(logs)
                if self.watched:
                    program.settle()
                if self.watched or self.shown:
                    end(last, LazyLogs(logs))
                if stop():
                    break
        finally:
            program.settle()  # also after an error or Ctrl-C: never donated buffers
        self.source.on_epoch_end()
        self._checks = False
        return logs

    def _steps_data(self, first: int, last: int) -> list:
        """For each step of a dispatch that is about to run its batch, or the rows that are its batch."""
        if self._order is None:
            return list(self._pending)
        size = self.source.batch_size or 0
        return [self._order[i * size : (i + 1) * size] for i in range(first, last + 1)]

    def _runs(self) -> Iterator:
        """The numbers of the first and last step of each dispatch, and what runs it."""
        return self._on_arrays() if self.arrays is not None else self._on_batches()

    def _on_batches(self) -> Iterator:
        step, self._order = 0, None
        for batches, run in self._dispatches():
            self._pending = batches
            yield step, step + len(batches) - 1, run
            step += len(batches)

    def _dispatches(self) -> Iterator[tuple[list, Callable]]:
        """The batches of each dispatch, and what runs it.

        Small batches that nothing looks between are gathered for a loop on the device. Those that are there run when
        gathering takes long: the same compiled loop runs any number of them, so no result depends on it.
        """
        per = self.model.steps_per_execution
        stack: Stack | None = None
        alone: list = []
        error: Exception | None = None
        began = time.perf_counter()
        try:
            for number, batch in enumerate(self.limited.epoch()):
                if self._checks:
                    guards.check_each(self.model, batch, number)
                if number == 0:
                    stack = self._stack(batch)
                if stack is not None and stack.takes(batch):
                    if alone:
                        yield self._one_by_one(alone)
                        alone = []
                    stack.add(batch)
                    if stack.is_full or time.perf_counter() - began > _REDRAW:
                        yield self._loop(stack)
                        stack, began = stack.another(), time.perf_counter()
                    continue
                if stack is not None and stack.batches:
                    yield self._loop(stack)
                    stack = stack.another()
                alone.append(own_copy(batch))
                if len(alone) == per:
                    yield self._one_by_one(alone)
                    alone = []
        except Exception as e:  # of what makes the batches: those that it handed out are used
            error = e
        if stack is not None and stack.batches:
            yield self._loop(stack)
        if alone:
            yield self._one_by_one(alone)
        if error is not None:
            raise error

    def _stack(self, batch: Batch) -> Stack | None:
        """What batches like the first of an epoch are gathered in; None where they run one by one."""
        room = 0 if self.watched or self.steps == 1 or not settings.get("fuse_steps") else room_for(batch)
        if room < 2 or (size := count_rows(batch)) != self.source.batch_size:
            return None
        fuses = self.program.can_fuse(self.program.read(), trim(batch), size, False)
        return Stack(batch, room) if fuses else None

    def _loop(self, stack: Stack) -> tuple[list, Callable]:
        def run(state: Any) -> Any:
            return self._many(state, stack.arrays, len(stack.batches), stack.size)

        self.fused = True
        return stack.batches, run

    def _many(self, state: Any, arrays: Any, count: int, size: int, total: int | None = None) -> tuple[Any, Any]:
        """The `count` steps of arrays that hold no others in one dispatch; see `Program.many`."""
        state, logs = self.program.many(state, trim(arrays), None, 0, count, size, total)
        self._keep_up(logs)
        return state, logs

    def _part(self, rows: np.ndarray, count: int) -> Any:
        """The first `count` of these rows of the arrays, where a dispatch was read from that has been waited for."""
        place = self._places.pop(0) if len(self._places) > _UNDER_WAY else rows_like(self.arrays, len(rows))
        self._places.append(place)
        return gathered(self.arrays, rows, count, place)

    def _one_by_one(self, batches: list) -> tuple[list, Callable]:
        def run(state: Any) -> Any:
            logs = None
            for batch in batches:
                state, logs = self.program.on_batch(state, *self._sized(trim(batch)))
                self._keep_up(logs)
            return state, logs

        self.fused = False
        return batches, run

    def _keep_up(self, logs: Any) -> None:
        """Waits until no more steps are under way than the device needs to be kept busy; `logs` are the last one's."""
        self._under_way.append(logs)
        if len(self._under_way) > _UNDER_WAY:
            jax.block_until_ready(self._under_way.pop(0))

    def _sized(self, data: tuple) -> tuple[tuple, int | None]:
        """A batch of an iterable, brought to the size of the first where it has fewer rows, and how many are real."""
        size = self.source.batch_size
        if size is None or not self.program.may_pad:
            return data, None
        rows = {a.shape[0] if a.ndim else None for a in tree.flatten(data) if a is not None}
        count = rows.pop()
        if rows or count is None or count >= size:
            return data, None
        return pad(data, size), count

    def _on_arrays(self) -> Iterator:
        source = self.source
        assert isinstance(source, ArrayBatches)
        size, rows = source.batch_size, source.rows
        full, rest = divmod(rows, size)
        program = self.program
        state = program.read()
        # A last batch that isn't full runs in the same program as the others where its missing rows can be left out.
        ragged = bool(rest) and full > 0 and program.may_pad
        steps = full + ragged
        total = rows if ragged else None
        per = self.model.steps_per_execution
        on_cpu = jax.default_backend() == "cpu"
        fits = source.host_bytes <= (_COPIED if on_cpu else DEVICE_BUDGET)
        # Of data that don't fit, the batches of a dispatch are put on the device for it.
        room = steps if fits else per if self.watched else room_for(source.peek())
        # A loop of one step a dispatch would cost more than the step alone.
        fused = min(steps, room) > 1 and not (self.watched and per == 1) and settings.get("fuse_steps")
        fused = self.fused = fused and program.can_fuse(state, trim(self.arrays), size, ragged)
        shuffled = source.order()
        order = self._order = np.arange(rows, dtype="int32") if shuffled is None else shuffled
        # On a CPU, where nothing is gained by having all of them there, single batches are cut from the user's arrays.
        data = self.place() if fits and (fused or not on_cpu) else None
        if rest and full and not ragged:
            last = order[full * size :]
            tail = ("_batch", state, trim(source.rows_of(last))) if data is None else ("_rows", state, data, last)
            program.compile_ahead(*tail, None)
        step = 0
        # What is beyond the last row is never a real one.
        padded = np.concatenate([order, np.zeros((1 if fits else room) * size, "int32")])

        def one(state: Any, part: slice, valid: int | None) -> Any:
            if data is not None:
                return program.on_rows(state, data, padded[part], valid)
            in_place = shuffled is None and part.stop <= rows  # a view of the user's arrays
            return program.on_batch(state, trim(source.rows_of(part if in_place else padded[part])), valid)

        if fused:
            device_order = None if data is None or (shuffled is None and not ragged) else put(padded)
            fixed = per if self.watched else None
            chunk = fixed or (1 if self.shown else steps)
            while step < steps:
                count = min(chunk, room, steps - step)
                part = None if data is not None else self._part(padded[step * size :][: room * size], count * size)

                def loop(state: Any, step: int = step, count: int = count, part: Any = part) -> Any:
                    if part is None:
                        return program.many(state, data, device_order, step, count, size, total)
                    valid = None if total is None else min(total - step * size, count * size)
                    return self._many(state, part, count, size, valid)

                began = time.perf_counter()
                yield step, step + count - 1, loop
                step += count
                if fixed is None:
                    # How many steps a dispatch has changes no result: the same compiled loop runs them.
                    took = max(time.perf_counter() - began, 1e-6)
                    chunk = max(1, min(steps, int(count * _REDRAW / took))) if step > count else max(1, steps // 20)
        else:
            while step < steps:
                count = min(per, steps - step)

                def run(state: Any, step: int = step, count: int = count) -> Any:
                    logs = None
                    for i in range(step, step + count):
                        valid = min(size, rows - i * size) if ragged else None
                        state, logs = one(state, slice(i * size, (i + 1) * size), valid)
                        self._keep_up(logs)
                    return state, logs

                yield step, step + count - 1, run
                step += count
        if rest and not ragged:
            yield step, step, lambda state: one(state, slice(full * size, rows), None)


def trim(batch: tuple) -> tuple:
    """A batch without the parts that are None at its end: what custom steps expect to unpack."""
    x, y, sample_weight = batch
    if y is None and sample_weight is None:
        return (x,)
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def limit_steps(steps: int | None, have: int | None) -> int | None:
    """`steps`, but no more than the setting `max_steps_per_epoch`; `have` is what the data have."""
    limit = settings.max_steps_per_epoch()
    if limit is None:
        return steps
    known = steps if steps is not None else have
    return limit if known is None else min(known, limit)


def callback_list(callbacks: Any, model: Any, verbose: int, **kwargs: Any) -> CallbackList:
    """The callbacks of a run, with those that it always has."""
    if isinstance(callbacks, CallbackList):
        return callbacks
    return CallbackList(callbacks, add_progbar=verbose != 0, verbose=verbose, model=model, **kwargs)
