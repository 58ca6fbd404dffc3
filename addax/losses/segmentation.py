"""Losses of overlapping regions, for segmentation."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.config import epsilon
from ..core.op import DTypeLike, Tensor, TensorLike
from ..ops import sum as sum_
from .alignment import as_pair
from .facts import loss_function
from .loss import LossFunctionWrapper

Axes = int | Sequence[int] | None


@loss_function(rowwise=False)
def dice(y_true: TensorLike, y_pred: TensorLike, axis: Axes = None) -> Tensor:
    """One minus the Dice coefficient, which is twice the overlap divided by the sum of both areas.

    Args:
        y_true: Labels in [0, 1].
        y_pred: Predictions of the same shape.
        axis: The axes of a region; None takes all values as one region.

    Returns:
        Values of the shape without `axis`.

    >>> print(keras.losses.dice([[1.0, 1.0]], [[1.0, 0.0]]))
    0.3333...
    """
    y_true, y_pred = as_pair(y_true, y_pred, same_rank=False)
    overlap = sum_(y_true * y_pred, axis=axis)
    areas = sum_(y_true, axis=axis) + sum_(y_pred, axis=axis)
    return 1.0 - (2.0 * overlap + epsilon()) / (areas + epsilon())


@loss_function(rowwise=False)
def tversky(y_true: TensorLike, y_pred: TensorLike, alpha: float = 0.5, beta: float = 0.5, axis: Axes = None) -> Tensor:
    """One minus the Tversky index, which weights false positives and false negatives separately.

    Salehi et al., "Tversky loss function for image segmentation", 2017, https://arxiv.org/abs/1706.05721.

    Args:
        y_true: Labels in [0, 1].
        y_pred: Predictions of the same shape.
        alpha: Weight of false negatives.
        beta: Weight of false positives.
        axis: The axes of a region; None takes all values as one region.

    Returns:
        Values of the shape without `axis`.

    >>> print(keras.losses.tversky([[1.0, 1.0]], [[1.0, 0.0]], alpha=1.0, beta=0.0))
    0.4999...
    """
    y_true, y_pred = as_pair(y_true, y_pred, same_rank=False)
    overlap = sum_(y_true * y_pred, axis=axis)
    false_positives = sum_((1.0 - y_true) * y_pred, axis=axis)
    false_negatives = sum_(y_true * (1.0 - y_pred), axis=axis)
    index = (overlap + epsilon()) / (overlap + alpha * false_negatives + beta * false_positives + epsilon())
    return 1.0 - index


class Dice(LossFunctionWrapper):
    """One minus the Dice coefficient.

    Args:
        axis: The axes of a region; None takes all values as one region.
        reduction, name, dtype: See `Loss`.

    >>> print(keras.losses.Dice()([[1.0, 1.0]], [[1.0, 0.0]]))
    0.3333...
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dice",
        axis: Axes = None,
        dtype: DTypeLike = None,
    ):
        super().__init__(dice, reduction, name, dtype, axis=axis)


class Tversky(LossFunctionWrapper):
    """One minus the Tversky index.

    Args:
        alpha: Weight of false negatives.
        beta: Weight of false positives.
        axis: The axes of a region; None takes all values as one region.
        reduction, name, dtype: See `Loss`.

    >>> print(keras.losses.Tversky(alpha=1.0, beta=0.0)([[1.0, 1.0]], [[1.0, 0.0]]))
    0.4999...
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: Axes = None,
        dtype: DTypeLike = None,
    ):
        super().__init__(tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)
