"""The loop of `evaluate`, and of the validations of `fit`."""

from __future__ import annotations

from typing import Any

from ..callbacks import CallbackList
from ..core.types import Data, Tree
from ..data.adapt import adapt
from ..data.lockstep import all_or_none, check_length
from . import feeding
from .arguments import LoopArguments, callback_list, limit_steps
from .epoch_metrics import accumulating, set_aside
from .logs import numpy_logs
from .resuming import SafePoints
from .runner import Runner
from .steps import StepModel


def is_shown(verbose: int, steps: int | None) -> bool:
    """Returns whether progress is shown between dispatches: by a bar, or to count steps whose number is unknown."""
    return verbose == 1 or (verbose == 2 and steps is None)


def run_test(runner: Runner, callbacks: CallbackList, saver: SafePoints | None = None) -> dict[str, Any]:
    """Runs an evaluation; returns its logs. `saver` is that of the training whose validation this is.

    Raises:
        ValueError: The data gave no batch.
    """
    saver = saver or SafePoints()
    model = runner.model

    def leave(logs: Any) -> bool:
        saver.validated()
        return model.stop_evaluating

    model.stop_evaluating = False
    runner.batch_hooks = callbacks.has_test_batch_hooks
    with accumulating(model):
        model.reset_metrics()
        callbacks.on_test_begin()
        device_logs = runner.epoch(
            lambda step: callbacks.on_test_batch_begin(step) if runner.batch_hooks else None,
            callbacks.on_test_batch_end,
            leave,
        )
    if device_logs is None:
        raise ValueError("The data to evaluate gave no batch.")
    logs = numpy_logs(device_logs)
    callbacks.on_test_end(logs)
    return logs


def evaluate(model: StepModel, x: Data, y: Tree, sample_weight: Tree, given: LoopArguments) -> dict[str, Any]:
    """Returns the logs of an evaluation; see `Trainer.evaluate`."""
    with all_or_none():
        source = adapt(x, y, sample_weight, batch_size=given.batch_size, **model._data_options())
        feeding.checked(model, source)
    steps = limit_steps(given.steps, source.steps)
    check_length(source, steps)
    known = steps if steps is not None else source.steps
    runner = Runner(model, "test", source, steps, batch_hooks=False, shown=is_shown(given.verbose, known))
    callbacks = callback_list(given.callbacks, model, given.verbose, add_history=False, epochs=1, steps=known)
    with set_aside(model):
        return run_test(runner, callbacks)
