"""Facts about the compiled losses: which labels they take."""

from __future__ import annotations

import weakref

from ...core.ours import is_ours
from ...losses import Loss
from ...losses.facts import fact
from ..steps import StepModel


def computes_as_compiled(model: StepModel) -> bool:
    """Returns whether training computes the losses given to `compile`, rather than an override of the user's."""
    return all(is_ours(getattr(model, name)) for name in ("train_step", "compute_loss", "compute_loss_and_updates"))


def labels_of(loss: Loss) -> str | None:
    """Returns the labels that a loss declares: "class", "one-hot", "alike", or None; see `losses.facts`."""
    if loss not in _labels:  # asked for each batch of an iterable
        _labels[loss] = fact(loss, "labels")
    return _labels[loss]


_labels: weakref.WeakKeyDictionary[Loss, str | None] = weakref.WeakKeyDictionary()


def is_regression(loss: Loss) -> bool:
    """Returns whether a loss declares itself one for numbers rather than for classes."""
    return labels_of(loss) == "alike" and fact(loss, "label_values") == "any"


def is_of_classes(loss: Loss) -> bool:
    """Returns whether a loss is one of classes that are counted from 0."""
    return labels_of(loss) is not None and fact(loss, "activation") is not None


def function_name(loss: Loss) -> str:
    """Returns the name of a loss's function, else the loss's own name."""
    return getattr(getattr(loss, "fn", None), "__name__", None) or loss.name
