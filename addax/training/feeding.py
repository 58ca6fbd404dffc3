"""Data of `fit` and its relatives: looked at and checked before the first step, with the model built for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..core import tree
from ..core.abstract import abstract_call
from ..core.keras_tensor import KerasTensor
from ..core.ours import is_ours
from ..data.adapt import adapt, is_array_data, split, standardize_arrays
from ..data.batches import ArrayBatches, Batch, Batches, packed
from ..data.class_weight import Target, class_weighter
from . import guards, outputs
from .arguments import FitArguments
from .prepare import prediction_spec, prepare
from .runner import limit_steps
from .steps import GROUPS, StepModel


def check_has_optimizer(model: StepModel) -> None:
    """Raises ValueError where the built-in training step would find no optimizer."""
    if model.optimizer is None and is_ours(model.train_step):
        raise ValueError(
            f"`optimizer` is None: model '{model.name}' was compiled without one, so it can be evaluated, not trained. "
            "Pass one to `compile()`, e.g. `optimizer='adam'`."
        )


def checked(model: StepModel, source: Batches) -> Batch:
    """Returns the first batch of `source`, for which the model is built, once all that can be told of it is right."""
    first = source.peek()
    guards.check_batch(model, first)
    prepare(model, *first)
    guards.check_data(model, source, first)
    return first


def split_off(x: Any, y: Any, sample_weight: Any, fraction: float) -> tuple[tuple, tuple]:
    """Splits arrays into data to train on and, from their end, data to validate with."""
    if not is_array_data(x):
        raise ValueError(
            f"`validation_split` is only supported for arrays. Received data of type {type(x).__name__}: pass "
            "`validation_data` instead."
        )
    return split(standardize_arrays(x, y, sample_weight), fraction)


def training_data(model: StepModel, x: Any, y: Any, sample_weight: Any, given: FitArguments) -> tuple[Batches, Batch]:
    """The batches to train on, with class weights, and the first of them; the model is built for it."""
    weighter = None
    source: Batches
    if given.class_weight is not None:
        # Which output is which is known once the model is built, so the data are looked at without the weights first.
        source = adapt(x, y, sample_weight, batch_size=given.batch_size, shuffle=given.shuffle)
        peeked = source.peek()
        guards.check_batch(model, peeked)
        prepare(model, *peeked)
        weighter = weighter_for(model, given.class_weight, peeked)
        if not isinstance(source, ArrayBatches):
            source.weigh(weighter)
            x, y, sample_weight, weighter = source, None, None, None
    source = adapt(x, y, sample_weight, batch_size=given.batch_size, shuffle=given.shuffle, class_weight=weighter)
    source.limit = "steps_per_epoch"
    return source, checked(model, source)


@contextmanager
def about(argument: str) -> Iterator[None]:
    """Says of errors which argument they are about, where their text may not."""
    try:
        yield
    except (ValueError, TypeError) as error:
        error.add_note(f"This is about `{argument}`, which is checked before the first step: nothing was trained.")
        raise


def validation_data(
    model: StepModel, data: Any, given: FitArguments, first_trained: Batch
) -> tuple[Batches, int | None]:
    """Returns the batches to validate with, and the steps of a validation (None for what the batches have).

    Args:
        model: The model, built.
        data: `validation_data` of `fit`.
        given: The other arguments.
        first_trained: The first batch to train on.
    """
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
    first = checked(model, source)
    if _kinds(first) != _kinds(first_trained):
        _try_out(model, first)
    steps = limit_steps(given.validation_steps, source.steps)
    if source.one_pass and steps is None and given.epochs - given.initial_epoch > 1:
        raise ValueError(
            "`validation_data` is a generator, which is read once, and this training validates several times: give "
            "`validation_steps`, or pass an object that can be iterated over again."
        )
    return source, steps


def _kinds(batch: Batch) -> Any:
    """What tells whether a step that takes another batch takes this one too."""
    return [None if a is None else (a.shape[1:], str(a.dtype)) for a in tree.flatten(batch)]


def _try_out(model: StepModel, batch: Batch) -> None:
    """Runs the test step on the shapes of a batch, so that what it would raise after an epoch is raised now."""
    if model.run_eagerly or not model.supports_jit:
        return
    state = tuple([_spec(v) for v in getattr(model, name)] for name in GROUPS["test"])
    abstract_call(model.test_step, (state, tree.map_structure(_spec, packed(batch))), {})


def _spec(a: Any) -> Any:
    return None if a is None else KerasTensor(a.shape, str(a.dtype))


def weighter_for(model: StepModel, class_weight: dict, first: Batch) -> Callable:
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
