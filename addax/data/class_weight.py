"""Class weights: weights of rows by the class of their label."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def class_weighter(class_weight: dict, names: list, place: Callable) -> Callable:
    """A function `(y, sample_weight) -> sample_weight` that applies class weights.

    Args:
        class_weight: Dict from class to weight; for several outputs a dict of these by output name.
        names: The outputs' names.
        place: `(y_or_weights) -> list` in the order of the outputs.

    Raises:
        ValueError: One dict for several outputs, or a class that isn't an integer.
    """
    if not isinstance(class_weight, dict):
        raise ValueError(f"`class_weight` must be a dict from class to weight, `{{0: 1.0, ...}}`. Got {class_weight!r}")
    per_output = any(isinstance(v, dict) for v in class_weight.values())
    if not per_output and len(names) > 1:
        raise ValueError(
            f"`class_weight` is one dict, but the model has {len(names)} outputs {names}. Say which output each is "
            f"for: `class_weight={{{names[0]!r}: {{0: 1.0, ...}}}}`."
        )
    if per_output:
        unknown = [k for k in class_weight if k not in names]
        if unknown:
            from ..core.errors import did_you_mean

            raise ValueError(
                f"`class_weight` names the output '{unknown[0]}', which the model doesn't have. "
                f"{did_you_mean(unknown[0], [n for n in names if n])}"
            )
        weights = [class_weight.get(name) for name in names]
    else:
        weights = [class_weight]
    for one in weights:
        for key in one or {}:
            if isinstance(key, (str, dict)) or int(key) != key:
                raise ValueError(f"The keys of `class_weight` must be classes, integers. Received: {key!r}")

    def apply(y: Any, sample_weight: Any) -> Any:
        labels = place(y)
        given = place(sample_weight) if sample_weight is not None else [None] * len(labels)
        found = [
            w if c is None else _row_weights(label, c, w, name)
            for name, label, c, w in zip(names, labels, weights, given)
        ]
        return found[0] if len(found) == 1 else found

    return apply


def _row_weights(y: Any, weights: dict, sample_weight: Any, name: str | None) -> np.ndarray:
    if sample_weight is not None:
        raise ValueError(
            f"Arguments `sample_weight` and `class_weight` cannot be specified at the same time. Both are given for "
            f"output '{name}': multiply them and pass the product as `sample_weight`."
        )
    if y is None:
        raise ValueError(f"`class_weight` of output '{name}' needs its labels, but the data have none for it.")
    y = np.asarray(y)
    if y.ndim >= 2 and y.shape[-1] > 1:
        classes = y.argmax(axis=-1)
    else:
        classes = np.round(y.reshape(y.shape[:-1] if y.ndim > 1 else y.shape)).astype("int64")
    found = np.ones(classes.shape, "float32")
    for cls, weight in weights.items():
        found[classes == int(cls)] = weight
    return found
