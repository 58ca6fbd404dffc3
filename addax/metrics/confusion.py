"""Counts of true and false positives and negatives at thresholds, and metrics computed from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from ..core.config import epsilon
from ..core.convert import to_tensor
from ..core.engine import jax, jnp
from ..core.op import DTypeLike, Tensor, TensorLike
from ..core.variable import Variable
from ..losses.alignment import to_same_rank
from ..ops import divide_no_nan
from .metric import Metric
from .reduction import spread

COUNTS = ("true_positives", "false_positives", "true_negatives", "false_negatives")
_BELOW_ALL = -1e10  # a threshold below every prediction, and the score of predictions outside the top k

Thresholds: TypeAlias = float | Sequence[float] | None


def check_thresholds(thresholds: Thresholds, default: float) -> list[float]:
    """Converts thresholds to a list, and checks them.

    Args:
        thresholds: A float, a sequence of floats, or None for `default`.
        default: The only threshold when none is given.

    Raises:
        ValueError: A threshold is not in [0, 1].
    """
    if thresholds is None:
        return [default]
    values = list(thresholds) if isinstance(thresholds, (Sequence, np.ndarray)) else [thresholds]
    wrong = [t for t in values if t is None or t < 0 or t > 1]
    if wrong:
        raise ValueError(f"Threshold values must be in [0, 1]. Received: {wrong}")
    return values


def are_even(thresholds: Sequence[float]) -> bool:
    """Returns whether three or more thresholds are evenly spaced in [0, 1], so that buckets can be computed."""
    if len(thresholds) < 3:
        return False
    even = np.linspace(0.0, 1.0, len(thresholds), dtype="float32")
    return np.allclose(np.asarray(thresholds, "float32"), even, atol=epsilon())


def even_thresholds(count: int) -> list[float]:
    """Returns `count` evenly spaced thresholds in [0, 1], the outer two moved just outside of it."""
    inner = [(i + 1) / (count - 1) for i in range(count - 2)]
    return [0.0 - epsilon(), *inner, 1.0 + epsilon()]


def confusion_counts(
    y_true: TensorLike,
    y_pred: TensorLike,
    thresholds: Sequence[float],
    dtype: str,
    sample_weight: TensorLike | None = None,
    top_k: int | None = None,
    class_id: int | None = None,
    multi_label: bool = False,
    label_weights: TensorLike | None = None,
) -> dict[str, Tensor]:
    """Counts true and false positives and negatives, weighted, at each threshold.

    Args:
        y_true: Labels 0 and 1.
        y_pred: Probabilities of the same shape.
        thresholds: In ascending order; a prediction greater than a threshold is positive at it.
        dtype: Dtype of the counts.
        sample_weight: Weights; their shape is a leading part of that of the predictions.
        top_k: Only the `k` largest predictions along the last axis can be positive; of equal ones, the first.
        class_id: Index, in the last axis, of the only class to count; None counts all.
        multi_label: Whether to count each label (index in the last axis) separately.
        label_weights: One weight per label.

    Returns:
        For each of `COUNTS` an array of shape `(thresholds,)`, or `(thresholds, labels)`.

    Raises:
        ValueError: The shapes of labels, predictions and weights are incompatible.
    """
    y_true, y_pred = to_same_rank(to_tensor(y_true, dtype), to_tensor(y_pred, dtype))
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"Shapes {tuple(y_pred.shape)} and {tuple(y_true.shape)} are incompatible: `y_pred` and `y_true` must have "
            "the same shape."
        )
    if top_k is not None:
        # By index, not by value: of equal predictions no more than `top_k` may be positive.
        indices = jax.lax.top_k(y_pred, top_k)[1]
        in_top_k = jnp.put_along_axis(jnp.zeros(y_pred.shape, bool), indices, True, axis=-1, inplace=False)
        y_pred = jnp.where(in_top_k, y_pred, _BELOW_ALL)
    weights: Any = None
    if sample_weight is not None:
        weights = spread(to_tensor(sample_weight, dtype), y_pred)
    if label_weights is not None:
        weights = to_tensor(label_weights, dtype) * (1 if weights is None else weights)
    weights = jnp.ones_like(y_pred) if weights is None else jnp.broadcast_to(weights, y_pred.shape)
    if class_id is not None:
        y_true, y_pred, weights = (x[..., class_id] for x in (y_true, y_pred, weights))

    if multi_label:
        shape = (-1, y_pred.shape[-1])
        count = jax.vmap(_count, in_axes=(1, 1, 1, None), out_axes=1)
        return count(y_true.reshape(shape), y_pred.reshape(shape), weights.reshape(shape), tuple(thresholds))
    return _count(y_true.ravel(), y_pred.ravel(), weights.ravel(), tuple(thresholds))


def _count(y_true: Tensor, y_pred: Tensor, weights: Tensor, thresholds: tuple[float, ...]) -> dict[str, Tensor]:
    """Counts as `confusion_counts` does, for vectors."""
    if are_even(thresholds):
        # A histogram of the predictions between thresholds, then its cumulative sum: one pass over the data for any
        # number of thresholds.
        n = len(thresholds)
        passed = jnp.ceil(jnp.clip(y_pred, 0, 1) * (n - 1)).astype("int32")  # how many thresholds are smaller
        if thresholds[0] < 0:
            passed = jnp.maximum(passed, 1)  # a prediction of 0 is above a first threshold just below 0
        parts = jnp.stack([y_true * weights, (1 - y_true) * weights], axis=-1)
        per_bucket = jnp.zeros((n + 1, 2), parts.dtype).at[passed].add(parts)
        positives = jnp.cumsum(per_bucket[:0:-1], axis=0)[::-1]
    else:
        labels = y_true.astype(bool)
        parts = jnp.stack([jnp.where(labels, weights, 0), jnp.where(labels, 0, weights)], axis=-1)
        above = y_pred[None, :] > jnp.asarray(thresholds, y_pred.dtype)[:, None]
        positives = jnp.stack([jnp.sum(jnp.where(above, parts[:, i], 0), axis=1) for i in (0, 1)], axis=-1)
    negatives = jnp.sum(parts, axis=0) - positives
    return dict(zip(COUNTS, (positives[:, 0], positives[:, 1], negatives[:, 1], negatives[:, 0])))


class _Thresholded(Metric):
    """A metric that sums some of the counts at given thresholds."""

    counts: tuple[str, ...] = ()  # names of those counts, in the order of the states

    rowwise = True

    def __init__(
        self,
        thresholds: Thresholds = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypeLike = None,
    ):
        super().__init__(dtype, name)
        self.init_thresholds = thresholds
        self.top_k = top_k
        self.class_id = class_id
        self.thresholds = check_thresholds(thresholds, 0.5 if top_k is None else _BELOW_ALL)
        for state in self._state_names():
            setattr(self, state, self.add_variable((len(self.thresholds),), "zeros", name=state))

    def _state_names(self) -> tuple[str, ...]:
        return self.counts

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Adds a batch.

        Args:
            y_true: Labels 0 and 1, shape `(batch, ...)`.
            y_pred: Probabilities of the same shape.
            sample_weight: Weights; their shape is a leading part of that of the predictions.
        """
        found = confusion_counts(y_true, y_pred, self.thresholds, self.dtype, sample_weight, self.top_k, self.class_id)
        for count, state in zip(self.counts, self._state_names()):
            getattr(self, state).assign_add(found[count])

    def _values(self) -> Tensor:
        values = [to_tensor(getattr(self, state)) for state in self._state_names()]
        return values[0] if len(values) == 1 else divide_no_nan(values[0], values[0] + values[1])

    def result(self) -> Tensor:
        """Returns the value at the threshold, or an array of the values at each threshold."""
        values = self._values()
        return values[0] if len(self.thresholds) == 1 else values


