"""F-scores: harmonic means of precision and recall."""

from __future__ import annotations

from typing import Any

from ..core.config import epsilon
from ..core.convert import to_tensor
from ..core.engine import jnp
from ..core.op import DTypeLike, Tensor, TensorLike
from ..core.types import Shape
from ..core.variable import Variable
from .metric import Metric
from .reduction import check_rank_2


class FBetaScore(Metric):
    """The weighted harmonic mean of precision and recall, `(1 + b**2) * p * r / (b**2 * p + r)`, of each class.

    Args:
        average: None (a score for each class), "micro" (counts of all classes together), "macro" (the mean over the
            classes) or "weighted" (the mean weighted by the frequency of the classes).
        beta: Weight of recall relative to precision, > 0.
        threshold: Predictions greater than this are 1, others 0; None makes the largest of each sample 1.
        name, dtype: See `Metric`.

    Raises:
        ValueError: An unknown `average`, or `beta` or `threshold` out of range.

    >>> print(keras.metrics.FBetaScore(beta=2.0, threshold=0.5)([[1, 1], [1, 0]], [[0.2, 0.6], [0.2, 0.8]]))
    [0.        0.8333...]
    """

    _direction = "up"
    true_positives: Variable
    false_positives: Variable
    false_negatives: Variable
    intermediate_weights: Variable

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: DTypeLike = None,
    ):
        super().__init__(dtype, name)
        _check_arguments(average, beta, threshold)
        self.average = average
        self.beta = beta
        self.threshold = threshold
        self.axis = None if average == "micro" else 0  # the axis to sum over; None for all
        self._built = False

    def _build(self, y_true_shape: Shape, y_pred_shape: Shape) -> None:
        """Makes the states; their size is the number of classes."""
        check_rank_2(type(self).__name__, y_true_shape, y_pred_shape)
        if y_pred_shape[-1] is None or y_true_shape[-1] is None:
            raise ValueError(
                f"{type(self).__name__} expects 2D inputs with shape (batch_size, output_dim), with output_dim fully "
                f"defined (not None). Received input shapes: y_pred.shape={tuple(y_pred_shape)} and "
                f"y_true.shape={tuple(y_true_shape)}."
            )
        shape = () if self.average == "micro" else (y_pred_shape[-1],)
        for state in ("true_positives", "false_positives", "false_negatives", "intermediate_weights"):
            setattr(self, state, self.add_variable(shape, "zeros", name=state))
        self._built = True

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Adds a batch.

        Args:
            y_true: Labels 0 and 1, shape `(batch, classes)`.
            y_pred: Probabilities of the same shape.
            sample_weight: Weights, shape `(batch,)`.
        """
        y_true, y_pred = (to_tensor(y, self.dtype) for y in (y_true, y_pred))
        if not self._built:
            self._build(y_true.shape, y_pred.shape)
        if self.threshold is None:
            largest = jnp.max(y_pred, axis=-1, keepdims=True)
            y_pred = (y_pred >= largest) & (jnp.abs(y_pred) > 1e-9)  # a row of zeros predicts no class
        else:
            y_pred = y_pred > self.threshold
        y_pred = y_pred.astype(self.dtype)
        weights: Any = 1
        if sample_weight is not None:
            weights = to_tensor(sample_weight, self.dtype)
            weights = weights.reshape((-1, 1)) if weights.ndim == 1 else weights
        for state, values in (
            ("true_positives", y_pred * y_true),
            ("false_positives", y_pred * (1 - y_true)),
            ("false_negatives", (1 - y_pred) * y_true),
            ("intermediate_weights", y_true),
        ):
            getattr(self, state).assign_add(jnp.sum(values * weights, axis=self.axis))

    def result(self) -> Tensor:
        """Returns the score so far, or an array of the scores of the classes.

        Raises:
            ValueError: There was no `update_state` yet.
        """
        if not self._built:
            raise ValueError(f"{type(self).__name__} has no result before its first `update_state`.")
        tp, fp, fn = (s.value for s in (self.true_positives, self.false_positives, self.false_negatives))
        precision, recall = tp / (tp + fp + epsilon()), tp / (tp + fn + epsilon())
        square = self.beta**2
        scores = precision * recall / (square * precision + recall + epsilon()) * (1 + square)
        if self.average == "weighted":
            weights = self.intermediate_weights.value
            return jnp.sum(scores * (weights / (jnp.sum(weights) + epsilon())))
        return jnp.mean(scores) if self.average is not None else scores


def _check_arguments(average: str | None, beta: float, threshold: float | None) -> None:
    if average not in (None, "micro", "macro", "weighted"):
        raise ValueError(
            "Invalid `average` argument value. Expected one of: {None, 'micro', 'macro', 'weighted'}. "
            f"Received: average={average}"
        )
    for argument, value in (("beta", beta), ("threshold", threshold)):
        if value is None and argument == "threshold":
            continue
        if not isinstance(value, float):
            raise ValueError(
                f"Invalid `{argument}` argument value. It should be a Python float. Received: {argument}={value} of "
                f"type '{type(value)}'"
            )
    if beta <= 0.0:
        raise ValueError(f"Invalid `beta` argument value. It should be > 0. Received: beta={beta}")
    if threshold is not None and not 0.0 < threshold <= 1.0:
        raise ValueError(
            f"Invalid `threshold` argument value. It should verify 0 < threshold <= 1. Received: threshold={threshold}"
        )


class F1Score(FBetaScore):
    """The harmonic mean of precision and recall of each class.

    Args:
        average: None (a score for each class), "micro" (counts of all classes together), "macro" (the mean over the
            classes) or "weighted" (the mean weighted by the frequency of the classes).
        threshold: Predictions greater than this are 1, others 0; None makes the largest of each sample 1.
        name, dtype: See `Metric`.

    >>> print(keras.metrics.F1Score(threshold=0.5, average="micro")([[1, 1], [1, 0]], [[0.2, 0.6], [0.2, 0.8]]))
    0.3999...
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: DTypeLike = None,
    ):
        super().__init__(average, 1.0, threshold, name, dtype)
