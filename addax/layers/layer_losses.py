"""Losses that layers add in their `call`: kept on the layers, or in the state scope under way."""

from __future__ import annotations

from collections.abc import Sequence

from ..core import tree
from ..core.errors import describe
from ..core.graph import Operation
from ..core.state import current_scope
from ..core.types import Tree


def add(layer: Operation, loss: Tree, kept: list, path: str) -> None:
    """Adds scalar tensors to the losses of `layer`.

    Args:
        layer: The layer.
        loss: A scalar tensor, or a structure of them; None counts as none.
        kept: The list of the layer's losses, for calls outside state scopes.
        path: The layer's path, for the error.

    Raises:
        ValueError: A loss is neither a tensor nor a number.
    """
    losses = [x for x in tree.flatten(loss) if x is not None]
    for x in losses:
        if not hasattr(x, "shape") and not isinstance(x, (int, float)):
            raise ValueError(f"`add_loss` of layer '{path}' takes scalar tensors. Got {describe(x)}.")
    scope = current_scope()
    if scope is None:
        kept += losses
    else:
        scope.added += [(layer, x) for x in losses]


def collect(kept: Sequence[tuple[Operation, list]]) -> list:
    """Returns the losses that layers have added: in the state scope under way, else since the last call.

    Args:
        kept: Layers, each with the list of its losses.
    """
    scope = current_scope()
    if scope is None:
        return [loss for _, losses in kept for loss in losses]
    own = {id(layer) for layer, _ in kept}
    return [loss for layer, loss in scope.added if id(layer) in own]
