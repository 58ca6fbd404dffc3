"""Conversion of names and configs to losses and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from ..core.errors import describe
from ..core.family import Family
from ..core.registry import custom_object_scope
from ..core.types import Config
from .loss import Loss

LossLike: TypeAlias = str | Config | Loss | type[Loss] | Callable | None  # what `get` takes

_ALIASES = {
    "bce": "binary_crossentropy",
    "BCE": "binary_crossentropy",
    "kld": "kl_divergence",
    "KLD": "kl_divergence",
    "kullback_leibler_divergence": "kl_divergence",
    "mae": "mean_absolute_error",
    "MAE": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "MAPE": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "MSE": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
    "MSLE": "mean_squared_logarithmic_error",
    "logcosh": "log_cosh",
    "cosine_proximity": "cosine_similarity",
    "huber_loss": "huber",
}
LOSSES = Family(
    "loss",
    "addax.losses",
    aliases=_ALIASES,
    expected="a name, a config, a loss object or a function `(y_true, y_pred)`",
)


def serialize(loss: Loss | Callable) -> Any:
    """Returns the description of a loss for a config.

    Args:
        loss: A loss object or function.

    Returns:
        A config.

    >>> keras.losses.serialize(keras.losses.Huber(delta=2.0))["config"]["delta"]
    2.0
    """
    return LOSSES.serialize(loss)


def deserialize(name: str | Config, custom_objects: dict[str, Any] | None = None) -> Any:
    """Returns the loss that a name or a config describes.

    Args:
        name: A name ("mse") or a config from `serialize`.
        custom_objects: Dict from names to the user's classes and functions.

    Returns:
        A loss object or function.

    Raises:
        ValueError: No loss has this name.

    >>> keras.losses.deserialize(keras.losses.serialize(keras.losses.Huber(delta=2.0))).delta
    2.0
    """
    with custom_object_scope(custom_objects or {}):
        return get(name)


def get(identifier: LossLike) -> Any:
    """Returns the loss that `identifier` stands for: a function for a function's name, an object for a class's.

    Args:
        identifier: None, a name, a config dict, a loss object or class, or any callable.

    Returns:
        A loss object or function, or None.

    Raises:
        ValueError: No loss has this name, or it is a metric.

    >>> keras.losses.get("mse").__name__
    'mean_squared_error'
    >>> keras.losses.get("Huber").name
    'huber_loss'
    """
    loss = LOSSES.get(identifier)
    if hasattr(loss, "update_state") and hasattr(loss, "result"):
        raise ValueError(
            f"Could not interpret loss identifier: {describe(loss)}. It is a metric, which sums up over batches; "
            "a loss is computed from one batch alone. Use the loss of the same name in `keras.losses`, or a "
            "function `(y_true, y_pred)`."
        )
    return loss
