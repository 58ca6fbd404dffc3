"""The checks of each stage: before the model is built for the data, after it, and for each batch of an iterable."""

from __future__ import annotations

import numpy as np

from ...core import config as settings
from ...core import tree
from ...data.adapt import check_rows
from ...data.batches import ArrayBatches, Batch, Batches
from ...layers.host import is_prepared
from ..output_kinds import tables_of
from ..padding import is_rowwise
from ..prepare import prediction_spec
from ..steps import StepModel
from .batch_arrays import batch_specs, inputs_by_name, named_arrays
from .dtypes import check_integers, check_kinds
from .inputs import check_inputs, fit_inputs
from .labels import check_labels
from .logits import check_logits
from .tables import check_indices, has_tables
from .values import check_values


def check_batch(model: StepModel, batch: Batch, labels: bool = True) -> None:
    """Checks a batch before anything is built for it: dtypes, and the model's inputs.

    Args:
        model: The model, built or not.
        batch: `(x, y, sample_weight)`.
        labels: Whether the labels will be used.

    Raises:
        ValueError: The batch doesn't fit the model.
    """
    x, y, sample_weight = batch
    named = list(named_arrays(model, x, y if labels else None))
    check_kinds(model, named, sample_weight)
    if settings.get("check_dtypes"):
        for name, array, tensor in named:
            if tensor is not None:
                if array.dtype.kind in "iu":
                    check_integers(name, array)
                if has_tables(model):
                    check_indices(name, array, tables_of(model, tensor))
    if settings.get("check_shapes") and inputs_by_name(model) and not is_prepared(x):
        if model.input_spec is not None:
            check_inputs(model, x)
        elif not fit_inputs(model, x):  # a Sequential takes what its layers take, so they are asked
            prediction_spec(model, batch_specs(x))


def check_data(model: StepModel, source: Batches, first: Batch) -> None:
    """Checks the values and labels of arrays, or of the first batch of an iterable.

    Args:
        model: The model, built.
        source: The data.
        first: Its first batch.

    Raises:
        ValueError: The data don't fit the model or its losses.
    """
    batch = source.arrays if isinstance(source, ArrayBatches) else first
    check_values(model, batch)
    check_labels(model, batch)
    if settings.get("check_logits"):
        check_logits(model)


def check_each(model: StepModel, batch: Batch, number: int) -> None:
    """Checks batch `number` (counted from 0) of an iterable as `check_data` checks the first.

    Raises:
        ValueError: The batch doesn't fit the model or its losses.
    """
    x, y, sample_weight = batch
    check_kinds(model, named_arrays(model, x, y), sample_weight)
    _check_rows(model, batch)
    check_on_host(model, batch, f"batch {number + 1}")


def check_on_host(model: StepModel, batch: Batch, what: str = "the batch") -> None:
    """Checks values and labels of a batch of NumPy arrays; of others the device would have to be waited for."""
    if all(isinstance(a, np.ndarray) for a in tree.flatten(batch[:2]) if a is not None):
        check_values(model, batch, what)
        check_labels(model, batch)


def _check_rows(model: StepModel, batch: Batch) -> None:
    """Raises ValueError where arrays of a batch have different numbers of rows, and no layer combines rows."""
    if len({a.shape[0] for a in tree.flatten(batch) if a is not None}) > 1 and is_rowwise(model):
        check_rows(*batch)
