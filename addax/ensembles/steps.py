"""Steps of all members of a stack in one program: the functions of one member's program, mapped over the members."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..core.buffers import own_copy
from ..core.engine import fetch, jax, lax
from ..core.fingerprint import Description
from ..core.lending import State
from ..core.placement import put_data
from ..core.types import Tree
from ..data.batches import ArrayBatches, packed
from ..training import guards
from ..training.device_loops import loop_, loop_length
from ..training.dispatches import InFlight
from ..training.program import batch_, rows_
from ..training.rows import Rows
from ..training.runner import Runner
from .stack import Stack


@functools.cache
def over_members(function: Callable, way: str, count: int, axes: tuple[int | None, ...]) -> Callable:
    """Returns a function of a description, as in `training/program.py`, for all members at once.

    Args:
        function: The function for one member.
        way: "vmap" or "map".
        count: Number of members, as programs are found by the function and not by the state.
        axes: For each argument after the state 0 where each member has its own, None where all have the same.
    """

    def run(description: Description, size: int, state: State, *args: Any) -> tuple[State, Any]:
        static = size if function is loop_ else None
        if way == "vmap":
            in_axes = (0, *axes)
            every = jax.vmap(lambda s, *a: function(description, static, s, *a), in_axes=in_axes, axis_size=count)
            return every(state, *args)
        own = [a for a, axis in zip(args, axes) if axis == 0]

        def one(given: tuple) -> tuple[State, Any]:
            its_state, its = given[0], iter(given[1])
            return function(
                description, static, its_state, *[next(its) if axis == 0 else a for a, axis in zip(args, axes)]
            )

        return lax.map(one, (state, own))

    run.__name__ = f"{way}{function.__name__}"
    return run


def _of_member(args: tuple, axes: tuple, k: int) -> tuple:
    """A member's part of the state and the further arguments."""

    def part(a: Any) -> np.ndarray:
        return np.array(np.asarray(a)[k, ...])

    return tuple(jax.tree.map(part, a) if axis == 0 else a for a, axis in zip(args, (0, *axes)))


def _one_by_one(step: Callable, axes: tuple, count: int) -> Callable:
    """Returns a function for all members that runs the step of one for each of them."""

    def run(*args: Any) -> tuple[State, Any]:
        found = [fetch(step(*_of_member(args, axes, k))) for k in range(count)]
        return jax.tree.map(lambda *values: np.stack(values), *found)

    return run


class StackedSteps:
    """Runs the steps of one kind for all members of a stack.

    Args:
        runners: The members' runners.
        way: "vmap" or "map".
    """

    def __init__(self, runners: Sequence[Runner], way: str):
        self.runners = list(runners)
        self.way = way
        self.first = runners[0]
        self.program = self.first.program
        self._in_flight = InFlight()
        self._checked = False

    def keep(self, members: Sequence[int]) -> None:
        """Goes on with some of the members."""
        self.runners = [self.runners[k] for k in members]

    def epoch(self, stack: Stack) -> Tree:
        """Runs one epoch.

        Args:
            stack: The members' variables.

        Returns:
            The logs, arrays with an axis of members, on the device; None if there was no batch.
        """
        state = stack.take()
        if self.program.kind == "test":
            state = stack.tested(state)
        self.first.source.on_epoch_begin()
        logs = None
        for function, size, axes, args in self._dispatches():
            step = self._step(function, size, axes, (state, *args), stack.size)
            state, logs = (stack.run if self.program.kind == "train" else stack.test)(step, (state, *args))
            self._in_flight.add(logs)
        self.first.source.on_epoch_end()
        return logs

    def _step(self, function: Callable, size: int, axes: tuple, args: tuple, count: int) -> Callable:
        """Returns what runs a function for all members on such arguments."""
        if self.way == "map" and function is not loop_:
            # XLA compiles a step in a loop in another way than one that stands alone.
            return _one_by_one(self.program.compiled(function, None, _of_member(args, axes, 0)), axes, count)
        return self.program.compiled(over_members(function, self.way, count, axes), size, args)

    def _dispatches(self) -> Iterator[tuple[Callable, int, tuple, tuple]]:
        """Yields for each dispatch a function for one member, rows a batch, axes of its arguments, and these."""
        return self._of_batches() if self.first.arrays is None else self._of_arrays()

    def _of_batches(self) -> Iterator[tuple[Callable, int, tuple, tuple]]:
        limited = self.first.limited
        for number, batch in enumerate(limited.epoch()):
            if not self._checked:
                guards.check_each(self.first.model, batch, number)
            data = own_copy(packed(batch))  # an iterable may write its next batch into the same memory
            yield batch_, self.first.source.batch_size or 1, (None, None), (data, None)
        self._checked = True

    def _of_arrays(self) -> Iterator[tuple[Callable, int, tuple, tuple]]:
        arrays, source = self.first.arrays, self.first.source
        assert arrays is not None and isinstance(source, ArrayBatches)
        rows = self._orders()
        first, size = rows[0], source.batch_size
        data, capacity = arrays.whole(), arrays.capacity
        own = first.shuffled
        axis = 0 if own else None

        def of_each(found: Callable[[Rows], np.ndarray]) -> np.ndarray:
            return np.stack([found(r) for r in rows]) if own else found(first)

        specs = self.program.state_spec(), packed(arrays.arrays)
        count = loop_length(self.program, *specs, size, first.filled) if first.steps > 1 else 0
        if count > 1:
            order = put_data(of_each(lambda r: r.padded(1, capacity))) if own or first.filled else None
            total = None if first.total is None else np.int32(first.total)
            for begin in range(0, first.steps, count):
                span = np.int32(begin), np.int32(min(count, first.steps - begin))
                yield loop_, size, (None, axis, None, None, None), (data, order, *span, total)
        else:
            padded = of_each(lambda r: r.padded(1))
            for step in range(first.steps):
                part = padded[..., step * size : (step + 1) * size]
                valid = np.int32(min(size, source.rows - step * size)) if first.filled else None
                yield rows_, size, (None, axis, None), (data, part, valid)
        if len(first.rest):
            yield rows_, size, (None, axis, None), (data, of_each(lambda r: r.rest), None)

    def _orders(self) -> list[Rows]:
        """The rows of each member in this pass; each has the order that it would have alone."""
        found = []
        for runner in self.runners:
            source = runner.source
            assert isinstance(source, ArrayBatches)
            shuffled = source.next_order()
            order = np.arange(source.rows, dtype="int32") if shuffled is None else shuffled
            filled = bool(source.rows % source.batch_size and len(order) > source.batch_size) and self.program.may_pad
            found.append(Rows(order, shuffled is not None, source.batch_size, filled))
        return found

    def release(self) -> None:
        """Frees the data on the device."""
        for runner in self.runners:
            runner.release()


__all__ = ["StackedSteps", "over_members"]
