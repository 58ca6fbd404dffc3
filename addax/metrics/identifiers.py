"""From names and configs to metrics and back."""

from __future__ import annotations

from typing import Any

from ..core.family import Family
from ..core.naming import to_snake_case
from .metric import Metric
from .reduction import MeanMetricWrapper

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


def serialize(metric: Any) -> Any:
    """The config of a metric object, or the description of a function."""
    return METRICS.serialize(metric)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The metric that a config or a name describes.

    Args:
        config: What `serialize` returned, or a name ("mse").
        custom_objects: Dict from names to the user's classes and functions.
    """
    return METRICS.deserialize(config, custom_objects)


def get(identifier: Any) -> Any:
    """The metric that `identifier` stands for.

    Args:
        identifier: None, a name, a config dict, a metric object or class, or any callable.

    Raises:
        ValueError: No metric has this name.

    >>> keras.metrics.get("mse")
    <MeanSquaredError name=mean_squared_error>
    """
    return METRICS.get(identifier)


# What `compile(metrics=["accuracy"])` means depends on the output: one probability, classes against numbers of
# classes, or classes against one-hot labels.
BY_OUTPUT = {
    **dict.fromkeys(("accuracy", "acc"), ("BinaryAccuracy", "SparseCategoricalAccuracy", "CategoricalAccuracy")),
    **dict.fromkeys(
        ("crossentropy", "ce"), ("BinaryCrossentropy", "SparseCategoricalCrossentropy", "CategoricalCrossentropy")
    ),
}


def resolve(identifier: Any, y_true_shape: tuple, y_pred_shape: tuple) -> Metric | None:
    """The metric that `identifier` means for an output, named as its logs are.

    Args:
        identifier: What `compile(metrics=...)` was given for it.
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
        is_number = rank < len(y_pred_shape) or (rank == len(y_pred_shape) and y_true_shape[-1] == 1)
        metric = get(kinds[0] if classes == 1 else kinds[1] if is_number else kinds[2])
    else:
        metric = get(identifier)
        if not isinstance(metric, Metric):
            metric = MeanMetricWrapper(metric, name=_name(metric))
    if isinstance(identifier, str):
        metric.name = identifier
    return metric


def _name(metric: Any) -> str:
    name = getattr(metric, "name", None)
    return name or to_snake_case(getattr(metric, "__name__", type(metric).__name__))
