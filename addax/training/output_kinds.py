"""Facts about a model's graph for the guards: the activations of its outputs, and the consumers of its inputs."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..core import tree
from ..core.abstract import abstract_call
from ..core.config import thread
from ..core.graph import Operation
from ..core.keras_tensor import KerasTensor
from ..core.ours import declared, is_ours, is_patched
from ..core.types import Tree
from ..layers.activation import Activation
from ..layers.embedding import Embedding
from ..layers.lambda_layer import Lambda
from ..layers.layer import Layer
from ..layers.time_distributed import TimeDistributed


def activation_of(tensor: KerasTensor) -> tuple[Any, str | None]:
    """Returns the layer and the activation that produce `tensor`.

    Args:
        tensor: An output of a graph.

    Returns:
        `(operation, name)`: "linear", "softmax", ... or None where it is not known.
    """
    while True:
        if tensor._keras_history is None:
            return None, None
        operation, node_index, tensor_index = tensor._keras_history
        inside = getattr(operation, "outputs", None)
        if isinstance(inside, list) and tensor_index < len(inside):  # a model used as a layer
            tensor = inside[tensor_index]
            continue
        node = operation._inbound_nodes[node_index]
        kind = _activation(operation)
        passes = kind == "pass" or (kind == "linear" and isinstance(operation, Activation))
        if not passes or len(node.input_tensors) != 1:
            return operation, None if kind == "pass" else kind
        tensor = node.input_tensors[0]


def _activation(operation: Operation) -> str | None:
    definition = getattr(operation, "definition", None)
    if definition is not None:  # a call of an op
        return definition.name if definition.public in (ops.softmax, ops.sigmoid, ops.relu, ops.tanh) else None
    if declared(operation, "passes_values", False):
        return "pass"
    activation = declared(operation, "_output_activation")
    return None if activation is None else _name_of(activation())


def _name_of(activation: Any) -> str | None:
    """Returns the name of an activation that is addax's own."""
    if isinstance(activation, Layer):
        return _activation(activation)
    if isinstance(activation, str):
        return activation
    return getattr(activation, "__name__", None) if is_ours(activation) else None


def is_own_layer(operation: Operation) -> bool:
    """Returns whether `operation` is a layer whose computation is addax's own."""
    return (
        isinstance(operation, Layer)
        and is_ours(type(operation))
        and not is_patched(type(operation))
        and "call" not in operation.__dict__
        and not isinstance(operation, Lambda)
    )


def tables_of(model: Layer, tensor: KerasTensor) -> list[Embedding]:
    """Returns the embedding tables that look up the values of `tensor`, an input of `model`, also reshaped ones."""
    found: list[Embedding] = []
    for reader in consumers(model, tensor):
        layer = reader.layer if isinstance(reader, TimeDistributed) and is_own_layer(reader) else reader
        if isinstance(layer, Embedding) and is_own_layer(layer):
            found.append(layer)
        elif _passes_values(reader):
            for node in reader._inbound_nodes:
                if any(given is tensor for given in node.input_tensors):
                    for output in node.outputs:
                        found += tables_of(model, output)
    return found


def _passes_values(operation: Operation) -> bool:
    definition = getattr(operation, "definition", None)
    return declared(operation, "passes_values", False) if definition is None else definition.public is ops.cast


class TableProbe:
    """Records, while a model that is no graph runs on specs, which of its inputs reach an embedding table.

    Args:
        leaves: The inputs.
    """

    def __init__(self, leaves: list[Any]):
        self.index = {id(leaf): i for i, leaf in enumerate(leaves)}
        self.found: list[list[Embedding]] = [[] for _ in leaves]

    @classmethod
    def run(cls, model: Layer, specs: Tree) -> list[list[Embedding]]:
        """Returns the tables of each array of the input that `specs` describes."""
        found: list[list[list[Embedding]]] = []

        def call(x: Tree) -> Tree:
            probe = cls([leaf for leaf in tree.flatten(x) if leaf is not None])
            thread.probe = probe
            try:
                return model(x, training=False)
            finally:
                thread.probe = None
                found.append(probe.found)

        abstract_call(call, (specs,), {})
        return found[-1]

    def enter(self, operation: Operation, arguments: Tree) -> Tree:
        """Records the inputs of a table; returns the arguments."""
        if isinstance(operation, Embedding) and is_own_layer(operation):
            for leaf in tree.flatten(arguments):
                if id(leaf) in self.index:
                    self.found[self.index[id(leaf)]].append(operation)
        return arguments

    def leave(self, outputs: Tree) -> Tree:
        """Returns the outputs of a layer or op."""
        return outputs


def consumers(model: Layer | Operation, tensor: KerasTensor) -> list[Any]:
    """Returns the layers and ops that read `tensor`, an input of `model`, those inside inner models included."""
    graph = model.__dict__.get("_graph") or getattr(model.__dict__.get("_functional"), "_graph", None)
    found: list[Any] = []
    for node in graph.nodes if graph is not None else ():
        for i, given in enumerate(node.input_tensors):
            if given is tensor:
                inner = getattr(node.operation, "inputs", None)
                if isinstance(inner, list) and i < len(inner):
                    found += consumers(node.operation, inner[i])
                else:
                    found.append(node.operation)
    return found
