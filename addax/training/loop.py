"""The loops of `fit`, `evaluate` and `predict`: how programs are run over data.

Arrays are put on the device once; then many steps run in one dispatch when nothing looks between them (no callback
with batch hooks), and one step a dispatch otherwise. Which way is taken depends on the program, the data and the
settings alone, so a run repeats bit for bit.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..callbacks import CallbackList, TerminateOnNaN, check_monitors
from ..core import config as settings
from ..core import tree
from ..core.engine import jax, put
from ..core.fingerprint import changes
from ..data.adapt import adapt, is_array_data, split, standardize_arrays
from ..data.batches import ArrayBatches, Batches, EpochSteps, to_host
from ..data.class_weight import class_weighter
from . import guards, nans, outputs
from .padding import pad
from .program import Program

DEVICE_BUDGET = 2 << 30  # bytes of data that may be kept on the device
_IN_FLIGHT = 8  # steps of prediction whose outputs may still be on the device
_REDRAW = 0.1  # seconds of steps between two looks of the progress bar


def numpy_logs(logs: dict[str, Any]) -> dict[str, Any]:
    """Logs on the host, sorted by name: floats, and arrays where a metric has several values."""
    fetched = jax.device_get(dict(logs)) if logs else {}
    return {k: float(fetched[k]) if np.ndim(fetched[k]) == 0 else np.asarray(fetched[k]) for k in sorted(fetched)}


class LazyLogs(dict):
    """Logs that come from the device when they are first looked at: a callback that doesn't look needn't wait."""

    def __init__(self, logs: dict[str, Any]):
        super().__init__()
        self._on_device: dict[str, Any] | None = logs

    def _fetch(self) -> dict[str, Any]:
        if self._on_device is not None:
            on_device, self._on_device = self._on_device, None
            super().update(numpy_logs(on_device))
        return self

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


def _fetched(name: str) -> Callable:
    method = getattr(dict, name)

    def call(self: LazyLogs, *args: Any, **kwargs: Any) -> Any:
        self._fetch()
        return method(self, *args, **kwargs)

    call.__name__ = name
    return call


for _name in (
    "__contains__ __delitem__ __eq__ __getitem__ __ior__ __iter__ __len__ __ne__ __or__ __repr__ __reversed__ __ror__ "
    "__setitem__ clear copy get items keys pop popitem setdefault update values"
).split():
    setattr(LazyLogs, _name, _fetched(_name))


class Runner:
    """Runs the steps of one kind over data.

    Args:
        model: The model.
        kind: "train" or "test".
        source: The batches.
        steps: Steps an epoch, or None for what the source has.
        watched: Whether something looks after every step (a callback's batch hook).
        shown: Whether something shows progress now and then.
    """

    def __init__(self, model: Any, kind: str, source: Batches, steps: int | None, watched: bool, shown: bool):
        self.model = model
        self.kind = kind
        self.source = source
        self.watched = watched
        self.shown = shown
        self.program: Program = model._program(kind)
        self.steps = steps if steps is not None else source.steps
        self.limited = EpochSteps(source, steps)
        self.arrays: Any = None
        self.watch: nans.Watch | None = None
        self._order: Any = None
        self._pending: list = []
        # Arrays were looked at as a whole; of an iterable the batches of the first epoch are, one by one.
        self._checks = not isinstance(source, ArrayBatches)
        if isinstance(source, ArrayBatches) and steps in (None, source.steps) and not self.program.eager:
            if source.nbytes <= DEVICE_BUDGET:
                self.arrays = tree.map_structure(lambda a: None if a is None else put(a), source.arrays)

    def epoch(self, begin: Callable[[int], None], end: Callable[[int, Any], None], stop: Callable[[], bool]) -> Any:
        """Runs one epoch.

        Args:
            begin: Called with the number of the first step of a dispatch.
            end: Called with the number of the last step of a dispatch and its logs.
            stop: Whether to leave the epoch now.

        Returns:
            The last logs, on the device.
        """
        program = self.program = self.model._program(self.kind)
        if self.kind == "test":  # which begins from the start each time
            self.limited = EpochSteps(self.source, self.limited.steps)
        self.source.on_epoch_begin()
        logs: Any = None
        try:
            state = program.read()
            for first, last, run in self._on_arrays() if self.arrays is not None else self._on_batches():
                begin(first)
                if self.watched:
                    state = program.read()  # a callback may have changed it
                if self.watch is not None:
                    self.watch.before(state, first, self._steps_data(first, last))
                state, logs = run(state)
                if self.watch is not None:
                    self.watch.after(logs)
                if self.watched:
                    program.settle()
                if self.watched or self.shown:
                    end(last, LazyLogs(logs))
                if stop():
                    break
        finally:
            program.settle()  # also after an error or Ctrl-C: never donated buffers
        self.source.on_epoch_end()
        self._checks = False
        return logs

    def _steps_data(self, first: int, last: int) -> list:
        """For each step of a dispatch that is about to run its batch, or the rows that are its batch."""
        if self.arrays is None:
            return list(self._pending)
        size = self.source.batch_size or 0
        return [self._order[i * size : (i + 1) * size] for i in range(first, last + 1)]

    def _on_batches(self) -> Iterator:
        per = self.model.steps_per_execution
        pending: list = []
        step = 0

        def run_all(batches: list) -> Callable:
            def run(state: Any) -> Any:
                logs = None
                for batch in batches:
                    state, logs = self.program.on_batch(state, _trim(batch))
                return state, logs

            return run

        for batch in self.limited.epoch():
            if self._checks:
                guards.check_each(self.model, batch, step + len(pending))
            pending.append(batch)
            self._pending = pending
            if len(pending) == per:
                yield step, step + per - 1, run_all(pending)
                step += per
                pending = []
        if pending:
            yield step, step + len(pending) - 1, run_all(pending)

    def _on_arrays(self) -> Iterator:
        source = self.source
        assert isinstance(source, ArrayBatches)
        size, rows = source.batch_size, source.rows
        full, rest = divmod(rows, size)
        order = source.order()
        order = self._order = np.arange(rows, dtype="int32") if order is None else order
        data = _trim(self.arrays)
        program = self.program
        state = program.read()
        # A last batch that isn't full runs in the same program as the others where its missing rows can be left out.
        ragged = bool(rest) and full > 0 and program.may_pad
        steps = full + ragged
        total = rows if ragged else None
        fused = steps > 1 and settings.get("fuse_steps") and program.can_fuse(state, data, size, ragged)
        if rest and full and not ragged:
            program.compile_ahead(state, data, order[full * size :])
        step = 0
        # What is beyond the last row is never a real one.
        padded = np.concatenate([order, np.zeros(size, "int32")])
        if fused:
            device_order = put(padded)
            fixed = self.model.steps_per_execution if self.watched else None
            chunk = fixed or (1 if self.shown else steps)
            while step < steps:
                count = min(chunk, steps - step)

                def run(state: Any, step: int = step, count: int = count) -> Any:
                    return program.many(state, data, device_order, step, count, size, total)

                began = time.perf_counter()
                yield step, step + count - 1, run
                step += count
                if fixed is None:
                    # How many steps a dispatch has changes no result: the same compiled loop runs them.
                    took = max(time.perf_counter() - began, 1e-6)
                    chunk = max(1, min(steps, int(count * _REDRAW / took))) if step > count else max(1, steps // 20)
        else:
            per = self.model.steps_per_execution
            while step < steps:
                count = min(per, steps - step)

                def run(state: Any, step: int = step, count: int = count) -> Any:
                    logs = None
                    for i in range(step, step + count):
                        valid = min(size, rows - i * size) if ragged else None
                        state, logs = program.on_rows(state, data, padded[i * size : (i + 1) * size], valid)
                    return state, logs

                yield step, step + count - 1, run
                step += count
        if rest and not ragged:
            yield step, step, lambda state: program.on_rows(state, data, order[full * size :])


def _trim(batch: tuple) -> tuple:
    """A batch without the parts that are None at its end: what custom steps expect to unpack."""
    x, y, sample_weight = batch
    if y is None and sample_weight is None:
        return (x,)
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def _verbosity(verbose: Any) -> int:
    if verbose == "auto":
        return 1 if settings.is_interactive_logging_enabled() else 2
    if verbose not in (0, 1, 2, True, False):
        raise ValueError(f"`verbose` must be 'auto', 0, 1 or 2. Received: verbose={verbose!r}")
    return int(verbose)


def _limit_steps(steps: int | None, have: int | None) -> int | None:
    limit = settings.max_steps_per_epoch()
    if limit is None:
        return steps
    known = steps if steps is not None else have
    return limit if known is None else min(known, limit)


def _callback_list(callbacks: Any, model: Any, verbose: int, **kwargs: Any) -> CallbackList:
    if isinstance(callbacks, CallbackList):
        return callbacks
    return CallbackList(callbacks, add_progbar=verbose != 0, verbose=verbose, model=model, **kwargs)


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
) -> Any:
    """See `Trainer.fit`."""
    verbose = _verbosity(verbose)
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
    steps_per_epoch = _limit_steps(steps_per_epoch, source.steps)
    first = source.peek()
    guards.check_batch(model, first)
    model._prepare(*first)
    guards.check_data(model, source, first)

    validation: Runner | None = None
    if validation_data is not None:
        validation = _validation(model, validation_data, validation_batch_size or batch_size, validation_steps)
        if validation.source.one_pass and validation.limited.steps is None and epochs - initial_epoch > 1:
            raise ValueError(
                "`validation_data` is a generator, which is read once, and this training validates several times: give "
                "`validation_steps`, or pass an object that can be iterated over again."
            )

    steps = steps_per_epoch if steps_per_epoch is not None else source.steps
    callbacks = _callback_list(callbacks, model, verbose, add_history=True, epochs=epochs, steps=steps)
    watched = callbacks.has_batch_hooks
    runner = Runner(model, "train", source, steps_per_epoch, watched, shown=verbose == 1)
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


def _validation(model: Any, data: Any, batch_size: int | None, steps: int | None) -> Runner:
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
    return Runner(model, "test", source, _limit_steps(steps, source.steps), watched=False, shown=False)


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
    verbose = _verbosity(verbose)
    source = adapt(x, y, sample_weight, batch_size=batch_size)
    first = source.peek()
    guards.check_batch(model, first)
    model._prepare(*first)
    guards.check_data(model, source, first)
    steps = _limit_steps(steps, source.steps)
    runner = Runner(model, "test", source, steps, watched=False, shown=verbose == 1)
    callbacks = _callback_list(
        callbacks, model, verbose, add_history=False, epochs=1, steps=steps if steps is not None else source.steps
    )
    return _run_test(runner, callbacks)


def predict(model: Any, x: Any, batch_size: int | None, verbose: Any, steps: int | None, callbacks: Any) -> Any:
    """See `Trainer.predict`."""
    if not verbose and callbacks is None and steps is None:
        quick = _predict_quickly(model, x, batch_size or 32)
        if quick is not None:
            return quick
    verbose = _verbosity(verbose)
    source = adapt(x, batch_size=batch_size)
    first = source.peek()
    guards.check_batch(model, first, labels=False)
    if not model.built:
        model._symbolic_build(tree.map_structure(lambda a: a, first[0]))
    steps = _limit_steps(steps, source.steps)
    callbacks = _callback_list(
        callbacks, model, verbose, add_history=False, epochs=1, steps=steps if steps is not None else source.steps
    )
    program = model._program("predict")
    program.checked.update(_spec(x))
    state = program.read()
    found: list = []
    group: list = []  # the outputs of the steps between two calls of the callbacks
    watched = callbacks.has_predict_batch_hooks
    model.stop_predicting = False
    callbacks.on_predict_begin()
    source.on_epoch_begin()

    def finish_group(step: int) -> None:
        if watched:
            callbacks.on_predict_batch_end(step, {"outputs": _concatenate([_fetch(*one) for one in group])})
        elif verbose == 1:
            callbacks.on_predict_batch_end(step, None)
        found.extend(group)
        group.clear()

    step = -1
    for step, batch in enumerate(EpochSteps(source, steps).epoch()):
        if watched and not group:
            callbacks.on_predict_batch_begin(step)
        rows, data = _sized(program, batch[0], exact=step == 0 and source.steps != 1)
        new, out = program.on_batch(state, (data,))
        state = [state[0], new[1]]
        group.append((out, rows))
        if len(group) == model.steps_per_execution:
            finish_group(step)
        if len(found) > _IN_FLIGHT:  # outputs leave the device while the next steps run
            found[-_IN_FLIGHT] = (_fetch(*found[-_IN_FLIGHT]), None)
        if model.stop_predicting:
            break
    if group:
        finish_group(step)
    program.settle()
    source.on_epoch_end()
    callbacks.on_predict_end()
    if not found:
        raise ValueError("The data to predict gave no batch.")
    return _concatenate([_fetch(*one) for one in found])


def _sized(program: Program, x: Any, exact: bool) -> tuple[int | None, Any]:
    """A batch as the program takes it, and how many of its rows are real where that isn't all of them."""
    if not program.may_pad:
        return None, x
    rows = next(a.shape[0] for a in tree.flatten(x) if a is not None)
    size = program.sizes.for_rows(rows, exact)
    return (None, x) if size == rows else (rows, pad(x, size))


def _fetch(out: Any, rows: int | None) -> Any:
    """Outputs on the host, without the rows that are not real."""
    if rows is None:
        return jax.device_get(out)
    return jax.tree.map(lambda a: np.asarray(a)[:rows], out)


def _spec(x: Any) -> list:
    """What is known of `x` when another array has been found to be right: no more than shape and dtype."""
    return [(x.shape[1:], x.dtype)] if isinstance(x, np.ndarray) and x.ndim else []


def _predict_quickly(model: Any, x: Any, most: int) -> Any:
    """Predictions for one batch, like one that was looked at before; None for any other."""
    program = model._programs.get("predict")
    if type(x) is not np.ndarray or program is None or program.stamp != changes.count or program.eager:
        return None
    rows = x.shape[0] if x.ndim else 0
    if not 0 < rows <= most or (x.shape[1:], x.dtype) not in program.checked:
        return None
    rows_or_none, data = _sized(program, to_host(x), False)
    _, out = program.on_batch(program.read(), (data,))
    program.settle()
    return _fetch(out, rows_or_none)


def _concatenate(found: list) -> Any:
    return tree.map_structure(lambda *parts: np.concatenate(parts) if np.ndim(parts[0]) else np.asarray(parts), *found)


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
    data = (x,) if kind == "predict" else _trim((x, y, sample_weight))
    try:
        _, out = program.on_batch(program.read(), data)
    finally:
        program.settle()
    return jax.device_get(out) if kind == "predict" else numpy_logs(out)


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
    if any(not _is_builtin(m) and isinstance(m.result(), dict) for m in model.metrics):
        return None
    names = model._ordered_log_names()
    return [*names, *(f"val_{n}" for n in names)] if validated else names


def _is_builtin(metric: Any) -> bool:
    return type(metric).__module__.startswith("addax.")
