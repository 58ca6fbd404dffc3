"""Vectors for ids."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import config as settings
from ..core.dtypes import is_int, standardize_dtype
from ..core.engine import is_tracer
from ..core.warnings import warn
from ..ops.core import cast
from ..ops.numpy import not_equal, take
from .layer import Layer, Shape
from .sizes import add_weight, flags, take_weight_options


class Embedding(Layer):
    """A learned vector for each id.

    Args:
        input_dim: Number of ids: they are 0 to `input_dim - 1`.
        output_dim: Length of the vectors.
        embeddings_initializer: How the vectors begin.
        embeddings_regularizer: Penalty on them.
        embeddings_constraint: What is applied to them after each update.
        mask_zero: Whether id 0 is padding, which the mask of the output leaves out.
        weights: The vectors to begin with, a matrix or a list of one, `(input_dim, output_dim)`.
        quantization_config: Kept for compatibility; must be None.
        **kwargs: `name`, `dtype`, `trainable` and other arguments of `Layer`; `input_length`, Keras 2's size of the
            input.

    Input shape `(batch, ...)`, output shape `(batch, ..., output_dim)`.

    >>> keras.layers.Embedding(1000, 64)(np.array([[4, 10], [999, 0]])).shape
    (2, 2, 64)
    """

    _config_skip = ("weights",)
    _config_null_activity = True

    rowwise = "always"

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ):
        length = kwargs.pop("input_length", None)
        if length is not None:
            warn("Argument `input_length` is deprecated. Just remove it.")
            kwargs["input_shape"] = tuple(length) if isinstance(length, (list, tuple)) else (length,)
        super().__init__(**kwargs)
        for name, value in (("input_dim", input_dim), ("output_dim", output_dim)):
            if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
                raise ValueError(
                    f"`{name}` must be a positive integer. Received: {name}={value} (of type "
                    f"{type(value).__name__}) in layer '{self.name}'."
                )
        if quantization_config is not None:
            raise ValueError(f"Layer '{self.name}': `quantization_config` must be None in addax.")
        self.input_dim = input_dim
        self.output_dim = output_dim
        take_weight_options(
            self,
            embeddings=(embeddings_initializer, embeddings_regularizer, embeddings_constraint),
        )
        flags(self, mask_zero=mask_zero)
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        self.quantization_config = None
        self.autocast = False  # ids given as floats would lose digits in 16 bits
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) and len(weights) == 1 else [weights])

    def build(self, input_shape: Shape | None = None) -> None:
        self.embeddings = add_weight(self, "embeddings", (self.input_dim, self.output_dim))

    def check_indices(self, low: Any, high: Any, what: str) -> None:
        """Raises ValueError if there is an index that the table doesn't have.

        Args:
            low: The least index.
            high: The greatest index.
            what: What they are the indices of, for the error.
        """
        if low >= 0 and high < self.input_dim:
            return
        remedy = "Map missing and unknown tokens to an index of their own: negative ones don't count from the end."
        if high >= self.input_dim:
            remedy = f"Make the table larger, `Embedding({int(high) + 1}, ...)`, or map rare tokens to one index."
        raise ValueError(
            f"{what} has indices from {low} to {high}, but layer '{self.name}' (Embedding) has "
            f"input_dim={self.input_dim}: expected 0 to {self.input_dim - 1}. {remedy} If this is meant, "
            '`keras.config.set("check_dtypes", False)` turns the check off.'
        )

    def call(self, inputs: Any) -> Any:
        if not is_tracer(inputs) and inputs.size and settings.get("check_dtypes"):
            ids = np.asarray(inputs)
            self.check_indices(ids.min().item(), ids.max().item(), "The input")
        if not is_int(standardize_dtype(inputs.dtype)):
            inputs = cast(inputs, "int32")
        return cast(take(self.embeddings, inputs, axis=0), self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape, self.output_dim)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return not_equal(inputs, 0) if self.mask_zero else None
