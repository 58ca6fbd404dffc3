"""Losses of real-valued predictions."""

from __future__ import annotations

import math

from ..core.config import epsilon
from ..core.op import DTypeLike, Tensor, TensorLike
from ..ops import absolute, log, maximum, mean, softplus, sqrt, square, where
from ..ops import sum as sum_
from .alignment import as_pair, as_pair_along
from .facts import loss_function
from .loss import LossFunctionWrapper


@loss_function(labels="alike")
def mean_squared_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """The mean of the squared differences over the last axis.

    Args:
        y_true: Targets, shape `(batch, ..., d)`.
        y_pred: Predictions of the same shape.

    Returns:
        Values of shape `(batch, ...)`.

    >>> print(keras.losses.mean_squared_error([[0.0, 2.0]], [[1.0, 0.0]]))
    [2.5]
    """
    y_true, y_pred, axis = as_pair_along(y_true, y_pred)
    return mean(square(y_true - y_pred), axis=axis)


@loss_function(labels="alike")
def mean_absolute_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """The mean of the absolute differences over the last axis.

    Args:
        y_true: Targets, shape `(batch, ..., d)`.
        y_pred: Predictions of the same shape.

    Returns:
        Values of shape `(batch, ...)`.

    >>> print(keras.losses.mean_absolute_error([[0.0, 2.0]], [[1.0, 0.0]]))
    [1.5]
    """
    y_true, y_pred, axis = as_pair_along(y_true, y_pred)
    return mean(absolute(y_true - y_pred), axis=axis)


@loss_function(labels="alike")
def mean_absolute_percentage_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """The mean over the last axis of the absolute differences, in percent of the targets.

    Args:
        y_true: Targets, shape `(batch, ..., d)`; absolute values below epsilon are replaced by it.
        y_pred: Predictions of the same shape.

    Returns:
        Values of shape `(batch, ...)`, in percent.

    >>> print(keras.losses.mean_absolute_percentage_error([[1.0, 2.0]], [[2.0, 2.0]]))
    [50.]
    """
    y_true, y_pred, axis = as_pair_along(y_true, y_pred)
    return 100.0 * mean(absolute((y_true - y_pred) / maximum(absolute(y_true), epsilon())), axis=axis)


@loss_function(labels="alike")
def mean_squared_logarithmic_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """The mean over the last axis of the squared differences of `log(1 + y)`.

    Args:
        y_true: Targets, shape `(batch, ..., d)`; values below epsilon are replaced by it.
        y_pred: Predictions of the same shape, likewise.

    Returns:
        Values of shape `(batch, ...)`.

    >>> print(keras.losses.mean_squared_logarithmic_error([[1.0]], [[1.0]]))
    [0.]
    """
    y_true, y_pred, axis = as_pair_along(y_true, y_pred)
    first, second = (log(maximum(y, epsilon()) + 1.0) for y in (y_pred, y_true))
    return mean(square(first - second), axis=axis)


@loss_function(labels="alike")
def huber(y_true: TensorLike, y_pred: TensorLike, delta: float = 1.0) -> Tensor:
    """The mean over the last axis of the Huber loss: squared up to an error of `delta`, linear beyond.

    Huber, "Robust estimation of a location parameter", 1964.

    Args:
        y_true: Targets, shape `(batch, ..., d)`.
        y_pred: Predictions of the same shape.
        delta: The error at which the loss becomes linear.

    Returns:
        Values of shape `(batch, ...)`.

    >>> print(keras.losses.huber([[0.0, 0.0]], [[1.0, 3.0]]))
    [1.5]
    """
    y_true, y_pred, axis = as_pair_along(y_true, y_pred)
    error = absolute(y_pred - y_true)
    return mean(where(error <= delta, 0.5 * square(error), delta * error - 0.5 * delta * delta), axis=axis)


