"""Facts about a model that summaries and plots show."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from ..core import tree
from ..core.graph import Node, Operation, node_key
from ..core.keras_tensor import KerasTensor
from ..core.types import ShapeTree
from ..core.variable import Variable
from ..layers.building import match_shapes
from ..layers.input_layer import InputLayer
from ..layers.layer import Layer
from ..models.model import Functional, Model
from ..models.sequential import Sequential


class Row(NamedTuple):
    """A layer or op of a model, and the depth of its nesting."""

    layer: Operation
    depth: int


class Options(NamedTuple):
    """The arguments of `summary` that both styles take; `costs` are lines of a label, an amount and what it is of."""

    line_length: int | None
    positions: Sequence[float] | None
    print_fn: Callable[..., Any] | None
    expand_nested: bool
    show_trainable: bool
    layer_range: Sequence[str] | None
    costs: Sequence[tuple[str, str, str]] = ()


def check_columns(ends: Sequence[float], header: Sequence[str], options: Options) -> None:
    """Raises ValueError if there are fewer ends of columns than columns."""
    if len(ends) < len(header):
        raise ValueError(
            f"`positions` needs one number for each of the columns {header}. Received: positions={options.positions}"
        )


def graph_of(model: Operation | None) -> Any:
    """Returns the graph of a functional or built sequential model; None for others."""
    return getattr(model, "_graph", None)


def is_sequential_like(model: Model) -> bool:
    """Tests whether the model's graph is a chain, whose connections need no column."""
    if model._graph is None or not isinstance(model, Functional):
        return True
    nodes = model._graph.nodes
    parents = Counter(id(parent) for node in nodes for parent in node.parent_nodes)
    operations = Counter(id(node.operation) for node in nodes)
    return (
        sum(node.is_input for node in nodes) == 1
        and all(len(node.input_tensors) <= 1 for node in nodes)
        and all(count == 1 for count in (*parents.values(), *operations.values()))
    )


def rows(model: Model, expand_nested: bool) -> list[Row]:
    """Returns the layers and ops of `model`, with those of nested models after them if `expand_nested`."""
    return list(_rows(model, expand_nested, 0))


def _rows(model: Any, expand_nested: bool, depth: int) -> Iterator[Row]:
    for layer in model.operations if isinstance(model, Functional) else model.layers:
        yield Row(layer, depth)
        if expand_nested and hasattr(layer, "layers") and layer.layers:
            yield from _rows(layer, True, depth + 1)


def within(model: Model, found: list[Row], layer_range: Sequence[str] | None) -> list[Row]:
    """Selects the rows from the first to the last layer of `layer_range`.

    Args:
        model: The model.
        found: Its rows.
        layer_range: Two patterns of layer names; None for all rows.

    Raises:
        ValueError: `layer_range` isn't two strings, or they match no layer.
    """
    if layer_range is None:
        return found
    if not isinstance(layer_range, (list, tuple)) or len(layer_range) != 2:
        raise ValueError(
            "layer_range must be a list or tuple of length 2. Received: "
            f"layer_range = {layer_range} of length {len(layer_range)}"
        )
    if not all(isinstance(name, str) for name in layer_range):
        raise ValueError(f"layer_range should contain string type only. Received: {layer_range}")
    top = [row.layer for row in found if row.depth == 0]
    starts = [layer for layer in top if re.match(layer_range[0], layer.name)]
    ends = [layer for layer in top if re.match(layer_range[1], layer.name)]
    if not starts or not ends:
        raise ValueError(
            f"Passed layer_names do not match the layer names in the model. Received: {layer_range}. The model has "
            f"{[layer.name for layer in top]}."
        )
    places = sorted((top.index(starts[0]), top.index(ends[-1])))
    chosen = {id(layer) for layer in top[places[0] : places[1] + 1]}
    out, keep = [], False
    for row in found:
        if row.depth == 0:
            keep = id(row.layer) in chosen
        if keep:
            out.append(row)
    return out


def class_name(layer: Operation) -> str:
    """Returns the class name of a layer or op, as Keras writes it."""
    definition = getattr(layer, "definition", None)
    return type(layer).__name__ if definition is None else definition.keras_class


