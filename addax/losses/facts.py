"""Properties that losses and metrics declare: the labels they take, and whether rows can be left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from ..core.ours import declared, is_ours

F = TypeVar("F", bound=Callable)

Labels = Literal["alike", "one-hot", "class"]
Values = Literal["any", "bits", "signs", "probabilities"]


def loss_function(
    *,
    labels: Labels | None = None,
    values: Values = "any",
    activation: Literal["softmax", "sigmoid"] | None = None,
    rowwise: bool = True,
    elementwise: bool | None = None,
) -> Callable[[F], F]:
    """Declares the properties of a loss function as its attributes.

    A user's function may have the same attributes, and so may a class derived from `Loss`.

    Args:
        labels: Kind of labels: of the shape of the predictions ("alike"), rows of probabilities of that shape
            ("one-hot"), or a class index for each row of predictions ("class"); None for other kinds.
        values: Range of labels of the shape of the predictions: "any", "bits" (0 to 1), "signs" (-1 and 1, or 0 and 1)
            or "probabilities".
        activation: The activation that turns logits into its predictions, unless `from_logits=True`.
        rowwise: Whether it returns one value per row, which depends on that row alone.
        elementwise: Whether the value of a row is the mean over the last axis of a value for each element; None for
            what the labels suggest: those of the shape of the predictions, unless they are probabilities.

    Returns:
        A decorator.
    """
    if elementwise is None:
        elementwise = labels == "alike" and values != "probabilities"

    def declare(fn: F) -> F:
        facts = {
            "labels": labels,
            "label_values": values,
            "activation": activation,
            "rowwise": rowwise,
            "elementwise": elementwise,
        }
        for name, value in {**facts, "direction": "down"}.items():
            setattr(fn, name, value)
        return fn

    return declare


def of_rows(fn: F) -> F:
    """Declares that a metric's function returns one value per row, which depends on that row alone."""
    fn.rowwise = True  # type: ignore[attr-defined]
    return fn


def fact(x: object, name: str) -> Any:
    """Returns a declared property of a loss or metric, or else of the function whose values it reduces.

    Args:
        x: The loss or metric.
        name: Name of the property, a parameter of `loss_function`.

    Returns:
        Its value; None if it is not declared.

    >>> fact(keras.losses.MeanSquaredError(), "labels"), fact(keras.losses.Dice(), "labels")
    ('alike', None)
    """
    found = declared(x, name)
    if found is None and is_ours(type(x)):
        found = declared(_function(x), name)
    return found


def is_of_rows(x: object) -> bool:
    """Returns whether rows of weight 0 make no difference to a loss or metric, because it reduces values of rows."""
    settings = getattr(x, "_fn_kwargs", {})
    # The mean with `ignore_class` depends on the whole batch; with another axis there may be no value per row.
    ignored = settings.get("ignore_class", getattr(x, "ignore_class", None))
    alone = ignored is None and settings.get("axis", -1) == -1
    return alone and bool(fact(x, "rowwise"))


def _function(x: object) -> Any:
    return getattr(x, "fn", None) or getattr(x, "_fn", None)
