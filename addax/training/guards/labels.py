"""Labels against the outputs and the losses: shapes, class numbers, and values between 0 and 1."""

from __future__ import annotations

import numpy as np

from ... import losses
from ...core import config as settings
from ...core import tree
from ...core.keras_tensor import KerasTensor
from ...core.types import Array, Shape, Tree
from ...core.warnings import warn
from ...data.batches import Batch
from ...layers.host import holds_text
from ...losses import Loss
from ...losses.facts import fact
from .. import outputs
from ..array_facts import Scan
from ..missing import with_labels
from ..prepare import prediction_spec
from ..steps import StepModel
from .batch_arrays import batch_specs, specs_key, turns_off
from .loss_facts import computes_as_compiled, function_name, labels_of


def check_labels(model: StepModel, batch: Batch) -> None:
    """Checks the labels of a batch, or of all the data, against the model's outputs.

    Args:
        model: The model, its loss built.
        batch: `(x, y, sample_weight)` on the host.

    Raises:
        ValueError: Labels have other shapes or values than the losses take. Where that may be meant, it is a warning.
    """
    x, y, sample_weight = batch
    loss = model._compile_loss
    if loss is None or y is None or not computes_as_compiled(model):
        return
    predictions = _predictions(model, x)
    flat_pred = tree.flatten(predictions)
    flat_true = loss.labels(y, predictions)
    if loss.missing_labels == "mask":
        flat_true = [with_labels(labels) for labels in flat_true]
    flat_weight = outputs.flatten_labels(sample_weight, predictions, loss.names, loss.alternatives, "sample_weight")
    for i, _, one, _ in loss.entries:
        if labels_of(one) is not None:
            _check_output(outputs.called(loss.names, i), one, flat_true[i], flat_pred[i], flat_weight[i])


def _check_output(called: str, loss: Loss, y_true: Tree, y_pred: Tree, weight: Array | None) -> None:
    """Checks the labels of one output; `called` is its name in errors."""
    if isinstance(y_true, (list, tuple, dict)):
        raise ValueError(
            f"`y` is a {type(y_true).__name__} of {len(tree.flatten(y_true))} arrays for {called}, whose loss "
            f"'{function_name(loss)}' takes one array. Pass one array for each output of the model."
        )
    if not hasattr(y_true, "dtype") or not hasattr(y_pred, "shape"):
        return
    shape = (None, *y_pred.shape[1:])
    if settings.get("check_shapes"):
        _check_shape(called, loss, y_true, shape)
    if settings.get("check_labels") and len(shape) > 1:
        if labels_of(loss) == "class":
            masked = isinstance(y_pred, KerasTensor) and y_pred._keras_mask is not None
            _check_classes(called, loss, y_true, shape[-1], weight, masked)
        elif fact(loss, "label_values") == "bits":
            _check_bits(called, loss, y_true)


def _predictions(model: StepModel, x: Tree) -> Tree:
    """Returns the specs of what the model predicts for `x`."""
    if getattr(model, "outputs", None):
        return model.output
    specs = batch_specs(x)
    known = model.__dict__.setdefault("_predictions_for", {})
    key = specs_key(specs)
    if key not in known:
        # Text can't be evaluated abstractly: the model is called on it.
        known[key] = batch_specs(prediction_spec(model, x)) if holds_text(x) else prediction_spec(model, specs)
    return known[key]


def _check_shape(called: str, loss: Loss, y_true: Array, p_shape: Shape) -> None:
    y_shape = (None, *y_true.shape[1:])
    expected = p_shape[:-1] if labels_of(loss) == "class" else p_shape
    found, wanted = _compared_shapes(y_shape, p_shape, of_classes=labels_of(loss) == "class")
    if len(found) == len(wanted) and all(m is None or n is None or m == n for m, n in zip(found, wanted)):
        return
    raise ValueError(
        f"Labels of {called} have shape {y_shape}, but its predictions have shape {p_shape}; '{function_name(loss)}' "
        f"expects labels of shape {expected}: {_shape_remedy(called, loss, y_true, p_shape)}."
        + turns_off("check_shapes")
    )


def _compared_shapes(y_shape: Shape, p_shape: Shape, of_classes: bool) -> tuple[Shape, Shape]:
    """Returns the shapes that must be equal, of labels and predictions.

    A last axis of size 1 that only one of them has is dropped, as the losses do.
    """
    if of_classes:
        has_axis = len(y_shape) == len(p_shape) and y_shape[-1] == 1
        return y_shape[:-1] if has_axis else y_shape, p_shape[:-1]
    if len(y_shape) == len(p_shape) + 1 and y_shape[-1] == 1:
        return y_shape[:-1], p_shape
    if len(p_shape) == len(y_shape) + 1 and p_shape[-1] == 1:
        return y_shape, p_shape[:-1]
    return y_shape, p_shape