class CountsMetric(Metric):
    """A metric that keeps all four counts at each of its thresholds, and computes rates from them.

    Args:
        name, dtype: See `Metric`.
    """

    rowwise = True

    def _make_counts(self, shape: tuple[int, ...]) -> None:
        """Makes the states, of shape `(thresholds,)` or `(thresholds, labels)`."""
        for count in COUNTS:
            setattr(self, count, self.add_variable(shape, "zeros", name=count))

    def _add_counts(self, counts: dict[str, Tensor]) -> None:
        for count, value in counts.items():
            getattr(self, count).assign_add(value)

    def _counts(self) -> list[Tensor]:
        """The true positives, false positives, true negatives and false negatives so far."""
        return [getattr(self, count).value for count in COUNTS]


class _Count(_Thresholded):
    """A metric that is one of the counts."""

    accumulator: Variable

    def __init__(self, thresholds: Thresholds = None, name: str | None = None, dtype: DTypeLike = None):
        super().__init__(thresholds, None, None, name, dtype)

    def _state_names(self) -> tuple[str, ...]:
        return ("accumulator",)


class TruePositives(_Count):
    """The number of positives predicted as positive.

    Args:
        thresholds: Predictions greater than this are positive; a float or a list of floats in [0, 1]; default 0.5.
        name, dtype: See `Metric`.

    >>> print(keras.metrics.TruePositives()([0, 1, 1, 1], [1, 0, 1, 1]))
    2.0
    """

    counts = ("true_positives",)


