"""Areas under curves and points on them, from counts at many thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.convert import to_tensor
from ..core.engine import jax, jnp
from ..core.op import DTypeLike, Tensor, TensorLike
from .confusion import COUNTS, check_thresholds, confusion_counts, even_thresholds
from .metric import Metric
from .reduction import divide_no_nan

CURVES = ("PR", "ROC", "PRGAIN")
SUMMATIONS = ("interpolation", "majoring", "minoring")


class AUC(Metric):
    """The approximate area under a curve of rates over all thresholds.

    Args:
        num_thresholds: Number of thresholds, the two just outside of [0, 1] included.
        curve: "ROC" (recall over false positive rate), "PR" (precision over recall), or "PRGAIN" (Flach and Kull,
            "Precision-recall-gain curves", 2015).
        summation_method: What the curve is between two thresholds: "interpolation" (the mean; for "PR" the curve of
            Davis and Goadrich, "The relationship between precision-recall and ROC curves", 2006), "minoring" (the
            lower value) or "majoring" (the higher).
        name, dtype: See `Metric`.
        thresholds: Thresholds in [0, 1] to use instead of evenly spaced ones.
        multi_label: Whether the area is computed for each label (index in the last axis) by itself, and averaged.
        num_labels: Number of labels, if the states shall be made at once.
        label_weights: Weight of each label.
        from_logits: Whether predictions are logits rather than probabilities.

    >>> print(keras.metrics.AUC(num_thresholds=3)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]))
    0.75
    """

    _direction = "up"

    rowwise = True

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: DTypeLike = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ):
        if str(curve).upper() not in CURVES:
            raise ValueError(f'Invalid AUC curve value: "{curve}". Expected values are ["PR", "ROC", "PRGAIN"]')
        if str(summation_method).lower() not in SUMMATIONS:
            raise ValueError(
                f'Invalid AUC summation method value: "{summation_method}". Expected values are '
                '["interpolation", "majoring", "minoring"]'
            )
        if thresholds is None and num_thresholds <= 1:
            raise ValueError(
                f"Argument `num_thresholds` must be an integer > 1. Received: num_thresholds={num_thresholds}"
            )
        if num_labels is not None and not multi_label:
            raise ValueError("`num_labels` is needed only when `multi_label` is True.")
        super().__init__(dtype, name)
        self.curve = str(curve).upper()
        self.summation_method = str(summation_method).lower()
        self.multi_label = multi_label
        self.num_labels = num_labels
        self.label_weights = None if label_weights is None else list(label_weights)
        self._from_logits = from_logits
        if thresholds is None:
            self._given = None
            self.thresholds = even_thresholds(num_thresholds)
        else:
            self._given = sorted(check_thresholds(thresholds, 0.5))
            ends = even_thresholds(2)
            self.thresholds = [ends[0], *self._given, ends[1]]
        self.num_thresholds = len(self.thresholds)
        self._built = False
        if not multi_label or num_labels is not None:
            self._build((None, num_labels))

    def _build(self, shape: tuple) -> None:
        """Makes the states; `shape` is that of the predictions."""
        if self.multi_label:
            if len(shape) != 2:
                raise ValueError(
                    f"`y_pred` must have rank 2 when `multi_label=True`. Found rank {len(shape)}. Full shape received "
                    f"for `y_pred`: {tuple(shape)}"
                )
        sizes = (self.num_thresholds, shape[1]) if self.multi_label else (self.num_thresholds,)
        for count in COUNTS:
            setattr(self, count, self.add_variable(sizes, "zeros", name=count))
        self._built = True

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Adds a batch.

        Args:
            y_true: Labels 0 and 1, shape `(batch, ...)`.
            y_pred: Probabilities, or logits, of the same shape.
            sample_weight: Weights; their shape is a leading part of that of the predictions.
        """
        y_pred = to_tensor(y_pred, self.dtype)
        if not self._built:
            self._build(y_pred.shape)
        if self._from_logits:
            y_pred = jax.nn.sigmoid(y_pred)
        found = confusion_counts(
            y_true,
            y_pred,
            self.thresholds,
            self.dtype,
            sample_weight,
            multi_label=self.multi_label,
            # With `multi_label` they weigh the areas, otherwise the counts.
            label_weights=None if self.multi_label else self.label_weights,
        )
        for count, value in found.items():
            getattr(self, count).assign_add(value)

    def result(self) -> Any:
        """The area so far."""
        tp, fp, tn, fn = (getattr(self, count).value for count in COUNTS)
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self.interpolate_pr_auc()
        recall = divide_no_nan(tp, tp + fn)
        if self.curve == "ROC":
            x, y = divide_no_nan(fp, fp + tn), recall
        elif self.curve == "PR":
            x, y = recall, divide_no_nan(tp, tp + fp)
        else:
            odds = divide_no_nan(tp + fn, fp + tn)
            x, y = (1 - odds * divide_no_nan(wrong, tp) for wrong in (fn, fp))
            x = jnp.where(tp > 0, jnp.maximum(x, 0), 0)
        between: dict[str, Any] = {
            "interpolation": lambda a, b: (a + b) / 2,
            "minoring": jnp.minimum,
            "majoring": jnp.maximum,
        }
        heights = between[self.summation_method](y[:-1], y[1:])
        return self._average((x[:-1] - x[1:]) * heights, axis=0)

    def interpolate_pr_auc(self) -> Any:
        """The area under the precision-recall curve so far, whatever `curve` is, as Davis and Goadrich interpolate."""
        tp, fp, fn = (getattr(self, count).value for count in (COUNTS[0], COUNTS[1], COUNTS[3]))
        return self._average(_interpolated_pr(tp, fp, fn), axis=0)

    def _average(self, pieces: Tensor, axis: int) -> Tensor:
        areas = jnp.sum(pieces, axis=axis)
        if not self.multi_label:
            return areas
        if self.label_weights is None:
            return jnp.mean(areas)
        weights = jnp.asarray(self.label_weights, areas.dtype)
        return divide_no_nan(jnp.sum(areas * weights), jnp.sum(weights))

    def get_config(self) -> dict[str, Any]:
        config = {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "thresholds": self._given,
        }
        if self._given is None:
            del config["thresholds"]
        return config


