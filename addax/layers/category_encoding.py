"""`CategoryEncoding`: integers as one-hot, multi-hot and count vectors."""

from __future__ import annotations

from typing import Any, Unpack

from ..core.op import Tensor
from ..core.sparse import as_sparse
from ..core.types import Config, LayerOptions
from .data_layer import DataLayer
from .encoding import encode, encoded_shape, mixes_rows
from .layer import Shape
from .sizes import is_int


class CategoryEncoding(DataLayer):
    """Encodes integers as vectors.

    Args:
        num_tokens: Number of categories: inputs are from 0 to `num_tokens - 1`.
        output_mode: "one_hot", a vector for each integer; or a vector for those along the last axis, with 1 for the
            categories that occur ("multi_hot") or their counts ("count").
        sparse: Whether the result is sparse: an array of `jax.experimental.sparse.BCOO`.
            Dense where a model is compiled.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: An argument is wrong.

    >>> keras.layers.CategoryEncoding(num_tokens=4)(np.array([[0, 1], [0, 0], [3, 1]]))
    Array([[1., 1., 0., 0.],
           [1., 0., 0., 0.],
           [0., 1., 0., 1.]], dtype=float32)
    """

    rowwise = "always"
    _takes_lists = True
    _config_skip = ("sparse",)  # which Keras doesn't write; here it is written where it is True

    def __init__(
        self,
        num_tokens: int | None = None,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        **kwargs: Unpack[LayerOptions],
    ):
        super().__init__(**kwargs)
        if output_mode == "binary":  # its name in Keras 2
            output_mode = "multi_hot"
        if output_mode not in ("count", "one_hot", "multi_hot"):
            raise ValueError(f"Unknown arg for output_mode: {output_mode} (layer '{self.name}')")
        if num_tokens is None:
            raise ValueError(
                "num_tokens must be set to use this layer. If the number of tokens is not known beforehand, use the "
                "IntegerLookup layer instead."
            )
        if not is_int(num_tokens):
            raise TypeError(f"`num_tokens` must be an integer. Received: num_tokens={num_tokens!r}")
        if num_tokens < 1:
            raise ValueError(f"`num_tokens` must be >= 1. Received: num_tokens={num_tokens}.")
        self.num_tokens = num_tokens
        self.output_mode = output_mode
        self.sparse = sparse
        self._keeps_sparse = "always" if sparse else None
        self.autocast = False  # 16-bit floats could not represent the integers

    def _mixes_rows(self, training: bool) -> bool:
        return mixes_rows(self, self.output_mode)

    def call(self, inputs: Tensor, count_weights: Tensor | None = None) -> Any:
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(
                "`count_weights` is not used when `output_mode` is not `'count'`. Received "
                f"`count_weights={count_weights}`. (Layer '{self.path}')"
            )
        found = encode(inputs, self.num_tokens, self.output_mode, self.compute_dtype, count_weights)
        return as_sparse(found) if self.sparse else found

    def compute_output_shape(self, inputs_shape: Shape, count_weights_shape: Any = None) -> Shape:
        del count_weights_shape
        return encoded_shape(tuple(inputs_shape), self.num_tokens, self.output_mode)

    def get_config(self) -> Config:
        config = {**super().get_config(), "num_tokens": self.num_tokens, "output_mode": self.output_mode}
        return {**config, "sparse": True} if self.sparse else config