class FalsePositives(_Count):
    """The number of negatives predicted as positive.

    Args:
        thresholds: Predictions greater than this are positive; a float or a list of floats in [0, 1]; default 0.5.
        name, dtype: See `Metric`.

    >>> print(keras.metrics.FalsePositives()([0, 1, 0, 0], [0, 0, 1, 1]))
    2.0
    """

    counts = ("false_positives",)


class TrueNegatives(_Count):
    """The number of negatives predicted as negative.

    Args:
        thresholds: Predictions greater than this are positive; a float or a list of floats in [0, 1]; default 0.5.
        name, dtype: See `Metric`.

    >>> print(keras.metrics.TrueNegatives()([0, 1, 0, 0], [1, 1, 0, 0]))
    2.0
    """

    counts = ("true_negatives",)


class FalseNegatives(_Count):
    """The number of positives predicted as negative.

    Args:
        thresholds: Predictions greater than this are positive; a float or a list of floats in [0, 1]; default 0.5.
        name, dtype: See `Metric`.

    >>> print(keras.metrics.FalseNegatives()([0, 1, 1, 1], [0, 1, 0, 0]))
    2.0
    """

    counts = ("false_negatives",)


class Precision(_Thresholded):
    """The fraction of predicted positives that are positive.

    Args:
        thresholds: Predictions greater than this are positive; a float or a list of floats in [0, 1]; default 0.5.
        top_k: Only the `k` largest predictions of each sample can be positive.
        class_id: Index, in the last axis, of the only class to count; None counts all.
        name, dtype: See `Metric`.

    >>> print(keras.metrics.Precision()([0, 1, 1, 1], [1, 0, 1, 1]))
    0.6666667
    """

    _direction = "up"
    counts = ("true_positives", "false_positives")
    true_positives: Variable
    false_positives: Variable


class Recall(_Thresholded):
    """The fraction of positives that are predicted as positive.

    Args:
        thresholds: Predictions greater than this are positive; a float or a list of floats in [0, 1]; default 0.5.
        top_k: Only the `k` largest predictions of each sample can be positive.
        class_id: Index, in the last axis, of the only class to count; None counts all.
        name, dtype: See `Metric`.

    >>> print(keras.metrics.Recall()([0, 1, 1, 1], [1, 0, 1, 1]))
    0.6666667
    """

    _direction = "up"
    counts = ("true_positives", "false_negatives")
    true_positives: Variable
    false_negatives: Variable
