"""Bidirectional wrapper of recurrent layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from ..core import tree
from ..core.errors import describe
from ..core.keras_tensor import KerasTensor
from ..core.op import Tensor
from ..core.serialization import deserialize_keras_object
from ..core.types import ArrayLike, LayerOptions, ShapeTree, Tree
from ..core.variable import Variable
from ..ops import add, cast, concatenate, flip, multiply
from .input_spec import InputSpec
from .layer import Layer, Shape

_MERGE: dict[str | None, Any] = {
    "sum": add,
    "mul": multiply,
    "ave": lambda x, y: add(x, y) / 2,
    "concat": lambda x, y: concatenate([x, y], axis=-1),
    None: None,
}
_RECURRENT = ("go_backwards", "return_sequences", "return_state", "stateful")


class Bidirectional(Layer):
    """Runs a recurrent layer over its input in both directions, and merges the outputs.

    Args:
        layer: A recurrent layer. The wrapper uses copies of it, with weights of their own.
        merge_mode: Combination of the two outputs: "concat", "sum", "mul", "ave", or None to return both.
        weights: Initial weights, those of the forward layer first; None to initialize them.
        backward_layer: A recurrent layer with the opposite `go_backwards`, for the backward direction; None for a copy.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: A layer isn't recurrent, `merge_mode` is unknown, or the two layers don't match.

    Input and output shapes are those of the recurrent layer, with twice the features for "concat". With `return_state`
    the states of the forward layer follow the output, then those of the backward layer.

    >>> keras.layers.Bidirectional(keras.layers.LSTM(4, return_sequences=True))(np.ones((2, 5, 3))).shape
    (2, 5, 8)
    """

    rowwise = "always"
    _config_skip = ("weights",)

    def __init__(
        self,
        layer: Layer,
        merge_mode: str | None = "concat",
        weights: Sequence[ArrayLike] | None = None,
        backward_layer: Layer | None = None,
        **kwargs: Unpack[LayerOptions],
    ):
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Please initialize `Bidirectional` layer with a `keras.layers.Layer` instance. Received: {layer}"
            )
        if backward_layer is not None and not isinstance(backward_layer, Layer):
            raise ValueError(f"`backward_layer` need to be a `keras.layers.Layer` instance. Received: {backward_layer}")
        if merge_mode not in _MERGE:
            raise ValueError(
                f"Invalid merge mode. Received: {merge_mode}. Merge mode should be one of "
                '{"sum", "mul", "ave", "concat", None}'
            )
        for part in (layer, backward_layer or layer):
            missing = [name for name in _RECURRENT if not hasattr(part, name)]
            if missing:
                raise ValueError(
                    f"`Bidirectional` takes a recurrent layer, with attributes {', '.join(_RECURRENT)}. Received: "
                    f"{describe(part)}, without {', '.join(missing)}."
                )
        options: dict[str, Any] = {**kwargs, "weights": weights}
        super().__init__(**options)
        self.forward_layer = _copy(layer, "forward")
        if backward_layer is None:
            self.backward_layer = _copy(layer, "backward", go_backwards=not self.forward_layer.go_backwards)
        else:
            # Unlike `layer`, a given backward layer is not copied.
            self.backward_layer = backward_layer
        self._check_pair()
        self.merge_mode = merge_mode
        self.stateful = self.forward_layer.stateful
        self.return_sequences = self.forward_layer.return_sequences
        self.return_state = self.forward_layer.return_state
        self.supports_masking = True
        self.trainable = self._trainable
        # With "sum" and the like, a masked timestep must not add its previous output to that of the other direction.
        for part in (self.forward_layer, self.backward_layer):
            if self.return_sequences and hasattr(part, "zero_output_for_mask"):
                part.zero_output_for_mask = True
        self.input_spec = InputSpec(ndim=3)

    def _check_pair(self) -> None:
        forward, backward = self.forward_layer, self.backward_layer
        if forward.go_backwards == backward.go_backwards:
            raise ValueError(
                "Forward layer and backward layer should have different `go_backwards` value. Received: "
                f"forward_layer.go_backwards {forward.go_backwards}, "
                f"backward_layer.go_backwards={backward.go_backwards}"
            )
        for name in ("stateful", "return_sequences", "return_state"):
            if getattr(forward, name) != getattr(backward, name):
                raise ValueError(
                    "Forward layer and backward layer are expected to have the same value for attribute "
                    f'"{name}", got "{getattr(forward, name)}" for forward layer and "{getattr(backward, name)}" for '
                    "backward layer"
                )

    @property
    def layer(self) -> Layer:
        """The forward layer."""
        return self.forward_layer

    @property
    def states(self) -> tuple[Variable, ...] | None:
        """The states of a stateful layer, forward first; None if there are none."""
        if not self.forward_layer.states:
            return None
        return (*tree.flatten(self.forward_layer.states), *tree.flatten(self.backward_layer.states))

    def reset_state(self) -> None:
        """Resets the states of a stateful layer to their initial values."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    def reset_states(self) -> None:
        """Alias of `reset_state`."""
        self.reset_state()

    def build(self, sequences_shape: Shape, initial_state_shape: ShapeTree = None) -> None:
        for part in (self.forward_layer, self.backward_layer):
            if not part.built:
                part.build(sequences_shape)

    def compute_output_shape(self, sequences_shape: Shape, initial_state_shape: ShapeTree = None) -> Any:
        shapes = self.forward_layer.compute_output_shape(sequences_shape)
        output, states = (shapes[0], shapes[1:]) if self.return_state else (shapes, ())
        backward = self.backward_layer.compute_output_shape(sequences_shape)
        backward, more = (backward[0], backward[1:]) if self.return_state else (backward, ())
        if self.merge_mode == "concat":
            output = (*output[:-1], output[-1] + backward[-1])
        outputs = (output, backward) if self.merge_mode is None else (output,)
        if self.return_state:
            return (*outputs, *states, *more)
        return outputs if self.merge_mode is None else output

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        return tree.map_structure(
            lambda t: KerasTensor(t.shape, self.compute_dtype), super().compute_output_spec(*args, **kwargs)
        )

    def compute_mask(self, _: Tree, mask: Tree) -> Any:
        output = tree.flatten(mask)[0] if self.return_sequences else None
        outputs = (output, output) if self.merge_mode is None else output
        if not self.return_state:
            return outputs
        return [*tree.flatten(outputs)] + [None] * 2 * len(self.forward_layer.state_size)

    def call(
        self, sequences: Tensor, initial_state: Tree = None, mask: Tensor | None = None, training: bool | None = None
    ) -> Any:
        kwargs = {"mask": tree.flatten(mask)[0], "training": training}
        starts: list[dict[str, Any]] = [{}, {}]
        if initial_state is not None:
            half = len(initial_state) // 2
            starts = [{"initial_state": initial_state[:half]}, {"initial_state": initial_state[half:]}]
        forward = self.forward_layer(sequences, **starts[0], **kwargs)
        backward = self.backward_layer(sequences, **starts[1], **kwargs)
        states: Sequence[Any] = ()
        if self.return_state:
            states = (*forward[1:], *backward[1:])
            forward, backward = forward[0], backward[0]
        if self.return_sequences:
            backward = flip(backward, axis=1)
        # The two layers have dtype policies of their own; the output follows this layer's.
        forward, backward, *states = (cast(x, self.compute_dtype) for x in (forward, backward, *states))
        merge = _MERGE[self.merge_mode]
        if merge is None:
            return (forward, backward, *states)
        output = merge(forward, backward)
        return (output, *states) if self.return_state else output

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Bidirectional:
        config = {**config, "layer": deserialize_keras_object(config["layer"], custom_objects)}
        if config.get("backward_layer") is not None:
            config["backward_layer"] = deserialize_keras_object(config["backward_layer"], custom_objects)
        return super().from_config(config)


def _copy(layer: Layer, direction: str, **changes: Any) -> Any:
    """Returns a layer with the config of `layer` and new weights, named for its direction."""
    name = layer.name if layer.name.startswith(f"{direction}_") else f"{direction}_{layer.name}"
    return type(layer).from_config({**layer.get_config(), **changes, "name": name})
