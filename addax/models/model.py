"""Model, a layer that can be trained, inspected and saved; and Functional, a model given by a graph of calls."""

from __future__ import annotations

from typing import Any, Self

from ..core import tree
from ..core.errors import describe, did_you_mean
from ..core.graph import Node, Operation, node_key
from ..core.keras_tensor import KerasTensor
from ..core.masks import get_mask, set_mask
from ..core.ours import is_ours
from ..core.policy import get as get_policy
from ..core.reading import DamagedError
from ..core.types import ShapeTree, Tree
from ..layers.calling import call_signature
from ..layers.host import is_prepared, tensors
from ..layers.input_layer import InputLayer
from ..layers.layer import Layer
from .feeding import check_dict_names, feed, input_specs
from .graph import Graph, check_tensors, says_training, with_new_inputs
from .graph_config import GRAPH_KEYS, graph_config, graph_from_config, model_of, own_arguments, was_given_graph
from .graph_views import GraphViews
from .host_part import OnHost
from .model_files import ModelFiles
from .stand_ins import ModelStandIns
from .state_tree import ModelState


class Model(OnHost, ModelStandIns, ModelState, ModelFiles):
    """A layer with `fit`, `evaluate`, `predict`, `summary` and `save`.

    `Model(inputs, outputs)` makes a functional model from a graph of layer calls. A subclass may define `call` instead.

    Args:
        inputs: KerasTensors, of a functional model.
        outputs: KerasTensors, of a functional model.
        name: Name; automatic when None.

    >>> x = keras.Input((4,))
    >>> keras.Model(x, keras.layers.Dense(2)(x)).output_shape
    (None, 2)
    """

    keras_module = "keras"
    _keeps_sparse = "none"
    _graph: Graph | None = None  # the calls in the model; None if unknown
    _graph_is_given = False  # whether the model was made from inputs and outputs

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        # As in Keras, `Model(inputs, outputs)` returns a Functional; subclasses keep their class.
        made: type = Functional if cls is Model and _is_of_graph(args, kwargs) else cls
        return super().__new__(made, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any):
        if _is_of_graph(args, kwargs):
            self._init_from_graph(*args, **kwargs)
        else:
            Layer.__init__(self, *args, **kwargs)
            self._init_trainer()

    def _init_from_graph(self, inputs: Tree, outputs: Tree, name: str | None = None, **kwargs: Any) -> None:
        trainable = kwargs.pop("trainable", None)
        Layer.__init__(self, name=name, **kwargs)
        self._init_trainer()
        for role, structure in (("inputs", inputs), ("outputs", outputs)):
            check_tensors(role, structure, self.name)
        check_dict_names(inputs)
        if not all(isinstance(node_key(t).operation, InputLayer) for t in tree.flatten(inputs)):
            inputs, outputs = with_new_inputs(inputs, outputs, self.name)
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
                f"'{type(self).__name__}' object has no attribute '{attribute}': model '{self.name}' is defined "
                "by its `call`, not by a graph from inputs to outputs."
            )
        return self._graph

    @property
    def input(self) -> Any:
        """The symbolic inputs, in their structure."""
        return self._graph.input_structure if self._graph is not None else super().input

    @property
    def output(self) -> Any:
        """The symbolic outputs, in their structure."""
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
        """The names of the layers that compute the outputs, flat."""
        return self._known_graph("output_names").output_names

    @property
    def operations(self) -> list[Operation]:
        """The layers and ops of the graph."""
        return list(self._known_graph("operations").operations)

    @property
    def layers(self) -> list[Layer]:
        """The layers directly inside this model; of a functional model, by depth."""
        return self._graph.layers if self._graph is not None and self._graph_is_given else list(self._layers)

    @layers.setter
    def layers(self, value: object) -> None:
        raise AttributeError("`Model.layers` attribute is reserved and should not be used. Please use another name.")

    @property
    def input_spec(self) -> Any:
        """The `InputSpec` of the inputs: the one assigned, or that of a functional model's inputs."""
        own = self.__dict__.get("_input_spec")
        if own is None and self._graph is not None and self._graph_is_given:
            return input_specs(self._graph)
        return own

    @input_spec.setter
    def input_spec(self, value: Tree) -> None:
        self._input_spec = value

    def call(self, inputs: Tree, training: bool | None = None, mask: Tree | None = None) -> Any:
        """Computes the outputs of the graph; subclasses define their own.

        Args:
            inputs: Arrays in the structure of the inputs, or KerasTensors, to make it part of another graph.
            training: Whether the model is called for training; None for the default.
            mask: Masks of the inputs.

        Raises:
            NotImplementedError: A subclass without a graph does not define `call`.
            ValueError: The inputs do not fit the graph's.
        """
        if self._graph is None:
            raise NotImplementedError(f"Model {type(self).__name__} does not have a `call()` method implemented.")

        def call(node: Node, args: tuple, kwargs: dict[str, Any]) -> Any:
            operation = node.operation
            if training is not None and isinstance(operation, Layer) and not says_training(node):
                if "training" in call_signature(operation).names:
                    kwargs["training"] = training
            return operation(*args, **kwargs)

        part = self.host_part
        if part is not None and is_prepared(inputs):
            return _alone(tensors(part.run(inputs, call)))
        values = feed(self._graph, inputs, self.name)
        if mask is not None:
            for value, m in zip(values, tree.flatten(mask)):
                if m is not None and get_mask(value) is None:
                    set_mask(value, m)
        outputs = self._graph.run(values, call)
        return outputs if any(isinstance(v, KerasTensor) for v in values) else _alone(outputs)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Returns the KerasTensors that a call with these arguments would return."""
        if self._graph is None or not is_ours(type(self).call):
            return super().compute_output_spec(*args, **kwargs)
        inputs = call_signature(self).bind(args, kwargs)["inputs"]
        fed = [
            x if x is None else KerasTensor(x.shape, t.dtype)
            for x, t in zip(feed(self._graph, inputs, self.name), self._graph.inputs)
        ]
        return self._graph.run(fed, lambda node, args, kwargs: node.operation.compute_output_spec(*args, **kwargs))

    def _output_shape_of_graph(self, graph: Graph, input_shape: ShapeTree) -> Any:
        shapes: list = []
        tree.map_shape_structure(shapes.append, input_shape)
        specs = [KerasTensor(s, t.dtype) for s, t in zip(shapes, graph.inputs)]
        out = self.compute_output_spec(tree.pack_sequence_as(graph.input_structure, specs))
        return tree.map_structure(lambda t: t.shape, out)

    def get_build_config(self) -> dict[str, Any] | None:
        """Returns the input shapes that the model was built with; those of a functional model are in its graph."""
        return {"input_shape": None} if self._graph_is_given else super().get_build_config()

    # Layers and variables

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Returns a layer by its name or its index.

        Args:
            name: Name of the layer.
            index: Index in `layers`.

        Raises:
            ValueError: There is no such layer, or both or none of the arguments are given.
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

    # Configs

    def get_config(self) -> dict[str, Any]:
        """Returns the graph of a functional model with a subclass's other arguments, or else the constructor's."""
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
        """Returns the model that a config describes.

        Args:
            config: A config from `get_config`.
            custom_objects: Dict from names to the user's classes and functions.
        """
        if not isinstance(config, dict):
            raise DamagedError(f"The config of a {cls.__name__} is a dict of arguments. Received: {describe(config)}")
        if set(GRAPH_KEYS) <= set(config):
            inputs, outputs = graph_from_config(config, custom_objects)
            rest = {k: v for k, v in config.items() if k not in GRAPH_KEYS}
            return model_of(Functional if cls is Model else cls, inputs, outputs, rest)
        if isinstance(config.get("dtype"), dict):
            config = {**config, "dtype": get_policy(config["dtype"])}
        return super().from_config(config)


class _WithGraph(type):
    """Makes models of every class instances of Functional if they were made from inputs and outputs, as in Keras."""

    def __instancecheck__(cls, instance: object) -> bool:
        of_graph = cls is Functional and getattr(instance, "_graph_is_given", False) is True
        return of_graph or super().__instancecheck__(instance)


class Functional(GraphViews, Model, metaclass=_WithGraph):
    """A model given by its symbolic inputs and outputs. Made by `Model(inputs, outputs)`.

    Args:
        inputs: KerasTensor, or nested lists and dicts of them. A tensor in the middle of another model may be an input,
            too.
        outputs: KerasTensor, or nested lists and dicts of them.
        name: Name; automatic when None.
        trainable: Whether the weights are trainable.

    >>> x = keras.Input((4,))
    >>> model = keras.Model(x, [keras.layers.Dense(2)(x), keras.layers.Dense(3)(x)])
    >>> type(model).__name__, model.output_shape
    ('Functional', [(None, 2), (None, 3)])
    """

    keras_module = "keras.src.models.functional"
    rowwise = "always"  # if its layers and ops are

    def __init__(self, inputs: Tree, outputs: Tree, name: str | None = None, **kwargs: Any):
        self._init_from_graph(inputs, outputs, name, **kwargs)

    def compute_output_shape(self, input_shape: ShapeTree) -> Any:
        """Computes the shapes of the outputs.

        Args:
            input_shape: Shapes of the inputs.
        """
        return self._output_shape_of_graph(self._known_graph("output_shape"), input_shape)

    def compute_mask(self, inputs: Tree, previous_mask: Tree) -> Any:
        return None  # the layers inside set the masks of their outputs


def _is_of_graph(args: tuple, kwargs: dict[str, Any]) -> bool:
    return len(args) == 2 or (len(args) == 1 and "outputs" in kwargs) or {"inputs", "outputs"} <= set(kwargs)


def _alone(outputs: Tree) -> Any:
    """Returns the only output where the outputs are a list of one."""
    return outputs[0] if isinstance(outputs, (list, tuple)) and len(outputs) == 1 else outputs


def _one_or_list(shapes: list) -> Any:
    return shapes[0] if len(shapes) == 1 else shapes
