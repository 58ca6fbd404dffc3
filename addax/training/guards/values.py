"""Values that are not finite, and negative sample weights."""

from __future__ import annotations

from ...core import config as settings
from ...core import tree
from ...core.keras_tensor import KerasTensor
from ...core.types import Array, Tree
from ...core.warnings import warn
from ...data.batches import Batch
from ..array_facts import Scan
from ..output_kinds import consumers, is_own_layer
from ..steps import StepModel
from .batch_arrays import capitalized, named_arrays, turns_off
from .dtypes import check_integers
from .loss_facts import computes_as_compiled, labels_of
from .tables import check_tables


def check_values(model: StepModel, batch: Batch, what: str = "the data") -> None:
    """Checks the values of a batch, or of all the data.

    Args:
        model: The model, built.
        batch: `(x, y, sample_weight)` on the host.
        what: The name of `batch` in errors.

    Raises:
        ValueError: A value is NaN or infinite, doesn't fit into 32 bits, or is no index of an embedding table. Where
            NaNs may be meant, it is a warning.
    """
    x, y, sample_weight = batch
    check_finite, check_dtypes = settings.get("check_finite"), settings.get("check_dtypes")
    for name, array, tensor in named_arrays(model, x, y):
        if check_finite and array.dtype.kind in "fV":
            _check_finite(model, name, array, tensor, what)
        if check_dtypes and array.dtype.kind in "iu":
            check_integers(name, array)
    if check_dtypes:
        check_tables(model, x)
    if check_finite:
        _check_weights(sample_weight, what)


def _check_finite(model: StepModel, name: str, array: Array, tensor: KerasTensor | None, what: str) -> None:
    if Scan(array).finite:
        return
    if name.startswith("`y`"):
        if _may_be_missing(model) and not Scan(array).bad_rows()[1]:
            return
        is_error = _is_error_in_y(model)
    else:
        is_error = tensor is not None and _is_error_in_x(consumers(model, tensor), array)
    _not_finite(name, array, is_error, what)


def _check_weights(sample_weight: Tree, what: str) -> None:
    for array in tree.flatten(sample_weight):
        if array is None:
            continue
        if not Scan(array).finite:
            _not_finite("`sample_weight`", array, True, what)
        if array.dtype.kind in "if" and Scan(array).bounds[0] < 0:
            warn(
                f"`sample_weight` has negative weights in {what} (the smallest is {Scan(array).bounds[0]:g}): the loss "
                "of such rows is increased without bound. Weights are expected to be 0 or more."
                + turns_off("check_finite")
            )


def _is_error_in_x(readers: list, array: Array) -> bool:
    """Returns whether the values can only do harm: layers of addax read them, which have no use for infinities."""
    if not readers or not all(is_own_layer(o) for o in readers):
        return False
    nans, _, _ = Scan(array).bad_rows()
    return nans > 0 or any(o.weights for o in readers)


def _is_error_in_y(model: StepModel) -> bool:
    loss = model._compile_loss
    return computes_as_compiled(model) and loss is not None and all(labels_of(o) for _, _, o, _ in loss.entries)


def _may_be_missing(model: StepModel) -> bool:
    """Returns whether NaNs among the labels stand for those that are missing."""
    loss = model._compile_loss
    return loss is not None and loss.missing_labels == "mask"


def _not_finite(name: str, array: Array, is_error: bool, what: str) -> None:
    nans, infs, row = Scan(array).bad_rows()
    count = " and ".join(f"{n} {label}" for n, label in ((nans, "NaN"), (infs, "infinite")) if n)
    text = (
        f"{capitalized(name)} has {count} value{'s' * (nans + infs != 1)} in {what}, the first in row {row} "
        f"(shape {tuple(array.shape)}, dtype {array.dtype}); expected finite numbers, for one NaN makes every weight "
        "NaN. Leave the rows out or fill the values, e.g. `np.nan_to_num(...)`."
    )
    if infs:
        text += f" Numbers too large for {array.dtype} become infinite, too."
    text += turns_off("check_finite")
    if is_error:
        raise ValueError(text)
    warn(text)
