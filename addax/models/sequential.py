"""Sequential, a model given by a list of layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

from ..core import tree
from ..core.dtypes import static_shape
from ..core.errors import describe
from ..core.keras_tensor import KerasTensor, any_symbolic
from ..core.late import late
from ..core.naming import auto_name
from ..core.reading import DamagedError
from ..core.serialization import serialize_keras_object
from ..core.types import OlderOptions, PolicyLike, RegularizerLike, ShapeTree, Tree
from ..layers.calling import Call, call_signature
from ..layers.host import host_inputs, is_text
from ..layers.input_layer import InputLayer
from ..layers.layer import Layer
from .graph import Graph
from .graph_config import deserialize_layer
from .model import Functional, Model

if TYPE_CHECKING:
    from ..training import guards
else:  # which building a model doesn't need
    guards = late("addax.training.guards")


class _Options(OlderOptions, total=False):
    """Keyword arguments of `Sequential` besides those that it names."""

    activity_regularizer: RegularizerLike
    autocast: bool
    dtype: PolicyLike


class Sequential(Model):
    """A plain stack of layers, each with one input and one output.

    With an `Input` (or the `input_shape` of its first layer) it is built at once; without, when it is called on the
    first data, or by `build`.

    Args:
        layers: Layers to add, in order; the first may be an `Input`.
        trainable: Whether the weights are trainable.
        name: Name; automatic when None.

    >>> model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(8)])
    >>> len(model.weights), model.output_shape
    (2, (None, 8))
    """

    keras_module = "keras"
    rowwise = "always"  # if its layers are

    def __init__(
        self,
        layers: Sequence[Layer | KerasTensor] | Layer | None = None,
        trainable: bool = True,
        name: str | None = None,
        **kwargs: Unpack[_Options],
    ):
        Layer.__init__(self, trainable=trainable, name=name, **kwargs)
        self._init_trainer()
        given: Any = layers if isinstance(layers, (list, tuple)) else [layers] if layers is not None else []
        for layer in given:
            self.add(layer, rebuild=False)
        self._maybe_rebuild()

    def add(self, layer: Layer | KerasTensor, rebuild: bool = True) -> None:
        """Adds a layer at the end.

        Args:
            layer: A layer, an `Input`, or a model.
            rebuild: Whether to build the model if its input shape is known.

        Raises:
            ValueError: The argument is no layer, its name is already used, or it is a second `Input`.
        """
        layer = _as_layer(layer)
        if any(layer.name == other.name for other in self._layers):
            raise ValueError(
                "All layers added to a Sequential model should have unique names. Name "
                f"'{layer.name}' is already the name of a layer in this model. Update the `name` argument to pass a "
                "unique name."
            )
        if isinstance(layer, InputLayer) and self._layers:
            if self._input_layer is not None:
                raise ValueError(
                    f"Sequential model '{self.name}' has already been configured to use input shape "
                    f"{self._input_layer.batch_shape}. You cannot add a different Input layer to it."
                )
            self._tracker.add("_layers", layer, at=0)
        else:
            known = _input_of(layer) if not self._layers else None
            if known is not None:
                self._track_layer(known)
            self._track_layer(layer)
        if rebuild:
            self._maybe_rebuild()
        else:
            self._unbuild()

    def pop(self, rebuild: bool = True) -> Layer:
        """Removes the last layer.

        Args:
            rebuild: Whether to build the model if its input shape is known.

        Returns:
            The layer.

        Raises:
            ValueError: There are no layers.
        """
        if not self.layers:
            raise ValueError(f"There are no layers in Sequential model '{self.name}' to pop.")
        layer = self._layers[-1]
        self._tracker.untrack(layer)
        if rebuild:
            self._maybe_rebuild()
        return layer

    @property
    def _input_layer(self) -> InputLayer | None:
        """The `InputLayer`; None while the input shape is unknown."""
        first = self._layers[0] if self._layers else None
        return first if isinstance(first, InputLayer) else None

    def _track_layer(self, layer: Layer) -> None:
        self._tracker.locked = None
        self._tracker.track(layer)

    def _unbuild(self) -> None:
        self.built = False
        self.__dict__["_graph"] = None
        self._build_shapes = None
        self._reset_programs()

    def _maybe_rebuild(self) -> None:
        """Builds the model again after its layers changed, if the input shape is known."""
        self._unbuild()
        if len(self._layers) > 1 and self._input_layer is not None:
            self.build(self._input_layer.batch_shape)

    def build(self, input_shape: ShapeTree = None) -> None:
        """Makes the weights.

        Args:
            input_shape: Shape of the input, including the batch axis; None for that of the `Input`.

        Raises:
            ValueError: The model is already built for another shape, or has no layers.
        """
        layers = self._layers
        if not layers:
            raise ValueError(
                f"Sequential model {self.name} cannot be built because it has no layers. Call `model.add(layer)`."
            )
        given = self._input_layer
        if given is not None:
            configured = given.batch_shape
            if input_shape is not None and tuple(input_shape) != configured:
                raise ValueError(
                    f"Sequential model '{self.name}' has already been configured to use input shape {configured}. "
                    f"You cannot build it with input_shape {tuple(input_shape)}"
                )
        elif input_shape is None:
            raise ValueError(f"Sequential model '{self.name}' needs an `input_shape` to be built.")
        elif not tree.is_shape(input_shape):
            return  # a first layer with several inputs is built when it is called
        else:
            self._tracker.locked = None
            self._tracker.add("_layers", InputLayer(batch_shape=input_shape, dtype=_input_dtype(layers[0])), at=0)
        if len(layers) == 1:
            raise ValueError(
                f"Sequential model {self.name} cannot be built because it has no layers. Call `model.add(layer)`."
            )
        try:
            x = layers[0].output
            for layer in layers[1:]:
                x = layer(x)
                if isinstance(layer, Model) and isinstance(x, (list, tuple)) and len(x) == 1:
                    x = x[0]  # a single output in a list
        except BaseException:
            if given is None:  # `build` may be called again with another shape
                self._tracker.untrack(layers[0])
            raise
        auto_name("functional")  # Keras numbers a graph here, so automatic names stay equal to Keras's
        self.__dict__["_graph"] = Graph(layers[0].output, x, self.name)

    def _maybe_build(self, call: Call) -> None:
        if self.built:
            return
        value = call.first
        shape = tree.map_structure(static_shape, value)
        if isinstance(value, dict) or (isinstance(value, (list, tuple)) and len(value) != 1):
            super()._maybe_build(call)
        else:
            self._build_for(shape[0] if isinstance(value, (list, tuple)) else shape)

    def _build_for(self, shape: ShapeTree) -> None:
        if self._input_layer is not None:
            shape = None
        if not self._layers:
            raise ValueError(
                f"Sequential model {self.name} cannot be built because it has no layers. Call `model.add(layer)`."
            )
        self.build(shape)

    def _prepared(self, inputs: Tree) -> Any:
        layers = self._layers
        if layers and layers[0].on_host and not self.built and not any_symbolic(inputs):
            inputs = host_inputs(inputs)
            if hasattr(inputs, "shape"):
                dtype = "string" if is_text(inputs) else layers[0].input_dtype
                self._tracker.locked = None
                first = InputLayer(batch_shape=(None, *inputs.shape[1:]), dtype=dtype)
                self._tracker.add("_layers", first, at=0)
                self.build()
        return super()._prepared(inputs)

    def call(self, inputs: Tree, training: bool | None = None, mask: Tree | None = None) -> Any:
        """Calls the layers in order.

        Args:
            inputs: A tensor, or a structure of tensors that the first layer takes.
            training: Whether the model is called for training; None for the default.
            mask: Mask of the inputs.
        """
        if self._graph is not None:
            try:
                return super().call(inputs, training=training, mask=mask)
            except (TypeError, ValueError):
                guards.check_inputs(self, inputs)  # an error that names the input, if it is wrong, rather than a layer
                raise
        x = inputs
        for layer in self.layers:
            kwargs: dict[str, Any] = {}
            names = call_signature(layer).names
            if "training" in names and training is not None:
                kwargs["training"] = training
            if "mask" in names and mask is not None:
                kwargs["mask"] = mask
                mask = None
            x = layer(x, **kwargs)
        return x

    def compute_output_shape(self, input_shape: ShapeTree) -> Any:
        """Computes the shape of the output.

        Args:
            input_shape: Shape of the input.
        """
        if self._graph is not None:
            return self._output_shape_of_graph(self._graph, input_shape)
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the `InputLayer`."""
        return list(self._layers[1:] if self._input_layer is not None else self._layers)

    @layers.setter
    def layers(self, value: object) -> None:
        raise AttributeError(
            "`Sequential.layers` attribute is reserved and should not be used. Use `add()` and `pop()` to change the "
            "layers in this model."
        )

    def _known_graph(self, attribute: str) -> Graph:
        if self._graph is None:
            what = attribute.replace("_", " ")
            raise AttributeError(f"Sequential model '{self.name}' has no defined {what} yet.")
        return self._graph

    @property
    def _functional(self) -> Functional | None:
        """The model as a graph of its own, as libraries read it; None before it is built."""
        graph = self._graph
        return None if graph is None else Functional(graph.input_structure, graph.output_structure, name=self.name)

    @property
    def input_dtype(self) -> str:
        """The dtype that float inputs are cast to, which is the first layer's."""
        layers = self._layers
        return layers[0].compute_dtype if layers else super().input_dtype

    def compute_mask(self, inputs: Tree, previous_mask: Tree) -> Any:
        return None  # the layers inside set the masks of their outputs

    # Files

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": serialize_keras_object(self._dtype_policy),
            "layers": [serialize_keras_object(layer) for layer in self._layers],
        }
        if self._graph is not None and self._input_layer is not None:
            config["build_input_shape"] = self._input_layer.batch_shape
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        if not isinstance(config, dict) or "layers" not in config:
            raise ValueError(f"The config of a Sequential model must have `layers`. Got {describe(config)}.")
        model = cls(name=config.get("name"))
        for layer in config["layers"]:
            model.add(deserialize_layer(layer, custom_objects, model.name), rebuild=False)
        model._maybe_rebuild()
        shape = config.get("build_input_shape")
        if shape is not None and not isinstance(shape, (list, tuple, dict)):
            raise DamagedError(
                f"`build_input_shape` of model '{model.name}' must be a shape. Received: {describe(shape)}"
            )
        if not model.built and shape and tree.is_shape(shape) and model._layers:
            model.build(tuple(shape))
        if config.get("trainable") is False:
            model.trainable = False
        return model


