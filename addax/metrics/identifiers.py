"""Conversion of names and configs to metrics and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from ..core.family import Family
from ..core.naming import to_snake_case
from ..core.types import Config, Shape
from .metric import Metric
from .reduction import MeanMetricWrapper

MetricLike: TypeAlias = str | Config | Metric | type[Metric] | Callable | None  # what `get` takes

_ALIASES = {
    "bce": "BinaryCrossentropy",
    "BCE": "BinaryCrossentropy",
    "kld": "KLDivergence",
    "KLD": "KLDivergence",
    "mae": "MeanAbsoluteError",
    "MAE": "MeanAbsoluteError",
    "mape": "MeanAbsolutePercentageError",
    "MAPE": "MeanAbsolutePercentageError",
    "mse": "MeanSquaredError",
    "MSE": "MeanSquaredError",
    "msle": "MeanSquaredLogarithmicError",
    "MSLE": "MeanSquaredLogarithmicError",
    "rmse": "RootMeanSquaredError",
    "RMSE": "RootMeanSquaredError",
    "cosine_proximity": "CosineSimilarity",
    "log_cosh": "LogCoshError",
    "logcosh": "LogCoshError",
    "meaniou": "MeanIoU",
}
METRICS = Family(
    "metric",
    "addax.metrics",
    Metric,
    aliases=_ALIASES,
    expected="a name, a config, a metric object or a function `(y_true, y_pred)`",
    classes_first=True,
)


def serialize(metric: Metric | Callable) -> Any:
    """Returns the description of a metric for a config.

    Args:
        metric: A metric object or function.

    Returns:
        A config.

    >>> keras.metrics.serialize(keras.metrics.AUC(curve="PR"))["config"]["curve"]
    'PR'
    """
    return METRICS.serialize(metric)


def deserialize(config: str | Config, custom_objects: dict[str, Any] | None = None) -> Any:
    """Returns the metric that a config or a name describes.

    Args:
        config: A config from `serialize`, or a name ("mse").
        custom_objects: Dict from names to the user's classes and functions.

    Returns:
        A metric object or function.

    Raises:
        ValueError: No metric has this name.

    >>> keras.metrics.deserialize(keras.metrics.serialize(keras.metrics.AUC(curve="PR"))).curve
    'PR'
    """
    return METRICS.deserialize(config, custom_objects)


def get(identifier: MetricLike) -> Any:
    """Returns the metric that `identifier` stands for.

    Args:
        identifier: None, a name, a config dict, a metric object or class, or any callable.

    Returns:
        A metric object or function, or None.

    Raises:
        ValueError: No metric has this name.

    >>> keras.metrics.get("mse")
    <MeanSquaredError name=mean_squared_error>
    """
    return METRICS.get(identifier)


# The class that `compile(metrics=["accuracy"])` stands for depends on the output: one probability, scores of classes
# with class indices as labels, or scores of classes with one-hot labels.
BY_OUTPUT = {
    **dict.fromkeys(("accuracy", "acc"), ("BinaryAccuracy", "SparseCategoricalAccuracy", "CategoricalAccuracy")),
    **dict.fromkeys(
        ("crossentropy", "ce"), ("BinaryCrossentropy", "SparseCategoricalCrossentropy", "CategoricalCrossentropy")
    ),
}


def resolve(identifier: MetricLike, y_true_shape: Shape, y_pred_shape: Shape) -> Metric | None:
    """Returns the metric that `identifier` stands for at an output, under the name it has in logs.

    Args:
        identifier: The argument of `compile(metrics=...)` for this output.
        y_true_shape: Shape of a batch of labels.
        y_pred_shape: Shape of a batch of predictions.

    >>> resolve("acc", (None,), (None, 10))
    <SparseCategoricalAccuracy name=acc>
    """
    if identifier is None or isinstance(identifier, Metric):
        return identifier
    kinds = BY_OUTPUT.get(identifier.lower()) if isinstance(identifier, str) else None
    if kinds:
        classes = y_pred_shape[-1] if y_pred_shape else 1
        rank = len(y_true_shape)
        is_index = rank < len(y_pred_shape) or (rank == len(y_pred_shape) and y_true_shape[-1] == 1)
        metric = get(kinds[0] if classes == 1 else kinds[1] if is_index else kinds[2])
    else:
        metric = get(identifier)
        if not isinstance(metric, Metric):
            metric = MeanMetricWrapper(metric, name=_name(metric))
    if isinstance(identifier, str):
        metric.name = identifier
    return metric


def _name(metric: Callable) -> str:
    name = getattr(metric, "name", None)
    return name or to_snake_case(getattr(metric, "__name__", type(metric).__name__))
