"""Conversion of functional models to configs and back: layers by name, and the arguments of each of their calls."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..core import registry, tree
from ..core.graph import Operation, node_key
from ..core.keras_tensor import KerasTensor
from ..core.late import late
from ..core.ours import is_ours
from ..core.reading import DamagedError, short
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..core.signature import auto_config, signature_of
from ..core.types import Config, Tree
from ..layers.input_layer import InputLayer
from ..layers.layer import Layer
from ..layers.layer_config import serialize_argument
from .graph import Graph

if TYPE_CHECKING:
    from ..compat import configs as older
else:  # what only configs of graphs need
    older = late("addax.compat.configs")

# The keys of a graph in a config.
GRAPH_KEYS = ("layers", "input_layers", "output_layers")


def graph_config(graph: Graph) -> dict[str, Any]:
    """Returns the config of a graph: its layers with the arguments of their calls, its inputs and its outputs."""
    in_graph = {id(n) for n in graph.nodes}
    # Calls of shared layers in other models are left out, so calls are numbered within this one.
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

    def encode(x: object) -> Any:
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
    """Returns the number of an operation's first call, where a config names the inputs and outputs of a model.

    There, but not in the arguments of calls, Keras counts the construction of a functional model as a call of it.
    """
    return int(getattr(operation, "_graph_is_given", False))


def was_given_graph(model: Any) -> bool:
    """Returns whether inputs and outputs were passed to a model's constructor, instead of made by it."""
    return any(isinstance(leaf, KerasTensor) for leaf in tree.flatten(model._init_args))


def own_arguments(model: Layer) -> dict[str, Any]:
    """Returns a config of the arguments of a user's class besides inputs and outputs."""
    if is_ours(type(model)):
        return {}
    own = next((c for c in reversed(type(model).__mro__) if "get_config" in c.__dict__ and not is_ours(c)), None)
    arguments = auto_config(model, skip=_OF_EVERY_MODEL, upto=own)
    return {k: serialize_argument(v) for k, v in arguments.items()}


_OF_EVERY_MODEL = ("inputs", "outputs", "name", "trainable", "dtype", "autocast", "activity_regularizer")


def graph_from_config(config: dict[str, Any], custom_objects: dict[str, Any] | None) -> tuple[Any, Any]:
    """Makes the layers of a functional config and calls them.

    Args:
        config: A config from `graph_config`, or of Keras.
        custom_objects: Dict from names to the user's classes and functions.

    Returns:
        Inputs and outputs, KerasTensors in their structures.

    Raises:
        ValueError: The graph has loops, or refers to layers and calls that it does not have.
    """
    with registry.custom_object_scope(custom_objects or {}):
        config = older.present_graph(config)
    reader = _GraphReader(config, custom_objects)
    reader.call_all()
    return reader.resolve(config["input_layers"]), reader.resolve(config["output_layers"])


class _NotMade(Exception):
    """The call that returns a tensor has not been made yet."""


class _GraphReader:
    """Makes the layers of a functional config, and their calls in a topological order.

    References number the calls of each layer, so the calls of one layer are made in their order: a shared layer whose
    second call could be made first has to wait for its first.
    """

    def __init__(self, config: dict[str, Any], custom_objects: dict[str, Any] | None):
        self.name = config.get("name")
        self.operations: dict[str, Operation] = {}
        self.waiting: list[tuple[Operation, deque]] = []
        self.made: dict[str, list[list[KerasTensor]]] = {}  # name of a layer -> the tensors of each of its calls
        layers = config["layers"]
        if not isinstance(layers, list):
            raise DamagedError(f"`layers` of model '{self.name}' must be a list. Received: {short(layers)}")
        for layer_config in layers:
            operation = deserialize_layer(layer_config, custom_objects, self.name)
            if not isinstance(operation, Operation):
                raise DamagedError(f"`layers` of model '{self.name}' holds what is no layer: {short(operation)}.")
            name = layer_config.get("name") or operation.name
            if not isinstance(name, str) or name in self.operations:
                raise DamagedError(
                    f"`layers` of model '{self.name}' has a layer without a name of its own: {short(name)}."
                )
            operation.name = name
            self.operations[operation.name] = operation
            self.made[operation.name] = [[operation.output]] if isinstance(operation, InputLayer) else []
            self.waiting.append((operation, deque(_calls(layer_config, operation))))

    def call_all(self) -> None:
        """Makes all calls, those of each layer in order.

        Raises:
            ValueError: Some calls can not be made.
        """
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

    def _call(self, operation: Operation, call: Config) -> bool:
        """Makes a call if its arguments have been made; returns whether it did."""
        try:
            args, kwargs = self._arguments(call)
        except _NotMade:
            return False
        try:
            outputs = operation(*args, **kwargs)
        except (LookupError, AttributeError, ArithmeticError, TypeError, RecursionError, NotImplementedError) as error:
            if not is_ours(type(operation)):
                raise
            raise DamagedError(
                f"Layer '{operation.name}' of model '{self.name}' can't be called as its config says: "
                f"{type(error).__name__}: {error}. The call: {short(call)}"
            ) from error
        self.made[operation.name].append([t for t in tree.flatten(outputs) if isinstance(t, KerasTensor)])
        return True

    def _arguments(self, call: Config) -> tuple[tuple, dict[str, Any]]:
        args = tuple(
            tuple(self._decode(v) for v in a) if isinstance(a, list) and _is_index(a) else self._decode(a)
            for a in call["args"]
        )
        return args, {k: self._decode(v) for k, v in call["kwargs"].items()}

    def _decode(self, x: Tree) -> Any:
        if isinstance(x, dict):
            kind = x.get("class_name")
            if kind == "__keras_tensor__":
                return self._tensor(*_history(x))
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
        if not call >= -1 or not 0 <= index < len(self.made[name][call]):
            raise DamagedError(f"Layer '{name}' of model '{self.name}' has no output {index} of call {call}.")
        return self.made[name][call][index]

    def resolve(self, structure: Tree) -> Any:
        """Returns the tensors of a structure of references to inputs or outputs of the model.

        Raises:
            ValueError: A reference is to a layer or call that there is not.
        """
        if _is_reference(structure):
            name, call, index = structure
            first = first_call(self.operations[name]) if name in self.operations else 0
            try:
                # Call 0 of a model means its last call, as in Keras, some of whose own files depend on it.
                return self._tensor(name, max(call, first - 1) - first, index)
            except (_NotMade, IndexError):
                raise ValueError(
                    f"Invalid Functional model configuration. Layer '{name}' of model '{self.name}' has no output "
                    f"{index} of call {call}; it is called {len(self.made[name])} times."
                ) from None
        if isinstance(structure, dict):
            return {k: self.resolve(v) for k, v in structure.items()}
        if not isinstance(structure, (list, tuple)):
            raise DamagedError(
                f"The inputs and outputs of model '{self.name}' are lists of layer, call and number. "
                f"Received: {short(structure)}"
            )
        return type(structure)(self.resolve(v) for v in structure)


