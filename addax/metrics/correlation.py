"""Correlations of predictions with labels."""

from __future__ import annotations

from ..core.config import epsilon
from ..core.op import DTypeLike, Tensor, TensorLike
from ..losses.alignment import as_pair
from ..losses.regression import unit
from ..ops import mean, square
from ..ops import sum as sum_
from .reduction import MeanMetricWrapper


def pearson_correlation(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Tensor:
    """Pearson's correlation of labels and predictions along an axis.

    Args:
        y_true: Labels.
        y_pred: Predictions of the same shape.
        axis: The axis of the observations.

    Returns:
        Values in [-1, 1] of the shape without `axis`.

    >>> print(keras.metrics.pearson_correlation([[0.0, 1.0, 2.0]], [[1.0, 3.0, 4.0]]))
    [0.9819...]
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    y_true, y_pred = (unit(y - mean(y, axis=axis, keepdims=True), axis) for y in (y_true, y_pred))
    return sum_(y_true * y_pred, axis=axis)


def concordance_correlation(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Tensor:
    """Lin's concordance correlation, which is lower than Pearson's where means or scales differ.

    Lin, "A concordance correlation coefficient to evaluate reproducibility", 1989.

    Args:
        y_true: Labels.
        y_pred: Predictions of the same shape.
        axis: The axis of the observations.

    Returns:
        Values in [-1, 1] of the shape without `axis`.

    >>> print(keras.metrics.concordance_correlation([[0.0, 1.0, 2.0]], [[1.0, 2.0, 3.0]]))
    [0.5714...]
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    means = [mean(y, axis=axis, keepdims=True) for y in (y_true, y_pred)]
    centred = [y - m for y, m in zip((y_true, y_pred), means)]
    variances = [mean(square(c), axis=axis) for c in centred]
    covariance = mean(centred[0] * centred[1], axis=axis)
    shift = square(mean(means[0] - means[1], axis=axis))
    return 2 * covariance / (variances[0] + variances[1] + shift + epsilon())


class PearsonCorrelation(MeanMetricWrapper):
    """The mean of Pearson's correlation of labels and predictions along an axis.

    Args:
        name, dtype: See `Metric`.
        axis: The axis of the observations.

    >>> print(keras.metrics.PearsonCorrelation()([[0.0, 1.0, 2.0]], [[1.0, 3.0, 4.0]]))
    0.9819...
    """

    _direction = "up"

    def __init__(self, name: str | None = "pearson_correlation", dtype: DTypeLike = None, axis: int = -1):
        super().__init__(pearson_correlation, name, dtype, axis=axis)


class ConcordanceCorrelation(MeanMetricWrapper):
    """The mean of Lin's concordance correlation of labels and predictions along an axis.

    Args:
        name, dtype: See `Metric`.
        axis: The axis of the observations.

    >>> print(keras.metrics.ConcordanceCorrelation()([[0.0, 1.0, 2.0]], [[1.0, 2.0, 3.0]]))
    0.5714...
    """

    _direction = "up"

    def __init__(self, name: str | None = "concordance_correlation", dtype: DTypeLike = None, axis: int = -1):
        super().__init__(concordance_correlation, name, dtype, axis=axis)
