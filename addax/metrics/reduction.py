"""Sums and means over batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.convert import to_tensor
from ..core.engine import jnp
from ..core.masks import get_mask
from ..core.op import DTypeLike, Tensor, TensorLike
from ..core.ours import declared
from ..core.serialization import serialize_keras_object
from ..core.types import Shape
from ..losses.alignment import align_weights, product_of_weights, to_same_rank
from ..losses.loss import read_settings, show_settings
from ..ops import divide_no_nan
from .metric import Metric


def spread(weights: Tensor, values: Tensor) -> Tensor:
    """Broadcasts weights to the shape of values.

    Args:
        weights: Their shape is a leading part of that of the values; an axis of size 1 at the end may be missing.
        values: Shape `(batch, ...)`.

    Raises:
        ValueError: The shapes are incompatible.
    """
    shapes = tuple(weights.shape), tuple(values.shape)
    # Without its last axis, so that weights `(batch,)` of values `(batch, 1)` are not broadcast to `(batch, batch)`.
    if values.ndim > 1 and values.shape[-1] == 1 and weights.ndim < values.ndim:
        values = values[..., 0]
    values, weights = align_weights(values, weights)
    try:
        return jnp.broadcast_to(weights, values.shape).reshape(shapes[1])
    except ValueError:
        raise ValueError(
            f"The shape of `sample_weight`, {shapes[0]}, doesn't fit the values, whose shape is {shapes[1]}: expected "
            "a leading part of it."
        ) from None


def samplewise(
    values: TensorLike, sample_weight: TensorLike | None, reduce: str, dtype: str
) -> tuple[Tensor, Tensor | None]:
    """Reduces values, times their weights, to one value and one weight per sample.

    Args:
        values: Shape `(batch, ...)`.
        sample_weight: Weights whose shape is a leading part of that of `values`, or None.
        reduce: Reduction over the axes after the first: "mean" or "sum".
        dtype: Dtype of the results.

    Returns:
        The weighted values and the weights, shape `(batch,)` each; None for no weights.

    Raises:
        ValueError: The shapes are incompatible.
    """
    values = to_tensor(values, dtype)
    over = getattr(jnp, reduce)
    if sample_weight is not None:
        weights = to_tensor(sample_weight, dtype)
        shapes = values.shape, weights.shape
        values, weights = to_same_rank(values, weights)
        if weights.ndim < values.ndim:
            values = over(values, axis=tuple(range(weights.ndim, values.ndim)))
        try:
            weights = jnp.broadcast_to(weights, values.shape)
        except ValueError:
            raise ValueError(
                f"The shape of `sample_weight`, {shapes[1]}, doesn't fit the values, whose shape is {shapes[0]}: "
                f"expected one weight for each of the {values.shape[0] if values.ndim else 1} samples."
            ) from None
        values = values * weights
        sample_weight = over(weights, axis=tuple(range(1, weights.ndim)))
    return over(values, axis=tuple(range(1, values.ndim))), sample_weight


def check_rank_2(metric: str, y_true_shape: Shape, y_pred_shape: Shape) -> None:
    """Checks that labels and predictions are of rank 2.

    Args:
        metric: Name of the metric, for the error.
        y_true_shape: Shape of the labels.
        y_pred_shape: Shape of the predictions.

    Raises:
        ValueError: One of them has another rank.
    """
    if len(y_pred_shape) != 2 or len(y_true_shape) != 2:
        raise ValueError(
            f"{metric} expects 2D inputs with shape (batch_size, output_dim). Received input shapes: "
            f"y_pred.shape={tuple(y_pred_shape)} and y_true.shape={tuple(y_true_shape)}."
        )


class Sum(Metric):
    """The weighted sum of all values.

    Args:
        name, dtype: See `Metric`.

    >>> metric = keras.metrics.Sum()
    >>> metric.update_state([1.0, 2.0], sample_weight=[1.0, 10.0])
    >>> print(metric.result())
    21.0
    """

    rowwise: bool | None = True

    def __init__(self, name: str | None = "sum", dtype: DTypeLike = None):
        super().__init__(dtype, name)
        self.total = self.add_variable((), "zeros", name="total")

    def update_state(self, values: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Adds a batch of values.

        Args:
            values: Shape `(batch, ...)`.
            sample_weight: Weights; their shape is a leading part of that of the values.
        """
        values, _ = samplewise(values, sample_weight, "sum", self.dtype)
        self.total.assign_add(jnp.sum(values))

    def result(self) -> Tensor:
        """Returns the sum so far."""
        return self.total.value


class Mean(Metric):
    """The weighted mean of all values.

    Args:
        name, dtype: See `Metric`.

    >>> metric = keras.metrics.Mean()
    >>> metric.update_state([1.0, 3.0])
    >>> metric.update_state([5.0], sample_weight=[2.0])
    >>> print(metric.result())
    3.5
    """

    rowwise: bool | None = True

    def __init__(self, name: str | None = "mean", dtype: DTypeLike = None):
        super().__init__(dtype, name)
        self.total = self.add_variable((), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, values: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Adds a batch of values.

        Args:
            values: Shape `(batch, ...)`.
            sample_weight: Weights; their shape is a leading part of that of the values.
        """
        values, weights = samplewise(values, sample_weight, "mean", self.dtype)
        self.total.assign_add(jnp.sum(values))
        self.count.assign_add(values.size if weights is None else jnp.sum(weights))

    def result(self) -> Tensor:
        """Returns the mean so far; 0 before the first update."""
        return divide_no_nan(self.total.value, self.count.value)


class MeanMetricWrapper(Mean):
    """The weighted mean of a function of labels and predictions.

    Args:
        fn: Function `(y_true, y_pred, **kwargs)` that returns one value per sample.
        name, dtype: See `Metric`.
        **kwargs: Settings passed to `fn`.

    >>> metric = keras.metrics.MeanMetricWrapper(keras.losses.mean_squared_error)
    >>> print(metric([[1.0], [2.0]], [[1.0], [4.0]]))
    2.0
    """

    rowwise: bool | None = None  # declared by its function instead

    def __init__(self, fn: Callable, name: str | None = None, dtype: DTypeLike = None, **kwargs: Any):
        super().__init__(name, dtype)
        self._fn = fn
        self._fn_kwargs = kwargs
        if type(self) is not MeanMetricWrapper:
            show_settings(self, kwargs)
        if self._direction is None:
            self._direction = declared(fn, "direction")

    def update_state(  # type: ignore[override]
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None
    ) -> None:
        """Adds a batch.

        Args:
            y_true: Labels, shape `(batch, ...)`.
            y_pred: Predictions. If they carry a mask, masked values are left out.
            sample_weight: Weights whose shape is a leading part of that of the values.
        """
        mask = get_mask(y_pred)
        values = self._fn(y_true, y_pred, **self._fn_kwargs)
        if mask is not None:
            mask = to_tensor(mask, self.dtype)
            if sample_weight is None:
                sample_weight = mask
            else:
                sample_weight = product_of_weights(to_tensor(sample_weight, self.dtype), mask)
        super().update_state(values, sample_weight)

    def get_config(self) -> dict[str, Any]:
        if type(self) is not MeanMetricWrapper:
            return super().get_config()
        return {"name": self.name, "dtype": self.dtype, "fn": serialize_keras_object(self._fn), **self._fn_kwargs}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**read_settings(config))
