"""Losses of predicted distributions: Kullback-Leibler divergence and Poisson likelihood."""

from __future__ import annotations

from ..core.config import epsilon
from ..core.op import DTypeLike, Tensor, TensorLike
from ..ops import clip, log, mean
from ..ops import sum as sum_
from .alignment import as_pair, as_pair_along
from .facts import loss_function
from .loss import LossFunctionWrapper


@loss_function(labels="alike", values="probabilities")
def kl_divergence(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """The Kullback-Leibler divergence of the predictions from the labels over the last axis.

    Args:
        y_true: Probabilities, shape `(batch, ..., d)`.
        y_pred: Probabilities of the same shape.

    Returns:
        Values of shape `(batch, ...)`.

    >>> print(keras.losses.kl_divergence([[0.0, 1.0]], [[0.5, 0.5]]))
    [0.6931...]
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    y_true, y_pred = (clip(y, epsilon(), 1.0) for y in (y_true, y_pred))
    return sum_(y_true * log(y_true / y_pred), axis=-1)


@loss_function(labels="alike")
def poisson(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """The mean over the last axis of the negative log likelihood of counts under rates, up to a constant.

    Args:
        y_true: Counts, shape `(batch, ..., d)`.
        y_pred: Rates, positive, of the same shape.

    Returns:
        Values of shape `(batch, ...)`.

    >>> print(keras.losses.poisson([[0.0, 2.0]], [[2.0, 2.0]]))
    [1.3068...]
    """
    y_true, y_pred, axis = as_pair_along(y_true, y_pred)
    return mean(y_pred - y_true * log(y_pred + epsilon()), axis=axis)


class KLDivergence(LossFunctionWrapper):
    """The Kullback-Leibler divergence of the predictions from the labels.

    Args:
        reduction, name, dtype: See `Loss`.

    >>> print(keras.losses.KLDivergence()([[0.0, 1.0]], [[0.5, 0.5]]))
    0.6931...
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "kl_divergence",
        dtype: DTypeLike = None,
    ):
        super().__init__(kl_divergence, reduction, name, dtype)


class Poisson(LossFunctionWrapper):
    """The negative log likelihood of counts under predicted rates, up to a constant.

    Args:
        reduction, name, dtype: See `Loss`.

    >>> print(keras.losses.Poisson()([[0.0, 2.0]], [[2.0, 2.0]]))
    1.3068...
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "poisson",
        dtype: DTypeLike = None,
    ):
        super().__init__(poisson, reduction, name, dtype)
