"""Base of layers that wrap another layer."""

from __future__ import annotations

from typing import Any, Unpack

from ..core.op import Tensor
from ..core.serialization import deserialize_keras_object
from ..core.types import LayerOptions, ShapeTree
from .layer import Layer


class Wrapper(Layer):
    """Base of layers that modify another layer. It calls that layer unchanged.

    Args:
        layer: Layer to wrap.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `layer` isn't a layer.

    >>> class Twice(keras.layers.Wrapper):
    ...     def call(self, inputs):
    ...         return 2 * self.layer(inputs)
    >>> Twice(keras.layers.Dense(1, kernel_initializer="ones"))(np.ones((1, 3)))
    Array([[6.]], dtype=float32)
    """

    rowwise = "always"

    def __init__(self, layer: Layer, **kwargs: Unpack[LayerOptions]):
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Layer {layer} supplied to Wrapper isn't a supported layer type. Please ensure wrapped layer is a "
                "valid Keras layer."
            )
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: ShapeTree = None) -> None:
        if not self.layer.built and input_shape is not None:
            self.layer.build(input_shape)

    def call(self, inputs: Tensor, *args: Any, **kwargs: Any) -> Any:
        return self.layer(inputs, *args, **kwargs)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Wrapper:
        return super().from_config({**config, "layer": deserialize_keras_object(config["layer"], custom_objects)})
