"""The loops of `fit` and `evaluate`: what is checked, made and called around the steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..callbacks import CallbackList, TerminateOnNaN, check_monitors
from ..core import tree
from ..core.abstract import abstract_call
from ..core.keras_tensor import KerasTensor
from ..core.ours import is_ours
from ..core.warnings import warn
from ..data.adapt import adapt, is_array_data, split, standardize_arrays
from ..data.batches import ArrayBatches, Batch, Batches, packed
from ..data.class_weight import Target, class_weighter
from . import guards, outputs
from .arguments import FitArguments, LoopArguments
from .logs import numpy_logs
from .nans import NanFinder
from .prediction import own
from .prepare import build_for, prediction_spec, prepare
from .program import program_of
from .runner import Observer, Runner, callback_list, limit_steps
from .steps import GROUPS


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
    check_optimizer(model)
    if given.validation_split and validation_data is None:
        if not is_array_data(x):
            raise ValueError(
                "`validation_split` is only supported for arrays. Received data of type "
                f"{type(x).__name__}: pass `validation_data` instead."
            )
        (x, y, sample_weight), validation_data = split(standardize_arrays(x, y, sample_weight), given.validation_split)
    source, first = _training_data(model, x, y, sample_weight, given)
    validation: Runner | None = None
    if validation_data is not None:
        with _about("validation_data"):
            validation = _validation(model, validation_data, given, first, observers)
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


def check_optimizer(model: Any) -> None:
    """Raises ValueError where the built-in training step would find no optimizer."""
    if model.optimizer is None and is_ours(model.train_step):
        raise ValueError(
            f"`optimizer` is None: model '{model.name}' was compiled without one, so it can be evaluated, not trained. "
            "Pass one to `compile()`, e.g. `optimizer='adam'`."
        )


def _training_data(model: Any, x: Any, y: Any, sample_weight: Any, given: FitArguments) -> tuple[Batches, Batch]:
    """The batches to train on, with class weights, and the first of them; the model is built for it."""
    weighter = None
    source: Batches
    if given.class_weight is not None:
        # Which output is which is known once the model is built, so the data are looked at without the weights first.
        source = adapt(x, y, sample_weight, batch_size=given.batch_size, shuffle=given.shuffle)
        peeked = source.peek()
        guards.check_batch(model, peeked)
        prepare(model, *peeked)
        weighter = _class_weighter(model, given.class_weight, peeked)
        if not isinstance(source, ArrayBatches):
            source.weigh(weighter)
            x, y, sample_weight, weighter = source, None, None, None
    source = adapt(x, y, sample_weight, batch_size=given.batch_size, shuffle=given.shuffle, class_weight=weighter)
    source.limit = "steps_per_epoch"
    first = source.peek()
    guards.check_batch(model, first)
    prepare(model, *first)
    guards.check_data(model, source, first)
    return source, first


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


@contextmanager
def _about(argument: str) -> Iterator[None]:
    """Says of errors which argument they are about, where their text may not."""
    try:
        yield
    except (ValueError, TypeError) as error:
        error.add_note(f"This is about `{argument}`, which is checked before the first step: nothing was trained.")
        raise


def _warn_of_end() -> None:
    warn(
        "Your input ran out of data; interrupting training. Make sure that your dataset or generator can generate at "
        "least `steps_per_epoch * epochs` batches. A generator is read once: for several epochs pass an object that "
        "can be iterated over again."
    )


def _finalize(model: Any) -> None:
    if model.optimizer is not None and int(model.optimizer.iterations) > 0:
        model.optimizer.finalize_variable_values(model.trainable_weights)


def _validation(
    model: Any, data: Any, given: FitArguments, first_trained: Batch, observers: Sequence[Observer]
) -> Runner:
    batch_size = given.validation_batch_size or given.batch_size
    is_arrays = isinstance(data, (tuple, list)) and (not data or is_array_data(data[0]))
    if is_arrays and len(data) not in (1, 2, 3):
        raise ValueError(
            "`validation_data` must be `(x, y)`, `(x, y, sample_weight)` or an iterable of batches. Received a "
            f"{type(data).__name__} of {len(data)}."
        )
    x, y, sample_weight = (*data, None, None)[:3] if is_arrays else (data, None, None)
    source = adapt(x, y, sample_weight, batch_size=batch_size, argument="validation_data")
    source.limit = "validation_steps"
    first = source.peek()
    guards.check_batch(model, first)
    prepare(model, *first)
    guards.check_data(model, source, first)
    if _kinds(first) != _kinds(first_trained):
        _try_out(model, first)
    steps = limit_steps(given.validation_steps, source.steps)
    if source.one_pass and steps is None and given.epochs - given.initial_epoch > 1:
        raise ValueError(
            "`validation_data` is a generator, which is read once, and this training validates several times: give "
            "`validation_steps`, or pass an object that can be iterated over again."
        )
    return Runner(model, "test", source, steps, watched=False, shown=False, observers=observers)


def _kinds(batch: Batch) -> Any:
    """What tells whether a step that takes another batch takes this one too."""
    return [None if a is None else (a.shape[1:], str(a.dtype)) for a in tree.flatten(batch)]


def _try_out(model: Any, batch: Batch) -> None:
    """Runs the test step on the shapes of a batch, so that what it would raise after an epoch is raised now."""
    if model.run_eagerly or not model.supports_jit:
        return
    state = tuple([_spec(v) for v in getattr(model, name)] for name in GROUPS["test"])
    abstract_call(model.test_step, (state, tree.map_structure(_spec, packed(batch))), {})


def _spec(a: Any) -> Any:
    return None if a is None else KerasTensor(a.shape, str(a.dtype))


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
    first = source.peek()
    guards.check_batch(model, first)
    prepare(model, *first)
    guards.check_data(model, source, first)
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
        check_optimizer(model)
    prepare(model, *batch)
    guards.check_on_host(model, batch)
    if class_weight is not None:
        sample_weight = _class_weighter(model, class_weight, batch)(y, sample_weight)
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


def _class_weighter(model: Any, class_weight: dict, first: Batch) -> Callable:
    loss = model._compile_loss
    if loss is None:
        raise ValueError("`class_weight` needs a `loss` in `compile()`.")
    y_pred = prediction_spec(model, first[0])
    names = loss.names if loss.names and loss.names != [None] else ["output"]
    classes = [p.shape[-1] if len(p.shape) > 1 else 1 for p in tree.flatten(y_pred)]
    losses: list = [None] * len(names)
    for i, _, one, _ in loss.entries:
        losses[i] = one
    targets = [
        Target(name, max(count, 2) if count and guards.is_of_classes(one) else None, guards.is_regression(one))
        for name, count, one in zip(names, classes, losses)
    ]

    def weights(given: Any) -> list:
        return outputs.flatten_labels(given, y_pred, loss.names, loss.alternatives, "sample_weight")

    return class_weighter(class_weight, targets, lambda y: loss.labels(y, y_pred), weights)


def _log_names(model: Any, validated: bool) -> list[str] | None:
    """The names the logs of an epoch will have; None when a custom step decides."""
    if not (is_ours(model.train_step) and is_ours(model.compute_metrics)):
        return None
    if any(not is_ours(type(m)) and isinstance(m.result(), dict) for m in model.metrics):
        return None
    names = model._ordered_log_names()
    return [*names, *(f"val_{n}" for n in names)] if validated else names
