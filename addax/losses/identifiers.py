"""From names and configs to losses and back."""

from __future__ import annotations

from typing import Any

from ..core.errors import describe
from ..core.family import Family
from ..core.registry import custom_object_scope

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


def serialize(loss: Any) -> Any:
    """The config of a loss object, or the description of a function."""
    return LOSSES.serialize(loss)


def deserialize(name: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The loss that a name or a config describes.

    Args:
        name: A name ("mse") or what `serialize` returned.
        custom_objects: Dict from names to the user's classes and functions.
    """
    with custom_object_scope(custom_objects or {}):
        return get(name)


def get(identifier: Any) -> Any:
    """The loss that `identifier` stands for: names of functions give functions, names of classes objects.

    Args:
        identifier: None, a name, a config dict, a loss object or class, or any callable.

    Raises:
        ValueError: No loss has this name.

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
