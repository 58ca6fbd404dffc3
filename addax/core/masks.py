"""Masks that travel with tensors: which timesteps of a batch are real."""

from __future__ import annotations

from typing import Any

from . import tree
from .config import thread
from .types import Tree


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


def get_masks(structure: Tree) -> list[Any]:
    """Returns the mask of each leaf of a nested structure, None where it has none."""
    return [get_mask(leaf) for leaf in tree.flatten(structure)]


def set_masks(structure: Tree, masks: list[Any]) -> None:
    """Sets masks that `get_masks` returned, on the leaves of an equal structure."""
    for leaf, mask in zip(tree.flatten(structure), masks):
        if mask is not None:
            set_mask(leaf, mask)
