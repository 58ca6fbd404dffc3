"""Dispatches: what plans yield, and how many are under way at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..core.engine import jax
from ..core.types import Array, Tree
from .device_loops import run_steps
from .program import Program, State

UNDER_WAY = 1  # dispatches that are not waited for when the next is under way: each holds its memory

Run = Callable[[State], tuple[State, Any]]


class Dispatch(NamedTuple):
    """One or more steps that run without a callback between them.

    Attributes:
        first: Number of the first step in the epoch.
        last: Number of the last step.
        run: Runs them: from the state before to the state after and the last step's logs.
        data: For each step its batch, or the rows of the arrays that are its batch.
        looped: Whether the steps are a loop on the device.
    """

    first: int
    last: int
    run: Run
    data: Sequence
    looped: bool = False


@dataclass
class Pauses:
    """Steps of a training after which a dispatch ends, as something is done then.

    Attributes:
        every: After each multiple of one of these numbers of steps.
        done: Steps of the epochs before the one under way.
    """

    every: tuple[int, ...]
    done: int = 0

    def left(self, step: int) -> int:
        """Returns how many steps there are from step number `step` of the epoch to the next pause, at least 1."""
        return min(n - (self.done + step) % n for n in self.every)

    def at(self, step: int) -> bool:
        """Returns whether there is a pause after `step` steps of the epoch."""
        return any((self.done + step) % n == 0 for n in self.every)


class InFlight:
    """Limits how many dispatches are under way: no more than keep the device busy, as each holds its memory."""

    def __init__(self) -> None:
        self._logs: list = []

    def add(self, logs: Tree) -> None:
        """Adds a dispatch by its logs; waits for the one before the last."""
        self._logs.append(logs)
        if len(self._logs) > UNDER_WAY:
            jax.block_until_ready(self._logs.pop(0))


def loop_over(
    data: Tree,
    steps: tuple[int, int],
    size: int,
    program: Program,
    in_flight: InFlight,
    order: Array | None = None,
    total: int | None = None,
    passing: bool = False,
) -> Run:
    """Returns what runs steps on arrays in a loop on the device.

    Args:
        data: The arrays, `(x, y, sample_weight)` as the steps take them.
        steps: The first step, and how many there are.
        size: Rows a batch.
        program: The program of the steps.
        in_flight: Dispatches under way.
        order: Order of the rows, int32, on the device; None for as they are.
        total: Number of real rows, where not all are.
        passing: Whether the data are for this dispatch alone.
    """

    def run(state: State) -> tuple[State, Any]:
        state, logs = run_steps(program, state, data, order, steps, size, total, passing)
        in_flight.add(logs)
        return state, logs

    return run
