"""Embeddings that also project back to the vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from ..core.abstract import abstract_call
from ..core.dtypes import is_float, standardize_dtype
from ..core.keras_tensor import KerasTensor
from ..core.op import Tensor
from ..core.types import ArrayLike, ConstraintLike, DTypeLike, InitializerLike, LayerOptions, RegularizerLike
from ..ops.core import cast
from ..ops.numpy import divide, matmul, multiply, tanh, transpose
from .embedding import Embedding
from .kernel_layer import unlocked
from .layer import Shape
from .quantized_kernels import Int8Table, QuantizedKernel
from .sizes import add_weight, flag


class ReversibleEmbedding(Embedding):
    """Embedding that, called with `reverse=True`, projects vectors back to the vocabulary, as in language models.

    Args:
        input_dim: Size of the vocabulary: ids are from 0 to `input_dim - 1`.
        output_dim: Size of the vectors.
        tie_weights: Whether the projection uses the transposed embedding matrix instead of a matrix of its own.
        embeddings_initializer: Initializer of the matrices.
        embeddings_regularizer: Regularizer of the matrices.
        embeddings_constraint: Constraint on the matrices, applied after each update.
        mask_zero: Whether id 0 is padding, to be masked in later layers.
        reverse_dtype: Dtype of the projection; None for the layer's compute dtype.
        logit_soft_cap: Bound of the logits, which become `cap * tanh(logits / cap)`; None for no bound.
        **kwargs: `name`, `dtype`, `trainable` and other arguments of `Embedding`.

    Raises:
        ValueError: `input_dim` or `output_dim` isn't a positive int.

    See [Press and Wolf, 2016](https://arxiv.org/abs/1608.05859).

    >>> layer = keras.layers.ReversibleEmbedding(100, 8)
    >>> vectors = layer(np.array([[4, 10]]))
    >>> vectors.shape, layer(vectors, reverse=True).shape
    ((1, 2, 8), (1, 2, 100))
    """

    tie_weights: bool
    _reverse_table: Int8Table | None = None  # the quantized matrix of the projection, where it has its own

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: InitializerLike = "uniform",
        embeddings_regularizer: RegularizerLike = None,
        embeddings_constraint: ConstraintLike = None,
        mask_zero: bool = False,
        reverse_dtype: DTypeLike = None,
        logit_soft_cap: float | None = None,
        **kwargs: Unpack[LayerOptions],
    ):
        self.__dict__["tie_weights"] = tie_weights  # `Embedding(weights=...)` builds the layer
        super().__init__(
            input_dim,
            output_dim,
            embeddings_initializer,
            embeddings_regularizer,
            embeddings_constraint,
            mask_zero,
            **kwargs,
        )
        flag(self, "tie_weights", tie_weights)
        self.reverse_dtype = reverse_dtype
        self.logit_soft_cap = logit_soft_cap

    def build(self, input_shape: Shape | None = None) -> None:
        super().build(input_shape)
        if self.tie_weights:
            return
        if isinstance(self._stand_in, Int8Table):
            self._reverse_table = self._stand_in.for_reverse(self)
            self._reverse_table.add_variables(self)
        else:
            shape = (self.output_dim, self.input_dim)
            self.reverse_embeddings = add_weight(self, "reverse_embeddings", shape, options="embeddings")

    def _replace(self, stand_in: QuantizedKernel, values: Mapping[str, ArrayLike]) -> None:
        super()._replace(stand_in, values)
        if self.tie_weights or not isinstance(stand_in, Int8Table):
            return
        table, matrix = stand_in.for_reverse(self), self.reverse_embeddings.numpy()
        del self.reverse_embeddings
        with unlocked(self):
            table.add_variables(self)
        for name, value in table.quantize(matrix.T).items():
            getattr(self, name).assign(value)
        self._reverse_table = table

    def _files_order(self) -> list[str]:
        table = self._reverse_table
        own = ["reverse_embeddings"] if table is None else [table.attribute(part) for part in table.stored]
        return super()._files_order() + ([] if self.tie_weights else own)

    def call(self, inputs: Tensor, reverse: bool = False) -> Any:
        if not reverse:
            return super().call(inputs)
        logits = self._logits(inputs)
        if self.logit_soft_cap is None:
            return logits
        return multiply(tanh(divide(logits, self.logit_soft_cap)), self.logit_soft_cap)

    def _logits(self, inputs: Tensor) -> Any:
        tied = None if self.lora_enabled else self._stand_in  # the update is added to the dequantized matrix
        table = tied if self.tie_weights else self._reverse_table
        if isinstance(table, Int8Table):
            if self.reverse_dtype is not None:
                inputs = cast(inputs, self.reverse_dtype)
            return table.reverse_product(self, inputs)
        kernel = transpose(self._float_kernel()) if self.tie_weights else self.reverse_embeddings
        if self.reverse_dtype is not None:
            inputs, kernel = cast(inputs, self.reverse_dtype), cast(kernel, self.reverse_dtype)
        return matmul(inputs, kernel)  # in the wider of the two dtypes: logits of many classes need it

    def compute_output_shape(self, input_shape: Shape, reverse: bool = False) -> Shape:
        return (*input_shape[:-1], self.input_dim) if reverse else super().compute_output_shape(input_shape)

    def compute_output_spec(self, inputs: Tensor, reverse: bool = False) -> Any:
        if reverse:
            return abstract_call(self.call, (inputs, True), {})
        return KerasTensor(self.compute_output_shape(tuple(inputs.shape)), self.compute_dtype)

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Any:
        vectors = is_float(standardize_dtype(inputs.dtype)) and tuple(inputs.shape)[-1:] == (self.output_dim,)
        return mask if vectors else super().compute_mask(inputs, mask)
