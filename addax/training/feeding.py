"""Data of `fit` and its relatives, checked before the first step, with the model built for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..core import tree
from ..core.abstract import abstract_call
from ..core.ours import is_ours
from ..core.types import Data, Tree
from ..core.warnings import warn
from ..data.adapt import adapt, is_array_data, split, standardize_arrays
from ..data.batches import ArrayBatches, Batch, Batches, count_rows, packed
from ..data.class_weight import Target, class_weighter
from . import guards, outputs
from .arguments import FitArguments, limit_steps
from .micro_batches import check_parts
from .prepare import as_spec, prediction_spec, prepare
from .steps import GROUPS, StepModel


def check_has_optimizer(model: StepModel) -> None:
    """Raises ValueError where the built-in training step would find no optimizer."""
    if model.optimizer is None and is_ours(model.train_step):
        raise ValueError(
            f"`optimizer` is None: model '{model.name}' was compiled without one, so it can be evaluated, not trained. "
            "Pass one to `compile()`, e.g. `optimizer='adam'`."
        )


def checked(model: StepModel, source: Batches) -> Batch:
    """Checks the first batch of `source` and builds the model for it; returns the batch."""
    first = source.peek()
    guards.check_batch(model, first)
    prepare(model, *first)
    guards.check_data(model, source, first)
    return first


def split_off(model: StepModel, x: Data, y: Tree, sample_weight: Tree, fraction: float) -> tuple[tuple, tuple]:
    """Splits arrays into data to train on and, from their end, data to validate with.

    Args:
        model: The model.
        x, y, sample_weight: The arrays.
        fraction: Fraction of the rows to validate with.

    Raises:
        ValueError: The data are no arrays.
    """
    if not is_array_data(x):
        raise ValueError(
            f"`validation_split` is only supported for arrays. Received data of type {type(x).__name__}: pass "
            "`validation_data` instead."
        )
    text = model._preparation() is not None
    return split(standardize_arrays(x, y, sample_weight, text, model._data_names(), whole=False), fraction)


def training_data(
    model: StepModel, x: Data, y: Tree, sample_weight: Tree, given: FitArguments
) -> tuple[Batches, Batch]:
    """Returns the batches to train on, with class weights, and the first of them, for which it builds the model."""
    weighter = None
    source: Batches
    options: Any = {"batch_size": given.batch_size, "shuffle": given.shuffle, **model._data_options()}
    if given.class_weight is not None:
        # The outputs are known once the model is built, so it is built for the data without the weights first.
        source = adapt(x, y, sample_weight, **options)
        peeked = source.peek()
        guards.check_batch(model, peeked)
        prepare(model, *peeked)
        weighter = weighter_for(model, given.class_weight, peeked)
        if not isinstance(source, ArrayBatches):
            source.apply_weights(weighter)
            x, y, sample_weight, weighter = source, None, None, None
    source = adapt(x, y, sample_weight, class_weight=weighter, **options)
    source.limit = "steps_per_epoch"
    first = checked(model, source)
    if given.micro_batches is not None:
        check_parts(model, given.micro_batches, source.batch_size or count_rows(first))
    return given.limits.of_training(source), first


@contextmanager
def about(argument: str) -> Iterator[None]:
    """Adds to errors the argument that they are about."""
    try:
        yield
    except (ValueError, TypeError) as error:
        error.add_note(f"This is about `{argument}`, which is checked before the first step: nothing was trained.")
        raise


def validation_data(
    model: StepModel, data: Data, given: FitArguments, first_trained: Batch
) -> tuple[Batches, int | None]:
    """Returns the batches to validate with, and the steps of a validation (None for what the batches have).

    Args:
        model: The model, built.
        data: `validation_data` of `fit`.
        given: The other arguments.
        first_trained: The first batch to train on.

    Raises:
        ValueError: The data don't fit the model or its losses, or can't be read as often as the training validates.
    """
    batch_size = given.validation_batch_size or given.batch_size
    is_arrays = isinstance(data, (tuple, list)) and (not data or is_array_data(data[0]))
    if is_arrays and len(data) not in (1, 2, 3):
        raise ValueError(
            "`validation_data` must be `(x, y)`, `(x, y, sample_weight)` or an iterable of batches. Received a "
            f"{type(data).__name__} of {len(data)}."
        )
    x, y, sample_weight = (*data, None, None)[:3] if is_arrays else (data, None, None)
    source = adapt(x, y, sample_weight, batch_size=batch_size, argument="validation_data", **model._data_options())
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
    """Returns shapes and dtypes, without the number of rows; a step takes all batches of equal ones."""
    return [None if a is None else (a.shape[1:], str(a.dtype)) for a in tree.flatten(batch)]


def _try_out(model: StepModel, batch: Batch) -> None:
    """Runs the test step on the specs of a batch, so that its errors are raised now, not after an epoch."""
    if model.run_eagerly or not model.supports_jit or model._computes_with_text():
        return
    state = tuple([as_spec(v) for v in getattr(model, name)] for name in GROUPS["test"])
    abstract_call(model.test_step, (state, tree.map_structure(as_spec, packed(batch))), {})


def weighter_for(model: StepModel, class_weight: dict, first: Batch) -> Callable:
    """Returns a function of `(y, sample_weight)` whose result is the sample weights times the class weights.

    Args:
        model: The model, its loss built.
        class_weight: Dict from class to weight, or from output name to such a dict.
        first: A batch of the data.

    Raises:
        ValueError: The model has no loss, or a class or an output does not exist.
    """
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

    def weights(given: Tree) -> list:
        return outputs.flatten_labels(given, y_pred, loss.names, loss.alternatives, "sample_weight")

    return class_weighter(class_weight, targets, lambda y: loss.labels(y, y_pred), weights)


def warn_of_end() -> None:
    """Warns that the data have ended before all steps were done."""
    warn(
        "Your input ran out of data; interrupting training. Make sure that your dataset or generator can generate at "
        "least `steps_per_epoch * epochs` batches. A generator is read once: for several epochs pass an object that "
        "can be iterated over again."
    )
