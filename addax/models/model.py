"""Model, a layer that can be trained, inspected and saved; and Functional, a model given by a graph of calls."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Self, TypeAlias

from ..compat.configs import parsed
from ..core import tree
from ..core.engine import is_tracer
from ..core.errors import describe, did_you_mean
from ..core.graph import Node, Operation, node_key
from ..core.keras_tensor import KerasTensor, any_symbolic
from ..core.late import provided
from ..core.masks import get_mask, set_mask
from ..core.ours import is_ours
from ..core.policy import get as get_policy
from ..core.reading import DamagedError, reading
from ..core.registry import custom_object_scope
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..core.types import InitializerLike, ShapeTree, Tree
from ..core.variable import Variable
from ..layers.calling import Call, call_signature
from ..layers.host import is_prepared, tensors
from ..layers.input_layer import InputLayer
from ..layers.layer import Layer
from ..quantizers.configs import QuantizationConfig
from ..training.trainer import Trainer
from . import stand_ins
from .feeding import check_dict_names, feed, input_specs
from .graph import Graph, check_tensors, says_training, with_new_inputs
from .graph_config import GRAPH_KEYS, graph_config, graph_from_config, model_of, own_arguments, was_given_graph
from .host_part import HostPart, Preparing
from .state_tree import get_state_tree, set_state_tree

PathLike: TypeAlias = str | os.PathLike


class Model(Trainer):
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
    _about: tuple[str, ...] = ("_frozen_for_lora",)
    _untracked = Trainer._untracked | {"_frozen_for_lora"}

    _frozen_for_lora: tuple[Variable, ...] = ()  # variables that `enable_lora` froze
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
                f"'{type(self).__name__}' object has no attribute '{attribute}': model '{self.name}' is what its "
                "`call` computes, not a graph from inputs to outputs."
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

    @property
    def host_part(self) -> HostPart | None:
        """The part of the graph that runs on the host, before the compiled program; None where there is none."""
        part = self._cut()
        return None if part is None or part.is_empty else part

    def _cut(self) -> HostPart | None:
        """Returns the part of the graph that runs on the host, maybe an empty one; None where there is no graph."""
        graph = self._graph
        if graph is None or not is_ours(type(self).call):
            return None
        if graph.host_part is None:
            graph.host_part = HostPart(graph, self.name)
        return graph.host_part

    def _refuse_text(self, call: Call) -> None:
        pass  # the layers inside say what they take

    def _computes_with_text(self) -> bool:
        part = self._cut()
        if part is not None:
            return part.has_text_after
        return any(layer.on_host and layer.input_dtype == "string" for layer in self._flatten_layers())

    def _preparation(self) -> Preparing | None:
        if not any(layer.on_host for layer in self._flatten_layers()):
            return None
        is_ready = self._cut() is not None or self.built  # a Sequential is cut when it is built for the first data
        needs_it = self.host_part is not None or self._computes_with_text()
        return Preparing(self) if needs_it or not is_ready else None

    def _prepared(self, inputs: Tree) -> Any:
        part = self.host_part
        if part is None or is_prepared(inputs) or any_symbolic(inputs) or any(map(is_tracer, tree.flatten(inputs))):
            return inputs
        return part.prepare(inputs)

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

    def variables_by_path(self) -> dict[str, Variable]:
        """Returns the variables by path; equal paths are numbered."""
        found: dict[str, Variable] = {}
        for v in self.variables:
            path, n = v.path, 1
            while path in found:
                path, n = f"{v.path}_{n}", n + 1
            found[path] = v
        return found

    def get_state_tree(self, value_format: str = "backend_tensor") -> dict[str, dict[str, Any]]:
        """Returns the values of all variables as nested dicts by path.

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
            state_tree: Values as `get_state_tree` returns them, or a part of them.

        Raises:
            ValueError: No variable has the path, or a value has another shape; no variable is changed then.
        """
        set_state_tree(self, state_tree)

    # Configs

    def quantize(  # type: ignore[override]
        self,
        mode: str | None = None,
        config: QuantizationConfig | None = None,
        filters: stand_ins.Filters = None,
        **kwargs: Any,
    ) -> None:
        """Quantizes the weights of the layers in the model that can be quantized.

        Args:
            mode: "int8", "int4", "float8" (for training), "gptq" or "awq"; None if `config` says it.
            config: Options, a `QuantizationConfig`; None for the default of the mode. "gptq" and "awq" need one.
            filters: Regular expression that is searched in the names of layers, or a list of them, or a function of a
                layer: which layers to quantize. None for all.
            **kwargs: `type_check`: whether to leave out subclasses of built-in layers, True by default.

        Raises:
            ValueError: The model isn't built, a layer is quantized already, or the arguments don't go together.

        >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
        >>> model.quantize("int8")
        >>> model.layers[0].kernel.dtype
        'int8'
        """
        type_check = kwargs.pop("type_check", True)
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}")
        stand_ins.quantize(self, mode, config, filters, type_check)

    def get_quantization_layer_structure(self, mode: str | None = None) -> dict[str, list[Layer]] | None:
        """Returns which layers "gptq" and "awq" quantize, for models to override.

        Args:
            mode: The quantization mode.

        Returns:
            Dict with "pre_block_layers", the layers that make the first block's inputs, and "sequential_blocks", the
            layers whose kernels are quantized, one after the other; None if it isn't known.
        """
        del mode
        return None

    def enable_lora(
        self,
        rank: int,
        targets: stand_ins.Targets = None,
        lora_alpha: float | None = None,
        a_initializer: InitializerLike = "he_uniform",
        b_initializer: InitializerLike = "zeros",
    ) -> list[Layer]:
        """Freezes the model and adds trainable low-rank updates to the kernels of its layers.

        A compiled model must be compiled again.

        Args:
            rank: Rank of the updates.
            targets: Pattern of the paths of layers, such as "encoder/*", with or without the model's name, or a list of
                patterns, or a function of a layer. None for all layers that an update can be added to.
            lora_alpha: Factor of the updates, times the rank; None for `rank`.
            a_initializer, b_initializer: Initializers of the two factors of an update.

        Returns:
            The layers that got an update.

        Raises:
            ValueError: The model isn't built, or no layer is a target.

        >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, name="a"), keras.layers.Dense(2)])
        >>> [layer.name for layer in model.enable_lora(2, targets="a")], len(model.trainable_variables)
        (['a'], 2)
        """
        return stand_ins.enable_lora(self, rank, targets, lora_alpha, a_initializer, b_initializer)

    def merge_lora(self) -> None:
        """Adds the low-rank updates to the kernels and removes them; what `enable_lora` froze is trainable again.

        A compiled model must be compiled again.

        Raises:
            ValueError: No layer has an update.

        >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
        >>> _ = model.enable_lora(2)
        >>> model.merge_lora()
        >>> [v.name for v in model.trainable_variables]
        ['kernel', 'bias']
        """
        stand_ins.merge_lora(self)

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
        if set(GRAPH_KEYS) <= set(config):
            inputs, outputs = graph_from_config(config, custom_objects)
            rest = {k: v for k, v in config.items() if k not in GRAPH_KEYS}
            return model_of(Functional if cls is Model else cls, inputs, outputs, rest)
        if isinstance(config.get("dtype"), dict):
            config = {**config, "dtype": get_policy(config["dtype"])}
        return super().from_config(config)

    def to_json(self, **kwargs: Any) -> str:
        """Returns the config as JSON, without weights, for `model_from_json`.

        Args:
            **kwargs: Arguments of `json.dumps`.
        """
        return json.dumps(serialize_keras_object(self), **kwargs)

    # Files and summaries, implemented by packages above this one

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
            line_length: Width of the table in characters; default: the width of the terminal.
            positions: End of each column, as a fraction of the width (in the classic style also in characters).
            print_fn: Function to call with the text instead of printing it.
            expand_nested: Whether to show the layers of nested models.
            show_trainable: Whether to show which layers are trainable.
            layer_range: Names (or patterns) of the first and last layer to show.
            style: "rich", or "classic" for the table of Keras 2; default: the setting `summary_style`.
        """
        provided("summary").summary(
            self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range, style
        )

    def save(
        self, filepath: PathLike | BinaryIO, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any
    ) -> None:
        """Saves config, weights, and the arguments of `compile`, as a `.keras` file.

        Args:
            filepath: Path that ends in `.keras`, or a binary file open for writing.
            overwrite: Whether to replace an existing file without asking on the terminal.
            zipped: Whether to save a zip archive (default) or a folder, whose path must not end in `.keras`.
            **kwargs: `include_optimizer=False` leaves out the optimizer and the other arguments of `compile`.

        Raises:
            ValueError: Wrong extension or argument.
        """
        provided("saving").save_model(self, filepath, overwrite=overwrite, zipped=zipped, **kwargs)

    def save_weights(
        self, filepath: PathLike, overwrite: bool = True, max_shard_size: float | None = None, **kwargs: Any
    ) -> None:
        """Saves the values of the variables, including the optimizer's, without the config.

        Args:
            filepath: Path that ends in `.weights.h5`; in `.weights.json` when `max_shard_size` is given.
            overwrite: Whether to replace an existing file without asking on the terminal.
            max_shard_size: Largest size of one file in GB, to split the weights into several files with a JSON index.
            **kwargs: `objects_to_skip`, a list of layers (or the optimizer) to leave out.

        Raises:
            ValueError: Wrong extension or argument.
        """
        provided("saving").save_weights(self, filepath, overwrite, max_shard_size, **kwargs)

    def load_weights(self, filepath: PathLike, skip_mismatch: bool = False, **kwargs: Any) -> None:
        """Loads the weights from a file. If they do not fit, the model is unchanged.

        Args:
            filepath: Path that ends in `.weights.h5`, `.weights.json` (shards) or `.keras`.
            skip_mismatch: Whether to skip, with a warning, layers whose weights do not fit.
            **kwargs: `objects_to_skip`, a list of layers (or the optimizer) to leave unchanged.

        Raises:
            ValueError: The weights do not fit, or the file has another format.
        """
        provided("saving").load_weights(self, filepath, skip_mismatch, **kwargs)

    def export(
        self,
        filepath: PathLike,
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        input_signature: Sequence[Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Exports the model for inference, without its code.

        Args:
            filepath: Folder to write to.
            format: "jax" for a folder that `keras.export.load` reads and that needs nothing but JAX; "tf_saved_model"
                for a SavedModel, which needs TensorFlow.
            verbose: Whether to print what was written.
            input_signature: Shapes and dtypes of the inputs, a list with an `InputSpec`, or a structure of them, for
                each argument; None for the inputs of the graph.
            **kwargs: Options of the format; see `keras.export.ExportArchive`.

        Raises:
            ImportError: The format needs a package that isn't installed.
            ValueError: The format is unknown, or a model without a graph has no `input_signature`.
        """
        provided("export").export_model(self, filepath, format, verbose, input_signature, **kwargs)


class _WithGraph(type):
    """Makes models of every class instances of Functional if they were made from inputs and outputs, as in Keras."""

    def __instancecheck__(cls, instance: object) -> bool:
        of_graph = cls is Functional and getattr(instance, "_graph_is_given", False) is True
        return of_graph or super().__instancecheck__(instance)


class Functional(Model, metaclass=_WithGraph):
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


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """Returns the model, without weights, that a JSON config describes.

    Args:
        json_string: JSON from `Model.to_json`, of any version of Keras.
        custom_objects: Dict from names in it to classes and functions.

    Returns:
        A new model.

    Raises:
        TypeError: A name in it is unknown.

    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> keras.models.model_from_json(model.to_json()).output_shape
    (None, 2)
    """
    if not isinstance(json_string, str):
        raise TypeError(f"`json_string` must be the text that `to_json` returns. Received: {describe(json_string)}")
    with custom_object_scope(custom_objects or {}), reading("the JSON of a model"):
        found = deserialize_keras_object(parsed(json_string))
        if not isinstance(found, Model):
            raise DamagedError(f"The JSON describes no model, but {describe(found)}.")
    return found


def _is_of_graph(args: tuple, kwargs: dict[str, Any]) -> bool:
    return len(args) == 2 or (len(args) == 1 and "outputs" in kwargs) or {"inputs", "outputs"} <= set(kwargs)


def _alone(outputs: Tree) -> Any:
    """Returns the only output where the outputs are a list of one."""
    return outputs[0] if isinstance(outputs, (list, tuple)) and len(outputs) == 1 else outputs


def _one_or_list(shapes: list) -> Any:
    return shapes[0] if len(shapes) == 1 else shapes
