"""Accuracies: fractions of correct predictions."""

from __future__ import annotations

from ..core.config import floatx
from ..core.dtypes import standardize_dtype
from ..core.op import DTypeLike, Tensor, TensorLike
from ..losses.alignment import as_classes, as_tensor, to_same_rank
from ..losses.facts import of_rows
from ..ops import any as any_
from ..ops import argmax, cast, equal, expand_dims, isnan, take_along_axis, where
from ..ops import sum as sum_
from .reduction import MeanMetricWrapper


@of_rows
def accuracy(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Accuracy of each prediction, 1 where it equals the label, else 0.

    Args:
        y_true: Labels.
        y_pred: Predictions of the same shape.

    Returns:
        Values of the same shape.
    """
    y_pred = as_tensor(y_pred)
    y_true, y_pred = to_same_rank(as_tensor(y_true, standardize_dtype(y_pred.dtype)), y_pred)
    return cast(equal(y_true, y_pred), floatx())


@of_rows
def binary_accuracy(y_true: TensorLike, y_pred: TensorLike, threshold: float = 0.5) -> Tensor:
    """Binary accuracy of each prediction, 1 where it is on the same side of the threshold as the label, else 0.

    Args:
        y_true: Labels 0 and 1.
        y_pred: Probabilities of the same shape.
        threshold: Predictions greater than this are 1, others 0.

    Returns:
        Values of the same shape.

    >>> print(keras.metrics.binary_accuracy([[1.0], [0.0]], [[0.6], [0.7]]))
    [[1.]
     [0.]]
    """
    y_true, y_pred = to_same_rank(as_tensor(y_true), as_tensor(y_pred))
    return cast(equal(y_true, cast(y_pred > threshold, standardize_dtype(y_true.dtype))), floatx())


@of_rows
def categorical_accuracy(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Accuracy against one-hot labels, 1 where the class of the largest prediction is the label's, else 0.

    Args:
        y_true: One-hot labels, shape `(batch, ..., classes)`.
        y_pred: Scores of the same shape.

    Returns:
        Values of shape `(batch, ...)`.

    >>> print(keras.metrics.categorical_accuracy([[0, 1], [1, 0]], [[0.3, 0.7], [0.4, 0.6]]))
    [1. 0.]
    """
    return sparse_categorical_accuracy(argmax(as_tensor(y_true), axis=-1), y_pred)


@of_rows
def sparse_categorical_accuracy(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Accuracy against class indices, 1 where the class of the largest prediction is the label, else 0.

    Args:
        y_true: Class indices, shape `(batch, ...)` or `(batch, ..., 1)`.
        y_pred: Scores, shape `(batch, ..., classes)`.

    Returns:
        Values of shape `(batch, ...)`.

    >>> print(keras.metrics.sparse_categorical_accuracy([1, 0], [[0.3, 0.7], [0.4, 0.6]]))
    [1. 0.]
    """
    y_pred = as_tensor(y_pred)
    y_true = as_classes(y_true, y_pred)
    found = argmax(y_pred, axis=-1)
    return cast(equal(y_true, cast(found, standardize_dtype(y_true.dtype))), floatx())


@of_rows
def top_k_categorical_accuracy(y_true: TensorLike, y_pred: TensorLike, k: int = 5) -> Tensor:
    """Top-k accuracy against one-hot labels, 1 where the label's class is among the `k` largest predictions.

    Args:
        y_true: One-hot labels, shape `(batch, ..., classes)`.
        y_pred: Scores of the same shape.
        k: Number of largest predictions to consider.

    Returns:
        Values of shape `(batch, ...)`.

    >>> print(keras.metrics.top_k_categorical_accuracy([[0, 0, 1]], [[0.5, 0.2, 0.3]], k=2))
    [1.]
    """
    return sparse_top_k_categorical_accuracy(argmax(as_tensor(y_true), axis=-1), y_pred, k)


@of_rows
def sparse_top_k_categorical_accuracy(
    y_true: TensorLike, y_pred: TensorLike, k: int = 5, from_sorted_ids: bool = False
) -> Tensor:
    """Top-k accuracy against class indices, 1 where the label is among the `k` largest predictions.

    Args:
        y_true: Class indices, shape `(batch, ...)` or `(batch, ..., 1)`.
        y_pred: Scores, shape `(batch, ..., classes)`; or class indices in descending order of score.
        k: Number of largest predictions to consider.
        from_sorted_ids: Whether `y_pred` holds sorted class indices rather than scores.

    Returns:
        Values of shape `(batch, ...)`.

    >>> print(keras.metrics.sparse_top_k_categorical_accuracy([2, 1], [[0.5, 0.2, 0.3], [0.5, 0.2, 0.3]], k=2))
    [1. 0.]
    """
    y_pred = as_tensor(y_pred)
    y_true = expand_dims(as_classes(y_true, y_pred), -1)
    if from_sorted_ids:
        hits = equal(cast(y_true, standardize_dtype(y_pred.dtype)), y_pred[..., :k])
        return cast(any_(hits, axis=-1), floatx())
    # A score is among the k largest if fewer than k are larger, which needs no sorting.
    score = take_along_axis(y_pred, cast(y_true, "int32"), axis=-1)
    score = where(isnan(score), float("-inf"), score)
    return cast(sum_(cast(y_pred > score, "int32"), axis=-1) < k, floatx())


class Accuracy(MeanMetricWrapper):
    """The fraction of predictions that equal their labels.

    Args:
        name, dtype: See `Metric`.

    >>> print(keras.metrics.Accuracy()([1, 2, 3, 4], [1, 2, 3, 0]))
    0.75
    """

    _direction = "up"

    def __init__(self, name: str | None = "accuracy", dtype: DTypeLike = None):
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """The fraction of predictions on the same side of a threshold as their labels.

    Args:
        name, dtype: See `Metric`.
        threshold: Predictions greater than this are 1, others 0; in (0, 1).

    Raises:
        ValueError: `threshold` is not in (0, 1).

    >>> print(keras.metrics.BinaryAccuracy()([1.0, 1.0, 0.0, 0.0], [0.98, 1.0, 0.0, 0.6]))
    0.75
    """

    _direction = "up"

    def __init__(self, name: str | None = "binary_accuracy", dtype: DTypeLike = None, threshold: float | None = 0.5):
        if threshold is not None and not 0 < threshold < 1:
            raise ValueError(
                "Invalid value for argument `threshold`. Expected a value in interval (0, 1). "
                f"Received: threshold={threshold}"
            )
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


class CategoricalAccuracy(MeanMetricWrapper):
    """The fraction of samples whose largest prediction is for the class of the one-hot label.

    Args:
        name, dtype: See `Metric`.

    >>> print(keras.metrics.CategoricalAccuracy()([[0, 1], [1, 0]], [[0.3, 0.7], [0.4, 0.6]]))
    0.5
    """

    _direction = "up"

    def __init__(self, name: str | None = "categorical_accuracy", dtype: DTypeLike = None):
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """The fraction of samples whose largest prediction is for the labelled class.

    Args:
        name, dtype: See `Metric`.

    >>> print(keras.metrics.SparseCategoricalAccuracy()([1, 0], [[0.3, 0.7], [0.4, 0.6]]))
    0.5
    """

    _direction = "up"

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: DTypeLike = None):
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """The fraction of samples for which the class of the one-hot label is among the `k` largest predictions.

    Args:
        k: Number of largest predictions to consider.
        name, dtype: See `Metric`.

    >>> print(keras.metrics.TopKCategoricalAccuracy(k=2)([[0, 0, 1]], [[0.5, 0.2, 0.3]]))
    1.0
    """

    _direction = "up"

    def __init__(self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: DTypeLike = None):
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """The fraction of samples whose labelled class is among the `k` largest predictions.

    Args:
        k: Number of largest predictions to consider.
        name, dtype: See `Metric`.
        from_sorted_ids: Whether predictions are sorted class indices rather than scores.

    >>> print(keras.metrics.SparseTopKCategoricalAccuracy(k=1)([2, 0], [[0.5, 0.2, 0.3], [0.5, 0.2, 0.3]]))
    0.5
    """

    _direction = "up"
    unless_default = ("from_sorted_ids",)

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: DTypeLike = None,
        from_sorted_ids: bool = False,
    ):
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, k=k, from_sorted_ids=from_sorted_ids)
