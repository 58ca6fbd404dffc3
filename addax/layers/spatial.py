"""Base of layers over the spatial axes of their input: pooling, padding, cropping, upsampling."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.config import standardize_data_format
from .input_spec import InputSpec
from .layer import Layer, Shape
from .sizes import join_shape, split_shape


class SpatialLayer(Layer):
    """Base of layers over spatial axes, `rank` of them, with channels before or after them."""

    rowwise = "always"
    rank: int

    def _set_format(self, data_format: str | None) -> None:
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def _axes(self) -> tuple[int, ...]:
        """The spatial axes."""
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self.rank))

    def _with_space(self, input_shape: Shape, space: Sequence[int | None]) -> Shape:
        """Returns `input_shape` with other spatial sizes."""
        return join_shape(input_shape[0], space, split_shape(input_shape, self.data_format)[1], self.data_format)
