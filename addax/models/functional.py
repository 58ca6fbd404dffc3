"""Functional: a model that is a graph of layer and op calls."""

from __future__ import annotations

from typing import Any

from ..core import tree
from ..core.dtypes import is_float, numpy_dtype
from ..core.errors import describe
from ..core.graph import Operation, node_key
from ..core.keras_tensor import KerasTensor
from ..core.masks import get_mask, set_mask
from ..core.warnings import warn
from ..layers.calling import call_signature
from ..layers.input_layer import InputLayer
from ..layers.input_spec import InputSpec
from ..layers.layer import Layer
from .graph import Graph
from .graph_config import graph_config, graph_from_config, takes_graph
from .model import Model


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
    first_call = 1

    _inputs_struct: Any
    _outputs_struct: Any
    _inputs: list[KerasTensor]
    _outputs: list[KerasTensor]
    _graph: Graph

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

    @property  # type: ignore[misc]
    def layers(self) -> list[Layer]:  # type: ignore[override]
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
        return [_in_dtype(_fit_rank(v, t, self.name), t) for v, t in zip(values, self._inputs)]

    # Files

    def get_config(self) -> dict[str, Any]:
        if type(self).get_config is not Functional.get_config and type(self).__init__ is not Functional.__init__:
            return super().get_config()
        return graph_config(self)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        if "layers" not in config:
            return cls(**config)
        inputs, outputs = graph_from_config(config, custom_objects)
        if cls is Functional or not takes_graph(cls):
            cls = Functional
        model = cls(inputs, outputs, name=config.get("name"))
        if config.get("trainable") is False:  # True says nothing of the layers, each of which has its own
            model.trainable = False
        return model


def _check_dict_names(inputs: Any) -> None:
    if isinstance(inputs, dict):
        for key, tensor in inputs.items():
            if isinstance(tensor, KerasTensor) and not tree.is_nested(tensor) and tensor.name != key:
                warn(
                    "When providing `inputs` as a dict, all keys in the dict must match the names of the "
                    f"corresponding tensors. Received key '{key}' mapping to value {tensor} which has name "
                    f"'{tensor.name}'. Change the tensor name to '{key}' (via `Input(..., name='{key}')`)"
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


def _in_dtype(x: Any, tensor: KerasTensor) -> Any:
    """Integers for a float input as floats, and the reverse; floats of any width are the layers' to cast."""
    if x is None or isinstance(x, KerasTensor) or is_float(x.dtype) == is_float(tensor.dtype):
        return x
    return x.astype(numpy_dtype(tensor.dtype))


def _known(shape: tuple) -> tuple:
    return tuple(-1 if d is None else d for d in shape)


def _plain(shapes: list) -> Any:
    return shapes[0] if len(shapes) == 1 else shapes


def _flatten_shapes(structure: Any) -> list:
    found: list = []
    tree.map_shape_structure(found.append, structure)
    return found
