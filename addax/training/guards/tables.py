"""Indices against the sizes of the embedding tables that look them up."""

from __future__ import annotations

import weakref

from ...core.changes import changes
from ...core.types import Array, Tree
from ...layers.embedding import Embedding
from ...layers.host import holds_text
from ..array_facts import Scan
from ..output_kinds import TableProbe, tables_of
from ..steps import StepModel
from .batch_arrays import batch_specs, capitalized, named_arrays, specs_key


def check_tables(model: StepModel, x: Tree) -> None:
    """Checks the indices in `x` against the embedding tables of any model.

    Raises:
        ValueError: An index is not in its table.
    """
    if has_tables(model) and not holds_text(x):
        for (name, array, _), tables in zip(named_arrays(model, x), _tables_by_array(model, x)):
            check_indices(name, array, tables)


def check_indices(name: str, array: Array, tables: list[Embedding]) -> None:
    """Checks one array of indices against the tables that look them up.

    Raises:
        ValueError: An index is not in its table.
    """
    if tables and array.dtype.kind in "iuf" and array.size:
        low, high = Scan(array).bounds
        for table in tables:
            table.check_indices(low, high, capitalized(name))


def has_tables(model: StepModel) -> bool:
    """Returns whether there is an embedding in the model; asked for each batch of an iterable."""
    count, found = _embeds.get(model, (-1, False))
    if count != changes.count:
        found = any(isinstance(layer, Embedding) for layer in model._flatten_layers())
        _embeds[model] = (changes.count, found)
    return found


_embeds: weakref.WeakKeyDictionary[StepModel, tuple[int, bool]] = weakref.WeakKeyDictionary()


def _tables_by_array(model: StepModel, x: Tree) -> list[list[Embedding]]:
    """Returns, for each array of `x`, the embedding tables that look its values up."""
    tensors = [tensor for _, _, tensor in named_arrays(model, x)]
    known = [tensor for tensor in tensors if tensor is not None]
    if len(known) == len(tensors):
        return [tables_of(model, tensor) for tensor in known]
    # A model that is no graph is run on specs, to see which of its inputs reach a table.
    specs = batch_specs(x)
    found = _probed.setdefault(model, {})
    key = specs_key(specs)
    if key not in found:
        found[key] = TableProbe.run(model, specs)
    return found[key]


_probed: weakref.WeakKeyDictionary[StepModel, dict[str, list[list[Embedding]]]] = weakref.WeakKeyDictionary()