def output_shape(layer: Any) -> str:
    """Returns the output shape as summaries show it; "?" if unknown."""
    if isinstance(layer, (Functional, Sequential)) and not layer._inbound_nodes and layer.built:
        shapes = [t.shape for t in layer.outputs or ()]
        return str(tuple(shapes)) if len(shapes) > 1 else _shown(shapes)
    if layer._inbound_nodes:
        return _shown([t.shape for t in layer._inbound_nodes[-1].outputs])
    try:
        return _shown(layer.compute_output_shape(**_arguments(layer)) if layer.built else [])
    except Exception:  # a summary prints whatever a user's code raises
        return "?"


def _shown(shapes: ShapeTree) -> str:
    """Returns a structure of shapes as Keras writes it: a single shape alone, one of a single axis as `(None)`."""
    found: list[str] = []
    tree.map_shape_structure(lambda shape: found.append(_written(shape)), shapes)
    return found[0] if len(found) == 1 else _written(shapes)


def _written(shapes: ShapeTree) -> str:
    if not shapes and isinstance(shapes, list):
        return "?"
    if isinstance(shapes, dict):
        return f"{{{', '.join(f'{k}: {_written(v)}' for k, v in shapes.items())}}}"
    if tree.is_shape(shapes):
        return f"({', '.join(map(str, shapes))})"
    inside = ", ".join(map(_written, shapes))
    return f"[{inside}]" if isinstance(shapes, list) else f"({inside})"


def _arguments(layer: Layer) -> dict[str, Any]:
    """Returns the shapes the layer was built with, as arguments of its `compute_output_shape`."""
    return match_shapes(type(layer).compute_output_shape, layer._build_shapes or {}, {}, layer.path)


def parameter_count(layer: Operation) -> int | None:
    """Returns the number of elements of the layer's weights; None if it isn't built."""
    if not isinstance(layer, Layer):
        return 0
    return layer.count_params() if layer.built else None


def trainable_mark(layer: Operation) -> str:
    """Returns "Y" or "N"; "-" for a layer without weights."""
    if not isinstance(layer, Layer) or not layer.weights:
        return "-"
    return "Y" if layer.trainable else "N"


def connections(layer: Operation, relevant: set[int]) -> list[tuple[str, int, int]]:
    """Returns the sources of the inputs of `layer` within the model: name, call and output of each tensor."""
    found = []
    for node in layer._inbound_nodes:
        if id(node) in relevant and not node.is_input:
            found += [_source(tensor) for tensor in node.input_tensors]
    return found


def _source(tensor: KerasTensor) -> tuple[str, int, int]:
    operation, node_index, tensor_index = node_key(tensor)
    return operation.name, node_index, tensor_index


def relevant_nodes(model: Model) -> set[int]:
    """Returns the ids of the calls that belong to the model's own graph."""
    graph = graph_of(model)
    nodes: list[Node] = graph.nodes if graph is not None else []
    return {id(node) for node in nodes}


class Totals(NamedTuple):
    """Numbers of parameters and bytes, (count, bytes) each."""

    trainable: tuple[int, int]
    non_trainable: tuple[int, int]
    optimizer: tuple[int, int] | None

    @property
    def total(self) -> tuple[int, int]:
        parts = [self.trainable, self.non_trainable, self.optimizer or (0, 0)]
        return sum(p[0] for p in parts), sum(p[1] for p in parts)


def totals(model: Model) -> Totals:
    """Returns the sizes of the model's weights and of its optimizer's variables."""
    optimizer = getattr(model, "optimizer", None)
    return Totals(
        size_of(model.trainable_weights),
        size_of(model.non_trainable_weights),
        size_of(optimizer.variables) if optimizer is not None and optimizer.built else None,
    )


def size_of(variables: list[Variable]) -> tuple[int, int]:
    """Returns the number of elements of variables, and their bytes; each variable counts once."""
    unique = {id(v): v for v in variables}.values()
    return sum(v.size for v in unique), round(sum(v.size * _bits(v._dtype) / 8 for v in unique))


def _bits(dtype: str) -> int:
    if dtype == "bool":
        return 1
    digits = re.search(r"\d+", dtype)
    return int(digits.group()) if digits else 8


def readable_bytes(size: int) -> str:
    """Formats a number of bytes with a binary unit.

    >>> readable_bytes(544), readable_bytes(3584), readable_bytes(8_000_160_000)
    ('544.00 B', '3.50 KB', '7.45 GB')
    """
    value = float(size)
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1024:
            return f"{value:.2f} {unit}"
        value /= 1024
    return f"{value:.2f} TB"


def is_input(layer: Operation) -> bool:
    """Tests whether `layer` is an input of a graph."""
    return isinstance(layer, InputLayer)
