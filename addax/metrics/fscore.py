"""F-scores: precision and recall in one number."""

from __future__ import annotations

from typing import Any

from ..core.config import epsilon
from ..core.convert import to_tensor
from ..core.engine import jnp
from ..core.op import DTypeLike, TensorLike
from ..core.variable import Variable
from .metric import Metric


class FBetaScore(Metric):
    """The weighted harmonic mean of precision and recall, `(1 + b**2) * p * r / (b**2 * p + r)`, of each class.

    Args:
        average: None (a score for each class), "micro" (counts of all classes together), "macro" (the mean over the
            classes) or "weighted" (that mean weighted by how frequent they are).
        beta: Weight of recall against precision.
        threshold: Predictions greater than this mean 1; None makes the largest of each sample 1.
        name, dtype: See `Metric`.

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
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(
                "Invalid `average` argument value. Expected one of: {None, 'micro', 'macro', 'weighted'}. "
                f"Received: average={average}"
            )
        if not isinstance(beta, float):
            raise ValueError(
                f"Invalid `beta` argument value. It should be a Python float. Received: beta={beta} of type "
                f"'{type(beta)}'"
            )
        if beta <= 0.0:
            raise ValueError(f"Invalid `beta` argument value. It should be > 0. Received: beta={beta}")
        if threshold is not None:
            if not isinstance(threshold, float):
                raise ValueError(
                    f"Invalid `threshold` argument value. It should be a Python float. Received: threshold={threshold} "
                    f"of type '{type(threshold)}'"
                )
            if not 0.0 < threshold <= 1.0:
                raise ValueError(
                    "Invalid `threshold` argument value. It should verify 0 < threshold <= 1. Received: "
                    f"threshold={threshold}"
                )
        self.average = average
        self.beta = beta
        self.threshold = threshold
        self.axis = None if average == "micro" else 0  # the axis that is summed over; None is all
        self._built = False

    def _build(self, y_true_shape: tuple, y_pred_shape: tuple) -> None:
        """Makes the states, whose size is the number of classes."""
        if len(y_pred_shape) != 2 or len(y_true_shape) != 2:
            raise ValueError(
                f"{type(self).__name__} expects 2D inputs with shape (batch_size, output_dim). Received input shapes: "
                f"y_pred.shape={tuple(y_pred_shape)} and y_true.shape={tuple(y_true_shape)}."
            )
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

    def result(self) -> Any:
        """The score so far, or an array of the scores of the classes."""
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


class F1Score(FBetaScore):
    """The harmonic mean of precision and recall of each class.

    Args:
        average: None (a score for each class), "micro" (counts of all classes together), "macro" (the mean over the
            classes) or "weighted" (that mean weighted by how frequent they are).
        threshold: Predictions greater than this mean 1; None makes the largest of each sample 1.
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
