"""Dispatches: what a plan yields, and how many are under way at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..core.engine import jax
from .program import State

UNDER_WAY = 1  # dispatches that are not waited for when the next is under way: each holds its memory

Run = Callable[[State], tuple[State, Any]]


class Dispatch(NamedTuple):
    """One or more steps that run without a look between them.

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


class InFlight:
    """Waits until no more dispatches are under way than keep the device busy: each holds its memory."""

    def __init__(self) -> None:
        self._logs: list = []

    def add(self, logs: Any) -> None:
        """Notes a dispatch by its logs; waits for the one before the last."""
        self._logs.append(logs)
        if len(self._logs) > UNDER_WAY:
            jax.block_until_ready(self._logs.pop(0))
