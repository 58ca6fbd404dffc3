"""Padding of batches to the sizes of compiled programs: the added rows are left out of every result.

Padding is exact where rows don't influence each other: in models of layers that declare `rowwise`, and with losses and
metrics that can leave rows out. Added rows are copies of a real one, so that they overflow nothing that it doesn't.
"""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractContextManager
from typing import Any

from ..core import tree
from ..core.buffers import longer
from ..core.config import thread
from ..core.engine import jnp
from ..core.graph import OpCall
from ..core.masks import get_mask, set_mask
from ..core.ours import declared, is_ours
from ..core.types import Array, Tree
from ..layers.layer import Layer
from ..losses.facts import is_of_rows

_FEW = 64  # rows of a batch whose computing costs next to nothing
_OFTEN = 16  # after this many oversized padded batches, an exact-size program is compiled


def valid_rows(count: Array | int | None) -> AbstractContextManager[None]:
    """Marks the first `count` rows of the batch as real, in what is traced inside; None for all of them."""
    return thread.setting(valid_rows=count)


def row_count(batch: Tree) -> Any:
    """Returns the number of real rows of a batch, a structure of arrays."""
    if thread.valid_rows is not None:
        return thread.valid_rows
    return next((a.shape[0] for a in tree.flatten(batch) if a is not None and a.ndim), 1)


def mark_rows(y_pred: Tree) -> None:
    """Masks the rows of predictions that are not real, so that losses leave them out."""
    if thread.valid_rows is None:
        return
    for y in tree.flatten(y_pred):
        rows = jnp.arange(y.shape[0]) < thread.valid_rows
        mask = get_mask(y)
        set_mask(y, rows if mask is None else mask & rows.reshape((-1, *(1,) * (mask.ndim - 1))))


def row_weights(weight: Array | None, y_pred: Array) -> Array | None:
    """Returns weights of rows for metrics, 0 for those that are not real."""
    if thread.valid_rows is None:
        return weight
    rows = (jnp.arange(y_pred.shape[0]) < thread.valid_rows).astype("float32")
    return rows if weight is None else weight * rows.reshape((-1, *(1,) * (weight.ndim - 1)))


def is_rowwise(model: Layer, training: bool = False) -> bool:
    """Returns whether each row of the outputs of `model` depends on the same row of the inputs alone.

    Layers, models and ops declare that themselves: see `Layer.rowwise`.
    """
    layers = list(model._flatten_layers())
    if not all(_is_rowwise_layer(layer, training) for layer in layers):
        return False
    graphs = [graph for layer in layers if (graph := getattr(layer, "_graph", None)) is not None]
    operations = [o for graph in graphs for o in graph.operations if not isinstance(o, Layer)]
    return all(isinstance(o, OpCall) and o.definition.elementwise for o in operations)


def _is_rowwise_layer(layer: Layer, training: bool) -> bool:
    claim = declared(layer, "rowwise", False)
    if not claim and getattr(layer, "_graph", None) is not None and is_ours(layer.call):
        claim = "always"  # the user's subclass of a graph model, which computes its graph
    if not claim or (training and (claim == "inference" or layer.activity_regularizer is not None)):
        return False
    return not layer._mixes_rows(training)


def can_leave_out(model: Any, kind: str) -> bool:
    """Returns whether a step of `kind` ("train" or "test") can be run on a batch some of whose rows are not real."""
    loss = model._compile_loss
    if loss is None or not all(is_of_rows(entry[2]) for entry in loss.entries):
        return False
    metrics = [m for m in model.metrics if m is not model._compile_metrics]
    if model._compile_metrics is not None:
        metrics += model._compile_metrics.metrics
    if not all(is_of_rows(m) for m in metrics):
        return False
    if any(layer.activity_regularizer is not None for layer in model._flatten_layers()):
        return False
    return is_rowwise(model, training=kind == "train")


class Sizes:
    """Chooses the sizes of programs for batches of any number of rows.

    The first batch gets a program of its own size. Other batches run in the smallest known program that is large
    enough, else in a new one of the next power of two, or of four while rows are few, as more sizes may follow. Batches
    of one size that come many times in a row get a program of that size; batches that many times ran in a program of
    more than twice the next power of two get one of that power.

    >>> sizes = Sizes()
    >>> [sizes.for_rows(n) for n in (20, 5, 21, 60, 65, 100)]
    [20, 20, 64, 64, 128, 128]
    """

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._oversized: Counter[int] = Counter()  # by size: batches that ran in a program of more than twice the size
        self._last = self._streak = 0

    def for_rows(self, rows: int, exact: bool = False) -> int:
        """Returns the size for `rows` rows.

        Args:
            rows: Rows of the batch.
            exact: Whether many batches of that size are to follow.
        """
        self._streak = self._streak + 1 if rows == self._last else 0
        self._last = rows
        if rows in self._known:
            return rows
        found = rows if exact or self._streak > _OFTEN or not self._known else self._rounded(rows)
        self._known.add(found)
        return found

    def _rounded(self, rows: int) -> int:
        """Returns a known size that is large enough, or a new one."""
        wanted = 1 << (rows - 1).bit_length()
        found = min((size for size in tuple(self._known) if size >= wanted), default=None)
        if found is None:
            return 1 << ((rows - 1).bit_length() + 1) // 2 * 2 if rows <= _FEW else wanted
        if found > 2 * wanted:
            self._oversized[wanted] += 1
            return wanted if self._oversized[wanted] > _OFTEN else found
        return found


def pad(batch: Tree, size: int) -> Tree:
    """Returns a structure of arrays with copies of the first row added up to `size` rows."""
    return tree.map_structure(lambda a: None if a is None else longer(a, size), batch)
