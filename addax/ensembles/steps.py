"""Steps of all members of a stack: the functions of one member's program, for all members of a lane at once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ..core.buffers import own_copy
from ..core.engine import jax, lax, put
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
from ..training.specs import batch_spec
from ..training.xla import CONVOLUTIONS, has_primitive
from .lanes import Lane
from .stack import Lanes, Stack

Axes = tuple[int | None, ...]


class Each(list):
    """An argument of which each lane has its own."""


@functools.cache
def over_members(function: Callable, lane: Lane, axes: Axes, in_loop: bool) -> Callable:
    """Returns a function of a description, as in `training/program.py`, for all members of a lane at once.

    Args:
        function: The function for one member.
        lane: The lane, stacked.
        axes: For each argument after the state 0 where each member has its own, None where all have the same.
        in_loop: Whether members on one device are computed in a loop; else each operation does the work of all.
    """

    def run(description: Description, size: int, state: State, *args: Any) -> tuple[State, Any]:
        one = functools.partial(function, description, _static(function, size))

        def several(state: State, *args: Any) -> tuple[State, Any]:
            if not in_loop:
                return jax.vmap(one, in_axes=(0, *axes))(state, *args)
            own = [a for a, axis in zip(args, axes) if axis == 0]

            def each(given: tuple) -> tuple[State, Any]:
                its = iter(given[1])
                return one(given[0], *[next(its) if axis == 0 else a for a, axis in zip(args, axes)])

            return lax.map(each, (state, own))

        if lane.mesh is None:
            return several(state, *args)

        def on_device(state: State, *args: Any) -> tuple[State, Any]:
            if lane.slots > lane.mesh.size:
                return several(state, *args)
            # One member: as in a program of its own.
            alone = [jax.tree.map(_first, a) if axis == 0 else a for a, axis in zip(args, axes)]
            return jax.tree.map(lambda a: a[None], one(jax.tree.map(_first, state), *alone))

        specs = [lane.sharding(spread=axis == 0).spec for axis in (0, *axes)]
        # Nothing goes from one device to another: members don't depend on each other.
        spread = jax.shard_map(on_device, mesh=lane.mesh, in_specs=tuple(specs), out_specs=specs[0], check_vma=False)
        return spread(state, *args)

    run.__name__ = f"members{function.__name__}"
    return run


def _first(values: Any) -> Any:
    return values[0]


def _static(function: Callable, size: int) -> int | None:
    return size if function is loop_ else None


class StackedSteps:
    """Runs the steps of one kind for all members of a stack.

    Args:
        runners: The members' runners.
        lanes: The lanes that they are computed in.
    """

    def __init__(self, runners: Sequence[Runner], lanes: Sequence[Lane]):
        self.runners = list(runners)
        self.lanes = list(lanes)
        self.first = runners[0]
        self.program = self.first.program
        self._in_flight = InFlight()
        self._checked = False
        self._whole: Tree = None  # the arrays, on the devices
        # Several members on a device one after the other: convolutions of all of them in one operation are convolutions
        # in groups, which take longer. Found out now, as a source that has begun has no first batch to look at.
        self._in_loop = self.lanes[0].mesh is not None and self._has_convolutions()

    def keep(self, members: Sequence[int], lanes: Sequence[Lane]) -> None:
        """Goes on with some of the members, in other lanes."""
        self.runners = [self.runners[k] for k in members]
        self.lanes = list(lanes)
        self._whole = None  # other devices may be used

    def epoch(self, stack: Stack, pool: ThreadPoolExecutor | None) -> list[Tree]:
        """Runs one epoch.

        Args:
            stack: The members' variables.
            pool: The threads in which lanes compute at the same time; None for this one.

        Returns:
            The logs of each lane, on the device, those of a stacked one with an axis of members; none if there was no
            batch.
        """
        state = stack.take()
        if self.program.kind == "test":
            state = stack.tested(state)
        self.first.source.on_epoch_begin()
        logs: list[Tree] = []
        for function, size, args in self._dispatches():
            step = self._step(function, size, state, args, pool)
            run: Any = stack.run if self.program.kind == "train" else stack.test
            state, logs = run(step, (state,))
            self._in_flight.add(logs)
        self.first.source.on_epoch_end()
        return logs

    def _step(
        self, function: Callable, size: int, state: Lanes, args: tuple, pool: ThreadPoolExecutor | None
    ) -> Callable:
        """Returns what runs a function in all lanes, from their states to their new ones and their logs.

        Whatever is to be compiled is compiled here: JAX's and our settings are those of this thread.
        """
        calls = []
        for number, lane in enumerate(self.lanes):
            own = tuple(a[number] if isinstance(a, Each) else a for a in args)
            static, compiled = _static(function, size), function
            if lane.stacked:
                axes = tuple(0 if isinstance(a, Each) else None for a in args)
                alike = lane._replace(members=range(len(lane.members)))  # lanes of one size share a program
                compiled, static = over_members(function, alike, axes, self._in_loop), size
            calls.append((self.program.compiled(compiled, static, (state[number], *own)), own))

        def run(state: Lanes) -> tuple[Lanes, list[Tree]]:
            def one(call: tuple, own: State) -> tuple[State, Tree]:
                return call[0](own, *call[1])

            def finished(call: tuple, own: State) -> tuple[State, Tree]:
                return jax.block_until_ready(one(call, own))

            found = list(map(one, calls, state) if pool is None else pool.map(finished, calls, state))
            return [new for new, _ in found], [logs for _, logs in found]

        return run

    def _has_convolutions(self) -> bool:
        source = self.first.source
        batch = batch_spec(packed(source.peek()), source.batch_size or 1)
        return has_primitive(self.program.trace_step(self.program.state_spec(), batch).jaxpr, *CONVOLUTIONS)

    def _dispatches(self) -> Iterator[tuple[Callable, int, tuple]]:
        """Yields for each dispatch a function for one member, rows a batch, and its arguments after the state."""
        return self._of_batches() if self.first.arrays is None else self._of_arrays()

    def _of_batches(self) -> Iterator[tuple[Callable, int, tuple]]:
        limited = self.first.limited
        for number, batch in enumerate(limited.epoch()):
            if not self._checked:
                guards.check_each(self.first.model, batch, number)
            data = own_copy(packed(batch))  # an iterable may write its next batch into the same memory
            yield batch_, self.first.source.batch_size or 1, (data, None)
        self._checked = True

    def _of_arrays(self) -> Iterator[tuple[Callable, int, tuple]]:
        arrays, source = self.first.arrays, self.first.source
        assert arrays is not None and isinstance(source, ArrayBatches)
        rows = self._orders()
        first, size = rows[0], source.batch_size
        if self._whole is None:
            self._whole = self._put(arrays.whole())
        data = self._whole

        def of_each(found: Callable[[Rows], np.ndarray]) -> Any:
            """Row numbers: of each member where the orders differ."""
            if not first.shuffled:
                return found(first)
            values = np.stack([found(r) for r in rows])
            return Each(lane.part(values) for lane in self.lanes)

        count = loop_length(self.program, packed(arrays.arrays), size, first.filled) if first.steps > 1 else 0
        if count > 1:
            order = None
            if first.shuffled or first.filled:
                order = self._put(of_each(lambda r: r.padded(1, arrays.capacity)))
            total = None if first.total is None else np.int32(first.total)
            for begin in range(0, first.steps, count):
                span = np.int32(begin), np.int32(min(count, first.steps - begin))
                yield loop_, size, (data, order, *span, total)
        else:
            padded = of_each(lambda r: r.padded(1))
            for step in range(first.steps):
                cut = slice(step * size, (step + 1) * size)
                part = Each(p[..., cut] for p in padded) if isinstance(padded, Each) else padded[cut]
                valid = np.int32(min(size, source.rows - step * size)) if first.filled else None
                yield rows_, size, (data, part, valid)
        if len(first.rest):
            yield rows_, size, (data, of_each(lambda r: r.rest), None)

    def _put(self, data: Any) -> Any:
        """Puts data where the lanes compute."""
        if isinstance(data, Each):
            return Each(
                put_data(d) if lane.mesh is None else put(d, lane.sharding(spread=True))
                for lane, d in zip(self.lanes, data)
            )
        whole = self.lanes[0].sharding(spread=False)
        return put_data(data) if whole is None else put(data, whole)

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
        self._whole = None
        for runner in self.runners:
            runner.release()


__all__ = ["StackedSteps", "over_members"]
