"""Runner: runs programs over the epochs of a source of batches, by the plan that suits both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..callbacks import CallbackList
from ..core import config as settings
from ..data.batches import ArrayBatches, Batch, Batches, EpochSteps
from . import guards
from .dispatches import Dispatch, InFlight
from .gathered import Gathered
from .logs import LazyLogs
from .plans import ArrayPlan, HostArrays, array_plan, takes_arrays
from .program import Program, State, program_of


class Observer:
    """Base of what looks at the dispatches of a `Runner`; it changes nothing."""

    def reading(self, runner: Runner) -> None:
        """Called before the data of the next dispatch are made."""

    def read(self, runner: Runner) -> None:
        """Called when they are."""

    def before(self, runner: Runner, dispatch: Dispatch, state: State) -> None:
        """Called before a dispatch, with the state that it is going to take over."""

    def after(self, runner: Runner, dispatch: Dispatch, state: State, logs: Any) -> None:
        """Called after it, with what it is going to return."""

    def ended(self, runner: Runner) -> None:
        """Called at the end of each epoch, also one that was interrupted."""


class Runner:
    """Runs the steps of one kind over data.

    Args:
        model: The model.
        kind: "train" or "test".
        source: The batches.
        steps: Steps an epoch, or None for what the source has.
        watched: Whether something looks after every step (a callback's batch hook).
        shown: Whether something shows progress now and then.
        observers: What looks at each dispatch.

    Attributes:
        plan: How the epoch under way runs.
        step: Steps of the epoch that were done; 0 before and after it.
    """

    def __init__(
        self,
        model: Any,
        kind: str,
        source: Batches,
        steps: int | None,
        watched: bool,
        shown: bool,
        observers: Sequence[Observer] = (),
    ):
        self.model = model
        self.kind = kind
        self.source = source
        self.watched = watched
        self.shown = shown
        self.observers = list(observers)
        self.program: Program = program_of(model, kind)
        self.steps = steps if steps is not None else source.steps
        self.limited = EpochSteps(source, steps)
        self.plan: ArrayPlan | Gathered | None = None
        self.step = 0
        # Where the steps can be cut from them, the arrays that the user passed.
        self.arrays = HostArrays(source.arrays) if takes_arrays(self.program, source, steps) else None  # type: ignore[attr-defined]
        # Arrays were looked at as a whole; of an iterable the batches of the first epoch are, one by one.
        self._checks = not isinstance(source, ArrayBatches)
        self._in_flight = InFlight()

    def release(self) -> None:
        """Frees the arrays on the device now, not when the cycles of callbacks and models are collected."""
        self.arrays = self.plan = None

    def epoch(self, begin: Callable[[int], None], end: Callable[[int, Any], None], stop: Callable[[], bool]) -> Any:
        """Runs one epoch.

        Args:
            begin: Called with the number of the first step of a dispatch.
            end: Called with the number of the last step of a dispatch and its logs.
            stop: Whether to leave the epoch now.

        Returns:
            The last logs, on the device.
        """
        program = self.program = program_of(self.model, self.kind)
        if self.kind == "test":  # which begins from the start each time
            self.limited = EpochSteps(self.source, self.limited.steps)
        self.source.on_epoch_begin()
        logs: Any = None
        try:
            state = program.read()
            for dispatch in self._dispatches():
                begin(dispatch.first)
                if self.watched:
                    state = program.read()  # a callback may have changed it
                for observer in self.observers:
                    observer.before(self, dispatch, state)
                state, logs = dispatch.run(state)
                for observer in reversed(self.observers):
                    observer.after(self, dispatch, state, logs)
                self.step = dispatch.last + 1
                if self.watched:
                    program.settle()
                if self.watched or self.shown:
                    end(dispatch.last, LazyLogs(logs))
                if stop():
                    break
        finally:
            program.settle()  # also after an error or Ctrl-C: never donated buffers
            for observer in self.observers:
                observer.ended(self)
        self.source.on_epoch_end()
        self._checks = False
        self.step = 0
        return logs

    def state(self) -> dict[str, Any]:
        """Where the data are: what `restore` needs to go on from here."""
        return {"step": self.step, **self.limited.state(self.step)}

    def restore(self, state: dict[str, Any]) -> None:
        """Begins the next epoch with the step that was next when `state` was taken."""
        if self.arrays is not None and state["step"]:  # the order of that epoch was the last one begun
            state = {**state, "passes": state["passes"] - 1, "taken": 0}
        self.limited.restore(state, state["step"])

    def _dispatches(self) -> Any:
        """The dispatches of an epoch; observers are told when data are made."""
        self._tell("reading")
        self.plan = self._plan()
        for dispatch in self.plan.dispatches():
            self._tell("read")
            yield dispatch
            self._tell("reading")

    def _tell(self, event: str) -> None:
        for observer in self.observers:
            getattr(observer, event)(self)

    def _plan(self) -> ArrayPlan | Gathered:
        per = self.model.steps_per_execution
        if self.arrays is not None:
            assert isinstance(self.source, ArrayBatches)
            start, self.limited.start = self.limited.start, 0
            return array_plan(self.program, self.source, self.arrays, per, self.watched, self._in_flight, start)
        loops = not self.watched and self.steps != 1 and not self.program.eager and settings.get("fuse_steps")
        return Gathered(self.program, self.limited, per, loops, self._check, self._in_flight)

    def _check(self, batch: Batch, number: int) -> None:
        if self._checks:
            guards.check_each(self.model, batch, number)


def limit_steps(steps: int | None, have: int | None) -> int | None:
    """Returns `steps`, but no more than the setting `max_steps_per_epoch`; `have` is what the data have."""
    limit = settings.max_steps_per_epoch()
    if limit is None:
        return steps
    known = steps if steps is not None else have
    return limit if known is None else min(known, limit)


def callback_list(callbacks: Any, model: Any, verbose: int, **kwargs: Any) -> CallbackList:
    """Returns the callbacks of a run, with those that it always has."""
    if isinstance(callbacks, CallbackList):
        return callbacks
    return CallbackList(callbacks, add_progbar=verbose != 0, verbose=verbose, model=model, **kwargs)
