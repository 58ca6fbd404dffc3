"""The loop of `fit` for members that are trained together: their steps in one program, their callbacks each its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import numpy as np

from ..core.engine import fetch
from ..core.interrupts import guarded
from ..data.batches import ArrayBatches
from ..training import feeding
from ..training.exclusive import exclusively
from ..training.loop import Training
from ..training.programs import program_of
from .lanes import MAP, Lane, lanes_of, threads
from .members import Member
from .stack import Stack
from .steps import StackedSteps

Report = Callable[[int, list[dict[str, Any]]], None]


class Together:
    """A `fit` of several members of one architecture.

    Args:
        members: The members.
        trainings: Their trainings, not begun.
        way: "vmap", "map" or "devices".
        report: Called after each epoch with its number and the logs of the members that are still trained.
    """

    def __init__(self, members: Sequence[Member], trainings: Sequence[Training], way: str, report: Report):
        self.members = list(members)
        self.trainings = list(trainings)
        self.way = way
        self.report = report
        lanes = lanes_of(way, len(self.members))
        self.steps = StackedSteps([t.runner for t in trainings], lanes)
        validations = [t.validation for t in trainings if t.validation is not None]
        self.validation = StackedSteps(validations, lanes) if validations else None
        self.given = trainings[0].given
        self.stack = self._stacked(lanes)
        self.live = list(range(len(self.trainings)))  # those that are still trained
        self.pool: ThreadPoolExecutor | None = None

    def _stacked(self, lanes: Sequence[Lane]) -> Stack:
        return Stack([t.runner.program.groups for t in self.trainings], lanes)

    def run(self) -> None:
        """Trains all members."""
        with ExitStack() as stack:
            for training in self.trainings:
                stack.enter_context(exclusively(training.model))
            if len(self.stack.lanes) > 1 and threads() > 1:
                self.pool = stack.enter_context(ThreadPoolExecutor(threads(), "addax-member"))
            for member, training in zip(self.members, self.trainings):
                with member.alone():
                    _begin(training)
            try:
                with guarded():
                    self._epochs()
            finally:
                self.stack.give_back()
                for steps in (self.steps, self.validation):
                    if steps is not None:
                        steps.release()
            for training in [self.trainings[k] for k in self.live]:
                _end(training)

    def _epochs(self) -> None:
        for epoch in range(self.given.initial_epoch, self.given.epochs):
            for k in self.live:
                self.trainings[k].callbacks.on_epoch_begin(epoch)
            self._check_unchanged()
            self._reset_metrics()
            found = self.steps.epoch(self.stack, self.pool)
            if not found:
                feeding.warn_of_end()
                return
            limited = self.steps.first.limited
            if limited.exhausted:
                feeding.warn_of_end()
            logs = self._of_members(found)
            if self.validation is not None and self.given.validates(epoch):
                for own, results in zip(logs, self._validate()):
                    own.update({f"val_{name}": value for name, value in results.items()})
            self._end_epoch(epoch, [dict(sorted(own.items())) for own in logs])
            if not self.live or (limited.exhausted and self.steps.first.source.one_pass):
                return

    def _check_unchanged(self) -> None:
        """Raises RuntimeError if a callback has frozen weights, compiled anew or the like."""
        for k in self.live:
            training = self.trainings[k]
            if program_of(training.model, "train") is not training.runner.program:
                raise RuntimeError(
                    f"A callback changed what model '{training.model.name}' computes, such as which weights are "
                    "trained. Members that share a program can't do that: pass way='one after another'."
                )

    def _reset_metrics(self) -> None:
        for k in self.live:
            self.trainings[k].model.reset_metrics()

    def _validate(self) -> list[dict[str, Any]]:
        """Returns the members' logs of a validation."""
        assert self.validation is not None
        self._reset_metrics()
        for k in self.live:
            self.trainings[k].callbacks.on_test_begin()
        found = self.validation.epoch(self.stack, self.pool)
        if not found:
            raise ValueError("The data to evaluate gave no batch.")
        logs = self._of_members(found)
        for k in self.live:
            self.trainings[k].callbacks.on_test_end(logs[k])
        return logs

    def _end_epoch(self, epoch: int, logs: list[dict[str, Any]]) -> None:
        for k in self.live:
            training = self.trainings[k]
            training._logs, training.epoch = logs[k], epoch + 1
            training.callbacks.on_epoch_end(epoch, logs[k])
        self.report(epoch, [logs[k] for k in self.live])
        stopped = [k for k in self.live if self.trainings[k].model.stop_training]
        if stopped:
            self.stack.leave(stopped)
            self.live = [k for k in self.live if k not in stopped]
            for k in stopped:
                _end(self.trainings[k])
            # Fewer in a stack are another program; lanes of one member share theirs.
            if self.live and (2 * len(self.live) <= self.stack.size or self.way == MAP):
                self._shrink()

    def _shrink(self) -> None:
        """Goes on with a stack of those that are still trained."""
        self.stack.give_back()
        self.trainings = [self.trainings[k] for k in self.live]
        self.members = [self.members[k] for k in self.live]
        lanes = lanes_of(self.way, len(self.live))
        for steps in (self.steps, self.validation):
            if steps is not None:
                steps.keep(self.live, lanes)
        self.live = list(range(len(self.trainings)))
        self.stack = self._stacked(lanes)

    def _of_members(self, found: Sequence[Any]) -> list[dict[str, Any]]:
        """Returns the logs of each member, on the host: floats, and arrays where a metric has several values."""
        logs = []
        for lane, own in zip(self.stack.lanes, fetch([dict(each) for each in found])):
            for k in range(len(lane.members)):
                values = {name: np.asarray(v)[k] if lane.stacked else np.asarray(v) for name, v in sorted(own.items())}
                logs.append({name: float(v) if v.ndim == 0 else np.array(v) for name, v in values.items()})
        return logs


def _begin(training: Training) -> None:
    """Does what a training does before its first step, with the random numbers of its member."""
    model, source = training.model, training.runner.source
    model.stop_training = False
    model.history = training.callbacks.history
    training.callbacks.on_train_begin()
    if isinstance(source, ArrayBatches):
        source.order(source.passes)  # draws the seed of the orders


def _end(training: Training) -> None:
    """Does what a training does after its last step."""
    model = training.model
    if model.optimizer is not None and int(model.optimizer.iterations) > 0:
        model.optimizer.finalize_variable_values(model.trainable_weights)
    training.callbacks.on_train_end(training._logs)


__all__ = ["Together"]
