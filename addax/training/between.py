"""Work of `fit` between two steps of an epoch: validations every some steps, and entries of `History.steps`."""

from __future__ import annotations

from typing import Any

from .dispatches import Pauses
from .epoch_metrics import set_aside
from .evaluation import run_test
from .logs import numpy_logs
from .resuming import UnderWay


class BetweenSteps:
    """Validates and writes entries of the history at some steps of a training.

    Args:
        training: The training.

    Attributes:
        pauses: The steps after which something is done; None for none.
        results: Logs of the last validation within the epoch under way.
    """

    def __init__(self, training: UnderWay):
        given = training.given
        self.training = training
        self.validate_every = given.validation_steps_between if training.validation is not None else None
        self.log_every = given.limits.log_every
        every = tuple(n for n in (self.validate_every, self.log_every) if n is not None)
        self.pauses = Pauses(every) if every else None
        self.results: dict[str, Any] = {}

    def state(self) -> dict[str, Any] | None:
        """Returns the position, for `restore`; None where there are no pauses."""
        return None if self.pauses is None else {"done": self.pauses.done, "results": self.results}

    def restore(self, state: dict[str, Any] | None) -> None:
        """Continues from what `state` returned."""
        if self.pauses is not None and state is not None:
            self.pauses.done, self.results = state["done"], state["results"]

    def after(self, logs: Any) -> None:
        """Does what is due after the last step that was run.

        Args:
            logs: Its logs, on the device.
        """
        training = self.training
        if self.pauses is None or not self.pauses.at(training.runner.step):
            return
        number = self.pauses.done + training.runner.step
        entry = {"step": number, "epoch": training.epoch, **numpy_logs(logs)}
        if self.validate_every is not None and number % self.validate_every == 0:
            entry.update(self._validated())
        elif self.log_every is None or number % self.log_every:
            return
        if (history := training.callbacks.history) is not None:
            history.steps.append(entry)

    def _validated(self) -> dict[str, Any]:
        training = self.training
        assert training.validation is not None
        with set_aside(training.model):  # the metrics of the epoch under way
            found = run_test(training.validation, training.callbacks)
        self.results = {f"val_{k}": v for k, v in found.items()}
        return self.results

    def of_epoch(self) -> dict[str, Any]:
        """Returns the logs of the last validation within the epoch that has ended; none if there was none."""
        results, self.results = self.results, {}
        return results
