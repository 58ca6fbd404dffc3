"""Runner: runs programs over the epochs of a source of batches, by the plan that suits both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..core.streams import set_streams, streams
from ..data.batches import ArrayBatches, Batch, Batches, EpochSteps
from . import guards
from .device_loops import why_off
from .dispatches import Dispatch, InFlight, Pauses
from .gathered import Gathered
from .logs import LazyLogs
from .plans import ArrayPlan, array_plan, takes_arrays
from .program import Program, State
from .programs import program_of
from .rows import HostArrays
from .steps import StepModel


class Observer:
    """Base of objects that look at the dispatches of a `Runner` and change nothing."""

    def reading(self, runner: Runner) -> None:
        """Called before the data of the next dispatch are made."""

    def read(self, runner: Runner) -> None:
        """Called after the data of the next dispatch are made."""

    def before(self, runner: Runner, dispatch: Dispatch, state: State) -> None:
        """Called before a dispatch, with the state whose buffers it takes over."""

    def after(self, runner: Runner, dispatch: Dispatch, state: State, logs: dict[str, Any]) -> None:
        """Called after a dispatch, with its results, which may still be computed."""

    def ended(self, runner: Runner) -> None:
        """Called at the end of each epoch, also of one that was interrupted."""


class Runner:
    """Runs the steps of one kind over data.

    Args:
        model: The model.
        kind: "train" or "test".
        source: The batches.
        steps: Steps an epoch; None for what the source has.
        batch_hooks: Whether a callback has batch hooks, which are called after every step.
        shown: Whether progress is shown between dispatches.
        observers: Observers of the dispatches.

    Attributes:
        plan: Plan of the epoch under way.
        step: Number of steps of the epoch that are done; 0 before and after it.
        pauses: Steps after which a dispatch ends and the variables have their values; None for none.
    """

    def __init__(
        self,
        model: StepModel,
        kind: str,
        source: Batches,
        steps: int | None,
        batch_hooks: bool,
        shown: bool,
        observers: Sequence[Observer] = (),
    ):
        self.model = model
        self.kind = kind
        self.source = source
        self.batch_hooks = batch_hooks
        self.shown = shown
        self.observers = list(observers)
        self.program: Program = program_of(model, kind)
        self.steps = steps if steps is not None else source.steps
        self.limited = EpochSteps(source, steps)
        self.plan: ArrayPlan | Gathered | None = None
        self.step = 0
        self.pauses: Pauses | None = None
        # The arrays that the user passed, where batches can be cut from them.
        self.arrays = HostArrays(source.arrays) if takes_arrays(self.program, source, steps) else None  # type: ignore[attr-defined]
        # Arrays were checked as a whole; of an iterable the batches of the first epoch are, one by one.
        self._checks = not isinstance(source, ArrayBatches)
        self._in_flight = InFlight()

    def release(self) -> None:
        """Frees the arrays on the device now, not when the cycles of callbacks and models are collected."""
        self.arrays = self.plan = None

    def epoch(self, begin: Callable[[int], None], end: Callable[[int, Any], None], leave: Callable[[Any], bool]) -> Any:
        """Runs one epoch.

        Args:
            begin: Called with the number of the first step of a dispatch.
            end: Called with the number of the last step of a dispatch and its logs.
            leave: Called after each dispatch with its logs, on the device; returns whether to leave the epoch now.

        Returns:
            The last logs, on the device.
        """
        program = self.program = program_of(self.model, self.kind)
        if self.kind == "test":  # evaluation always begins with the first batch
            self.limited = EpochSteps(self.source, self.limited.steps)
        self.source.on_epoch_begin()
        self.step = self.limited.start  # of an epoch that is resumed
        logs: Any = None
        try:
            state = program.read()
            for dispatch in self._dispatches():
                begin(dispatch.first)
                if self.batch_hooks or (self.pauses is not None and self.pauses.at(dispatch.first)):
                    state = program.read()  # a callback may have changed it
                for observer in self.observers:
                    observer.before(self, dispatch, state)
                state, logs = dispatch.run(state)
                for observer in reversed(self.observers):
                    observer.after(self, dispatch, state, logs)
                self.step = dispatch.last + 1
                if self.batch_hooks or (self.pauses is not None and self.pauses.at(self.step)):
                    program.write_back()
                if self.batch_hooks or self.shown:
                    end(dispatch.last, LazyLogs(logs))
                if leave(logs):
                    break
        finally:
            program.write_back()  # also after an error or Ctrl-C: never donated buffers
            for observer in self.observers:
                observer.ended(self)
        self.source.on_epoch_end()
        self._checks = False
        if self.pauses is not None:
            self.pauses.done += self.step
        self.step = 0
        return logs

    def state(self) -> dict[str, Any]:
        """Returns the position in the data, for `restore`."""
        if self.arrays is not None:
            return {"step": self.step, "source": self.source.state(), "streams": streams()}
        return {"step": self.step, **self.limited.state(self.step)}

    @property
    def is_exact(self) -> bool:
        """Whether `state` is exact now; see `EpochSteps.is_exact`."""
        return self.arrays is not None or self.limited.is_exact(self.step)

    def restore(self, state: dict[str, Any]) -> None:
        """Makes the next epoch begin with the step that was next when `state` was taken."""
        if self.arrays is None:
            self.limited.restore(state, state["step"])
            return
        self.limited.start = state["step"]
        self.source.restore(state["source"])
        self.source.passes -= state["step"] > 0  # the pass under way is begun again, in the same order
        set_streams(state["streams"])

    def _dispatches(self) -> Iterator[Dispatch]:
        """Yields the dispatches of an epoch; tells the observers when data are made."""
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
        per, source = self.model.steps_per_execution, self.source
        if self.arrays is not None:
            assert isinstance(source, ArrayBatches)
            start, self.limited.start = self.limited.start, 0
            if isinstance(self.plan, ArrayPlan) and self.plan.program is self.program:
                return self.plan.next(start)
            return array_plan(
                self.program, source, self.arrays, per, self.batch_hooks, self._in_flight, start, self.pauses
            )
        off = why_off(self.program)
        loops = not (off or self.batch_hooks or self.steps == 1)
        if isinstance(source, ArrayBatches):
            why = f"`steps_per_epoch` is {self.steps} and the arrays have {source.steps} batches"
        else:
            why = "the batches come one by one" + (", too large or too different to be gathered" if loops else "")
        return Gathered(self.program, self.limited, per, loops, self._check, self._in_flight, off or why, self.pauses)

    def _check(self, batch: Batch, number: int) -> None:
        if self._checks:
            guards.check_each(self.model, batch, number)
