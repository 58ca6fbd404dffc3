"""Class weights: weights of rows by the classes of their labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.errors import describe, did_you_mean
from ..core.types import ArrayLike, Tree
from ..core.warnings import warn


@dataclass(frozen=True)
class Target:
    """Facts about the labels of one output.

    Attributes:
        name: Name of the output.
        classes: Number of classes; None if it doesn't follow from the loss.
        is_number: Whether the loss is one of regression, with numbers as labels.
    """

    name: str
    classes: int | None = None
    is_number: bool = False


def class_weighter(class_weight: dict, targets: list[Target], labels: Callable, weights: Callable) -> Callable:
    """Returns a function `(y, sample_weight) -> sample_weight` that applies class weights.

    Args:
        class_weight: Dict from class to weight; for several outputs a dict of these by output name.
        targets: The outputs.
        labels: `y -> list` in the order of the outputs.
        weights: `sample_weight -> list`, likewise.

    Raises:
        ValueError: One dict is given for several outputs, a class or output is unknown, or a weight is not a
            non-negative number.
    """
    by_output = [_checked(one, target) for one, target in zip(_by_output(class_weight, targets), targets)]
    told: set[tuple[str, str]] = set()

    def tell(about: str, target: Target, text: str) -> None:
        if (about, target.name) not in told:
            told.add((about, target.name))
            warn(text)

    def apply(y: Tree, sample_weight: Tree) -> Tree:
        flat = labels(y)
        given = weights(sample_weight) if sample_weight is not None else [None] * len(flat)
        found = []
        for target, label, one, weight in zip(targets, flat, by_output, given):
            if one is None:
                found.append(weight)
                continue
            if number := _first_number(label, target):
                tell("numbers", target, number)
            rows = _row_weights(label, one, target)
            if weight is not None:
                tell(
                    "both",
                    target,
                    f"`class_weight` and `sample_weight` are both given for output '{target.name}': they are "
                    "multiplied.",
                )
                rows = _product(rows, np.asarray(weight), target)
            found.append(rows)
        return found[0] if len(found) == 1 else found

    return apply


def _by_output(class_weight: dict, targets: list[Target]) -> list[Any]:
    names = [target.name for target in targets]
    if not isinstance(class_weight, dict):
        raise ValueError(
            "`class_weight` must be a dict from class to weight, `{0: 1.0, 1: 2.5, ...}`. Received: "
            f"{describe(class_weight)}"
        )
    if any(isinstance(v, dict) for v in class_weight.values()):
        unknown = [k for k in class_weight if k not in names]
        if unknown:
            raise ValueError(
                f"`class_weight` names the output '{unknown[0]}', which the model doesn't have. "
                f"{did_you_mean(unknown[0], [n for n in names if n])}"
            )
        return [class_weight.get(name) for name in names]
    if len(names) > 1:
        raise ValueError(
            f"`class_weight` is one dict, but the model has {len(names)} outputs {names}. Say which output each is "
            f"for: `class_weight={{{names[0]!r}: {{0: 1.0, ...}}}}`."
        )
    return [class_weight]


def _checked(weights: dict | None, target: Target) -> dict[int, float] | None:
    """Returns the weights by class, as ints and floats."""
    if weights is None:
        return None
    if not isinstance(weights, dict):
        raise ValueError(
            f"`class_weight` of output '{target.name}' must be a dict from class to weight. Received: "
            f"{describe(weights)}"
        )
    found = {}
    for key, weight in weights.items():
        if not isinstance(key, (int, float, np.number)) or key != key or int(key) != key:
            raise ValueError(f"The keys of `class_weight` must be classes, integers. Received: {key!r}")
        if target.classes is not None and not 0 <= key < target.classes:
            raise ValueError(
                f"`class_weight` has a weight for class {key}, but output '{target.name}' has {target.classes} "
                f"classes, 0 to {target.classes - 1}. Leave the class out, or number the classes from 0."
            )
        try:
            value = float("nan") if isinstance(weight, str) else float(weight)
        except (TypeError, ValueError):
            value = float("nan")
        if not 0 <= value < float("inf"):
            raise ValueError(
                f"The weights in `class_weight` must be numbers of 0 or more. Received: {weight!r} for class {key}. A "
                "weight of 0 leaves a class out."
            )
        found[int(key)] = value
    return found


def _first_number(y: ArrayLike, target: Target) -> str:
    """Returns a warning about labels that are numbers rather than classes; empty for classes."""
    y = np.asarray(y)
    if y.dtype.kind not in "fV":
        return ""
    fractions = y[y != np.round(y)]
    # Soft labels between 0 and 1 belong to the nearer class; other fractions are no classes.
    if not fractions.size or not (target.is_number or fractions.min() < 0 or fractions.max() > 1):
        return ""
    return (
        f"`class_weight` needs labels that are classes, but those of output '{target.name}' are numbers (received "
        f"{fractions[0].item():g}): each is taken for the class that it rounds to. In a regression give each row its "
        "weight with `sample_weight`."
    )


def _row_weights(y: ArrayLike, weights: dict[int, float], target: Target) -> np.ndarray:
    if y is None:
        raise ValueError(f"`class_weight` of output '{target.name}' needs its labels, but the data have none for it.")
    y = np.asarray(y)
    if y.ndim >= 2 and y.shape[-1] > 1:
        classes = y.argmax(axis=-1)
    else:
        classes = np.round(y.reshape(y.shape[:-1] if y.ndim > 1 else y.shape)).astype("int64")
    found = np.ones(classes.shape, "float32")
    for cls, weight in weights.items():
        found[classes == cls] = weight
    return found


def _product(rows: np.ndarray, weight: np.ndarray, target: Target) -> np.ndarray:
    """Multiplies class weights by sample weights; the array of lower rank is aligned with the other's leading axes."""
    if weight.ndim == rows.ndim + 1 and weight.shape[-1] == 1:
        weight = weight[..., 0]
    rank = max(rows.ndim, weight.ndim)
    a, b = (w.reshape(w.shape + (1,) * (rank - w.ndim)) for w in (rows, weight))
    try:
        return a * b.astype("float32")
    except ValueError:
        raise ValueError(
            f"`sample_weight` of output '{target.name}' has shape {weight.shape}, which doesn't fit its class weights, "
            f"of shape {rows.shape}: expected one weight for each label, or for each row."
        ) from None
