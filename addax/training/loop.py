"""The loop of `fit`: epochs, validation and the calls of the callbacks."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from ..callbacks import History, TerminateOnNaN, check_monitors
from ..checkpoints.folder import Saved
from ..core.interrupts import guarded
from ..core.placement import any_of
from ..core.types import Data, Tree
from ..data.batches import Batches
from ..data.lockstep import all_or_none
from . import agreement, feeding
from .arguments import FitArguments, callback_list, limit_steps
from .between import BetweenSteps
from .epoch_metrics import accumulating
from .evaluation import is_shown, run_test
from .exclusive import exclusively
from .limits import put_back
from .logs import log_names, numpy_logs
from .micro_batches import in_parts
from .nans import NanFinder
from .resuming import SafePoints, Saver, checkpoints_for, streams_at_start
from .runner import Observer, Runner
from .steps import StepModel


def fit(
    model: StepModel,
    x: Data,
    y: Tree,
    sample_weight: Tree,
    validation_data: Data,
    given: FitArguments,
    observers: Sequence[Observer] = (),
) -> History:
    """Trains; see `Trainer.fit`. All that can be known to be wrong raises an error before the first step.

    Args:
        model: The model, compiled.
        x, y, sample_weight: The data.
        validation_data: Data to validate with; None for none.
        given: The other arguments.
        observers: Observers of the dispatches.
    """
    feeding.check_has_optimizer(model)
    with exclusively(model), in_parts(model, given.micro_batches):
        with all_or_none():
            training = prepared(model, x, y, sample_weight, validation_data, given, observers)
        with put_back(model) if given.limits.dev_run else nullcontext():
            return training.run()


def prepared(
    model: StepModel,
    x: Data,
    y: Tree,
    sample_weight: Tree,
    validation_data: Data,
    given: FitArguments,
    observers: Sequence[Observer] = (),
) -> Training:
    """Returns a training that can begin: its data are checked, and the model is built for them. As `fit`."""
    began = streams_at_start(given)
    if given.validation_split and validation_data is None:
        (x, y, sample_weight), validation_data = feeding.split_off(model, x, y, sample_weight, given.validation_split)
    source, first = feeding.training_data(model, x, y, sample_weight, given)
    validation: Runner | None = None
    if validation_data is not None:
        with feeding.about("validation_data"):
            found, steps = feeding.validation_data(model, validation_data, given, first)
            found = given.limits.of_validation(found, source)
        validation = Runner(model, "test", found, steps, batch_hooks=False, shown=False, observers=observers)
    training = Training(model, given, source, validation, observers)
    training.began = began
    return training


class Training:
    """A `fit` under way.

    Args:
        model: The model, built.
        given: The arguments of `fit`.
        source: The batches to train on.
        validation: Runner of the validation; None for none.
        observers: Observers of the dispatches.

    Attributes:
        epoch: Number of the epoch under way, or of the next one.
        callbacks: The callbacks.
        runner: Runner of the training steps; it holds the position in the data.
        saver: Writer of the checkpoints, if any are written.
        began: The random streams before data were read; None where there are no checkpoints.
    """

    saver = SafePoints()
    began: dict[str, Any] | None = None

    def __init__(
        self,
        model: StepModel,
        given: FitArguments,
        source: Batches,
        validation: Runner | None,
        observers: Sequence[Observer] = (),
    ):
        self.model = model
        self.given = given
        self.validation = validation
        self.epoch = given.initial_epoch
        limit = limit_steps(given.steps_per_epoch, source.steps)
        steps = limit if limit is not None else source.steps
        self.callbacks = callback_list(
            given.callbacks, model, given.verbose, add_history=True, epochs=given.epochs, steps=steps
        )
        self.finder: NanFinder | None = None
        if given.debug_nans or any(isinstance(c, TerminateOnNaN) for c in self.callbacks.callbacks):
            self.finder = NanFinder(raises=given.debug_nans)
            observers = [self.finder, *observers]
        batch_hooks, shown = self.callbacks.has_batch_hooks, is_shown(given.verbose, steps)
        self.runner = Runner(model, "train", source, limit, batch_hooks, shown, observers)
        self.between = BetweenSteps(self)
        self.runner.pauses = self.between.pauses
        self.deadline: float | None = None
        names = log_names(model, validation is not None)
        if names is not None:
            check_monitors(self.callbacks, names)
        self._logs: dict[str, Any] = {}  # of the last epoch
        self._step_logs: dict[str, Any] | None = None  # of the epoch under way, where it is resumed

    def state(self) -> dict[str, Any]:
        """Returns the position of the training, for `restore`; the variables are not in it."""
        return {
            "epoch": self.epoch,
            "data": self.runner.state(),
            "validation": None if self.validation is None else self.validation.source.state(),
            "callbacks": self.callbacks.state(),
            "stop_training": bool(self.model.stop_training),
            "between": self.between.state(),
            "last_logs": self._logs,
            "logs": None,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continues from `state`, once the variables have the values that they had then.

        Args:
            state: What `state` returned. As its `logs` it may have those of the last step that was run; where that is
                the last of an epoch, validation and callbacks follow.
        """
        self.epoch, self._logs, self._step_logs = state["epoch"], state["last_logs"], state["logs"]
        if self.validation is not None:
            self.validation.source.restore(state["validation"])
        self.runner.restore(state["data"])
        self.callbacks.restore(state["callbacks"])
        self.between.restore(state.get("between"))
        self.model.stop_training = state["stop_training"]

    def run(self) -> History:
        """Trains; returns the model's `History`."""
        model = self.model
        model.stop_training = False
        self.deadline = self.given.limits.deadline()
        model.history = self.callbacks.history
        checkpoints = checkpoints_for(self.given, self.callbacks)
        if checkpoints is None:
            self._run()
            return model.history
        with Saver(self, checkpoints) as saver:
            self.saver = saver
            saved = saver.read()
            if saved is not None and saver.has_ended(saved):
                saver.restore(saved)
            else:
                self._run(saved)
        return model.history

    def _run(self, saved: Saved | None = None) -> None:
        with self._known_to_model():
            self.callbacks.on_train_begin()
            values: list[Any] = []
            try:
                self.saver.begin(saved)
                agreement.check(self)
                with guarded():
                    self._epochs()
                values = self.saver.values()
            finally:
                for used in (self.runner, self.validation):
                    if used is not None:
                        used.release()
                if self.model.optimizer is not None and int(self.model.optimizer.iterations) > 0:
                    self.model.optimizer.finalize_variable_values(self.model.trainable_weights)
        self.callbacks.on_train_end(self._logs)
        self.saver.ended(values)

    @contextmanager
    def _known_to_model(self) -> Iterator[None]:
        """Tells callbacks of the training, by attributes of the model."""
        attributes = self.model.__dict__
        outer = {name: attributes.get(name) for name in ("_training", "_nan_finder")}
        attributes.update(_training=self, _nan_finder=self.finder)
        try:
            yield
        finally:
            for name, value in outer.items():  # of the `fit` in a callback of which this one runs
                if value is None:
                    attributes.pop(name, None)
                else:
                    attributes[name] = value

    def _epochs(self) -> None:
        """Runs the epochs."""
        model = self.model
        while self.epoch < self.given.epochs:
            device_logs = self._steps()
            if device_logs is None:
                feeding.warn_of_end()
                break
            if self.runner.limited.exhausted:
                feeding.warn_of_end()
                model.stop_training |= self.runner.source.one_pass
            self.saver.steps_ended(device_logs)
            if self.epoch + 1 < self.given.epochs:
                self.runner.source.prepare_order()
            epoch_logs = numpy_logs(device_logs)
            if self.validation is not None and self.given.validates(self.epoch):
                results = run_test(self.validation, self.callbacks, self.saver)
                epoch_logs.update({f"val_{k}": v for k, v in results.items()})
            epoch_logs.update(self.between.of_epoch())
            self._logs = dict(sorted(epoch_logs.items()))
            self.callbacks.on_epoch_end(self.epoch, self._logs)
            self.epoch += 1
            if model.stop_training:
                break
            if self.epoch < self.given.epochs:
                self.saver.epoch_ended()

    def _steps(self) -> dict[str, Any] | None:
        """Runs the steps of an epoch; returns its logs, on the device, or None if there was no batch."""
        model, callbacks, batch_hooks = self.model, self.callbacks, self.runner.batch_hooks
        if self.finder is not None:
            self.finder.epoch = self.epoch
        before, self._step_logs = self._step_logs, None
        resumed = self.runner.limited.start > 0
        if before is not None and not resumed:  # all steps were done
            return before
        with accumulating(model):
            if not resumed:
                model.reset_metrics()
                callbacks.on_epoch_begin(self.epoch)
            logs = self.runner.epoch(
                lambda step: callbacks.on_train_batch_begin(step) if batch_hooks else None,
                callbacks.on_train_batch_end,
                self._leave,
            )
        if logs is None and resumed:  # it was interrupted after its last step
            return model._logs_of([v.value for v in model.metrics_variables]) if before is None else before
        return logs

    def _leave(self, logs: Any) -> bool:
        """Called after each dispatch; returns whether to leave the epoch."""
        if self.model.stop_training and self.runner.batch_hooks:
            return True
        self.between.after(logs)
        self.saver.stepped(logs)
        if self.deadline is None or not any_of(time.monotonic() > self.deadline) or not self.saver.stops(logs):
            return False
        self.model.stop_training = True
        return True
