"""Hinge losses, for maximum-margin classification."""

from __future__ import annotations

from ..core.op import DTypeLike, Tensor, TensorLike
from ..ops import all as all_
from ..ops import logical_or, maximum, mean, square, where
from ..ops import max as max_
from ..ops import sum as sum_
from .alignment import as_pair, as_pair_along
from .facts import loss_function
from .loss import LossFunctionWrapper


def _signs(y_true: Tensor) -> Tensor:
    """Maps labels 0 and 1 to -1 and 1; other labels are kept."""
    are_binary = all_(logical_or(y_true == 0, y_true == 1))
    return where(are_binary, 2.0 * y_true - 1.0, y_true)


@loss_function(labels="alike", values="signs")
def hinge(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """The mean of `max(1 - y_true * y_pred, 0)` over the last axis.

    Args:
        y_true: Labels -1 and 1, or 0 and 1, shape `(batch, ..., d)`.
        y_pred: Predictions of the same shape.

    Returns:
        Values of shape `(batch, ...)`.

    >>> print(keras.losses.hinge([[0.0, 1.0]], [[0.5, 2.0]]))
    [0.75]
    """
    y_true, y_pred, axis = as_pair_along(y_true, y_pred)
    return mean(maximum(1.0 - _signs(y_true) * y_pred, 0.0), axis=axis)


@loss_function(labels="alike", values="signs")
def squared_hinge(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """The mean of `max(1 - y_true * y_pred, 0) ** 2` over the last axis.

    Args:
        y_true: Labels -1 and 1, or 0 and 1, shape `(batch, ..., d)`.
        y_pred: Predictions of the same shape.

    Returns:
        Values of shape `(batch, ...)`.

    >>> print(keras.losses.squared_hinge([[0.0, 1.0]], [[0.5, 2.0]]))
    [1.125]
    """
    y_true, y_pred, axis = as_pair_along(y_true, y_pred)
    return mean(square(maximum(1.0 - _signs(y_true) * y_pred, 0.0)), axis=axis)


@loss_function(labels="one-hot")
def categorical_hinge(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """The categorical hinge loss, `max(wrong - right + 1, 0)`, where `wrong` is the largest score of a wrong class.

    Args:
        y_true: One-hot labels, shape `(batch, ..., classes)`.
        y_pred: Scores of the same shape.

    Returns:
        Values of shape `(batch, ...)`.

    >>> print(keras.losses.categorical_hinge([[0.0, 1.0]], [[0.5, 0.75]]))
    [0.75]
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    right = sum_(y_true * y_pred, axis=-1)
    wrong = max_((1.0 - y_true) * y_pred, axis=-1)
    return maximum(wrong - right + 1.0, 0.0)


class Hinge(LossFunctionWrapper):
    """The mean of `max(1 - y_true * y_pred, 0)`.

    Args:
        reduction, name, dtype: See `Loss`.

    >>> print(keras.losses.Hinge()([[0.0, 1.0]], [[0.5, 2.0]]))
    0.75
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "hinge",
        dtype: DTypeLike = None,
    ):
        super().__init__(hinge, reduction, name, dtype)


class SquaredHinge(LossFunctionWrapper):
    """The mean of `max(1 - y_true * y_pred, 0) ** 2`.

    Args:
        reduction, name, dtype: See `Loss`.

    >>> print(keras.losses.SquaredHinge()([[0.0, 1.0]], [[0.5, 2.0]]))
    1.125
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "squared_hinge",
        dtype: DTypeLike = None,
    ):
        super().__init__(squared_hinge, reduction, name, dtype)


class CategoricalHinge(LossFunctionWrapper):
    """The categorical hinge loss, `max(wrong - right + 1, 0)`.

    Args:
        reduction, name, dtype: See `Loss`.

    >>> print(keras.losses.CategoricalHinge()([[0.0, 1.0]], [[0.5, 0.75]]))
    0.75
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_hinge",
        dtype: DTypeLike = None,
    ):
        super().__init__(categorical_hinge, reduction, name, dtype)
