"""Masking of missing timesteps."""

from __future__ import annotations

from typing import Any, Unpack

from ..core.op import Tensor
from ..core.types import LayerOptions
from ..ops import any as any_along
from ..ops import cast, multiply, not_equal
from .layer import Layer, Shape
from .sizes import built_from_the_start, number


class Masking(Layer):
    """Masks the timesteps whose features all equal `mask_value`, for the layers that follow.

    Args:
        mask_value: Value of missing features.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `mask_value` isn't a number.

    Input and output shape `(batch, timesteps, features)`; masked timesteps are set to 0.

    >>> x = np.array([[[1.0, 2.0], [0.0, 0.0]]])
    >>> keras.layers.Masking().compute_mask(x)
    Array([[ True, False]], dtype=bool)
    """

    rowwise = "always"

    def __init__(self, mask_value: float = 0.0, **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        self.mask_value = number(self, "mask_value", mask_value)
        built_from_the_start(self)
        self.supports_masking = True

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Any:
        return any_along(not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs: Tensor) -> Any:
        real = any_along(not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return multiply(inputs, cast(real, inputs.dtype))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape
