"""Losses as metrics: their means over batches."""

from __future__ import annotations

from ..core.engine import jnp
from ..core.op import DTypeLike, Tensor, TensorLike
from ..losses.alignment import align_weights, as_classes, as_pair, as_tensor
from ..losses.crossentropy import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    sparse_categorical_crossentropy,
)
from ..losses.divergence import kl_divergence, poisson
from ..losses.facts import of_rows
from ..losses.hinge import categorical_hinge, hinge, squared_hinge
from ..losses.regression import (
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    unit,
)
from ..ops import square
from ..ops import sum as sum_
from .reduction import Mean, MeanMetricWrapper

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Hinge",
    "KLDivergence",
    "LogCoshError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "RootMeanSquaredError",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "sparse_categorical_crossentropy",
    "squared_hinge",
]


class MeanSquaredError(MeanMetricWrapper):
    """The mean of the squared differences.

    Args:
        name, dtype: See `Metric`.

    >>> print(keras.metrics.MeanSquaredError()([[0.0, 2.0]], [[1.0, 0.0]]))
    2.5
    """

    def __init__(self, name: str | None = "mean_squared_error", dtype: DTypeLike = None):
        super().__init__(mean_squared_error, name, dtype)


class MeanAbsoluteError(MeanMetricWrapper):
    """The mean of the absolute differences.

    Args:
        name, dtype: See `Metric`.

    >>> print(keras.metrics.MeanAbsoluteError()([[0.0, 2.0]], [[1.0, 0.0]]))
    1.5
    """

    def __init__(self, name: str | None = "mean_absolute_error", dtype: DTypeLike = None):
        super().__init__(mean_absolute_error, name, dtype)


class MeanAbsolutePercentageError(MeanMetricWrapper):
    """The mean of the absolute differences, in percent of the targets.

    Args:
        name, dtype: See `Metric`.

    >>> print(keras.metrics.MeanAbsolutePercentageError()([[1.0, 2.0]], [[2.0, 2.0]]))
    50.0
    """

    def __init__(self, name: str | None = "mean_absolute_percentage_error", dtype: DTypeLike = None):
        super().__init__(mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """The mean of the squared differences of `log(1 + y)`.

    Args:
        name, dtype: See `Metric`.

    >>> print(keras.metrics.MeanSquaredLogarithmicError()([[1.0]], [[1.0]]))
    0.0
    """

    def __init__(self, name: str | None = "mean_squared_logarithmic_error", dtype: DTypeLike = None):
        super().__init__(mean_squared_logarithmic_error, name, dtype)


class LogCoshError(MeanMetricWrapper):
    """The mean of `log(cosh(error))`.

    Args:
        name, dtype: See `Metric`.

    >>> print(keras.metrics.LogCoshError()([[0.0]], [[100.0]]))
    99.3068...
    """

    def __init__(self, name: str | None = "logcosh", dtype: DTypeLike = None):
        super().__init__(log_cosh, name, dtype)


class Hinge(MeanMetricWrapper):
    """The mean of `max(1 - y_true * y_pred, 0)`.

    Args:
        name, dtype: See `Metric`.

    >>> print(keras.metrics.Hinge()([[0.0, 1.0]], [[0.5, 2.0]]))
    0.75
    """

    def __init__(self, name: str | None = "hinge", dtype: DTypeLike = None):
        super().__init__(hinge, name, dtype)


class SquaredHinge(MeanMetricWrapper):
    """The mean of `max(1 - y_true * y_pred, 0) ** 2`.

    Args:
        name, dtype: See `Metric`.

    >>> print(keras.metrics.SquaredHinge()([[0.0, 1.0]], [[0.5, 2.0]]))
    1.125
    """

    def __init__(self, name: str | None = "squared_hinge", dtype: DTypeLike = None):
        super().__init__(squared_hinge, name, dtype)


class CategoricalHinge(MeanMetricWrapper):
    """The categorical hinge loss, `max(wrong - right + 1, 0)`.

    Args:
        name, dtype: See `Metric`.

    >>> print(keras.metrics.CategoricalHinge()([[0.0, 1.0]], [[0.5, 0.75]]))
    0.75
    """

    def __init__(self, name: str | None = "categorical_hinge", dtype: DTypeLike = None):
        super().__init__(categorical_hinge, name, dtype)


class KLDivergence(MeanMetricWrapper):
    """The Kullback-Leibler divergence of the predictions from the labels.

    Args:
        name, dtype: See `Metric`.

    >>> print(keras.metrics.KLDivergence()([[0.0, 1.0]], [[0.5, 0.5]]))
    0.6931...
    """

    def __init__(self, name: str | None = "kl_divergence", dtype: DTypeLike = None):
        super().__init__(kl_divergence, name, dtype)


class Poisson(MeanMetricWrapper):
    """The negative log likelihood of counts under predicted rates, up to a constant.

    Args:
        name, dtype: See `Metric`.

    >>> print(keras.metrics.Poisson()([[0.0, 2.0]], [[2.0, 2.0]]))
    1.3068...
    """

    def __init__(self, name: str | None = "poisson", dtype: DTypeLike = None):
        super().__init__(poisson, name, dtype)


class BinaryCrossentropy(MeanMetricWrapper):
    """Crossentropy of independent binary labels.

    Args:
        name, dtype: See `Metric`.
        from_logits: Whether predictions are logits (any real number) rather than probabilities.
        label_smoothing: Label smoothing factor, in [0, 1]: weight of the uniform distribution.

    >>> print(keras.metrics.BinaryCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]]))
    0.6931472
    """

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: DTypeLike = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ):
        super().__init__(binary_crossentropy, name, dtype, from_logits=from_logits, label_smoothing=label_smoothing)


