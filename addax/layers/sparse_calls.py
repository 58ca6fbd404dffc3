"""Calls of layers on sparse tensors.

`Layer._keeps_sparse` says which: None for layers that get dense tensors instead; "all" or "any" where so many of the
inputs have to be sparse for the outputs to be; "none" where the outputs are dense; "always" where they are sparse.
"""

from __future__ import annotations

from typing import Any

from ..core import tree
from ..core.keras_tensor import KerasTensor
from ..core.ours import is_ours
from ..core.sparse import any_sparse, dense
from ..core.types import Tree


def arguments_of(layer: Any, arguments: Tree) -> Tree:
    """Returns the arguments of a call: dense, unless the layer computes on sparse tensors or is a user's."""
    takes_sparse = layer._keeps_sparse in ("all", "any", "none")
    return dense(arguments) if any_sparse(arguments) and not takes_sparse and is_ours(type(layer)) else arguments


def mark(layer: Any, tensors: Tree, outputs: Tree) -> None:
    """Says of the outputs of a symbolic call that they are sparse, where they are."""
    flags = [x.sparse for x in tree.flatten(tensors) if isinstance(x, KerasTensor)]
    keeps = getattr(layer, "_keeps_sparse", None)
    if keeps == "always" or (keeps == "any" and any(flags)) or (keeps == "all" and flags and all(flags)):
        for output in tree.flatten(outputs):
            output.sparse = True
