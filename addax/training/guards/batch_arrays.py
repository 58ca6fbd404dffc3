"""The arrays of a batch: their names in errors, and the model's inputs that they are for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...core import tree
from ...core.graph import node_key
from ...core.keras_tensor import KerasTensor
from ...core.types import Array, Tree
from ...layers.host import is_prepared
from ..prepare import as_spec
from ..steps import StepModel

NamedArray = tuple[str, Array, "KerasTensor | None"]  # an array, its name in errors, the input it is for, if known


def turns_off(switch: str) -> str:
    """Returns the sentence of an error that names the setting which turns its check off."""
    return f' If this is meant, `keras.config.set("{switch}", False)` turns the check off.'


def capitalized(name: str) -> str:
    """Returns a name as the beginning of a sentence; the rest keeps its case."""
    return f"{name[0].upper()}{name[1:]}"


def named_arrays(model: StepModel, x: Tree, y: Tree = None) -> Iterator[NamedArray]:
    """Yields each array of a batch, with its name in errors and the model's input that it is for, if known."""
    if is_prepared(x):
        yield from _named_entries(model, x)
        x = None
    inputs = inputs_by_name(model)
    leaves = tree.flatten_with_path(x) if x is not None else []
    by_order = list(inputs) if len(inputs) == len(leaves) else []
    for i, (path, leaf) in enumerate(leaves):
        name = str(path[0]) if isinstance(x, dict) else by_order[i] if by_order else None
        if leaf is not None:
            yield (f"input '{name}'" if name else _indexed("x", path)), leaf, inputs.get(name or "")
    for path, leaf in tree.flatten_with_path(y):
        if leaf is not None:
            yield _indexed("y", path), leaf, None


def _named_entries(model: Any, prepared: dict[str, Tree]) -> Iterator[tuple[str, Array, KerasTensor | None]]:
    """Yields the arrays that layers on the host have computed for a model, like `named_arrays`."""
    part = model.host_part
    for key, entry in part.entries.items():
        if not isinstance(entry, KerasTensor):
            yield from _named_entries(entry.operation, prepared[key])
        elif prepared[key] is not None:
            operation = node_key(entry).operation
            is_input = any(entry is t for t in part.graph.inputs)
            name = f"input '{operation.name}'" if is_input else f"the output of '{operation.name}'"
            yield name, prepared[key], entry


def inputs_by_name(model: StepModel) -> dict[str, KerasTensor]:
    """Returns the inputs of a model that is a graph by the names that data may use; none for other models."""
    inputs = getattr(model, "inputs", None)
    if not inputs:
        return {}
    if isinstance(model.input, dict):
        return by_path(model.input)
    return dict(zip(getattr(model, "input_names", ()), inputs))


def by_path(structure: Tree) -> dict:
    """Returns the leaves of nested dicts by their joined keys: `{"rest": {"q": leaf}}` -> `{"rest.q": leaf}`."""
    return {".".join(map(str, path)): leaf for path, leaf in tree.flatten_with_path(structure)}


def _indexed(root: str, path: tuple) -> str:
    return f"`{root}`" + "".join(f"[{key!r}]" for key in path)


def batch_specs(x: Tree) -> Tree:
    """Returns arrays as KerasTensors of their shapes and dtypes, with an unknown number of rows."""
    specs = tree.map_structure(as_spec, x)
    return tree.map_structure(lambda t: None if t is None else KerasTensor((None, *t.shape[1:]), t.dtype), specs)


def specs_key(specs: Tree) -> str:
    """Returns a key that is equal for equal shapes and dtypes."""
    return str(tree.map_structure(lambda t: None if t is None else (t.shape, t.dtype), specs))