class CategoricalCrossentropy(MeanMetricWrapper):
    """Crossentropy of one-hot labels.

    Args:
        name, dtype: See `Metric`.
        from_logits: Whether predictions are logits (any real number) rather than probabilities.
        label_smoothing: Label smoothing factor, in [0, 1]: weight of the uniform distribution.
        axis: The axis of the classes.

    >>> print(keras.metrics.CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]]))
    0.6931472
    """

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: DTypeLike = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ):
        super().__init__(
            categorical_crossentropy, name, dtype, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis
        )


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """Crossentropy of integer labels.

    Args:
        name, dtype: See `Metric`.
        from_logits: Whether predictions are logits (any real number) rather than probabilities.
        ignore_class: A class index whose samples have value 0; None ignores none.
        axis: The axis of the classes.

    >>> print(keras.metrics.SparseCategoricalCrossentropy()([1, 0], [[0.5, 0.5], [0.5, 0.5]]))
    0.6931472
    """

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: DTypeLike = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ):
        super().__init__(
            sparse_categorical_crossentropy, name, dtype, from_logits=from_logits, ignore_class=ignore_class, axis=axis
        )
        self.ignore_class = ignore_class

    def update_state(  # type: ignore[override]
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None
    ) -> None:
        """Adds a batch.

        Args:
            y_true: Class indices, shape `(batch, ...)` or `(batch, ..., 1)`.
            y_pred: Probabilities, or logits, of shape `(batch, ..., classes)`.
            sample_weight: Weights whose shape is a leading part of that of the values. If given, ignored samples have
                weight 0 and are left out of the mean; otherwise they enter it with value 0, as in Keras.
        """
        if self.ignore_class is not None and sample_weight is not None:
            valid = as_classes(y_true, as_tensor(y_pred)) != self.ignore_class
            valid, sample_weight = align_weights(as_tensor(valid, self.dtype), as_tensor(sample_weight, self.dtype))
            sample_weight = valid * sample_weight
        super().update_state(y_true, y_pred, sample_weight)


@of_rows
def _cosine(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Tensor:
    y_true, y_pred = as_pair(y_true, y_pred)
    return sum_(unit(y_true, axis) * unit(y_pred, axis), axis=axis)


class CosineSimilarity(MeanMetricWrapper):
    """The cosine of the angle between labels and predictions: 1 for vectors of the same direction.

    Args:
        name, dtype: See `Metric`.
        axis: The axis of the vectors.

    >>> print(keras.metrics.CosineSimilarity()([[1.0, 0.0]], [[3.0, 4.0]]))
    0.6
    """

    _direction = "up"
    unless_default = ("axis",)

    def __init__(self, name: str | None = "cosine_similarity", dtype: DTypeLike = None, axis: int = -1):
        super().__init__(_cosine, name, dtype, axis=axis)


class RootMeanSquaredError(Mean):
    """The square root of the mean of the squared differences.

    Args:
        name, dtype: See `Metric`.

    >>> print(keras.metrics.RootMeanSquaredError()([[3.0, 4.0]], [[0.0, 0.0]]))
    3.535534
    """

    _direction = "down"

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: DTypeLike = None):
        super().__init__(name, dtype)

    def update_state(  # type: ignore[override]
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None
    ) -> None:
        """Adds a batch.

        Args:
            y_true: Targets, shape `(batch, ...)`.
            y_pred: Predictions of the same shape.
            sample_weight: Weights; their shape is a leading part of that of the predictions.
        """
        y_true, y_pred = as_pair(y_true, y_pred)
        super().update_state(square(y_pred - y_true), sample_weight)

    def result(self) -> Tensor:
        """Returns the error so far."""
        return jnp.sqrt(super().result())
