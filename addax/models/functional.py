"""Functional: a model that is a graph of layer and op calls."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

from ..core import tree
from ..core.errors import describe
from ..core.keras_tensor import KerasTensor
from ..core.masks import get_mask, set_mask
from ..core.op import Node, Operation, node_key
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..layers.calling import call_signature
from ..layers.input_layer import InputLayer
from ..layers.input_spec import InputSpec
from ..layers.layer import Layer
from .model import Model


class Graph:
    """The calls between some tensors and others, in an order in which they can be run.

    Attributes:
        nodes: The nodes, inputs' first.
        operations: The layers and ops, each once, in the order of Keras's summaries and weights: by depth from the
            outputs, then by when they were met.
    """

    def __init__(self, inputs: list[KerasTensor], outputs: list[KerasTensor], name: str):
        starts = {id(t) for t in inputs}
        met: dict[int, int] = {}  # id of operation -> when it was met
        finished: list[Node] = []
        done: set[int] = set()
        under_way: set[int] = set()
        for output in outputs:
            # Depth first, without recursion: models can be deeper than Python's stack.
            stack: list[tuple[KerasTensor, Any]] = [(output, None)]
            while stack:
                tensor, parents = stack.pop()
                operation, index, _ = node_key(tensor)
                node = operation._inbound_nodes[index]
                if parents is None:
                    if id(node) in done or (id(tensor) in starts and not node.is_input):
                        continue
                    if id(node) in under_way:
                        raise ValueError(f"Tensor {tensor} from operation '{operation.name}' is part of a cycle.")
                    under_way.add(id(node))
                    met.setdefault(id(operation), len(met))
                    if id(tensor) not in starts and node.is_input:
                        raise ValueError(
                            f"Output with path `` is not connected to `inputs`: model '{name}' needs the input "
                            f"'{operation.name}' of shape {tensor.shape}, which is not among its inputs "
                            f"{[t.name for t in inputs]}."
                        )
                    parents = iter(node.input_tensors)
                parent = next(parents, None)
                if parent is not None:
                    stack += [(tensor, parents), (parent, None)]
                    continue
                under_way.discard(id(node))
                done.add(id(node))
                finished.append(node)
        depths: dict[int, int] = {}
        operation_depths: dict[int, int] = {}
        for node in reversed(finished):
            depth = max(depths.get(id(node), 0), operation_depths.get(id(node.operation), 0))
            depths[id(node)] = operation_depths[id(node.operation)] = depth
            for parent in node.parent_nodes:
                depths[id(parent)] = max(depth + 1, depths.get(id(parent), 0))
        for tensor in inputs:  # inputs that no output needs
            operation, index, _ = node_key(tensor)
            node = operation._inbound_nodes[index]
            if node.is_input and id(node) not in done:
                operation_depths[id(operation)] = depths[id(node)] = 0
                met[id(operation)] = -1
                finished.append(node)
        self.nodes = sorted(finished, key=lambda n: -depths[id(n)])
        by_id = {id(n.operation): n.operation for n in finished}
        self.operations: list[Operation] = sorted(by_id.values(), key=lambda o: (-operation_depths[id(o)], met[id(o)]))
        counts = Counter(o.name for o in self.operations)
        repeated = next((n for n, c in counts.items() if c > 1), None)
        if repeated is not None:
            raise ValueError(
                f'The name "{repeated}" is used {counts[repeated]} times in the model. All operation names should be '
                "unique."
            )

    def run(self, inputs: list[KerasTensor], outputs: Any, values: list[Any], call: Callable) -> Any:
        """What `outputs` are when `inputs` are `values`; `call(operation, args, kwargs)` makes each step."""
        found = {id(t): v for t, v in zip(inputs, values)}

        def fill(x: Any) -> Any:
            return found[id(x)] if isinstance(x, KerasTensor) else x

        for node in self.nodes:
            if node.is_input:
                continue
            args = tree.map_structure(fill, node.args)
            kwargs = {k: tree.map_structure(fill, v) for k, v in node.kwargs.items()}
            results = call(node.operation, args, kwargs)
            flat = [r for r in tree.flatten(results) if r is not None]
            for tensor, value in zip(node.outputs, flat):
                found[id(tensor)] = value
        return tree.map_structure(fill, outputs)


class Functional(Model):
    """A model given by its symbolic inputs and outputs. Made by `Model(inputs, outputs)`.

    Args:
        inputs: KerasTensor, or nested lists and dicts of them: where data go in. A tensor in the middle of another
            model may be an input too.
        outputs: KerasTensor, or nested lists and dicts of them.
        name: Name; automatic when None.
        trainable: Whether an optimizer may change the weights.
    """

    keras_module = "keras.src.models.functional"

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, **kwargs: Any):
        trainable = kwargs.pop("trainable", None)
        Layer.__init__(self, name=name, **kwargs)
        self._init_trainer()
        for role, structure in (("inputs", inputs), ("outputs", outputs)):
            for leaf in tree.flatten(structure):
                if not isinstance(leaf, KerasTensor):
                    raise ValueError(
                        f"All `{role}` values must be KerasTensors (what `Input`, layers and ops return when called "
                        f"on one). Received: {role}={describe(leaf)} in model '{self.name}'."
                    )
        if not tree.flatten(inputs) or not tree.flatten(outputs):
            raise ValueError(f"Model '{self.name}' needs at least one input and one output.")
        flat = tree.flatten(inputs)
        if len({id(t) for t in flat}) < len(flat):
            raise ValueError(f"Model '{self.name}': a tensor is given more than once in `inputs`: {flat}")
        _check_dict_names(inputs)
        if not all(isinstance(node_key(t).operation, InputLayer) for t in flat):
            inputs, outputs = _with_new_inputs(inputs, outputs, self.name)
            flat = tree.flatten(inputs)
        set_untracked = self.__dict__.update  # structures of tensors, not of layers
        set_untracked(
            _inputs_struct=inputs,
            _outputs_struct=outputs,
            _inputs=flat,
            _outputs=tree.flatten(outputs),
            _graph=Graph(flat, tree.flatten(outputs), self.name),
        )
        for operation in self._graph.operations:
            if isinstance(operation, Layer):
                self._tracker.track(operation)
        self.built = True
        self._post_init_build()
        if trainable is not None:
            self.trainable = trainable

    def _post_init_build(self) -> None:
        self._path_from_scope()
        self._build_shapes = None

    @property
    def input(self) -> Any:
        """The symbolic inputs, in the structure they were given in."""
        return self._inputs_struct

    @property
    def output(self) -> Any:
        """The symbolic outputs, in the structure they were given in."""
        return self._outputs_struct

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs, flat."""
        return list(self._inputs)

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs, flat."""
        return list(self._outputs)

    @property
    def input_shape(self) -> Any:
        """The shape of the input, or a list of the inputs' shapes."""
        return _plain([t.shape for t in self._inputs])

    @property
    def output_shape(self) -> Any:
        """The shape of the output, or a list of the outputs' shapes."""
        return _plain([t.shape for t in self._outputs])

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs, flat."""
        return [node_key(t).operation.name for t in self._inputs]

    @property
    def output_names(self) -> list[str]:
        """The names of the layers that make the outputs, flat."""
        return [node_key(t).operation.name for t in self._outputs]

    @property
    def operations(self) -> list[Operation]:
        """The layers and ops of the graph."""
        return list(self._graph.operations)

    @property
    def layers(self) -> list[Layer]:
        """The layers of the graph, by depth."""
        return [o for o in self._graph.operations if isinstance(o, Layer)]

    @property
    def input_spec(self) -> Any:
        """What each input must look like."""
        if "_inputs" not in self.__dict__:
            return None
        return [
            InputSpec(
                shape=(None, *t.shape[1:]),
                allow_last_axis_squeeze=True,
                name=operation.name,
                optional=getattr(operation, "optional", False),
            )
            for t, operation in ((t, node_key(t).operation) for t in self._inputs)
        ]

    @input_spec.setter
    def input_spec(self, value: Any) -> None:
        pass  # follows from the inputs

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Runs the graph on arrays (or, to join it to another graph, on KerasTensors)."""
        values = self._flat_inputs(inputs)
        if mask is not None:
            for value, m in zip(values, tree.flatten(mask)):
                if m is not None and get_mask(value) is None:
                    set_mask(value, m)

        def call(operation: Operation, args: tuple, kwargs: dict[str, Any]) -> Any:
            if training is not None and isinstance(operation, Layer):
                if "training" in call_signature(operation).names:
                    kwargs["training"] = training
            return operation(*args, **kwargs)

        return self._graph.run(self._inputs, self._outputs_struct, values, call)

    def compute_output_spec(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        values = self._flat_inputs(inputs)
        return self._graph.run(
            self._inputs,
            self._outputs_struct,
            values,
            lambda operation, args, kwargs: operation.compute_output_spec(*args, **kwargs),
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shapes of the outputs for inputs of the given shapes."""
        shapes = [input_shape] if tree.is_shape(input_shape) else _flatten_shapes(input_shape)
        specs = [KerasTensor(s, t.dtype) for s, t in zip(shapes, self._inputs)]
        out = self.compute_output_spec(tree.pack_sequence_as(self._inputs_struct, specs))
        return tree.map_structure(lambda t: t.shape, out)

    def get_build_config(self) -> dict[str, Any]:
        return {"input_shape": None}  # the graph says it

    def build(self, *args: Any, **kwargs: Any) -> None:
        """Does nothing: a functional model is built when it is made."""

    def _flat_inputs(self, inputs: Any) -> list:
        """`inputs` in the order of `self.inputs`, with a last axis of size 1 added or taken away where that fits."""
        names = self.input_names
        if isinstance(inputs, dict) and not isinstance(self._inputs_struct, dict):
            missing = [n for n in names if n not in inputs]
            if missing:
                raise ValueError(
                    f"Model '{self.name}' has inputs {names}; the dict passed has {sorted(inputs)}. Missing: {missing}"
                )
            values = [inputs[n] for n in names]
        elif isinstance(inputs, dict):
            keys = sorted(self._inputs_struct)
            missing = [k for k in keys if k not in inputs]
            if missing:
                raise ValueError(
                    f"Model '{self.name}' takes a dict with keys {keys}. Missing: {missing}; received {sorted(inputs)}"
                )
            values = tree.flatten({k: inputs[k] for k in keys})
        else:
            values = tree.flatten(inputs)
        if len(values) != len(self._inputs):
            raise ValueError(
                f'Layer "{self.name}" expects {len(self._inputs)} named input(s) with keys {names}, but it received '
                f"{len(values)} input tensors. Pass inputs as a dict, e.g. `layer({{{names[0]!r}: ...}})`."
            )
        return [_fit_rank(v, t, self.name) for v, t in zip(values, self._inputs)]

    # Files

    def get_config(self) -> dict[str, Any]:
        if type(self).get_config is not Functional.get_config and type(self).__init__ is not Functional.__init__:
            return super().get_config()
        in_graph = {id(n) for n in self._graph.nodes}
        # Nodes of layers shared with other models are left out, so indices are counted within this one.
        index = {}
        for operation in self._graph.operations:
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
        for operation in self._graph.operations:
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
            "name": self.name,
            "trainable": self.trainable,
            "layers": layers,
            "input_layers": references(self._inputs_struct),
            "output_layers": references(self._outputs_struct),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        if "layers" not in config:
            return cls(**config)
        inputs, outputs = _graph_from_config(config, custom_objects)
        if cls is Functional or not takes_graph(cls):
            cls = Functional
        return cls(inputs, outputs, name=config.get("name"), trainable=config.get("trainable", True))


def takes_graph(cls: type) -> bool:
    """Whether models of class `cls` can be made from inputs and outputs."""
    import inspect

    parameters = inspect.signature(cls.__init__).parameters.values()
    return any(p.kind is p.VAR_KEYWORD for p in parameters) or {"inputs", "outputs"} <= {p.name for p in parameters}


def _graph_from_config(config: dict[str, Any], custom_objects: dict[str, Any] | None) -> tuple[Any, Any]:
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


def _check_dict_names(inputs: Any) -> None:
    if isinstance(inputs, dict):
        for key, tensor in inputs.items():
            if isinstance(tensor, KerasTensor) and not tree.is_nested(tensor) and tensor.name != key:
                warnings.warn(
                    "When providing `inputs` as a dict, all keys in the dict must match the names of the "
                    f"corresponding tensors. Received key '{key}' mapping to value {tensor} which has name "
                    f"'{tensor.name}'. Change the tensor name to '{key}' (via `Input(..., name='{key}')`)",
                    stacklevel=4,
                )


def _with_new_inputs(inputs: Any, outputs: Any, name: str) -> tuple[Any, Any]:
    """The graph from `inputs`, which lie in the middle of another, to `outputs`, on inputs of its own."""
    flat = tree.flatten(inputs)
    graph = Graph(flat, tree.flatten(outputs), name)

    def fresh(t: KerasTensor) -> KerasTensor:
        if isinstance(node_key(t).operation, InputLayer):
            return t
        return InputLayer(batch_shape=t.shape, dtype=t.dtype, name=f"{t.name}CLONE").output

    new = [fresh(t) for t in flat]
    new_outputs = graph.run(flat, outputs, new, lambda operation, args, kwargs: operation(*args, **kwargs))
    return tree.pack_sequence_as(inputs, new), new_outputs


def _fit_rank(x: Any, tensor: KerasTensor, model: str) -> Any:
    if x is None:
        return x
    rank, expected = len(x.shape), len(tensor.shape)
    if rank == expected:
        return x
    if rank == expected + 1 and x.shape[-1] == 1:
        return x.squeeze(-1)
    if rank == expected - 1 and tensor.shape[-1] == 1:
        return x[..., None] if not isinstance(x, KerasTensor) else x.reshape((*_known(x.shape), 1))
    raise ValueError(
        f"Invalid input shape for input {tensor.name} of model '{model}'. Expected shape {tensor.shape}, but input "
        f"has incompatible shape {tuple(x.shape)}"
    )


def _known(shape: tuple) -> tuple:
    return tuple(-1 if d is None else d for d in shape)


def _plain(shapes: list) -> Any:
    return shapes[0] if len(shapes) == 1 else shapes


def _flatten_shapes(structure: Any) -> list:
    found: list = []
    tree.map_shape_structure(found.append, structure)
    return found
