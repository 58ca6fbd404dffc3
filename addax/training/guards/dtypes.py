"""Dtypes that nothing can be computed with: text, dates, records, complex numbers, integers of more than 32 bits."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ...core import config as settings
from ...core import tree
from ...core.engine import is_loaded, jax
from ...core.keras_tensor import KerasTensor
from ...core.types import Array, Tree
from ...layers.host import is_text
from ..array_facts import Scan
from ..output_kinds import is_own_layer
from ..steps import StepModel
from .batch_arrays import NamedArray, capitalized, turns_off
from .loss_facts import labels_of

_INT32 = np.iinfo("int32")


def check_kinds(model: StepModel, named: Iterable[NamedArray], sample_weight: Tree) -> None:
    """Checks that a batch holds numbers or bools, and complex ones only where the model may take them.

    Args:
        model: The model.
        named: Its arrays of data and labels, by `named_arrays`.
        sample_weight: Its sample weights.

    Raises:
        ValueError: An array has another dtype; it is named.
    """
    if not settings.get("check_dtypes"):
        return
    for name, array, tensor in named:
        if array.dtype.kind != "c" or not _may_be_complex(model, tensor, of_labels=name.startswith("`y`")):
            if name.startswith("`y`") or not is_text(array) or not model._computes_with_text():
                _check_kind(name, array)
    for array in tree.flatten(sample_weight):
        if array is not None:
            _check_kind("`sample_weight`", array)


def _may_be_complex(model: StepModel, tensor: KerasTensor | None, of_labels: bool) -> bool:
    """Returns whether complex numbers may be meant: by an input's dtype, or for a layer or a loss of the user's own."""
    if of_labels:
        loss = model._compile_loss if model.compiled else None
        return loss is None or not all(labels_of(one) for one in loss.flat_given())
    if tensor is not None:
        return str(tensor.dtype).startswith("complex")
    return not all(is_own_layer(layer) for layer in model._flatten_layers())


def _check_kind(name: str, array: Array) -> None:
    kind = array.dtype.kind
    if kind == "V" and array.dtype.names:
        raise ValueError(
            f"Invalid dtype: {name} is a structured array with the fields {list(array.dtype.names)} (shape "
            f"{tuple(array.shape)}); expected numbers or bools. "
            "`np.lib.recfunctions.structured_to_unstructured(x)` makes columns of the fields."
        )
    if kind == "c":
        raise ValueError(
            f"Invalid dtype: {name} holds complex numbers (dtype {array.dtype}, shape {tuple(array.shape)}), whose "
            "imaginary parts would be dropped; expected real numbers or bools. Pass both parts as columns, "
            "`np.concatenate([x.real, x.imag], axis=-1)`, or `np.abs(x)`."
        )
    if kind in "USO":
        remedy = (
            "Encode them as numbers first: `classes, y = np.unique(y, return_inverse=True)`."
            if name.startswith("`y`")
            else "Encode them as numbers first: class numbers with `np.unique(x, return_inverse=True)`, text as tokens."
        )
        raise ValueError(
            f"Invalid dtype: {name} holds strings or objects (dtype {array.dtype}, shape {array.shape}); expected "
            f"numbers or bools. {remedy}"
        )
    if kind in "Mm":
        raise ValueError(
            f"Invalid dtype: {name} holds dates (dtype {array.dtype}, shape {array.shape}); expected numbers or bools. "
            "Make them numbers first, e.g. `x.astype('datetime64[s]').astype('float64')` minus the earliest."
        )


def check_integers(name: str, array: Array) -> None:
    """Checks that 64-bit integers fit into the 32 bits that JAX computes with.

    Raises:
        ValueError: They don't, so that they would silently wrap around.
    """
    if array.dtype.itemsize < 8:
        return
    low, high = Scan(array).bounds
    if array.dtype.itemsize == 8 and (low < _INT32.min or high > _INT32.max) and not _has_int64():
        raise ValueError(
            f"{capitalized(name)} has integers from {low} to {high} (dtype {array.dtype}), which don't fit "
            f"into int32 (up to {_INT32.max}), with which JAX computes: they would silently change. Make them "
            "smaller (class numbers, hashes modulo a table's size), or floats: `x.astype('float32')`."
            + turns_off("check_dtypes")
        )


def _has_int64() -> bool:
    return is_loaded() and bool(jax.config.jax_enable_x64)  # type: ignore[attr-defined]