def _input_dtype(layer: Layer) -> str:
    """The dtype of the input that is made for a first layer."""
    dtype = layer.input_dtype if layer.on_host else layer.compute_dtype
    return "float32" if dtype in ("bfloat16", "float16") else dtype  # 16-bit floats could not represent indices


def _as_layer(layer: Layer | KerasTensor) -> Layer:
    """The layer to add for an argument of `add`: for what `Input` returns its `InputLayer`."""
    origin: object = layer
    if isinstance(layer, KerasTensor):
        history = layer._keras_history
        if history is not None and isinstance(history.operation, InputLayer):
            origin = history.operation
    if isinstance(origin, Layer):
        return origin
    hint = " A class was given: add an instance, `Dense(...)`." if isinstance(origin, type) else ""
    if callable(origin) and not hint:
        hint = " To add a function, wrap it: `Lambda(fn)`."
    raise ValueError(
        f"Only instances of `keras.Layer` can be added to a Sequential model. Received: {origin} "
        f"(of type {type(origin)}).{hint}"
    )


def _input_of(layer: Layer) -> InputLayer | None:
    """An `InputLayer` for a first layer that has an `input_shape`, or is a model of one input; else None."""
    shape = getattr(layer, "_input_shape_arg", None)
    if shape is not None:
        return InputLayer(batch_shape=shape, dtype=_input_dtype(layer))
    if isinstance(layer, Model) and layer._graph is not None and len(layer.inputs) == 1:
        first = layer.inputs[0]
        return InputLayer(batch_shape=first.shape, dtype=first.dtype)
    return None
