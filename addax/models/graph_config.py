"""Functional models to configs and back: layers by name, and for each of their calls what it was called on."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable
from typing import Any

from ..core import tree
from ..core.graph import Operation, node_key
from ..core.keras_tensor import KerasTensor
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..layers.input_layer import InputLayer


def graph_config(model: Any) -> dict[str, Any]:
    """The config of a functional model."""
    in_graph = {id(n) for n in model._graph.nodes}
    # Nodes of layers shared with other models are left out, so indices are counted within this one.
    index = {}
    for operation in model._graph.operations:
        kept = [n for n in operation._inbound_nodes if id(n) in in_graph]
        index.update({(id(operation), n.index): i for i, n in enumerate(kept)})

    def reference(tensor: KerasTensor) -> list:
        operation, node_index, tensor_index = node_key(tensor)
        return [operation.name, index[(id(operation), node_index)], tensor_index]

    def encode(x: Any) -> Any:
        config = serialize_keras_object(x)
        if isinstance(x, KerasTensor):
            config["config"]["keras_history"] = reference(x)
        return config

    layers = []
    for operation in model._graph.operations:
        config = serialize_keras_object(operation)
        config["name"] = operation.name
        config["inbound_nodes"] = [
            {
                "args": [_encode(a, encode) for a in n.args],
                "kwargs": {k: _encode(v, encode) for k, v in n.kwargs.items()},
            }
            for n in operation._inbound_nodes
            if id(n) in in_graph and not n.is_input
        ]
        layers.append(config)

    def references(structure: Any) -> Any:
        return tree.map_structure(reference, structure)

    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": layers,
        "input_layers": references(model._inputs_struct),
        "output_layers": references(model._outputs_struct),
    }


def takes_graph(cls: type) -> bool:
    """Whether models of class `cls` can be made from inputs and outputs."""
    parameters = inspect.signature(cls.__init__).parameters.values()  # type: ignore[misc]
    return any(p.kind is p.VAR_KEYWORD for p in parameters) or {"inputs", "outputs"} <= {p.name for p in parameters}


def graph_from_config(config: dict[str, Any], custom_objects: dict[str, Any] | None) -> tuple[Any, Any]:
    """Makes the layers of a functional config and calls them as it says; returns inputs and outputs."""
    operations: dict[str, Operation] = {}
    waiting: list[tuple[Operation, dict]] = []
    made: dict[tuple[str, int], list[KerasTensor]] = {}
    for layer_config in config["layers"]:
        operation = deserialize_keras_object(layer_config, custom_objects=custom_objects)
        if layer_config.get("name"):
            operation.name = layer_config["name"]
        operations[operation.name] = operation
        if isinstance(operation, InputLayer):
            made[operation.name, 0] = [operation.output]
        waiting += [(operation, node) for node in layer_config["inbound_nodes"]]

    def decode(x: Any) -> Any:
        if isinstance(x, dict):
            if x.get("class_name") == "__keras_tensor__":
                name, node, tensor = x["config"]["keras_history"]
                return made[name, node][tensor]
            if "class_name" in x and "config" in x and x["class_name"] not in ("__tuple__",):
                return deserialize_keras_object(x)
            if x.get("class_name") == "__tuple__":
                return tuple(decode(v) for v in x["config"]["value"])
            return {k: decode(v) for k, v in x.items()}
        if isinstance(x, (list, tuple)):
            return [decode(v) for v in x]
        return x

    counts: Counter[str] = Counter()
    while waiting:
        later = []
        for operation, node in waiting:
            try:
                args, kwargs = _decode_call(node, decode, made)
            except KeyError:
                later.append((operation, node))
                continue
            outputs = operation(*args, **kwargs)
            made[operation.name, counts[operation.name]] = [
                t for t in tree.flatten(outputs) if isinstance(t, KerasTensor)
            ]
            counts[operation.name] += 1
        if len(later) == len(waiting):
            raise ValueError(
                f"The config of model '{config.get('name')}' is broken: the inputs of "
                f"{sorted({o.name for o, _ in later})} are made by no layer in it."
            )
        waiting = later

    def resolve(structure: Any) -> Any:
        if _is_reference(structure):
            name, node, tensor = structure
            return made[name, node][tensor]
        if isinstance(structure, dict):
            return {k: resolve(v) for k, v in structure.items()}
        return [resolve(v) for v in structure]

    return resolve(config["input_layers"]), resolve(config["output_layers"])


def _decode_call(node: Any, decode: Callable, made: dict) -> tuple[tuple, dict[str, Any]]:
    if isinstance(node, dict):
        args = tuple(
            tuple(decode(v) for v in a) if isinstance(a, list) and _has_slice(a) else decode(a) for a in node["args"]
        )
        return args, {k: decode(v) for k, v in node["kwargs"].items()}
    # Keras 2: [[layer, node, tensor, kwargs], ...]
    tensors = [made[entry[0], entry[1]][entry[2]] for entry in node]
    kwargs = node[0][3] if len(node[0]) > 3 else {}
    return (tensors[0] if len(tensors) == 1 else tensors,), decode(kwargs)


def _has_slice(value: list) -> bool:
    """Whether a list is an index, `x[:, 0]`, which JSON can't tell from a list."""
    return not any(isinstance(v, dict) and v.get("class_name") == "__keras_tensor__" for v in value)


def _is_reference(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple)) and len(value) == 3 and isinstance(value[0], str) and isinstance(value[1], int)
    )


def _encode(value: Any, encode: Callable) -> Any:
    """`value` for a config, where the tensors in lists and dicts are references."""
    if isinstance(value, (list, tuple)) and any(isinstance(v, KerasTensor) for v in tree.flatten(value)):
        return [_encode(v, encode) for v in value]
    if isinstance(value, dict):
        return {k: _encode(v, encode) for k, v in value.items()}
    return encode(value)
