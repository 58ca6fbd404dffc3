"""Areas under curves of rates, from counts at many thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.convert import to_tensor
from ..core.engine import jax, jnp
from ..core.op import DTypeLike, Tensor, TensorLike
from ..ops import divide_no_nan
from .confusion import CountsMetric, check_thresholds, confusion_counts, even_thresholds

CURVES = ("PR", "ROC", "PRGAIN")
SUMMATIONS = ("interpolation", "majoring", "minoring")


class AUC(CountsMetric):
    """The approximate area under a curve of rates over all thresholds.

    Args:
        num_thresholds: Number of thresholds, including the two just outside of [0, 1].
        curve: "ROC" (recall over false positive rate), "PR" (precision over recall), or "PRGAIN" (Flach and Kull,
            "Precision-recall-gain curves", 2015).
        summation_method: Height of the curve between two thresholds: "interpolation" (the mean; for "PR" the
            interpolation of Davis and Goadrich, "The relationship between precision-recall and ROC curves", 2006),
            "minoring" (the lower value) or "majoring" (the higher value).
        name, dtype: See `Metric`.
        thresholds: Thresholds in [0, 1] to use instead of evenly spaced ones.
        multi_label: Whether to compute the area of each label (index in the last axis) separately, and average them.
        num_labels: Number of labels with `multi_label`; None takes it from the first batch.
        label_weights: Weight of each label.
        from_logits: Whether predictions are logits rather than probabilities.

    Raises:
        ValueError: An unknown curve or summation method, thresholds out of range, or `num_labels` without
            `multi_label`.

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
        self._make_counts(sizes)
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
        counts = confusion_counts(
            y_true,
            y_pred,
            self.thresholds,
            self.dtype,
            sample_weight,
            multi_label=self.multi_label,
            # With `multi_label` they are weights of the areas, otherwise of the counts.
            label_weights=None if self.multi_label else self.label_weights,
        )
        self._add_counts(counts)

    def result(self) -> Tensor:
        """Returns the area so far."""
        tp, fp, tn, fn = self._counts()
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self.interpolate_pr_auc()
        recall = divide_no_nan(tp, tp + fn)
        if self.curve == "ROC":
            x, y = divide_no_nan(fp, fp + tn), recall
        elif self.curve == "PR":
            x, y = recall, divide_no_nan(tp, tp + fp)
        else:
            # Precision gain over recall gain; gains are negative below the base rate, where the curve is cut off.
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

    def interpolate_pr_auc(self) -> Tensor:
        """Returns the area under the precision-recall curve so far, in the interpolation of Davis and Goadrich.

        It does not depend on `curve` and `summation_method`.
        """
        tp, fp, _, fn = self._counts()
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
    """The area under the precision-recall curve between neighbouring thresholds.

    Between two points the true positives are linear in the predicted positives p, `tp = intercept + slope * p`. So
    precision, tp/p, is not linear, and its integral over recall has a logarithm.
    """
    p = tp + fp
    dtp, dp = tp[:-1] - tp[1:], p[:-1] - p[1:]
    slope = divide_no_nan(dtp, jnp.maximum(dp, 0))
    intercept = tp[1:] - slope * p[1:]
    both = (p[:-1] > 0) & (p[1:] > 0)
    ratio = jnp.where(both, divide_no_nan(p[:-1], jnp.maximum(p[1:], 0)), 1)
    return divide_no_nan(slope * (dtp + intercept * jnp.log(ratio)), jnp.maximum(tp[1:] + fn[1:], 0))
