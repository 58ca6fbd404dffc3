"""TimeDistributed wrapper."""

from __future__ import annotations

from typing import Any, Unpack

from ..core import tree
from ..core.dtypes import is_float
from ..core.keras_tensor import KerasTensor
from ..core.op import Tensor
from ..core.types import LayerOptions, ShapeTree
from ..ops import cast, reshape, stack
from .calling import call_signature
from .layer import Layer, Shape
from .sizes import check_mask, static_shape
from .wrapper import Wrapper


class TimeDistributed(Wrapper):
    """Applies a layer to each timestep of its input separately.

    Args:
        layer: Layer to apply, to inputs `(batch, ...)` of one timestep.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `layer` isn't a layer.

    Input and output shape `(batch, timesteps, ...)`; the axes after the timesteps are those of the layer's inputs and
    outputs.

    >>> keras.layers.TimeDistributed(keras.layers.Dense(4))(np.ones((2, 5, 3))).shape
    (2, 5, 4)
    """

    rowwise = "always"

    def __init__(self, layer: Layer, **kwargs: Unpack[LayerOptions]):
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Please initialize `TimeDistributed` layer with a `keras.layers.Layer` instance. Received: {layer}"
            )
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def _output_activation(self) -> Any:
        return self.layer

    def build(self, input_shape: ShapeTree = None) -> None:
        super().build(self._step_shape(input_shape))

    def _step_shape(self, input_shape: ShapeTree) -> Shape:
        if not tree.is_shape(input_shape) or len(input_shape) < 3:
            raise ValueError(
                "`TimeDistributed` Layer should be passed an `input_shape` with at least 3 dimensions, received: "
                f"{input_shape} (layer '{self.name}')"
            )
        return (input_shape[0], *input_shape[2:])

    def compute_output_shape(self, input_shape: Shape) -> Any:
        found = self.layer.compute_output_shape(self._step_shape(input_shape))
        return tree.map_shape_structure(lambda s: (s[0], input_shape[1], *s[1:]), found)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        return tree.map_structure(
            lambda t: KerasTensor(t.shape, self._result_dtype(t)), super().compute_output_spec(*args, **kwargs)
        )

    def _result_dtype(self, x: Tensor) -> str:
        # The wrapped layer has a dtype policy of its own; the output follows this layer's.
        return self.compute_dtype if is_float(str(x.dtype)) else str(x.dtype)

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None) -> Any:
        if mask is not None:
            check_mask(self, mask, static_shape(inputs))
        outputs = self._at_each_step(inputs, training, mask)
        return tree.map_structure(lambda y: cast(y, self._result_dtype(y)), outputs)

    def _at_each_step(self, inputs: Tensor, training: bool | None, mask: Tensor | None) -> Any:
        if self._looks_across_the_batch(training):
            steps = [
                self._apply(inputs[:, t], training, None if mask is None else mask[:, t])
                for t in range(inputs.shape[1])
            ]
            return tree.map_structure(lambda *outputs: stack(outputs, axis=1), *steps)
        # Timesteps are merged into the batch axis, so that the layer is called once and not once per timestep.
        batch, length = inputs.shape[:2]
        flat: Any = reshape(inputs, (batch * length, *inputs.shape[2:]))
        flat_mask = None if mask is None else reshape(mask, (batch * length, *mask.shape[2:]))
        outputs = self._apply(flat, training, flat_mask)
        return tree.map_structure(lambda y: reshape(y, (batch, length, *y.shape[1:])), outputs)

    def _apply(self, inputs: Tensor, training: bool | None, mask: Tensor | None) -> Any:
        names = call_signature(self.layer).names
        kwargs: dict[str, Any] = {"training": training} if "training" in names else {}
        if mask is not None and "mask" in names:
            kwargs["mask"] = mask
        return self.layer(inputs, **kwargs)

    def _looks_across_the_batch(self, training: bool | None) -> bool:
        """Returns whether merging timesteps into the batch would change results (statistics, penalties, states)."""
        if training and self.layer.non_trainable_weights:
            return True
        return any(
            inner.activity_regularizer is not None or getattr(inner, "stateful", False)
            for inner in self.layer._flatten_layers()
        )
