"""`train_on_batch`, `test_on_batch` and `predict_on_batch`: one step, on arrays."""

from __future__ import annotations

from typing import Any

from ..core.types import Tree
from ..data.adapt import is_array_data, standardize_arrays
from ..data.batches import packed
from . import feeding, guards
from .epoch_metrics import set_aside
from .logs import numpy_logs
from .prediction import own
from .prepare import build_for, prepare
from .programs import program_of
from .steps import StepModel


def on_batch(model: StepModel, kind: str, x: Tree, y: Tree, sample_weight: Tree, class_weight: dict | None) -> Any:
    """Runs one step of `kind` ("train", "test" or "predict"); see `Trainer.train_on_batch` and its relatives.

    Returns:
        The logs, or for "predict" the outputs.
    """
    if x is None:
        raise ValueError("`x` is None: there are no data. Pass an array, or a list or dict of arrays.")
    if not is_array_data(x):
        raise ValueError(f"`x` must be an array, or a list or dict of arrays. Received: {type(x).__name__}")
    preparation = model._preparation()
    x, y, sample_weight = standardize_arrays(x, y, sample_weight, preparation is not None, model._data_names())
    batch = x, y, sample_weight = (x if preparation is None else preparation(x)), y, sample_weight
    guards.check_batch(model, batch, labels=kind != "predict")
    if kind == "predict":
        if not model.built:
            build_for(model, x)
        return own(one_step(model, kind, packed((x, None, None))))
    if kind == "train":
        feeding.check_has_optimizer(model)
    prepare(model, *batch)
    guards.check_on_host(model, batch)
    if class_weight is not None:
        sample_weight = feeding.weighter_for(model, class_weight, batch)(y, sample_weight)
    with set_aside(model):
        model.reset_metrics()  # the logs are of this batch alone
        return numpy_logs(one_step(model, kind, packed((x, y, sample_weight))))


def one_step(model: StepModel, kind: str, data: tuple) -> Any:
    """Runs a step on a batch; returns its logs or outputs, on the device."""
    program = program_of(model, kind)
    try:
        return program.on_batch(program.read(), data)[1]
    finally:
        program.write_back()
