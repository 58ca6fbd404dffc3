"""Operating points: the best rate, over all thresholds, at which another rate is at least a given value."""

from __future__ import annotations

from ..core.engine import jnp
from ..core.op import DTypeLike, Tensor, TensorLike
from ..ops import divide_no_nan
from .confusion import CountsMetric, confusion_counts, even_thresholds


class _AtConstraint(CountsMetric):
    """The maximum of one rate over the thresholds at which another rate is at least a given value.

    Args:
        value: Smallest allowed value of the constrained rate.
        num_thresholds: Number of thresholds.
        class_id: Index, in the last axis, of the only class to count; None counts all.
        name, dtype: See `Metric`.
    """

    _direction = "up"
    argument = ""  # the constructor's name for `value`
    rates = ("", "")  # names of the constrained rate and of the maximized one
    rowwise = True

    def __init__(self, value: float, num_thresholds: int, class_id: int | None, name: str | None, dtype: DTypeLike):
        if not 0 <= value <= 1:
            raise ValueError(
                f"Argument `{self.argument}` must be in the range [0, 1]. Received: {self.argument}={value}"
            )
        if num_thresholds <= 0:
            raise ValueError(
                f"Argument `num_thresholds` must be an integer > 0. Received: num_thresholds={num_thresholds}"
            )
        super().__init__(dtype, name)
        setattr(self, self.argument, value)
        self.value = value
        self.class_id = class_id
        self.num_thresholds = num_thresholds
        inner = even_thresholds(num_thresholds)[1:-1] if num_thresholds > 1 else []
        self.thresholds = [0.0, *inner, 1.0] if num_thresholds > 1 else [0.5]
        self._make_counts((num_thresholds,))

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Adds a batch.

        Args:
            y_true: Labels 0 and 1, shape `(batch, ...)`.
            y_pred: Probabilities of the same shape.
            sample_weight: Weights; their shape is a leading part of that of the predictions.
        """
        self._add_counts(
            confusion_counts(y_true, y_pred, self.thresholds, self.dtype, sample_weight, class_id=self.class_id)
        )

    def result(self) -> Tensor:
        """Returns the best rate so far; 0 if no threshold meets the constraint."""
        tp, fp, tn, fn = self._counts()
        pairs = {"sensitivity": (tp, fn), "recall": (tp, fn), "specificity": (tn, fp), "precision": (tp, fp)}
        constrained, wanted = (divide_no_nan(a, a + b) for a, b in (pairs[rate] for rate in self.rates))
        return jnp.max(jnp.where(constrained >= self.value, wanted, 0))


class SensitivityAtSpecificity(_AtConstraint):
    """The best sensitivity (recall) at which the specificity, `tn / (tn + fp)`, is at least a given value.

    Args:
        specificity: Smallest allowed specificity, in [0, 1].
        num_thresholds: Number of thresholds to compare.
        class_id: Index, in the last axis, of the only class to count; None counts all.
        name, dtype: See `Metric`.

    >>> print(keras.metrics.SensitivityAtSpecificity(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]))
    0.5
    """

    argument = "specificity"
    rates = ("specificity", "sensitivity")

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypeLike = None,
    ):
        super().__init__(specificity, num_thresholds, class_id, name, dtype)


class SpecificityAtSensitivity(_AtConstraint):
    """The best specificity, `tn / (tn + fp)`, at which the sensitivity (recall) is at least a given value.

    Args:
        sensitivity: Smallest allowed sensitivity, in [0, 1].
        num_thresholds: Number of thresholds to compare.
        class_id: Index, in the last axis, of the only class to count; None counts all.
        name, dtype: See `Metric`.

    >>> print(keras.metrics.SpecificityAtSensitivity(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]))
    0.6666667
    """

    argument = "sensitivity"
    rates = ("sensitivity", "specificity")

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypeLike = None,
    ):
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)


class PrecisionAtRecall(_AtConstraint):
    """The best precision at which the recall is at least a given value.

    Args:
        recall: Smallest allowed recall, in [0, 1].
        num_thresholds: Number of thresholds to compare.
        class_id: Index, in the last axis, of the only class to count; None counts all.
        name, dtype: See `Metric`.

    >>> print(keras.metrics.PrecisionAtRecall(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]))
    0.5
    """

    argument = "recall"
    rates = ("recall", "precision")

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypeLike = None,
    ):
        super().__init__(recall, num_thresholds, class_id, name, dtype)


class RecallAtPrecision(_AtConstraint):
    """The best recall at which the precision is at least a given value.

    Args:
        precision: Smallest allowed precision, in [0, 1].
        num_thresholds: Number of thresholds to compare.
        class_id: Index, in the last axis, of the only class to count; None counts all.
        name, dtype: See `Metric`.

    >>> print(keras.metrics.RecallAtPrecision(0.8)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]))
    0.5
    """

    argument = "precision"
    rates = ("precision", "recall")

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypeLike = None,
    ):
        super().__init__(precision, num_thresholds, class_id, name, dtype)