def _interpolated_pr(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    """The area under the precision-recall curve between each two thresholds.

    Between two points true positives grow linearly with predicted positives p, `tp = intercept + slope * p`, so
    precision tp/p is no straight line: its integral over recall has a logarithm.
    """
    p = tp + fp
    dtp, dp = tp[:-1] - tp[1:], p[:-1] - p[1:]
    slope = divide_no_nan(dtp, jnp.maximum(dp, 0))
    intercept = tp[1:] - slope * p[1:]
    both = (p[:-1] > 0) & (p[1:] > 0)
    ratio = jnp.where(both, divide_no_nan(p[:-1], jnp.maximum(p[1:], 0)), 1)
    return divide_no_nan(slope * (dtp + intercept * jnp.log(ratio)), jnp.maximum(tp[1:] + fn[1:], 0))


class _AtConstraint(Metric):
    """The best of one rate over all thresholds at which another is at least some value.

    Args:
        value: The least value of the constrained rate.
        num_thresholds: Number of thresholds.
        class_id: Only this class (index in the last axis) counts.
        name, dtype: See `Metric`.
    """

    _direction = "up"
    argument = ""  # the constructor's name for `value`
    rates = ("", "")  # which rate is constrained, which is maximised

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
        for count in COUNTS:
            setattr(self, count, self.add_variable((num_thresholds,), "zeros", name=count))

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Adds a batch.

        Args:
            y_true: Labels 0 and 1, shape `(batch, ...)`.
            y_pred: Probabilities of the same shape.
            sample_weight: Weights; their shape is a leading part of that of the predictions.
        """
        found = confusion_counts(y_true, y_pred, self.thresholds, self.dtype, sample_weight, class_id=self.class_id)
        for count, value in found.items():
            getattr(self, count).assign_add(value)

    def result(self) -> Any:
        """The best rate so far; 0 where no threshold meets the constraint."""
        tp, fp, tn, fn = (getattr(self, count).value for count in COUNTS)
        pairs = {"sensitivity": (tp, fn), "recall": (tp, fn), "specificity": (tn, fp), "precision": (tp, fp)}
        constrained, wanted = (divide_no_nan(a, a + b) for a, b in (pairs[rate] for rate in self.rates))
        return jnp.max(jnp.where(constrained >= self.value, wanted, 0))


class SensitivityAtSpecificity(_AtConstraint):
    """The best sensitivity (recall) at which the specificity, `tn / (tn + fp)`, is at least a given value.

    Args:
        specificity: The least specificity, in [0, 1].
        num_thresholds: Number of thresholds to try.
        class_id: Only this class (index in the last axis) counts.
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
        sensitivity: The least sensitivity, in [0, 1].
        num_thresholds: Number of thresholds to try.
        class_id: Only this class (index in the last axis) counts.
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
        recall: The least recall, in [0, 1].
        num_thresholds: Number of thresholds to try.
        class_id: Only this class (index in the last axis) counts.
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
        precision: The least precision, in [0, 1].
        num_thresholds: Number of thresholds to try.
        class_id: Only this class (index in the last axis) counts.
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