def _shape_remedy(called: str, loss: Loss, y_true: Array, p_shape: Shape) -> str:
    name, kind = function_name(loss), labels_of(loss)
    classes = p_shape[-1] if len(p_shape) > 1 else None
    if kind == "class":
        remedy = "the number of a class for each. `np.argmax(y, axis=-1)` makes such labels of one-hot ones"
        other = name.removeprefix("sparse_")
        return f"{remedy}, or use '{other}'" if hasattr(losses, other) and y_true.ndim == len(p_shape) else remedy
    if kind == "one-hot":
        remedy = f"one number for each class. `keras.utils.to_categorical(y, {classes})` makes them of class numbers"
        return f"{remedy}, or use 'sparse_{name}'" if hasattr(losses, f"sparse_{name}") else remedy
    remedy = (
        f"those of the predictions, for '{name}' compares them one by one. Reshape the labels, or give {called} as "
        "many units as there are labels in a row"
    )
    if y_true.dtype.kind in "iu" and classes and classes > 1:
        remedy += "; if they are class numbers, use 'sparse_categorical_crossentropy'"
    return remedy


def _check_classes(
    called: str, loss: Loss, y_true: Array, classes: int | None, weight: Array | None, masked: bool
) -> None:
    """Checks that labels are class numbers; only warns where some steps are `masked`, as those may have any label."""
    scan = Scan(y_true)
    low, high = scan.bounds
    if classes is None or (low >= 0 and high < classes and scan.whole):
        return
    labels = np.asarray(y_true)
    used = _used_labels(labels, getattr(loss, "_fn_kwargs", {}).get("ignore_class"), weight)
    bad = used & ~((labels >= 0) & (labels < classes) & (labels == np.floor(labels)))
    if not bad.any():
        return
    row = int(bad.reshape(len(bad), -1).any(axis=1).argmax())
    values = sorted({v.item() for v in labels[bad][:1000]})
    shown = ", ".join(map(str, values[:3])) + (", ..." if len(values) > 3 else "")
    remedy = f"give {called} {int(max(labels[used].max(), 0)) + 1} units, or number the classes from 0"
    if low == 1 and high == classes:
        remedy = "the classes are counted from 1: subtract 1, `y - 1`"
    elif low < 0:
        remedy = "if these mean 'no label', pass `ignore_class` to the loss, or a `sample_weight` of 0"
    elif not scan.whole:
        remedy = "pass whole numbers, or use a loss for numbers ('mse')"
    text = (
        f"Labels of {called} are outside the number of classes: {int(bad.sum())} of {labels.size} are not among 0 to "
        f"{classes - 1} (received {shown}, the first in row {row}), the {classes} classes that its predictions "
        f"have. Remedy: {remedy}." + turns_off("check_labels")
    )
    if masked:
        warn(text)
    else:
        raise ValueError(text)


def _used_labels(labels: np.ndarray, ignored: int | None, weight: Array | None) -> np.ndarray:
    """Returns a mask of the labels that the loss reads: neither of the ignored class nor of weight 0."""
    used = np.ones(labels.shape, bool) if ignored is None else labels != ignored
    if weight is not None:
        nonzero = np.asarray(weight) != 0
        while nonzero.ndim < labels.ndim:
            nonzero = nonzero[..., None]
        used &= np.broadcast_to(nonzero, labels.shape) if nonzero.ndim == labels.ndim else True
    return used


def _check_bits(called: str, loss: Loss, y_true: Array) -> None:
    scan = Scan(y_true)
    low, high = scan.bounds
    if low >= 0 and high <= 1:
        return
    text = (
        f"Labels of {called} are from {low} to {high}, but '{function_name(loss)}' expects 0 and 1 (or values between "
        "them): outside [0, 1] the loss is unbounded below. "
    )
    if (low, high) == (-1, 1):
        text += "Remedy: `(y + 1) / 2`, or a hinge loss, which takes -1 and 1."
    elif scan.whole and high > 1:
        text += (
            f"Remedy: for {int(high) + 1} classes, as many units with softmax and 'sparse_categorical_crossentropy'."
        )
    else:
        text += "Remedy: scale the labels, e.g. images by 1/255."
    text += turns_off("check_labels")
    if scan.whole:
        raise ValueError(text)
    warn(text)
