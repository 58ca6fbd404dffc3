"""The loops of `fit` and `evaluate`: what is checked, made and called around the steps."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..callbacks import CallbackList, TerminateOnNaN, check_monitors
from ..core import config as settings
from ..data.adapt import adapt, is_array_data, split, standardize_arrays
from ..data.batches import ArrayBatches, Batches
from ..data.class_weight import class_weighter
from ..layers.layer import is_user_class
from . import guards, nans, outputs
from .prediction import own
from .runner import Runner, callback_list, limit_steps, numpy_logs, trim, verbosity


def fit(
    model: Any,
    x: Any,
    y: Any,
    *,
    batch_size: int | None,
    epochs: int,
    verbose: Any,
    callbacks: Any,
    validation_split: float,
    validation_data: Any,
    shuffle: Any,
    class_weight: Any,
    sample_weight: Any,
    initial_epoch: int,
    steps_per_epoch: int | None,
    validation_steps: int | None,
    validation_batch_size: int | None,
    validation_freq: Any,
    debug_nans: bool,
    make_runner: Callable[..., Runner] = Runner,
) -> Any:
    """See `Trainer.fit`."""
    verbose = verbosity(verbose)
    for name, value in (("epochs", epochs), ("initial_epoch", initial_epoch)):
        if not isinstance(value, (int, np.integer)) or value < 0:
            raise ValueError(f"`{name}` must be a non-negative integer. Received: {name}={value!r}")
    if steps_per_epoch is not None and steps_per_epoch < 1:
        raise ValueError(f"`steps_per_epoch` must be a positive integer. Received: {steps_per_epoch!r}")
    _is_due(validation_freq, 0)  # says what is wrong with it
    epochs = min(epochs, settings.max_epochs() or epochs)
    if validation_split and validation_data is None:
        if not is_array_data(x):
            raise ValueError(
                "`validation_split` is only supported for arrays. Received data of type "
                f"{type(x).__name__}: pass `validation_data` instead."
            )
        (x, y, sample_weight), validation_data = split(standardize_arrays(x, y, sample_weight), validation_split)
    weighter = None
    source: Batches
    if class_weight is not None:
        # Which output is which is known once the model is built, so the data are looked at without the weights first.
        source = adapt(x, y, sample_weight, batch_size=batch_size)
        peeked = source.peek()
        model._prepare(*peeked)
        weighter = _class_weighter(model, class_weight, peeked)
        if not isinstance(source, ArrayBatches):
            source.weigh(weighter)
            x, y, sample_weight, weighter = source, None, None, None
    source = adapt(x, y, sample_weight, batch_size=batch_size, shuffle=shuffle, class_weight=weighter)
    steps_per_epoch = limit_steps(steps_per_epoch, source.steps)
    first = source.peek()
    guards.check_batch(model, first)
    model._prepare(*first)
    guards.check_data(model, source, first)

    validation: Runner | None = None
    if validation_data is not None:
        validation = _validation(
            model, validation_data, validation_batch_size or batch_size, validation_steps, make_runner
        )
        if validation.source.one_pass and validation.limited.steps is None and epochs - initial_epoch > 1:
            raise ValueError(
                "`validation_data` is a generator, which is read once, and this training validates several times: give "
                "`validation_steps`, or pass an object that can be iterated over again."
            )

    steps = steps_per_epoch if steps_per_epoch is not None else source.steps
    callbacks = callback_list(callbacks, model, verbose, add_history=True, epochs=epochs, steps=steps)
    watched = callbacks.has_batch_hooks
    runner = make_runner(model, "train", source, steps_per_epoch, watched, shown=verbose == 1)
    if debug_nans or any(isinstance(c, TerminateOnNaN) for c in callbacks.callbacks):
        runner.watch = model.__dict__["_nan_watch"] = nans.Watch(runner, raises=debug_nans)
    log_names = _log_names(model, validation is not None)
    if log_names is not None:
        check_monitors(callbacks, log_names)

    model.stop_training = False
    model.history = callbacks.history
    model._initial_epoch = initial_epoch  # which a callback that restores a state moves on
    callbacks.on_train_begin()
    logs: dict[str, Any] = {}
    try:
        for epoch in range(model._initial_epoch, epochs):
            model.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            if runner.watch is not None:
                runner.watch.epoch = epoch
            device_logs = runner.epoch(
                lambda step: callbacks.on_train_batch_begin(step) if watched else None,
                lambda step, logs: callbacks.on_train_batch_end(step, logs),
                lambda: model.stop_training and watched,
            )
            if device_logs is None:
                _warn_of_end()
                break
            if runner.limited.exhausted:
                _warn_of_end()
                model.stop_training |= source.one_pass
            epoch_logs = numpy_logs(device_logs)
            if validation is not None and _is_due(validation_freq, epoch):
                results = _run_test(validation, callbacks)
                epoch_logs.update({f"val_{k}": v for k, v in results.items()})
            logs = dict(sorted(epoch_logs.items()))
            callbacks.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
    finally:
        model.__dict__.pop("_nan_watch", None)
        for used in (runner, validation):
            if used is not None:
                used.let_go()
        _finalize(model)
    callbacks.on_train_end(logs)
    return model.history


def _warn_of_end() -> None:
    warnings.warn(
        "Your input ran out of data; interrupting training. Make sure that your dataset or generator can generate at "
        "least `steps_per_epoch * epochs` batches. A generator is read once: for several epochs pass an object that "
        "can be iterated over again.",
        stacklevel=5,
    )


def _finalize(model: Any) -> None:
    if model.optimizer is not None and int(model.optimizer.iterations) > 0:
        model.optimizer.finalize_variable_values(model.trainable_weights)


def _is_due(validation_freq: Any, epoch: int) -> bool:
    if isinstance(validation_freq, int):
        return (epoch + 1) % validation_freq == 0
    if isinstance(validation_freq, (list, tuple, set)):
        return epoch + 1 in validation_freq
    raise ValueError(f"`validation_freq` must be an integer or a list of epochs. Received: {validation_freq!r}")


def _validation(
    model: Any, data: Any, batch_size: int | None, steps: int | None, make_runner: Callable[..., Runner]
) -> Runner:
    if isinstance(data, (tuple, list)) and is_array_data(data[0]):
        if len(data) not in (1, 2, 3):
            raise ValueError(
                "`validation_data` must be `(x, y)`, `(x, y, sample_weight)` or an iterable of batches. Received a "
                f"{type(data).__name__} of {len(data)}."
            )
        x, y, sample_weight = (*data, None, None)[:3]
        source = adapt(x, y, sample_weight, batch_size=batch_size, argument="validation_data")
    else:
        source = adapt(data, batch_size=batch_size, argument="validation_data")
    first = source.peek()
    guards.check_batch(model, first)
    model._prepare(*first)
    guards.check_data(model, source, first)
    return make_runner(model, "test", source, limit_steps(steps, source.steps), watched=False, shown=False)


def _run_test(runner: Runner, callbacks: CallbackList) -> dict[str, Any]:
    model = runner.model
    model.stop_evaluating = False
    runner.watched = callbacks.has_test_batch_hooks
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


def evaluate(
    model: Any,
    x: Any,
    y: Any,
    batch_size: int | None,
    verbose: Any,
    sample_weight: Any,
    steps: int | None,
    callbacks: Any,
) -> dict[str, Any]:
    """See `Trainer.evaluate`."""
    verbose = verbosity(verbose)
    source = adapt(x, y, sample_weight, batch_size=batch_size)
    first = source.peek()
    guards.check_batch(model, first)
    model._prepare(*first)
    guards.check_data(model, source, first)
    steps = limit_steps(steps, source.steps)
    runner = Runner(model, "test", source, steps, watched=False, shown=verbose == 1)
    callbacks = callback_list(
        callbacks, model, verbose, add_history=False, epochs=1, steps=steps if steps is not None else source.steps
    )
    return _run_test(runner, callbacks)


def on_batch(model: Any, kind: str, x: Any, y: Any, sample_weight: Any, class_weight: Any) -> Any:
    """See `Trainer.train_on_batch` and its relatives."""
    if not is_array_data(x):
        raise ValueError(f"`x` must be an array, or a list or dict of arrays. Received: {type(x).__name__}")
    x, y, sample_weight = standardize_arrays(x, y, sample_weight)
    batch = (x, y, sample_weight)
    guards.check_batch(model, batch, labels=kind != "predict")
    if kind == "predict":
        if not model.built:
            model._symbolic_build(x)
    else:
        model._prepare(*batch)
        guards.check_labels(model, batch)
        model.reset_metrics()  # the logs are this batch's own
    if class_weight is not None:
        sample_weight = _class_weighter(model, class_weight, batch)(y, sample_weight)
    program = model._program(kind)
    data = (x,) if kind == "predict" else trim((x, y, sample_weight))
    try:
        _, out = program.on_batch(program.read(), data)
    finally:
        program.settle()
    return own(out) if kind == "predict" else numpy_logs(out)


def _class_weighter(model: Any, class_weight: dict, first: tuple) -> Callable:
    loss = model._compile_loss
    if loss is None:
        raise ValueError("`class_weight` needs a `loss` in `compile()`.")
    y_pred = model._prediction_spec(first[0])
    names = loss.names if loss.names != [None] else ["output"]

    def place(y: Any) -> list:
        return outputs.flatten_labels(y, y_pred, loss.names, loss.alternatives)

    return class_weighter(class_weight, names, place)


def _log_names(model: Any, validated: bool) -> list[str] | None:
    """The names the logs of an epoch will have; None when a custom step decides."""
    from .trainer import Trainer

    if type(model).train_step is not Trainer.train_step or type(model).compute_metrics is not Trainer.compute_metrics:
        return None
    if any(is_user_class(type(m)) and isinstance(m.result(), dict) for m in model.metrics):
        return None
    names = model._ordered_log_names()
    return [*names, *(f"val_{n}" for n in names)] if validated else names
