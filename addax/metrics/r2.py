"""R2 score: the fraction of the variance that predictions explain."""

from __future__ import annotations

from ..core.convert import to_tensor
from ..core.engine import jnp
from ..core.op import DTypeLike, Tensor, TensorLike
from ..core.types import Shape
from ..core.variable import Variable
from ..ops import divide_no_nan
from .metric import Metric
from .reduction import check_rank_2


class R2Score(Metric):
    """The coefficient of determination: 1 for perfect predictions, 0 for the mean of the targets.

    Args:
        class_aggregation: Aggregation of the scores of the outputs: "uniform_average",
            "variance_weighted_average", or None for none.
        num_regressors: Number of regressors of the adjusted score; 0 for the unadjusted one.
        name, dtype: See `Metric`.

    Raises:
        ValueError: An unknown `class_aggregation`, or a negative `num_regressors`.

    >>> print(keras.metrics.R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]]))
    0.57142854
    """

    _direction = "up"
    squared_sum: Variable
    sum: Variable
    total_mse: Variable
    count: Variable

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: DTypeLike = None,
    ):
        super().__init__(dtype, name)
        accepted = (None, "uniform_average", "variance_weighted_average")
        if class_aggregation not in accepted:
            raise ValueError(
                f"Invalid value for argument `class_aggregation`. Expected one of {accepted}. Received: "
                f"class_aggregation={class_aggregation}"
            )
        if num_regressors < 0:
            raise ValueError(
                "Invalid value for argument `num_regressors`. Expected a value >= 0. Received: "
                f"num_regressors={num_regressors}"
            )
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_variable((), "zeros", name="num_samples")
        self._built = False

    def _build(self, y_true_shape: Shape, y_pred_shape: Shape) -> None:
        """Makes the states; their size is the number of outputs."""
        check_rank_2("R2Score", y_true_shape, y_pred_shape)
        if y_pred_shape[-1] != y_true_shape[-1] or y_pred_shape[-1] is None:
            raise ValueError(
                "R2Score expects 2D inputs with shape (batch_size, output_dim), with output_dim fully defined and "
                f"equal. Received input shapes: y_pred.shape={tuple(y_pred_shape)} and "
                f"y_true.shape={tuple(y_true_shape)}."
            )
        for state, attribute in (
            ("squared_sum", "squared_sum"),
            ("sum", "sum"),
            ("residual", "total_mse"),
            ("count", "count"),
        ):
            setattr(self, attribute, self.add_variable((y_pred_shape[-1],), "zeros", name=state))
        self._built = True

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Adds a batch.

        Args:
            y_true: Targets, shape `(batch, outputs)`.
            y_pred: Predictions of the same shape.
            sample_weight: Weights, shape `(batch,)` or `(batch, outputs)`.
        """
        y_true, y_pred = (to_tensor(y, self.dtype) for y in (y_true, y_pred))
        if not self._built:
            self._build(y_true.shape, y_pred.shape)
        weights = to_tensor(1.0 if sample_weight is None else sample_weight, self.dtype)
        if weights.ndim == 1:
            weights = weights[:, None]
        weights = jnp.broadcast_to(weights, y_true.shape)
        self.sum.assign_add(jnp.sum(y_true * weights, axis=0))
        self.squared_sum.assign_add(jnp.sum(jnp.square(y_true) * weights, axis=0))
        self.total_mse.assign_add(jnp.sum(jnp.square(y_true - y_pred) * weights, axis=0))
        self.count.assign_add(jnp.sum(weights, axis=0))
        self.num_samples.assign_add(y_true.size)

    def result(self) -> Tensor:
        """Returns the score so far, or an array of the scores of the outputs.

        Raises:
            ValueError: There was no `update_state` yet.
        """
        if not self._built:
            raise ValueError("R2Score has no result before its first `update_state`.")
        count, total, squared, residual = (s.value for s in (self.count, self.sum, self.squared_sum, self.total_mse))
        variation = squared - total * (total / count)
        scores = 1 - residual / variation
        scores = jnp.where(jnp.isinf(scores), 0.0, scores)
        if self.class_aggregation == "uniform_average":
            scores = jnp.mean(scores)
        elif self.class_aggregation == "variance_weighted_average":
            scores = divide_no_nan(jnp.sum(variation * scores), jnp.sum(variation))
        if self.num_regressors:
            # The adjusted score is defined only for more samples than regressors + 1.
            n, p = self.num_samples.value, float(self.num_regressors)
            enough = n - 1 > p
            adjusted = 1 - (1 - scores) * (n - 1) / jnp.where(enough, n - p - 1, 1)
            scores = jnp.where(enough, adjusted, scores)
        return scores
