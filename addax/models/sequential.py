"""Sequential: a model that is a list of layers."""

from __future__ import annotations

from typing import Any

from ..core import tree
from ..core.errors import describe
from ..core.keras_tensor import KerasTensor
from ..core.naming import auto_name
from ..core.serialization import serialize_keras_object
from ..layers.calling import Call, call_signature
from ..layers.input_layer import InputLayer
from ..layers.layer import Layer
from ..training.guards import check_inputs
from .graph import Graph
from .graph_config import deserialize_layer
from .model import Model


class Sequential(Model):
    """A plain stack of layers, each with one input and one output.

    With an `Input` (or a first layer that says its `input_shape`) it has weights at once; without one they are made
    when the first data, or `build`, tell the shape.

    Args:
        layers: Layers to add, in order; may begin with an `Input`.
        trainable: Whether an optimizer may change the weights.
        name: Name; automatic when None.

    >>> model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(8)])
    >>> len(model.weights), model.output_shape
    (2, (None, 8))
    """

    keras_module = "keras"
    rowwise = "always"  # if its layers are

    def __init__(self, layers: Any = None, trainable: bool = True, name: str | None = None, **kwargs: Any):
        Layer.__init__(self, trainable=trainable, name=name, **kwargs)
        self._init_trainer()
        for layer in layers if isinstance(layers, (list, tuple)) else [layers] if layers is not None else []:
            self.add(layer, rebuild=False)
        self._maybe_rebuild()

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Puts `layer` on top of the stack.

        Args:
            layer: A layer, an `Input`, or a model.
            rebuild: Whether to build what can be built now.

        Raises:
            ValueError: Not a layer, or a name that is taken.
        """
        origin = layer
        if isinstance(layer, KerasTensor):
            history = layer._keras_history
            if history is not None and isinstance(history.operation, InputLayer):
                origin = history.operation
        if not isinstance(origin, Layer):
            hint = " A class was given: add an instance, `Dense(...)`." if isinstance(origin, type) else ""
            if callable(origin) and not hint:
                hint = " To add a function, wrap it: `Lambda(fn)`."
            raise ValueError(
                f"Only instances of `keras.Layer` can be added to a Sequential model. Received: {origin} "
                f"(of type {type(origin)}).{hint}"
            )
        layer = origin
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
            shape = getattr(layer, "_input_shape_arg", None)
            if not self._layers and shape is not None:
                self._track_layer(InputLayer(batch_shape=shape, dtype=_input_dtype(layer)))
            elif not self._layers and isinstance(layer, Model) and len(_inputs_of(layer)) == 1:
                first = _inputs_of(layer)[0]
                self._track_layer(InputLayer(batch_shape=first.shape, dtype=first.dtype))
            self._track_layer(layer)
        if rebuild:
            self._maybe_rebuild()
        else:
            self._unbuild()

    def pop(self, rebuild: bool = True) -> Layer:
        """Takes the top layer off the stack and returns it."""
        if not self.layers:
            raise ValueError(f"There are no layers in Sequential model '{self.name}' to pop.")
        layer = self._layers[-1]
        self._tracker.untrack(layer)
        if rebuild:
            self._maybe_rebuild()
        return layer

    @property
    def _input_layer(self) -> InputLayer | None:
        """The layer that says what comes in, once that is known."""
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
        """Builds the stack again after it changed, as far as the input is known."""
        self._unbuild()
        if len(self._layers) > 1 and self._input_layer is not None:
            self.build(self._input_layer.batch_shape)

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights for inputs of shape `input_shape`, batch axis included.

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
            return  # a first layer with several inputs: built by running
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
        except BaseException:
            if given is None:  # the shape was wrong: another may be tried
                self._tracker.untrack(layers[0])
            raise
        auto_name("functional")  # Keras names its graph before it renames it; automatic names go on as there
        self.__dict__["_graph"] = Graph(layers[0].output, x, self.name)

    def _maybe_build(self, call: Call) -> None:
        if self.built:
            return
        value = call.first
        shape = tree.map_structure(lambda x: tuple(d if isinstance(d, int) else None for d in x.shape), value)
        if isinstance(value, dict) or (isinstance(value, (list, tuple)) and len(value) != 1):
            super()._maybe_build(call)
        else:
            self._build_for(shape[0] if isinstance(value, (list, tuple)) else shape)

    def _build_for(self, shape: Any) -> None:
        if self._input_layer is not None:
            shape = None
        if not self._layers:
            raise ValueError(
                f"Sequential model {self.name} cannot be built because it has no layers. Call `model.add(layer)`."
            )
        self.build(shape)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Runs the layers in order."""
        if self._graph is not None:
            try:
                return super().call(inputs, training=training, mask=mask)
            except (TypeError, ValueError):
                check_inputs(self, inputs)  # where the input is to blame it is named, not a layer inside
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

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output for an input of the given shape."""
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
    def layers(self, value: Any) -> None:
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
    def input_dtype(self) -> str:
        """The dtype that float inputs are cast to: the first layer's."""
        layers = self._layers
        return layers[0].compute_dtype if layers else super().input_dtype

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        return None  # the layers inside set the masks of what they return

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
            model.add(deserialize_layer(layer, custom_objects), rebuild=False)
        model._maybe_rebuild()
        shape = config.get("build_input_shape")
        if not model.built and shape and tree.is_shape(shape) and model._layers:
            model.build(tuple(shape))
        if config.get("trainable") is False:
            model.trainable = False
        return model


def _input_dtype(layer: Layer) -> str:
    """The dtype of the symbolic input of a first layer that doesn't bring one."""
    dtype = layer.compute_dtype
    return "float32" if dtype in ("bfloat16", "float16") else dtype  # which couldn't hold indices


def _inputs_of(model: Model) -> list[KerasTensor]:
    return model.inputs if model._graph is not None else []