@loss_function(labels="alike")
def log_cosh(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """The mean over the last axis of `log(cosh(error))`: about `error**2 / 2` if small, `abs(error) - log(2)` if large.

    Args:
        y_true: Targets, shape `(batch, ..., d)`.
        y_pred: Predictions of the same shape.

    Returns:
        Values of shape `(batch, ...)`.

    >>> print(keras.losses.log_cosh([[0.0]], [[100.0]]))
    [99.3068...]
    """
    y_true, y_pred, axis = as_pair_along(y_true, y_pred)
    error = y_pred - y_true
    # log(cosh(x)) without the exponential of a large number, which overflows.
    return mean(error + softplus(-2.0 * error) - math.log(2.0), axis=axis)


@loss_function(labels="alike", elementwise=False)
def cosine_similarity(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Tensor:
    """The negative cosine of the angle between labels and predictions: -1 for vectors of the same direction.

    Args:
        y_true: Labels, shape `(batch, ..., d)`.
        y_pred: Predictions of the same shape.
        axis: The axis of the vectors.

    Returns:
        Values in [-1, 1] of the shape without `axis`.

    >>> print(keras.losses.cosine_similarity([[1.0, 0.0]], [[3.0, 4.0]]))
    [-0.6]
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    return -sum_(unit(y_true, axis) * unit(y_pred, axis), axis=axis)


def unit(x: Tensor, axis: int | None) -> Tensor:
    """Divides `x` by its Euclidean norm along `axis`, or by epsilon where that is larger; the gradient at 0 is finite.

    Args:
        x: Float tensor.
        axis: The axis of the vectors; None takes `x` as one vector.
    """
    return x / sqrt(maximum(sum_(square(x), axis=axis, keepdims=True), epsilon() ** 2))


class MeanSquaredError(LossFunctionWrapper):
    """The mean of the squared differences.

    Args:
        reduction, name, dtype: See `Loss`.

    >>> print(keras.losses.MeanSquaredError()([[0.0, 2.0]], [[1.0, 0.0]]))
    2.5
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_error",
        dtype: DTypeLike = None,
    ):
        super().__init__(mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(LossFunctionWrapper):
    """The mean of the absolute differences.

    Args:
        reduction, name, dtype: See `Loss`.

    >>> print(keras.losses.MeanAbsoluteError()([[0.0, 2.0]], [[1.0, 0.0]]))
    1.5
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_error",
        dtype: DTypeLike = None,
    ):
        super().__init__(mean_absolute_error, reduction, name, dtype)


class MeanAbsolutePercentageError(LossFunctionWrapper):
    """The mean of the absolute differences, in percent of the targets.

    Args:
        reduction, name, dtype: See `Loss`.

    >>> print(keras.losses.MeanAbsolutePercentageError()([[1.0, 2.0]], [[2.0, 2.0]]))
    50.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_percentage_error",
        dtype: DTypeLike = None,
    ):
        super().__init__(mean_absolute_percentage_error, reduction, name, dtype)


class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """The mean of the squared differences of `log(1 + y)`.

    Args:
        reduction, name, dtype: See `Loss`.

    >>> print(keras.losses.MeanSquaredLogarithmicError()([[1.0]], [[1.0]]))
    0.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_logarithmic_error",
        dtype: DTypeLike = None,
    ):
        super().__init__(mean_squared_logarithmic_error, reduction, name, dtype)


class Huber(LossFunctionWrapper):
    """The mean of the Huber loss: squared up to an error of `delta`, linear beyond.

    Args:
        delta: The error at which the loss becomes linear.
        reduction, name, dtype: See `Loss`.

    >>> print(keras.losses.Huber()([[0.0, 0.0]], [[1.0, 3.0]]))
    1.5
    """

    unless_default = ("dtype", "delta")

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: DTypeLike = None,
    ):
        super().__init__(huber, reduction, name, dtype, delta=delta)


class LogCosh(LossFunctionWrapper):
    """The mean of `log(cosh(error))`.

    Args:
        reduction, name, dtype: See `Loss`.

    >>> print(keras.losses.LogCosh()([[0.0]], [[100.0]]))
    99.3068...
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "log_cosh",
        dtype: DTypeLike = None,
    ):
        super().__init__(log_cosh, reduction, name, dtype)


class CosineSimilarity(LossFunctionWrapper):
    """The negative cosine of the angle between labels and predictions.

    Args:
        axis: The axis of the vectors.
        reduction, name, dtype: See `Loss`.

    >>> print(keras.losses.CosineSimilarity()([[1.0, 0.0]], [[3.0, 4.0]]))
    -0.6
    """

    unless_default = ("dtype", "axis")

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: DTypeLike = None,
    ):
        super().__init__(cosine_similarity, reduction, name, dtype, axis=axis)
