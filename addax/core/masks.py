"""Masks that travel with tensors: which timesteps of a batch are real."""

from __future__ import annotations

from typing import Any

from .config import thread


def get_mask(x: Any) -> Any:
    """The mask of `x` (bool, true where the data are real), or None."""
    try:
        return x._keras_mask
    except AttributeError:
        context = thread.call_context
        found = None if context is None else context.masks.get(id(x))
        return None if found is None else found[1]


def set_mask(x: Any, mask: Any) -> None:
    """Attaches `mask` to `x`, a KerasTensor or an array.

    Traced arrays take no attributes: for them the outermost layer call under way keeps the mask.
    """
    try:
        x._keras_mask = mask
    except AttributeError:
        context = thread.call_context
        if context is not None:
            context.masks[id(x)] = (x, mask)  # with x, so that its id isn't given to another
