"""Bringing labels, predictions, weights and masks to shapes that go together."""

from __future__ import annotations

from typing import Any

from ..core import tree
from ..core.config import floatx
from ..core.convert import to_tensor
from ..core.dtypes import is_float, standardize_dtype
from ..core.keras_tensor import KerasTensor
from ..ops import cast, expand_dims, moveaxis, squeeze


def as_tensor(x: Any, dtype: str | None = None) -> Any:
    """`x` as an array, or as the KerasTensor it is, of `dtype` where one is given."""
    if not isinstance(x, KerasTensor):
        return to_tensor(x, dtype)
    return x if dtype is None or x.dtype == dtype else cast(x, dtype)


def as_tensors(structure: Any, dtype: str) -> Any:
    """`structure` with its leaves as tensors of `dtype`; a list of numbers, nested or not, is one tensor."""
    leaves = tree.flatten(structure)
    if leaves and all(isinstance(leaf, (int, float)) for leaf in leaves):
        return as_tensor(structure, dtype)
    return tree.map_structure(lambda x: as_tensor(x, dtype), structure)


def as_float(x: Any) -> Any:
    """`x` as a tensor of its own float dtype; whole numbers and bools become the default float."""
    x = as_tensor(x)
    return x if is_float(x.dtype) else as_tensor(x, floatx())


def as_pair(y_true: Any, y_pred: Any, same_rank: bool = True) -> tuple[Any, Any]:
    """Both as tensors of the predictions' float dtype, and of one rank if `same_rank`."""
    y_pred = as_float(y_pred)
    y_true = as_tensor(y_true, standardize_dtype(y_pred.dtype))
    return to_same_rank(y_true, y_pred) if same_rank else (y_true, y_pred)


def as_pair_along(y_true: Any, y_pred: Any, axis: int = -1, same_rank: bool = True) -> tuple[Any, Any, int]:
    """As `as_pair`, and the axis to average over: an axis of one value is brought to the front.

    There is nothing to average, and CPUs work on long last axes: what XLA makes of a sum over arrays whose last axis is
    1 takes up to thirty times as long.
    """
    y_true, y_pred = as_pair(y_true, y_pred, same_rank)
    shapes = tuple(y_true.shape), tuple(y_pred.shape)
    if shapes[0] != shapes[1] or not shapes[0] or shapes[0][axis] != 1:
        return y_true, y_pred, axis
    return moveaxis(y_true, axis, 0), moveaxis(y_pred, axis, 0), 0


def to_same_rank(a: Any, b: Any) -> tuple[Any, Any]:
    """Makes `(n,)` and `(n, 1)` go together: a last axis of size 1 that only one of the two has is added to vectors
    and dropped from anything larger."""
    if len(a.shape) == len(b.shape) + 1:
        b, a = to_same_rank(b, a)
    elif len(b.shape) == len(a.shape) + 1 and b.shape[-1] == 1:
        if len(a.shape) == 1:
            a = expand_dims(a, -1)
        else:
            b = squeeze(b, -1)
    return a, b


def align_weights(values: Any, weights: Any) -> tuple[Any, Any]:
    """`values` and `weights` so that they multiply: weights of lower rank belong to the leading axes (the batch).

    Raises:
        ValueError: Their shapes don't go together.
    """
    shapes = tuple(values.shape), tuple(weights.shape)
    values, weights = to_same_rank(values, weights)
    rank = len(weights.shape)
    if 0 < rank < len(values.shape) and tuple(values.shape[:rank]) == tuple(weights.shape):
        weights = expand_dims(weights, tuple(range(rank, len(values.shape))))
    if any(m != n and 1 not in (m, n) for m, n in zip(values.shape[::-1], weights.shape[::-1])):
        raise ValueError(
            f"The shape of `sample_weight` (or of a mask), {shapes[1]}, doesn't fit the values, whose shape is "
            f"{shapes[0]}: expected a leading part of it."
        )
    return values, weights


def as_classes(y_true: Any, y_pred: Any) -> Any:
    """Numbers of classes in the shape that the predictions have without their last axis."""
    y_true = as_tensor(y_true)
    return squeeze(y_true, -1) if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1 else y_true
