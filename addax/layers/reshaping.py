"""Reshaping layers: flatten, reshape, permute, repeat."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Unpack

from ..core.config import standardize_data_format
from ..core.op import Tensor
from ..core.types import LayerOptions
from ..ops import numpy as knp
from .input_spec import InputSpec
from .layer import Layer, Shape
from .sizes import built_from_the_start, count, is_int, is_whole


class Flatten(Layer):
    """Flattens each sample to one axis.

    Args:
        data_format: "channels_last", or "channels_first" (channels are moved last first); None for the default.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> keras.layers.Flatten()(np.ones((2, 3, 4))).shape
    (2, 12)
    """

    rowwise = "always"
    passes_values = True
    _keeps_dtype = True

    _keeps_sparse = "all"

    def __init__(self, data_format: str | None = None, **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: Tensor) -> Any:
        if self.data_format == "channels_first" and inputs.ndim > 1:
            inputs = knp.moveaxis(inputs, 1, -1)
        return knp.reshape(inputs, (inputs.shape[0], math.prod(inputs.shape[1:])))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        rest = input_shape[1:]
        return (input_shape[0], None if None in rest else math.prod(rest))  # type: ignore[arg-type]


class Reshape(Layer):
    """Reshapes each sample.

    Args:
        target_shape: Shape without the batch axis; one size may be -1 (or None), to be inferred.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `target_shape` has wrong or several unknown sizes.

    >>> keras.layers.Reshape((3, -1))(np.ones((2, 12))).shape
    (2, 3, 4)
    """

    rowwise = "always"
    passes_values = True
    _keeps_dtype = True

    _keeps_sparse = "all"

    def __init__(self, target_shape: Sequence[int | None], **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        sizes = (target_shape,) if is_int(target_shape) else target_shape
        if not isinstance(sizes, (list, tuple)) or not all(n is None or (is_whole(n) and n >= -1) for n in sizes):
            raise ValueError(
                "Each dimension in `target_shape` must be a non-negative integer, or `-1` for a single unknown "
                f"dimension. Received: target_shape={target_shape} (layer '{self.name}')"
            )
        target_shape = tuple(n if n is None else int(n) for n in sizes)
        # None is another way to write -1.
        if target_shape.count(-1) + target_shape.count(None) > 1:
            raise ValueError(
                "There must be at most one unknown dimension (-1) in `target_shape`. Received: "
                f"target_shape={target_shape}."
            )
        self.target_shape = target_shape
        built_from_the_start(self)

    def call(self, inputs: Tensor) -> Any:
        return knp.reshape(inputs, (inputs.shape[0], *self._sizes(tuple(inputs.shape[1:]))))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *self._sizes(tuple(input_shape[1:])))

    def _sizes(self, have: Shape) -> Shape:
        """Returns the target shape, with -1 replaced by the inferred size if the input's sizes are known.

        Raises:
            ValueError: The number of elements differs.
        """
        target = tuple(-1 if n is None else n for n in self.target_shape)
        if not all(isinstance(n, int) for n in have):
            return tuple(None if n == -1 and None in have else n for n in target)
        total = math.prod(have)  # type: ignore[arg-type]
        given = math.prod(n for n in target if n != -1)
        where = (
            f"Received: input_shape={have}, target_shape={self.target_shape} in layer '{self.path}' (sizes are without "
            f"the batch axis: {total} elements, and {given} in the target)"
        )
        if -1 not in target:
            if total != given:
                raise ValueError(f"The total size of the tensor must be unchanged. {where}")
            return target
        if given == 0 or total % given:
            raise ValueError(
                "The total size of the tensor must be unchanged, however, the input size cannot by divided by the "
                f"specified dimensions in target_shape. {where}"
            )
        return tuple(total // given if n == -1 else n for n in target)


class Permute(Layer):
    """Permutes the axes of each sample.

    Args:
        dims: Order of the axes, counted from 1 for the first after the batch, which stays first.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `dims` isn't a permutation of 1, 2, ...

    >>> keras.layers.Permute((2, 1))(np.ones((5, 10, 64))).shape
    (5, 64, 10)
    """

    rowwise = "always"
    passes_values = True
    _keeps_dtype = True

    _keeps_sparse = "all"

    def __init__(self, dims: Sequence[int], **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        if not isinstance(dims, (list, tuple)) or not all(map(is_int, dims)):
            raise ValueError(
                "Invalid permutation argument `dims` for Permute Layer. The set of indices in `dims` must be "
                f"consecutive and start from 1. Received dims={dims} (layer '{self.name}'): expected a tuple of ints"
            )
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                "Invalid permutation argument `dims` for Permute Layer. The set of indices in `dims` must be "
                f"consecutive and start from 1. Received dims={dims} (layer '{self.name}')"
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: Tensor) -> Any:
        return knp.transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *(input_shape[d] for d in self.dims))


class RepeatVector(Layer):
    """Repeats each sample, a vector, `n` times along a new axis.

    Args:
        n: Number of repetitions, a positive int.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        TypeError: `n` isn't an int.
        ValueError: `n` isn't positive.

    >>> keras.layers.RepeatVector(3)(np.ones((2, 32))).shape
    (2, 3, 32)
    """

    rowwise = "always"
    passes_values = True
    _keeps_dtype = True

    def __init__(self, n: int, **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        self.n = count(self, "n", n)
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs: Tensor) -> Any:
        return knp.repeat(knp.expand_dims(inputs, 1), self.n, axis=1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.n, input_shape[1])
