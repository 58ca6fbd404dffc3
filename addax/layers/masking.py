"""Masking: where sequences have no data."""

from __future__ import annotations

from typing import Any

from ..ops import any as any_along
from ..ops import cast, multiply, not_equal
from .layer import Layer, Shape
from .sizes import built_from_the_start, number


class Masking(Layer):
    """Marks the timesteps whose features all have one value as missing, for the layers after it.

    Args:
        mask_value: The value.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Input and output shape `(batch, timesteps, features)`; masked timesteps become 0.

    >>> x = np.array([[[1.0, 2.0], [0.0, 0.0]]])
    >>> keras.layers.Masking().compute_mask(x)
    Array([[ True, False]], dtype=bool)
    """

    rowwise = "always"

    def __init__(self, mask_value: Any = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.mask_value = number(self, "mask_value", mask_value)
        built_from_the_start(self)
        self.supports_masking = True

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return any_along(not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs: Any) -> Any:
        real = any_along(not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return multiply(inputs, cast(real, inputs.dtype))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape
