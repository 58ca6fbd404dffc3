"""The loops of `fit` and `evaluate`: what is checked, made and called around the steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..callbacks import CallbackList, TerminateOnNaN, check_monitors
from ..core.interrupts import guarded
from ..core.ours import is_ours
from ..core.warnings import warn
from ..data.adapt import adapt, is_array_data, standardize_arrays
from ..data.batches import Batches, packed
from . import feeding, guards
from .arguments import FitArguments, LoopArguments
from .logs import numpy_logs
from .nans import NanFinder
from .prediction import own
from .prepare import build_for, prepare
from .program import program_of
from .runner import Observer, Runner, callback_list, limit_steps


def fit(
    model: Any,
    x: Any,
    y: Any,
    sample_weight: Any,
    validation_data: Any,
    given: FitArguments,
    observers: Sequence[Observer] = (),
) -> Any:
    """See `Trainer.fit`. Everything that can be known to be wrong is found before the first step."""
    feeding.check_has_optimizer(model)
    if given.validation_split and validation_data is None:
        (x, y, sample_weight), validation_data = feeding.split_off(x, y, sample_weight, given.validation_split)
    source, first = feeding.training_data(model, x, y, sample_weight, given)
    validation: Runner | None = None
    if validation_data is not None:
        with feeding.about("validation_data"):
            found, steps = feeding.validation_data(model, validation_data, given, first)
        validation = Runner(model, "test", found, steps, watched=False, shown=False, observers=observers)
    return Training(model, given, source, validation, observers).run()


class Training:
    """A `fit` under way.

    Args:
        model: The model, built.
        given: The arguments of `fit`.
        source: The batches to train on.
        validation: What validates; None where nothing does.
        observers: What looks at each dispatch.

    Attributes:
        epoch: Number of the epoch under way, or of the next one.
        callbacks: The callbacks.
        runner: What runs the training steps; it knows where in the data they are.
    """

    def __init__(
        self,
        model: Any,
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
        watched, shown = self.callbacks.has_batch_hooks, _is_shown(given.verbose, steps)
        self.runner = Runner(model, "train", source, limit, watched, shown, observers)
        log_names = _log_names(model, validation is not None)
        if log_names is not None:
            check_monitors(self.callbacks, log_names)

    def state(self) -> dict[str, Any]:
        """Where the training is, variables apart: what `restore` needs to go on from here."""
        return {"epoch": self.epoch, "data": self.runner.state(), "callbacks": self.callbacks.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on as where `state` was taken, once the variables have the values that they had then."""
        self.epoch = state["epoch"]
        self.runner.restore(state["data"])
        self.callbacks.restore(state["callbacks"])

    def run(self) -> Any:
        """Trains; returns the model's `History`."""
        model = self.model
        model.stop_training = False
        model.history = self.callbacks.history
        model.__dict__.update(_training=self, _nan_finder=self.finder)
        self.callbacks.on_train_begin()
        try:
            with guarded():
                logs = self._epochs()
        finally:
            for name in ("_training", "_nan_finder"):
                model.__dict__.pop(name, None)
            for used in (self.runner, self.validation):
                if used is not None:
                    used.release()
            _finalize(model)
        self.callbacks.on_train_end(logs)
        return model.history

    def _epochs(self) -> dict[str, Any]:
        """Runs the epochs; returns the logs of the last one."""
        model, logs = self.model, {}
        while self.epoch < self.given.epochs:
            device_logs = self._steps()
            if device_logs is None:
                _warn_of_end()
                break
            if self.runner.limited.exhausted:
                _warn_of_end()
                model.stop_training |= self.runner.source.one_pass
            epoch_logs = numpy_logs(device_logs)
            if self.validation is not None and self.given.validates(self.epoch):
                results = _run_test(self.validation, self.callbacks)
                epoch_logs.update({f"val_{k}": v for k, v in results.items()})
            logs = dict(sorted(epoch_logs.items()))
            self.callbacks.on_epoch_end(self.epoch, logs)
            self.epoch += 1
            if model.stop_training:
                break
        return logs

    def _steps(self) -> Any:
        """Runs the steps of an epoch; returns its logs, on the device."""
        model, callbacks, watched = self.model, self.callbacks, self.runner.watched
        if self.finder is not None:
            self.finder.epoch = self.epoch
        resumed = self.runner.limited.start > 0
        with _summing(model):
            if not resumed:
                model.reset_metrics()
                callbacks.on_epoch_begin(self.epoch)
            logs = self.runner.epoch(
                lambda step: callbacks.on_train_batch_begin(step) if watched else None,
                callbacks.on_train_batch_end,
                lambda: model.stop_training and watched,
            )
        if logs is None and resumed:  # it was interrupted after its last step
            return model._logs_of([v.value for v in model.metrics_variables])
        return logs


def _is_shown(verbose: int, steps: int | None) -> bool:
    """Whether progress is looked at now and then: for a bar, and to count the steps where nobody knows them."""
    return verbose == 1 or (verbose == 2 and steps is None)


_under_way: Counter[int] = Counter()  # ids of models whose metrics are adding up an epoch


@contextmanager
def _summing(model: Any) -> Iterator[None]:
    """While the metrics of `model` add up an epoch."""
    _under_way[id(model)] += 1
    try:
        yield
    finally:
        _under_way[id(model)] -= 1
        if not _under_way[id(model)]:
            del _under_way[id(model)]


@contextmanager
def _aside(model: Any) -> Iterator[None]:
    """Gives the metrics of an epoch back what they had before a callback evaluated or trained in the middle of it."""
    kept = []
    if id(model) in _under_way:  # copies, as a step may take over the buffers
        kept = [(v, np.array(v.stored_value())) for v in model.metrics_variables]
    try:
        yield
    finally:
        for variable, value in kept:
            variable.assign(value)


def _warn_of_end() -> None:
    warn(
        "Your input ran out of data; interrupting training. Make sure that your dataset or generator can generate at "
        "least `steps_per_epoch * epochs` batches. A generator is read once: for several epochs pass an object that "
        "can be iterated over again."
    )


def _finalize(model: Any) -> None:
    if model.optimizer is not None and int(model.optimizer.iterations) > 0:
        model.optimizer.finalize_variable_values(model.trainable_weights)


def _run_test(runner: Runner, callbacks: CallbackList) -> dict[str, Any]:
    model = runner.model
    model.stop_evaluating = False
    runner.watched = callbacks.has_test_batch_hooks
    with _summing(model):
        model.reset_metrics()
        callbacks.on_test_begin()
        device_logs = runner.epoch(
            lambda step: callbacks.on_test_batch_begin(step) if runner.watched else None,
            lambda step, logs: callbacks.on_test_batch_end(step, logs),
            lambda: model.stop_evaluating,
        )
    if device_logs is None:
        raise ValueError("The data to evaluate gave no batch.")
    logs = numpy_logs(device_logs)
    callbacks.on_test_end(logs)
    return logs


def evaluate(model: Any, x: Any, y: Any, sample_weight: Any, given: LoopArguments) -> dict[str, Any]:
    """See `Trainer.evaluate`."""
    source = adapt(x, y, sample_weight, batch_size=given.batch_size)
    feeding.checked(model, source)
    steps = limit_steps(given.steps, source.steps)
    known = steps if steps is not None else source.steps
    runner = Runner(model, "test", source, steps, watched=False, shown=_is_shown(given.verbose, known))
    callbacks = callback_list(given.callbacks, model, given.verbose, add_history=False, epochs=1, steps=known)
    with _aside(model):
        return _run_test(runner, callbacks)


def on_batch(model: Any, kind: str, x: Any, y: Any, sample_weight: Any, class_weight: Any) -> Any:
    """See `Trainer.train_on_batch` and its relatives."""
    if x is None:
        raise ValueError("`x` is None: there are no data. Pass an array, or a list or dict of arrays.")
    if not is_array_data(x):
        raise ValueError(f"`x` must be an array, or a list or dict of arrays. Received: {type(x).__name__}")
    x, y, sample_weight = standardize_arrays(x, y, sample_weight)
    batch = (x, y, sample_weight)
    guards.check_batch(model, batch, labels=kind != "predict")
    if kind == "predict":
        if not model.built:
            build_for(model, x)
        return own(_one_step(model, kind, packed((x, None, None))))
    if kind == "train":
        feeding.check_has_optimizer(model)
    prepare(model, *batch)
    guards.check_on_host(model, batch)
    if class_weight is not None:
        sample_weight = feeding.weighter_for(model, class_weight, batch)(y, sample_weight)
    with _aside(model):
        model.reset_metrics()  # the logs are this batch's own
        return numpy_logs(_one_step(model, kind, packed((x, y, sample_weight))))


def _one_step(model: Any, kind: str, data: tuple) -> Any:
    """Runs a step on a batch; returns its logs or outputs, on the device."""
    program = program_of(model, kind)
    try:
        return program.on_batch(program.read(), data)[1]
    finally:
        program.settle()


def _log_names(model: Any, validated: bool) -> list[str] | None:
    """The names the logs of an epoch will have; None when a custom step decides."""
    if not (is_ours(model.train_step) and is_ours(model.compute_metrics)):
        return None
    if any(not is_ours(type(m)) and isinstance(m.result(), dict) for m in model.metrics):
        return None
    names = model._ordered_log_names()
    return [*names, *(f"val_{n}" for n in names)] if validated else names
