"""Functional models to configs and back: layers by name, and for each of their calls what it was called on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from ..core import registry, tree
from ..core.graph import Operation, node_key
from ..core.keras_tensor import KerasTensor
from ..core.ours import is_ours
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..core.signature import auto_config
from ..layers.input_layer import InputLayer
from ..layers.layer_config import serialize_argument
from .graph import Graph

# What a config has of a graph.
GRAPH_KEYS = ("layers", "input_layers", "output_layers")


def graph_config(graph: Graph) -> dict[str, Any]:
    """A graph as a config: its layers with what they are called on, its inputs and its outputs."""
    in_graph = {id(n) for n in graph.nodes}
    # Nodes of layers shared with other models are left out, so indices are counted within this one.
    index = {}
    for operation in graph.operations:
        kept = [n for n in operation._inbound_nodes if id(n) in in_graph]
        index.update({(id(operation), n.index): i for i, n in enumerate(kept)})

    def reference(tensor: KerasTensor) -> list:
        operation, node_index, tensor_index = node_key(tensor)
        return [operation.name, index[(id(operation), node_index)], tensor_index]

    def end_reference(tensor: KerasTensor) -> list:
        name, call, tensor_index = reference(tensor)
        return [name, call + first_call(node_key(tensor).operation), tensor_index]

    def encode(x: Any) -> Any:
        config = serialize_keras_object(x)
        if isinstance(x, KerasTensor):
            config["config"]["keras_history"] = reference(x)
        return config

    layers = []
    for operation in graph.operations:
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
    ends = (tree.map_structure(end_reference, s) for s in (graph.input_structure, graph.output_structure))
    return dict(zip(GRAPH_KEYS, (layers, *ends)))


def first_call(operation: Operation) -> int:
    """The number of the first call where a config names inputs and outputs of a model.

    In Keras, making a functional model counts as a call of it, there but not where arguments of calls are named.
    """
    return int(getattr(operation, "_graph_is_given", False))


def was_given_graph(model: Any) -> bool:
    """Whether the constructor of a model was called with inputs and outputs, and not made them itself."""
    return any(isinstance(leaf, KerasTensor) for leaf in tree.flatten(model._init_args))


def own_arguments(model: Any) -> dict[str, Any]:
    """What the constructor of a user's class was given beside inputs and outputs, as a config."""
    if is_ours(type(model)):
        return {}
    own = next((c for c in reversed(type(model).__mro__) if "get_config" in c.__dict__ and not is_ours(c)), None)
    arguments = auto_config(model, skip=_OF_EVERY_MODEL, upto=own)
    return {k: serialize_argument(v) for k, v in arguments.items()}


_OF_EVERY_MODEL = ("inputs", "outputs", "name", "trainable", "dtype", "autocast", "activity_regularizer")


def graph_from_config(config: dict[str, Any], custom_objects: dict[str, Any] | None) -> tuple[Any, Any]:
    """Makes the layers of a functional config and calls them as it says; returns inputs and outputs."""
    reader = _GraphReader(config, custom_objects)
    reader.call_all()
    return reader.resolve(config["input_layers"]), reader.resolve(config["output_layers"])


class _NotMade(Exception):
    """A tensor is asked for whose call has not been made yet."""