def deserialize_layer(
    layer: dict[str, Any], custom_objects: dict[str, Any] | None = None, model: str | None = None
) -> Any:
    """Returns the layer in the config of a model; Keras 2 wrote it without the module of its class.

    Args:
        layer: Config of the layer.
        custom_objects: Dict from names to the user's classes and functions.
        model: Name of the model, for errors.

    Raises:
        ValueError: It is no config, or of an unknown class.
    """
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
                    f"that this object is included in the scope.{_place(layer, model)}"
                )
            layer = {**layer, "module": module}
    try:
        return deserialize_keras_object(layer, custom_objects=custom_objects)
    except TypeError as error:
        if not str(error).startswith("Could not locate") or _PLACE in str(error):
            raise
        raise TypeError(f"{error}{_place(layer, model)}") from None


_PLACE = " The config is that of layer '"


def _place(layer: dict[str, Any], model: str | None) -> str:
    """Returns the position of an unknown class, for the error."""
    inner = layer["config"]
    name = layer.get("name") or (inner.get("name") if isinstance(inner, dict) else None)
    return f"{_PLACE}{name}' of model '{model}'."


def _calls(layer: Config, operation: Operation) -> list[Config]:
    """The calls in the config of a layer, each with its arguments."""
    calls = layer.get("inbound_nodes")
    whole = isinstance(calls, list) and all(
        isinstance(c, dict) and isinstance(c.get("args"), (list, tuple)) and isinstance(c.get("kwargs"), dict)
        for c in calls
    )
    if not whole or calls is None:
        raise DamagedError(
            f"`inbound_nodes` of layer '{operation.name}' must be a list of calls with `args` and `kwargs`. "
            f"Received: {short(calls)}"
        )
    return calls


def _history(tensor: Config) -> tuple[str, int, int]:
    """The layer, call and number of the output that a tensor in a config is."""
    inner = tensor.get("config")
    history: Any = inner.get("keras_history") if isinstance(inner, dict) else None
    if not _is_reference(history):
        raise DamagedError(
            f"`keras_history` of a tensor must be a layer's name and two numbers. Received: {short(history)}"
        )
    return tuple(history)


def _is_index(value: list) -> bool:
    """Returns whether a list was a tuple, such as the index of `x[:, 0]`; JSON has no tuples."""
    return not any(isinstance(v, dict) and v.get("class_name") == "__keras_tensor__" for v in value)


def _is_reference(value: Tree) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) == 3
        and isinstance(value[0], str)
        and type(value[1]) is type(value[2]) is int
    )


def _encode(value: Tree, encode: Callable) -> Any:
    """An argument of a call as a config, with references for the tensors in lists and dicts."""
    if isinstance(value, (list, tuple)) and any(isinstance(v, KerasTensor) for v in tree.flatten(value)):
        return [_encode(v, encode) for v in value]
    if isinstance(value, dict):
        return {k: _encode(v, encode) for k, v in value.items()}
    return encode(value)


def model_of(cls: type, inputs: Tree, outputs: Tree, config: Config) -> Any:
    """Makes a model of a class from inputs and outputs.

    Args:
        cls: The class of the model, a subclass of `Functional` or one that takes inputs and outputs.
        inputs, outputs: KerasTensors.
        config: Its name, whether it is trainable, and other arguments of the class.
    """
    config = dict(config)
    name, trainable = config.pop("name", None), config.pop("trainable", True)
    rest = {k: deserialize_keras_object(v) if isinstance(v, dict) else v for k, v in config.items()}
    parameters = signature_of(cls.__init__).parameters  # type: ignore[misc]
    kinds = {p.kind for p in parameters.values()}
    if "name" in parameters or inspect.Parameter.VAR_KEYWORD in kinds:
        rest["name"] = name
    if "inputs" in parameters or inspect.Parameter.VAR_POSITIONAL not in kinds:
        model = cls(inputs=inputs, outputs=outputs, **rest)
    else:
        model = cls(inputs, outputs, **rest)
    if name is not None:
        model.name = name
    if trainable is False:  # True would overwrite the layers' own settings
        model.trainable = False
    return model
