"""Model: a layer that can be trained, inspected and saved; Functional: a model that is a graph of calls."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Sequence
from typing import Any

from ..core import tree
from ..core.errors import describe, did_you_mean
from ..core.graph import Node, Operation, node_key
from ..core.keras_tensor import KerasTensor
from ..core.late import provided
from ..core.masks import get_mask, set_mask
from ..core.ours import is_ours
from ..core.policy import get as get_policy
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..core.signature import signature_of
from ..core.variable import Variable
from ..layers.calling import call_signature
from ..layers.input_layer import InputLayer
from ..layers.layer import Layer
from ..training.trainer import Trainer
from .feeding import check_dict_names, feed, input_specs
from .graph import Graph
from .graph_config import GRAPH_KEYS, graph_config, graph_from_config, own_arguments, was_given_graph
from .state_tree import get_state_tree, set_state_tree


class Model(Trainer):
    """A layer with `fit`, `evaluate`, `predict`, `summary` and `save`.

    `Model(inputs, outputs)` makes a functional model of a graph of layer calls. A subclass with its own `call` is a
    model of whatever that computes.

    Args:
        inputs: KerasTensors, for a functional model.
        outputs: KerasTensors, for a functional model.
        name: Name; automatic when None.

    >>> x = keras.Input((4,))
    >>> keras.Model(x, keras.layers.Dense(2)(x)).output_shape
    (None, 2)
    """

    keras_module = "keras"

    _graph: Graph | None = None  # the calls that the model is made of, where it is known
    _graph_is_given = False  # whether the model was made from inputs and outputs

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        # As in Keras, `Model(inputs, outputs)` itself is of the class Functional; a subclass stays what it is.
        return super().__new__(Functional if cls is Model and _is_of_graph(args, kwargs) else cls, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any):
        if _is_of_graph(args, kwargs):
            self._init_from_graph(*args, **kwargs)
        else:
            Layer.__init__(self, *args, **kwargs)
            self._init_trainer()

    def _init_from_graph(self, inputs: Any, outputs: Any, name: str | None = None, **kwargs: Any) -> None:
        trainable = kwargs.pop("trainable", None)
        Layer.__init__(self, name=name, **kwargs)
        self._init_trainer()
        for role, structure in (("inputs", inputs), ("outputs", outputs)):
            _check_tensors(role, structure, self.name)
        check_dict_names(inputs)
        if not all(isinstance(node_key(t).operation, InputLayer) for t in tree.flatten(inputs)):
            inputs, outputs = _with_new_inputs(inputs, outputs, self.name)
        graph = Graph(inputs, outputs, self.name)
        # The inputs are cast to their own dtypes, not to the model's.
        self.__dict__.update(_graph=graph, _graph_is_given=True, autocast=False)
        for layer in graph.layers:
            self._tracker.track(layer)
        self.built = True
        self._path_from_scope()
        self._build_shapes = None
        if trainable is not None:
            self.trainable = trainable

    # The graph

    def _known_graph(self, attribute: str) -> Graph:
        if self._graph is None:
            raise AttributeError(
                f"'{type(self).__name__}' object has no attribute '{attribute}': model '{self.name}' is what its "
                "`call` computes, not a graph from inputs to outputs."
            )
        return self._graph

    @property
    def input(self) -> Any:
        """The symbolic inputs, in the structure they were given in."""
        return self._graph.input_structure if self._graph is not None else super().input

    @property
    def output(self) -> Any:
        """The symbolic outputs, in the structure they were given in."""
        return self._graph.output_structure if self._graph is not None else super().output

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs, flat."""
        return list(self._known_graph("inputs").inputs)

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs, flat."""
        return list(self._known_graph("outputs").outputs)

    @property
    def input_shape(self) -> Any:
        """The shape of the input, or a list of the inputs' shapes."""
        return _one_or_list([t.shape for t in self._known_graph("input_shape").inputs])

    @property
    def output_shape(self) -> Any:
        """The shape of the output, or a list of the outputs' shapes."""
        return _one_or_list([t.shape for t in self._known_graph("output_shape").outputs])

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs, flat."""
        return self._known_graph("input_names").input_names

    @property
    def output_names(self) -> list[str]:
        """The names of the layers that make the outputs, flat."""
        return self._known_graph("output_names").output_names

    @property
    def operations(self) -> list[Operation]:
        """The layers and ops of the graph."""
        return list(self._known_graph("operations").operations)

    @property
    def layers(self) -> list[Layer]:
        """The layers directly inside this model; those of a functional model by depth."""
        return self._graph.layers if self._graph is not None and self._graph_is_given else list(self._layers)

    @layers.setter
    def layers(self, value: Any) -> None:
        raise AttributeError("`Model.layers` attribute is reserved and should not be used. Please use another name.")

    @property
    def input_spec(self) -> Any:
        """What the inputs must look like: what was set, else what follows from the inputs of a functional model."""
        own = self.__dict__.get("_input_spec")
        if own is None and self._graph is not None and self._graph_is_given:
            return input_specs(self._graph)
        return own

    @input_spec.setter
    def input_spec(self, value: Any) -> None:
        self._input_spec = value

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Runs the graph on arrays (or, to join it to another graph, on KerasTensors)."""
        if self._graph is None:
            raise NotImplementedError(f"Model {type(self).__name__} does not have a `call()` method implemented.")
        values = feed(self._graph, inputs, self.name)
        if mask is not None:
            for value, m in zip(values, tree.flatten(mask)):
                if m is not None and get_mask(value) is None:
                    set_mask(value, m)

        def call(node: Node, args: tuple, kwargs: dict[str, Any]) -> Any:
            operation = node.operation
            if training is not None and isinstance(operation, Layer) and not _says_training(node):
                if "training" in call_signature(operation).names:
                    kwargs["training"] = training
            return operation(*args, **kwargs)

        outputs = self._graph.run(values, call)
        one = isinstance(outputs, (list, tuple)) and len(outputs) == 1
        return outputs[0] if one and not any(isinstance(v, KerasTensor) for v in values) else outputs

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """The KerasTensors that a call with these arguments would return."""
        if self._graph is None or not is_ours(type(self).call):
            return super().compute_output_spec(*args, **kwargs)
        inputs = call_signature(self).bind(args, kwargs)["inputs"]
        fed = [
            x if x is None else KerasTensor(x.shape, t.dtype)
            for x, t in zip(feed(self._graph, inputs, self.name), self._graph.inputs)
        ]
        return self._graph.run(fed, lambda node, args, kwargs: node.operation.compute_output_spec(*args, **kwargs))

    def _output_shape_of_graph(self, graph: Graph, input_shape: Any) -> Any:
        shapes: list = []
        tree.map_shape_structure(shapes.append, input_shape)
        specs = [KerasTensor(s, t.dtype) for s, t in zip(shapes, graph.inputs)]
        out = self.compute_output_spec(tree.pack_sequence_as(graph.input_structure, specs))
        return tree.map_structure(lambda t: t.shape, out)

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes the model was built with; a functional model's graph says them."""
        return {"input_shape": None} if self._graph_is_given else super().get_build_config()

    # Layers and variables

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer called `name`, or the one at place `index`.

        Raises:
            ValueError: There is none, with the names that there are.
        """
        if index is not None and name is not None:
            raise ValueError(f"Provide only a layer name or a layer index. Received: index={index}, name={name}.")
        if index is not None:
            if len(self.layers) <= index:
                raise ValueError(
                    f"Was asked to retrieve layer at index {index} but model only has {len(self.layers)} layers."
                )
            return self.layers[index]
        if name is None:
            raise ValueError("Provide either a layer name or layer index at `get_layer`.")
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = [layer.name for layer in self.layers]
        raise ValueError(f"No such layer: {name}. Existing layers are: {names}. {did_you_mean(name, names)}")

    def variables_by_path(self) -> dict[str, Variable]:
        """The variables by path; equal paths are numbered."""
        found: dict[str, Variable] = {}
        for v in self.variables:
            path, n = v.path, 1
            while path in found:
                path, n = f"{v.path}_{n}", n + 1
            found[path] = v
        return found

    def get_state_tree(self, value_format: str = "backend_tensor") -> dict[str, dict[str, Any]]:
        """The values of all variables as nested dicts by path.

        Args:
            value_format: "backend_tensor" for JAX's arrays, "numpy_array" for NumPy's.

        Returns:
            Dict with `trainable_variables`, `non_trainable_variables`, `optimizer_variables` and `metrics_variables`.

        Raises:
            ValueError: Two variables have the same path.
        """
        return get_state_tree(self, value_format)

    def set_state_tree(self, state_tree: dict[str, dict[str, Any]]) -> None:
        """Assigns values to variables by path.

        Args:
            state_tree: What `get_state_tree` returned, or a part of it.

        Raises:
            ValueError: A path that no variable has, or a value of another shape; nothing is changed then.
        """
        set_state_tree(self, state_tree)

    # Configs

    def get_config(self) -> dict[str, Any]:
        """The graph of a functional model, and what a subclass takes beside it; else the constructor's arguments."""
        if self._graph is None or not was_given_graph(self):
            return super().get_config()
        return {
            "name": self.name,
            "trainable": self.trainable,
            **own_arguments(self),
            **graph_config(self._graph),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """The model that `get_config` described."""
        if set(GRAPH_KEYS) <= set(config):
            inputs, outputs = graph_from_config(config, custom_objects)
            rest = {k: v for k, v in config.items() if k not in GRAPH_KEYS}
            return model_of(cls, inputs, outputs, rest)
        if isinstance(config.get("dtype"), dict):
            config = {**config, "dtype": get_policy(config["dtype"])}
        return super().from_config(config)

    def to_json(self, **kwargs: Any) -> str:
        """The model's config as JSON, for `model_from_json`. Weights aren't in it."""
        return json.dumps(serialize_keras_object(self), **kwargs)

    # Files and summaries, whose code stands above

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[..., Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
        style: str | None = None,
    ) -> None:
        """Prints the model as a table: its layers, their output shapes and numbers of parameters.

        Args:
            line_length: Width of the table in characters; default: what the terminal has room for.
            positions: Where each column ends, as fractions of the width (in the classic style absolute places too).
            print_fn: Called with the text instead of printing it.
            expand_nested: Whether to show the layers of nested models.
            show_trainable: Whether to show which layers are trainable.
            layer_range: Names (or patterns) of the first and last layer to show.
            style: "rich", or "classic" for the table of Keras 2; default: the setting `summary_style`.
        """
        provided("summary").summary(
            self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range, style
        )

    def save(self, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
        """Saves config, weights, and what the model was compiled with, as a `.keras` file.

        Args:
            filepath: Path that ends in `.keras`, or a binary file open for writing.
            overwrite: Whether to replace an existing file; otherwise the terminal is asked.
            zipped: False saves a folder instead of a zip; then the path must not end in `.keras`.
            **kwargs: `include_optimizer=False` leaves out the optimizer and the other arguments of `compile`.

        Raises:
            ValueError: Wrong extension or argument.
        """
        provided("saving").save_model(self, filepath, overwrite=overwrite, zipped=zipped, **kwargs)

    def save_weights(
        self, filepath: Any, overwrite: bool = True, max_shard_size: float | None = None, **kwargs: Any
    ) -> None:
        """Saves the values of the variables, the optimizer's included, without the config.

        Args:
            filepath: Path that ends in `.weights.h5`; in `.weights.json` when `max_shard_size` is given.
            overwrite: Whether to replace an existing file; otherwise the terminal is asked.
            max_shard_size: Largest size of one file in GB; the weights are then in several, listed by the JSON.
            **kwargs: `objects_to_skip`, a list of layers (or the optimizer) to leave out.

        Raises:
            ValueError: Wrong extension or argument.
        """
        provided("saving").save_weights(self, filepath, overwrite, max_shard_size, **kwargs)

    def load_weights(self, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> None:
        """Gives the model the weights in a file. When they don't fit, the model stays as it was.

        Args:
            filepath: Path that ends in `.weights.h5`, `.weights.json` (shards) or `.keras`.
            skip_mismatch: Leaves out, with a warning, the layers whose weights don't fit.
            **kwargs: `objects_to_skip`, a list of layers (or the optimizer) to leave as they are.

        Raises:
            ValueError: The weights don't fit, or another format.
        """
        provided("saving").load_weights(self, filepath, skip_mismatch, **kwargs)


class _WithGraph(type):
    """Makes models of other classes that were made from inputs and outputs instances of Functional, as in Keras."""

    def __instancecheck__(cls, instance: Any) -> bool:
        of_graph = cls is Functional and getattr(instance, "_graph_is_given", False) is True
        return of_graph or super().__instancecheck__(instance)


class Functional(Model, metaclass=_WithGraph):
    """A model given by its symbolic inputs and outputs. Made by `Model(inputs, outputs)`.

    Args:
        inputs: KerasTensor, or nested lists and dicts of them: where data go in. A tensor in the middle of another
            model may be an input too.
        outputs: KerasTensor, or nested lists and dicts of them.
        name: Name; automatic when None.
        trainable: Whether an optimizer may change the weights.
    """

    keras_module = "keras.src.models.functional"
    rowwise = "always"  # if its layers and ops are

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, **kwargs: Any):
        self._init_from_graph(inputs, outputs, name, **kwargs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shapes of the outputs for inputs of the given shapes."""
        return self._output_shape_of_graph(self._known_graph("output_shape"), input_shape)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        return None  # the layers inside set the masks of what they return


def model_of(cls: type[Model], inputs: Any, outputs: Any, config: dict[str, Any]) -> Any:
    """A model of class `cls` from `inputs` to `outputs`.

    Args:
        cls: The class.
        inputs, outputs: The ends of the graph.
        config: Its name, whether it is trainable, and what the class takes beside the graph.
    """
    config = dict(config)
    name, trainable = config.pop("name", None), config.pop("trainable", True)
    cls = Functional if cls is Model else cls
    rest = {k: deserialize_keras_object(v) if isinstance(v, dict) else v for k, v in config.items()}
    parameters = signature_of(cls.__init__).parameters
    kinds = {p.kind for p in parameters.values()}
    if "name" in parameters or inspect.Parameter.VAR_KEYWORD in kinds:
        rest["name"] = name
    if "inputs" in parameters or inspect.Parameter.VAR_POSITIONAL not in kinds:
        model = cls(inputs=inputs, outputs=outputs, **rest)
    else:
        model = cls(inputs, outputs, **rest)
    if name is not None:
        model.name = name
    if trainable is False:  # True says nothing of the layers, each of which has its own
        model.trainable = False
    return model


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """The model, without its weights, that `to_json` described.

    Args:
        json_string: What `to_json` returned.
        custom_objects: Dict from names in it to classes and functions.
    """
    return deserialize_keras_object(json.loads(json_string), custom_objects=custom_objects)


def _is_of_graph(args: tuple, kwargs: dict[str, Any]) -> bool:
    return len(args) == 2 or (len(args) == 1 and "outputs" in kwargs) or {"inputs", "outputs"} <= set(kwargs)


def _check_tensors(role: str, structure: Any, name: str) -> None:
    flat = tree.flatten(structure)
    if not flat:
        raise ValueError(
            f"`{role}` argument cannot be empty. Model '{name}' needs at least one input and one output. Received: "
            f"{role}={structure}"
        )
    for leaf in flat:
        if not isinstance(leaf, KerasTensor):
            raise ValueError(
                f"All `{role}` values must be KerasTensors. Received: {role}={describe(leaf)} in model '{name}'. "
                "KerasTensors are what `Input`, layers and ops return when called on one."
            )
    if role == "inputs" and len({id(t) for t in flat}) < len(flat):
        raise ValueError(f"Model '{name}': a tensor is given more than once in `inputs`: {flat}")


def _with_new_inputs(inputs: Any, outputs: Any, name: str) -> tuple[Any, Any]:
    """The graph from `inputs`, which lie in the middle of another, to `outputs`, on inputs of its own."""
    graph = Graph(inputs, outputs, name)

    def fresh(t: KerasTensor) -> KerasTensor:
        if isinstance(node_key(t).operation, InputLayer):
            return t
        return InputLayer(batch_shape=t.shape, dtype=t.dtype, name=f"{t.name}CLONE").output

    new = [fresh(t) for t in graph.inputs]
    new_outputs = graph.run(new, lambda node, args, kwargs: node.operation(*args, **kwargs))
    return tree.pack_sequence_as(inputs, new), new_outputs


def _says_training(node: Node) -> bool:
    """Whether the user passed `training` at this call of a layer, so that it holds whatever the model is called with.

    A call on nothing but a tensor is recorded with its flag and mask, as in Keras's files, also where nobody passed
    them: the flag then says no more than the default does.
    """
    spec = call_signature(node.operation)  # type: ignore[arg-type]
    if "training" in spec.names[: len(node.args)]:
        return True
    value = node.kwargs.get("training")
    of_itself = {"training", "mask"} & set(spec.names)
    return value is not None and (value != spec.training_default or set(node.kwargs) != of_itself)


def _one_or_list(shapes: list) -> Any:
    return shapes[0] if len(shapes) == 1 else shapes
