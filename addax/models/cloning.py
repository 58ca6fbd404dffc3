"""Cloning of models: the same structure with new layers and new weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core import tree
from ..core.errors import describe
from ..core.graph import Node, OpCall, Operation, node_key
from ..core.keras_tensor import KerasTensor
from ..core.serialization import safe_mode_scope
from ..core.types import Tree
from ..layers.input_layer import InputLayer
from ..layers.layer import Layer
from .graph import Graph
from .graph_config import GRAPH_KEYS, model_of, was_given_graph
from .model import Functional, Model
from .sequential import Sequential


def clone_model(
    model: Layer,
    input_tensors: Tree | None = None,
    clone_function: Callable | None = None,
    call_function: Callable | None = None,
    recursive: bool = False,
    **kwargs: Any,
) -> Any:
    """Returns a new model with the structure of another, whose layers are new and have new weights.

    Args:
        model: A Functional or Sequential model; one of another class is made again from its config.
        input_tensors: KerasTensors, in the structure of `model.input`, to use as inputs; None for new inputs.
        clone_function: Function of a layer (never an `InputLayer`) that returns its replacement; by default a new layer
            of the same config.
        call_function: Function of a new layer and the arguments of its call that returns the result, for example to
            insert another layer before or after it. For Functional models only.
        recursive: Whether to clone models inside layer by layer, too.

    Returns:
        The new model; compiled like `model` if all other arguments have their defaults.

    Raises:
        ValueError: `model` is no model, or an argument does not apply to its class.

    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="relu")])
    >>> wide = clone_model(model, clone_function=lambda layer: keras.layers.Dense(2 * layer.units))
    >>> wide.output_shape
    (None, 6)
    """
    if kwargs:
        raise ValueError(f"Unexpected keyword argument(s): {tuple(kwargs)}")
    if not isinstance(model, Layer):
        raise ValueError(f"Expected `model` argument to be a model. Received: model={describe(model)}")
    unchanged = input_tensors is None and clone_function is None and call_function is None
    if isinstance(model, Sequential):
        if call_function is not None:
            raise ValueError(
                "`call_function` argument is not supported with Sequential models. In a Sequential model, layers "
                "aren't called at model-construction time (they're merely listed). Use `call_function` with "
                f"Functional models only. Received model of type '{type(model).__name__}', with "
                f"call_function={call_function}"
            )
        clone: Any = _clone_sequential(model, input_tensors, _Cloner(clone_function, None, recursive))
    elif isinstance(model, Functional):
        clone = _clone_functional(
            model, model._known_graph("input"), input_tensors, _Cloner(clone_function, call_function, recursive)
        )
    elif unchanged:
        with safe_mode_scope(False):
            return type(model).from_config(model.get_config())
    else:
        raise ValueError(
            "Arguments `clone_function` and `input_tensors` are only supported for Sequential models or Functional "
            f"models. Received model of type '{type(model).__name__}', with clone_function={clone_function} and "
            f"input_tensors={input_tensors}"
        )
    if unchanged and model.compiled:
        clone.compile_from_config(model.get_compile_config())
    return clone


class _Cloner:
    """Makes one new layer for each old one."""

    def __init__(self, clone_function: Callable | None, call_function: Callable | None, recursive: bool):
        self.given = clone_function, call_function
        self.recursive = recursive
        self.clones: dict[int, Any] = {}

    def __call__(self, operation: Operation) -> Any:
        if id(operation) not in self.clones:
            self.clones[id(operation)] = self._clone(operation)
        return self.clones[id(operation)]

    def _clone(self, operation: Operation) -> Any:
        clone_function, call_function = self.given
        if isinstance(operation, OpCall):
            return OpCall(operation.definition, operation.static, operation.name)
        if self.recursive and isinstance(operation, (Functional, Sequential)):
            call_function = None if isinstance(operation, Sequential) else call_function
            return clone_model(operation, clone_function=clone_function, call_function=call_function, recursive=True)
        if clone_function is not None:
            return clone_function(operation)
        if isinstance(operation, (Functional, Sequential)):
            return clone_model(operation)
        with safe_mode_scope(False):  # a lambda in this config comes from the program, not from a file
            return type(operation).from_config(operation.get_config())


def _clone_sequential(model: Sequential, input_tensors: Tree | None, cloner: _Cloner) -> Sequential:
    layers = list(model._layers)
    inputs = [layers.pop(0)] if layers and isinstance(layers[0], InputLayer) else []
    new: list[Any] = [InputLayer.from_config(layer.get_config()) for layer in inputs]
    if input_tensors is not None:
        if len(tree.flatten(input_tensors)) != 1:
            raise ValueError("Argument `input_tensors` must contain a single tensor.")
        new = [node_key(t).operation for t in _as_inputs(input_tensors)]
    new += [cloner(layer) for layer in layers]
    clone = type(model).__new__(type(model))
    Sequential.__init__(clone, new, name=model.name, trainable=model.trainable)
    return clone


def _clone_functional(model: Model, graph: Graph, input_tensors: Tree | None, cloner: _Cloner) -> Any:
    if input_tensors is None:
        new = [InputLayer.from_config(node_key(tensor).operation.get_config()).output for tensor in graph.inputs]
    else:
        try:
            tree.assert_same_structure(graph.input_structure, input_tensors)
        except ValueError:
            raise ValueError(
                "`input_tensors` must have the same structure as model.input\n"
                f"Reference structure: {graph.input_structure}\nReceived structure: {input_tensors}"
            ) from None
        new = _as_inputs(input_tensors)
    call_function = cloner.given[1]

    def call(node: Node, args: tuple, kwargs: dict[str, Any]) -> Any:
        clone = cloner(node.operation)
        return clone(*args, **kwargs) if call_function is None else call_function(clone, *args, **kwargs)

    outputs = graph.run(new, call)
    inputs = tree.pack_sequence_as(graph.input_structure, new)
    if was_given_graph(model):
        with safe_mode_scope(False):
            config = {k: v for k, v in model.get_config().items() if k not in GRAPH_KEYS}
        return model_of(type(model), inputs, outputs, config)
    return model_of(Functional, inputs, outputs, {"name": model.name, "trainable": model.trainable})


def _as_inputs(tensors: Tree) -> list[KerasTensor]:
    """The given tensors that are inputs of a graph; for others, new inputs like them."""
    flat = tree.flatten(tensors)
    flat = [t.output if isinstance(t, InputLayer) else t for t in flat]
    if not all(isinstance(t, KerasTensor) for t in flat):
        raise ValueError(
            "All entries in `input_tensors` must be KerasTensors. Received invalid values: inputs_tensors="
            f"[{', '.join(map(describe, flat))}]"
        )
    return [
        t
        if t._keras_history is not None and isinstance(t._keras_history.operation, InputLayer)
        else InputLayer(batch_shape=t.shape, dtype=t.dtype, name=t.name).output
        for t in flat
    ]
