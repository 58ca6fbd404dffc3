"""Labels that are missing, NaN in `y`: what they mask of losses and metrics."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.engine import jnp
from ..core.masks import get_mask, set_mask
from ..core.types import Array
from ..losses.facts import fact

CHOICES = ("error", "mask")


def check_missing(value: Any) -> str:
    """Returns the argument `missing_labels` of `compile`.

    Raises:
        ValueError: It is no choice.
    """
    if value not in CHOICES:
        raise ValueError(
            "`missing_labels` must be 'error', which refuses labels that are NaN, or 'mask', which leaves them out of "
            f"losses and metrics. Received: missing_labels={value!r}"
        )
    return value


def with_labels(y_true: Any) -> Any:
    """Returns an array of labels, on the host, with the first that is known in place of those that are missing.

    >>> with_labels(np.array([np.nan, 2.0, 3.0]))
    array([2., 2., 3.])
    """
    if getattr(y_true, "dtype", None) is None or np.dtype(y_true.dtype).kind != "f":
        return y_true
    labels = np.asarray(y_true)
    missing = np.isnan(labels)
    return np.where(missing, labels[~missing][:1] if not missing.all() else 0, labels) if missing.any() else y_true


def known_labels(function: Any, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
    """Returns labels and predictions whose mask leaves out what has no label.

    Where a loss is the mean over the last axis of a value for each element, each element with a label counts alone;
    else a row (or a time step) with any NaN is left out.

    Args:
        function: The loss or metric.
        y_true: Labels; floats may be NaN.
        y_pred: Predictions, with their mask if they have one.
    """
    y_true = jnp.asarray(y_true)
    if not jnp.issubdtype(y_true.dtype, jnp.floating):
        return y_true, y_pred
    known = ~jnp.isnan(y_true)
    mask = get_mask(y_pred)
    filled = jnp.where(known, y_true, jnp.zeros_like(y_true))
    if fact(function, "elementwise") and y_pred.ndim:
        known = known.reshape(y_pred.shape)
        filled, y_pred = filled.reshape(y_pred.shape)[..., None], y_pred[..., None]
    else:
        if y_true.shape == y_pred.shape and y_true.ndim > 1:
            known = known.all(-1)
        known = known.reshape(y_pred.shape[: max(y_pred.ndim - 1, 1)])
        y_pred = y_pred + jnp.zeros((), y_pred.dtype)  # another array, whose mask is its own
    if mask is not None:
        known = known & mask.reshape(mask.shape + (1,) * (known.ndim - mask.ndim))
    set_mask(y_pred, known)
    return filled, y_pred
