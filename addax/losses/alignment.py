"""Conversion of labels, predictions, weights and masks to tensors of compatible shapes."""

from __future__ import annotations

from ..core import tree
from ..core.config import floatx
from ..core.convert import to_tensor
from ..core.dtypes import is_float, standardize_dtype
from ..core.keras_tensor import KerasTensor
from ..core.op import Tensor, TensorLike
from ..core.types import Tree
from ..ops import cast, expand_dims, moveaxis, squeeze


def as_tensor(x: TensorLike, dtype: str | None = None) -> Tensor:
    """Converts to an array; a KerasTensor stays one.

    Args:
        x: Array, nested list of numbers, or KerasTensor.
        dtype: Dtype of the result; None keeps that of `x`.
    """
    if not isinstance(x, KerasTensor):
        return to_tensor(x, dtype)
    return x if dtype is None or x.dtype == dtype else cast(x, dtype)  # type: ignore[return-value]


def as_tensors(structure: Tree, dtype: str) -> Tree:
    """Converts the leaves of a structure to tensors.

    Args:
        structure: Nested tuples, lists and dicts. A list of numbers, nested or not, is one tensor.
        dtype: Dtype of the tensors.
    """
    leaves = tree.flatten(structure)
    if leaves and all(isinstance(leaf, (int, float)) for leaf in leaves):
        return as_tensor(structure, dtype)
    return tree.map_structure(lambda x: as_tensor(x, dtype), structure)


def as_float(x: TensorLike) -> Tensor:
    """Converts to a float tensor: floats keep their dtype, integers and bools become the default float."""
    x = as_tensor(x)
    return x if is_float(x.dtype) else as_tensor(x, floatx())


def as_pair(y_true: TensorLike, y_pred: TensorLike, same_rank: bool = True) -> tuple[Tensor, Tensor]:
    """Converts labels and predictions to tensors of the predictions' float dtype.

    Args:
        y_true: Labels.
        y_pred: Predictions.
        same_rank: Whether to give both the same rank, see `to_same_rank`.
    """
    y_pred = as_float(y_pred)
    y_true = as_tensor(y_true, standardize_dtype(y_pred.dtype))
    return to_same_rank(y_true, y_pred) if same_rank else (y_true, y_pred)


def as_pair_along(
    y_true: TensorLike, y_pred: TensorLike, axis: int = -1, same_rank: bool = True
) -> tuple[Tensor, Tensor, int]:
    """Converts labels and predictions as `as_pair` does, and returns the axis to average over, too.

    An axis of size 1 is moved to the front. There is nothing to average along it, and XLA's CPU code vectorizes over
    the last axis: a sum over arrays whose last axis has size 1 takes up to thirty times as long.

    Args:
        y_true: Labels.
        y_pred: Predictions.
        axis: The axis to average over.
        same_rank: See `as_pair`.
    """
    y_true, y_pred = as_pair(y_true, y_pred, same_rank)
    shapes = tuple(y_true.shape), tuple(y_pred.shape)
    if shapes[0] != shapes[1] or not shapes[0] or shapes[0][axis] != 1:
        return y_true, y_pred, axis
    return moveaxis(y_true, axis, 0), moveaxis(y_pred, axis, 0), 0


def to_same_rank(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Gives `(n,)` and `(n, 1)` the same rank.

    A last axis of size 1 that only one of the two tensors has is added to a vector, and removed from anything larger.
    """
    if len(a.shape) == len(b.shape) + 1:
        b, a = to_same_rank(b, a)
    elif len(b.shape) == len(a.shape) + 1 and b.shape[-1] == 1:
        if len(a.shape) == 1:
            a = expand_dims(a, -1)
        else:
            b = squeeze(b, -1)
    return a, b


def align_weights(values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Reshapes values and weights so that they broadcast: weights of lower rank belong to the leading axes.

    Args:
        values: Shape `(batch, ...)`.
        weights: Their shape is a leading part of that of the values.

    Raises:
        ValueError: The shapes are incompatible.
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


def product_of_weights(a: Tensor, b: Tensor) -> Tensor:
    """Multiplies two tensors of weights, of which one may have fewer axes.

    Args:
        a: Weights (or a mask) of dtype float.
        b: Likewise; the shape of the smaller is a leading part of that of the larger.

    Raises:
        ValueError: The shapes are incompatible.
    """
    lower, higher = sorted((a, b), key=lambda w: len(w.shape))
    higher, lower = align_weights(higher, lower)
    return higher * lower


def as_classes(y_true: TensorLike, y_pred: Tensor) -> Tensor:
    """Converts class indices to the shape of the predictions without their last axis.

    Args:
        y_true: Class indices, shape `(batch, ...)` or `(batch, ..., 1)`.
        y_pred: Predictions, shape `(batch, ..., classes)`.
    """
    y_true = as_tensor(y_true)
    return squeeze(y_true, -1) if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1 else y_true
