"""Batches of odd sizes in programs that were compiled for others: rows are added and left out of every result.

That is right where rows don't influence each other: in models of layers that say that they treat each row by itself,
and with losses and metrics that can leave rows out. Added rows are copies of a real one, so that they compute nothing
odd.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core import tree
from ..core.buffers import empty
from ..core.config import thread
from ..core.engine import jnp
from ..core.graph import OpCall
from ..core.masks import get_mask, set_mask
from ..core.ours import declared, is_ours
from ..layers.layer import Layer
from ..losses.facts import is_of_rows

_FEW = 64  # rows of a batch whose computing costs next to nothing
_OFTEN = 16  # times that rows are added in vain before there is a program that doesn't need them


@contextmanager
def valid_rows(count: Any) -> Iterator[None]:
    """Makes the first `count` rows of the batch the real ones, in what is traced inside; None for all of them."""
    outer, thread.valid_rows = thread.valid_rows, count
    try:
        yield
    finally:
        thread.valid_rows = outer


def row_count(batch: Any) -> Any:
    """How many rows of a batch (a structure of arrays) are real."""
    if thread.valid_rows is not None:
        return thread.valid_rows
    return next((a.shape[0] for a in tree.flatten(batch) if a is not None and a.ndim), 1)


def mark_rows(y_pred: Any) -> None:
    """Masks the rows of predictions that are not real, so that losses leave them out."""
    if thread.valid_rows is None:
        return
    for y in tree.flatten(y_pred):
        rows = jnp.arange(y.shape[0]) < thread.valid_rows
        mask = get_mask(y)
        set_mask(y, rows if mask is None else mask & rows.reshape((-1, *(1,) * (mask.ndim - 1))))


def row_weights(weight: Any, y_pred: Any) -> Any:
    """Weights of rows for metrics, 0 for those that are not real."""
    if thread.valid_rows is None:
        return weight
    rows = (jnp.arange(y_pred.shape[0]) < thread.valid_rows).astype("float32")
    return rows if weight is None else weight * rows.reshape((-1, *(1,) * (weight.ndim - 1)))


def is_rowwise(model: Any, training: bool = False) -> bool:
    """Whether each row of the outputs of `model` depends on the same row of the inputs alone, as far as is known.

    Layers, models and ops say so of themselves: see `Layer.rowwise`.
    """
    layers = list(model._flatten_layers())
    if not all(_is_rowwise_layer(layer, training) for layer in layers):
        return False
    graphs = [layer._graph for layer in layers if getattr(layer, "_graph", None) is not None]
    operations = [o for graph in graphs for o in graph.operations if not isinstance(o, Layer)]
    return all(isinstance(o, OpCall) and o.definition.elementwise for o in operations)


def _is_rowwise_layer(layer: Any, training: bool) -> bool:
    claim = declared(layer, "rowwise", False)
    if not claim and getattr(layer, "_graph", None) is not None and is_ours(layer.call):
        claim = "always"  # a model of the user's class, which computes what its graph says
    if not claim or (training and (claim == "inference" or layer.activity_regularizer is not None)):
        return False
    return not layer._mixes_rows(training)


def can_leave_out(model: Any, kind: str) -> bool:
    """Whether a step of `kind` ("train" or "test") can be run on a batch some of whose rows are not real."""
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
    """Chooses for batches of any number of rows the size of a program to run them with.

    The first batch gets a program that fits it. For others a size that has a program already is taken if it is large
    enough; else there will be one of the next power of two, or of four while rows are few, as more sizes may follow.
    What comes again and again gets a program that fits it, too: batches of the same number of rows, and those for which
    a much larger program has had to do.

    >>> sizes = Sizes()
    >>> [sizes.for_rows(n) for n in (20, 5, 21, 60, 65, 100)]
    [20, 20, 64, 64, 128, 128]
    """

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._wasted: dict[int, int] = {}
        self._last = self._streak = 0

    def for_rows(self, rows: int, exact: bool = False) -> int:
        """The size for `rows`; `exact` where many batches of that size are to follow."""
        self._streak = self._streak + 1 if rows == self._last else 0
        self._last = rows
        if rows in self._known:
            return rows
        exact = exact or self._streak > _OFTEN or not self._known
        wanted = rows if exact else 1 << (rows - 1).bit_length()
        found = min((size for size in tuple(self._known) if size >= wanted), default=None)
        if found is None and not exact and rows <= _FEW:
            found = 1 << ((rows - 1).bit_length() + 1) // 2 * 2
        elif found is not None and found > 2 * wanted:
            self._wasted[wanted] = self._wasted.get(wanted, 0) + 1
            if self._wasted[wanted] > _OFTEN:
                found = None
        if found is None or (exact and found != rows):
            found = wanted
        self._known.add(found)
        return found


def pad(batch: Any, size: int) -> Any:
    """A structure of arrays with copies of the first row added until there are `size`."""

    def longer(a: Any) -> Any:
        if a is None or a.shape[0] == size:
            return a
        a = np.asarray(a)  # on the device each number of rows would be a program to compile
        out = empty((size, *a.shape[1:]), a.dtype)
        out[: len(a)] = a
        out[len(a) :] = a[:1]
        return out

    return tree.map_structure(longer, batch)
