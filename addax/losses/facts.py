"""What losses say of themselves: which labels they want, and whether rows can be left out."""

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
) -> Callable[[F], F]:
    """Declares what is known of a loss function, as attributes of it.

    A user's function may have the same attributes, and so may a class derived from `Loss`.

    Args:
        labels: The labels that it takes: of the shape of the predictions ("alike"), rows of probabilities of that shape
            ("one-hot"), or the number of a class for each row of predictions ("class"); None where it takes others.
        values: The numbers that labels of the shape of the predictions may be: "any", "bits" (0 to 1), "signs" (-1 and
            1, or 0 and 1) or "probabilities".
        activation: What makes its predictions of logits, unless `from_logits` says that they are logits.
        rowwise: Whether it returns a value for each row, which follows from that row alone.
    """

    def declare(fn: F) -> F:
        facts = {"labels": labels, "label_values": values, "activation": activation, "rowwise": rowwise}
        for name, value in {**facts, "direction": "down"}.items():
            setattr(fn, name, value)
        return fn

    return declare


def of_rows(fn: F) -> F:
    """Declares that a metric's function returns a value for each row, which follows from that row alone."""
    fn.rowwise = True  # type: ignore[attr-defined]
    return fn


def fact(x: Any, name: str) -> Any:
    """What a loss or metric says of itself under `name`: its class, or else the function whose values it reduces.

    >>> fact(keras.losses.MeanSquaredError(), "labels"), fact(keras.losses.Dice(), "labels")
    ('alike', None)
    """
    found = declared(x, name)
    if found is None and is_ours(type(x)):
        found = declared(_function(x), name)
    return found


def is_of_rows(x: Any) -> bool:
    """Whether rows of weight 0 make no difference to a loss or a metric: it reduces values of the rows."""
    settings = getattr(x, "_fn_kwargs", {})
    # What is ignored is counted over the batch; the values along the batch axis are none of rows.
    ignored = settings.get("ignore_class", getattr(x, "ignore_class", None))
    alone = ignored is None and settings.get("axis", -1) == -1
    return alone and bool(fact(x, "rowwise"))


def _function(x: Any) -> Any:
    return getattr(x, "fn", None) or getattr(x, "_fn", None)