class _GraphReader:
    """Makes the layers of a functional config, and their calls in an order in which they can be made.

    A call is known by its place among the calls of its layer, so those of one layer are made in that order, whatever
    waits for what elsewhere: a shared layer whose second call could be made first has to wait.
    """

    def __init__(self, config: dict[str, Any], custom_objects: dict[str, Any] | None):
        self.name = config.get("name")
        self.operations: dict[str, Operation] = {}
        self.waiting: list[tuple[Operation, deque]] = []
        self.made: dict[str, list[list[KerasTensor]]] = {}  # name of a layer -> the tensors of each of its calls
        for layer_config in config["layers"]:
            operation = deserialize_layer(layer_config, custom_objects)
            if layer_config.get("name"):
                operation.name = layer_config["name"]
            self.operations[operation.name] = operation
            self.made[operation.name] = [[operation.output]] if isinstance(operation, InputLayer) else []
            self.waiting.append((operation, deque(layer_config["inbound_nodes"])))

    def call_all(self) -> None:
        """Makes every call, each layer's in their order."""
        while self.waiting:
            before = sum(len(calls) for _, calls in self.waiting)
            for operation, calls in self.waiting:
                while calls and self._call(operation, calls[0]):
                    calls.popleft()
            self.waiting = [(operation, calls) for operation, calls in self.waiting if calls]
            if before and sum(len(calls) for _, calls in self.waiting) == before:
                unresolved = {operation: list(calls) for operation, calls in self.waiting}
                raise ValueError(
                    "Invalid Functional model configuration. The graph of the Functional model either has loops or "
                    f"disconnected nodes. The following nodes failed to be resolved: {unresolved} (model '{self.name}')"
                )

    def _call(self, operation: Operation, call: Any) -> bool:
        """Makes a call if what it is called on is there; says whether it was."""
        try:
            args, kwargs = self._arguments(call)
        except _NotMade:
            return False
        outputs = operation(*args, **kwargs)
        self.made[operation.name].append([t for t in tree.flatten(outputs) if isinstance(t, KerasTensor)])
        return True

    def _arguments(self, call: Any) -> tuple[tuple, dict[str, Any]]:
        if isinstance(call, dict):
            args = tuple(
                tuple(self._decode(v) for v in a) if isinstance(a, list) and _is_index(a) else self._decode(a)
                for a in call["args"]
            )
            return args, {k: self._decode(v) for k, v in call["kwargs"].items()}
        # Keras 2: [[layer, call, tensor, kwargs], ...]
        tensors = [self._tensor(*entry[:3]) for entry in call]
        kwargs = call[0][3] if len(call[0]) > 3 else {}
        return (tensors[0] if len(tensors) == 1 else tensors,), self._decode(kwargs)

    def _decode(self, x: Any) -> Any:
        if isinstance(x, dict):
            kind = x.get("class_name")
            if kind == "__keras_tensor__":
                return self._tensor(*x["config"]["keras_history"])
            if kind == "__tuple__":
                return tuple(self._decode(v) for v in x["config"]["value"])
            if kind is not None and "config" in x:
                return deserialize_keras_object(x)
            return {k: self._decode(v) for k, v in x.items()}
        if isinstance(x, (list, tuple)):
            return [self._decode(v) for v in x]
        return x

    def _tensor(self, name: str, call: int, index: int) -> KerasTensor:
        if name not in self.made:
            raise ValueError(f"Invalid Functional model configuration. Missing node: {name} (model '{self.name}')")
        if call >= len(self.made[name]):
            raise _NotMade
        return self.made[name][call][index]

    def resolve(self, structure: Any) -> Any:
        """The tensors of a structure of references to inputs or outputs of the model."""
        if _is_reference(structure):
            name, call, index = structure
            first = first_call(self.operations[name]) if name in self.operations else 0
            try:
                # As in Keras, which so reads what it wrote itself, a model's call 0 is its last one.
                return self._tensor(name, max(call, first - 1) - first, index)
            except (_NotMade, IndexError):
                raise ValueError(
                    f"Invalid Functional model configuration. Layer '{name}' of model '{self.name}' has no output "
                    f"{index} of call {call}; it is called {len(self.made[name])} times."
                ) from None
        if isinstance(structure, dict):
            return {k: self.resolve(v) for k, v in structure.items()}
        return type(structure)(self.resolve(v) for v in structure)


def deserialize_layer(layer: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """The layer in the config of a model, which Keras 2 wrote without the module that its class is from."""
    if not isinstance(layer, dict) or "config" not in layer:
        raise ValueError(
            "The provided configuration is not a valid Keras configuration. Expected a dictionary containing a "
            f"'config' key. Received: config={layer}"
        )
    name = layer.get("class_name")
    if isinstance(name, str) and not layer.get("module") and not layer.get("registered_name"):
        with registry.custom_object_scope(custom_objects or {}):
            known = registry.get_registered_object(name) is not None
        if not known:
            module = next((m for m in ("keras.layers", "keras.models") if registry.resolve(m, name) is not None), None)
            if module is None:
                raise ValueError(
                    f"Unknown layer: '{name}'. Please ensure you are using a `keras.utils.custom_object_scope` and "
                    "that this object is included in the scope."
                )
            layer = {**layer, "module": module}
    return deserialize_keras_object(layer, custom_objects=custom_objects)


def _is_index(value: list) -> bool:
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
