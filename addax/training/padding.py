"""Batches of odd sizes in programs that were compiled for others: rows are added and left out of every result.

That is right where rows don't influence each other: in models of layers that are known to treat each row by itself, and
with losses and metrics that can leave rows out. Added rows are copies of a real one, so that they compute nothing odd.
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
from ..layers.layer import Layer

_LAYERS = frozenset(  # modules of layers whose classes treat each row by itself when they don't train
    "activation attention batch_normalization bidirectional convolutional dense depthwise einsum_dense embedding gru "
    "input_layer lstm masking merging multi_head_attention normalization normalization_preprocessing padding pooling "
    "regularization reshaping rnn rnn_cells simple_rnn spectral_normalization time_distributed".split()
)
_COUPLED = frozenset(("BatchNormalization", "SpectralNormalization"))  # which rows share when they train
_OPS = frozenset(  # ops on each element, that serve as operators in graphs
    "abs add cast cos divide exp gelu log maximum minimum multiply negative power relu sigmoid silu sin softplus sqrt "
    "square subtract tanh true_divide".split()
)
# Files of losses whose value is a mean of the rows' own values, and of metrics that don't notice rows of weight 0.
_LOSSES = frozenset(("regression", "crossentropy", "hinge"))
_METRICS = frozenset(("reduction", "of_losses", "accuracy", "confusion", "curves"))
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
    """Whether each row of the outputs of `model` depends on the same row of the inputs alone, as far as is known."""
    layers = list(model._flatten_layers())
    if not all(_is_rowwise_layer(layer, training) for layer in layers if layer is not model or not layer._layers):
        return False
    graphs = [getattr(layer, "_functional", None) or layer for layer in layers if getattr(layer, "_layers", None)]
    operations = [o for g in graphs for o in getattr(g, "operations", ()) if not isinstance(o, Layer)]
    return all(isinstance(o, OpCall) and o.definition.name in _OPS for o in operations)


def _is_rowwise_layer(layer: Any, training: bool) -> bool:
    cls = type(layer)
    room, _, file = cls.__module__.rpartition(".")
    if room == "addax.models":
        return cls.__name__ in ("Functional", "Sequential")
    if room != "addax.layers" or file not in _LAYERS or getattr(layer, "stateful", False):
        return False
    for name in ("axis", "axes"):
        axes = getattr(layer, name, None)
        if axes is not None and any(a == 0 for a in ([axes] if isinstance(axes, int) else tree.flatten(axes))):
            return False
    if file == "einsum_dense" and layer.equation[0] != layer.equation.partition("->")[2][:1]:
        return False
    if not training:
        return True
    if file == "regularization":  # whose noise depends on a number's place in the batch alone
        return cls.__name__ != "ActivityRegularization"
    dropout = getattr(layer, "dropout", None) or getattr(layer, "recurrent_dropout", None)
    return cls.__name__ not in _COUPLED and layer.activity_regularizer is None and not dropout


def can_leave_out(model: Any, kind: str) -> bool:
    """Whether a step of `kind` ("train" or "test") can be run on a batch some of whose rows are not real."""
    loss = model._compile_loss
    if loss is None or not all(_is_from("losses", _LOSSES, entry[2]) for entry in loss.entries):
        return False
    metrics = [m for m in model.metrics if m is not model._compile_metrics]
    if model._compile_metrics is not None:
        metrics += model._compile_metrics.metrics
    if not all(_is_from("metrics", _METRICS, m) for m in metrics):
        return False
    if any(layer.activity_regularizer is not None for layer in model._flatten_layers()):
        return False
    return is_rowwise(model, training=kind == "train")


def _is_from(room: str, files: frozenset[str], x: Any) -> bool:
    """Whether a loss or metric is one of addax's, from one of `files`, and so is the function that it computes."""
    if getattr(x, "ignore_class", None) is not None:
        return False
    sources = [type(x).__module__.rpartition(".")]
    if (fn := getattr(x, "fn", None) or getattr(x, "_fn", None)) is not None:
        sources.append((getattr(fn, "__module__", None) or "").rpartition("."))
    return all(
        (module == f"addax.{room}" and file in (*files, "loss")) or (module == "addax.losses" and file in _LOSSES)
        for module, _, file in sources
    )


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
        found = min((size for size in self._known if size >= wanted), default=None)
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
