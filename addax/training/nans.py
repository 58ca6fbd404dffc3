"""Search for the step in which the first NaN appeared: the steps since the last good state are run again.

While training runs, a `NanFinder` copies the state to the host from time to time, and keeps the data of the steps
since. When the loss is not finite, it repeats those steps one at a time, bit for bit as far as data and state (random
generators included) determine them, up to the first with a value that is not finite. `diagnosis.py` examines that one.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from ..core.engine import jax, jnp
from ..core.placement import fetch
from ..data.batches import ArrayBatches, Batch, packed
from .diagnosis import all_finite, diagnose, row_list
from .dispatches import Dispatch
from .program import State
from .runner import Observer, Runner

_LEAST, _MOST = 32, 1024  # dispatches between two copies of the state
_SHARE = 50  # and at least how many times as long as a copy they take together


class Segment:
    """A copy of the state, and the data of the dispatches since.

    Args:
        epoch: Number of the epoch.
        state: Values of the variables, in the groups of a training program.
    """

    def __init__(self, epoch: int, state: State):
        self.epoch = epoch
        began = time.perf_counter()
        self.state = [[np.array(fetch(v), copy=True) for v in group] for group in state]
        self.cost = time.perf_counter() - began
        self.began = time.perf_counter()
        self.dispatches: list[tuple[int, list]] = []

    @property
    def is_full(self) -> bool:
        """Whether it is time for a new copy."""
        count = len(self.dispatches)
        waited = time.perf_counter() - self.began > _SHARE * self.cost
        return count >= _MOST or (count >= _LEAST and waited)


class NanFinder(Observer):
    """Records the training steps of a `Runner`.

    Args:
        raises: Whether to raise FloatingPointError after the dispatch whose loss is not finite.
    """

    runner: Runner

    def __init__(self, raises: bool):
        self.raises = raises
        self.epoch = 0
        self._segments: list[Segment] = []  # the current one and the one before, for a NaN in its first step

    def before(self, runner: Runner, dispatch: Dispatch, state: State) -> None:
        self.runner = runner
        last = self._segments[-1] if self._segments else None
        if last is None or dispatch.first == 0 or last.is_full:
            self._segments = [*self._segments[-1:], Segment(self.epoch, state)]
        self._segments[-1].dispatches.append((dispatch.first, list(dispatch.data)))

    def after(self, runner: Runner, dispatch: Dispatch, state: State, logs: dict[str, Any]) -> None:
        """Checks the loss; raises FloatingPointError if it is not finite."""
        loss = logs.get("loss") if isinstance(logs, dict) else None
        if not self.raises or loss is None or np.isfinite(float(loss)):
            return
        text, before, step, epoch = self._search()
        runner.program.write_back()
        if before is not None:
            runner.program.write(before)
            text += f"\nThe model has the weights from before step {step + 1} of epoch {epoch + 1}."
        raise FloatingPointError(text)

    def explain(self) -> str:
        """Returns a text that says where the first value that is not finite came from."""
        return self._search()[0]

    def _search(self) -> tuple[str, Any, int, int]:
        """Returns the report, and of the bad step the state before it, its number and its epoch."""
        program = self.runner.program
        for segment in self._segments:
            state = _on_device(segment.state)
            for first, data in segment.dispatches:
                for step, one in enumerate(data, first):
                    batch, rows = self._batch(one)
                    before = jax.tree.map(jnp.copy, state)
                    state, logs = program.replay(state, batch)
                    loss = float(logs["loss"])
                    if np.isfinite(loss) and all(all_finite(v) for v in state[0]):
                        continue
                    where = f"in epoch {segment.epoch + 1}, step {step + 1}"
                    if rows is not None:
                        where += f" (rows {row_list(rows)} of the data)"
                    found = diagnose(self.runner.model, before, batch, state, rows)
                    return f"The first value that is not finite came {where}: {found}", before, step, segment.epoch
        return (
            "The steps since the last copy of the state were run again, and every loss was finite: what made the "
            "difference (a callback, a generator of the user's) was not there to be repeated.",
            None,
            0,
            0,
        )

    def _batch(self, one: Batch | np.ndarray) -> tuple[tuple, np.ndarray | None]:
        """Returns a batch as the step takes it, and its rows in the data where they are known."""
        source = self.runner.source
        if isinstance(one, np.ndarray):
            assert isinstance(source, ArrayBatches)
            return packed(source.rows_of(one)), one
        return packed(one), None


def _on_device(state: State) -> State:
    return [[jnp.array(v, copy=True) for v in group] for group in state]


__all__ = ["NanFinder"]
