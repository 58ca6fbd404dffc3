"""Embeddings."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from ..core import config as settings
from ..core import dtypes
from ..core.engine import is_tracer
from ..core.op import Tensor
from ..core.types import ArrayLike, Config, ConstraintLike, InitializerLike, LayerOptions, RegularizerLike
from ..core.warnings import warn
from ..ops.core import cast
from ..ops.numpy import not_equal, take
from ..quantizers.configs import QuantizationConfig
from .kernel_layer import Kernel, KernelLayer
from .layer import Shape
from .quantized_kernels import Contraction
from .sizes import flag, is_int, take_weight_options


class Embedding(KernelLayer):
    """Maps integer ids to learned vectors.

    Args:
        input_dim: Size of the vocabulary: ids are from 0 to `input_dim - 1`.
        output_dim: Size of the vectors.
        embeddings_initializer: Initializer of the embedding matrix.
        embeddings_regularizer: Regularizer of the embedding matrix.
        embeddings_constraint: Constraint on the embedding matrix, applied after each update.
        mask_zero: Whether id 0 is padding, to be masked in later layers.
        weights: Initial embedding matrix, `(input_dim, output_dim)`, or a list of it; None to initialize one.
        lora_rank: Rank of a low-rank update of the embeddings, which are frozen then; None for none. See
            `enable_lora`.
        lora_alpha: Factor of the update, times the rank; None for `lora_rank`.
        quantization_config: Options for a quantized dtype policy, a `QuantizationConfig`.
        **kwargs: `name`, `dtype`, `trainable` and other arguments of `Layer`; `input_length`, the length of the
            input in Keras 2.

    Raises:
        ValueError: `input_dim` or `output_dim` isn't a positive int.

    Input shape `(batch, ...)`, output shape `(batch, ..., output_dim)`.

    >>> keras.layers.Embedding(1000, 64)(np.array([[4, 10], [999, 0]])).shape
    (2, 2, 64)
    """

    _config_skip = (*KernelLayer._config_skip, "weights")
    _kernel_name = "embeddings"
    _modes = ("int8", "int4")
    _contraction = Contraction("v", "vd", "d")
    embeddings = Kernel()
    _config_null_activity = True

    rowwise = "always"

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: InitializerLike = "uniform",
        embeddings_regularizer: RegularizerLike = None,
        embeddings_constraint: ConstraintLike = None,
        mask_zero: bool = False,
        weights: ArrayLike | None = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: QuantizationConfig | Config | None = None,
        **kwargs: Unpack[LayerOptions],
    ):
        options: dict[str, Any] = {**kwargs}
        length = options.pop("input_length", None)
        if length is not None:
            warn("Argument `input_length` is deprecated. Just remove it.")
            options["input_shape"] = tuple(length) if isinstance(length, (list, tuple)) else (length,)
        super().__init__(**options)
        for name, value in (("input_dim", input_dim), ("output_dim", output_dim)):
            if not is_int(value) or value <= 0:
                raise ValueError(
                    f"`{name}` must be a positive integer. Received: {name}={value} (of type "
                    f"{type(value).__name__}) in layer '{self.name}'."
                )
        self.input_dim = int(input_dim)
        self.output_dim = int(output_dim)
        take_weight_options(
            self,
            embeddings=(embeddings_initializer, embeddings_regularizer, embeddings_constraint),
        )
        self.mask_zero = flag(self, "mask_zero", mask_zero)
        self.supports_masking = mask_zero
        self._take_stand_ins(lora_rank, lora_alpha, quantization_config)
        self.autocast = False  # large ids given as floats would be rounded in 16 bits
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) and len(weights) == 1 else [weights])

    def build(self, input_shape: Shape | None = None) -> None:
        self._add_kernel((self.input_dim, self.output_dim))

    def check_indices(self, low: int, high: int, what: str) -> None:
        """Raises ValueError if an index is outside the embedding matrix.

        Args:
            low: The smallest index.
            high: The largest index.
            what: Name of the data, for the error.
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

    def call(self, inputs: Tensor) -> Any:
        if not is_tracer(inputs) and inputs.size and settings.get("check_dtypes"):
            ids = np.asarray(inputs)
            self.check_indices(ids.min().item(), ids.max().item(), "The input")
        if not dtypes.is_int(dtypes.standardize_dtype(inputs.dtype)):
            inputs = cast(inputs, "int32")
        return cast(self._affine(inputs), self.compute_dtype)

    def _product(self, inputs: Tensor, kernel: Any) -> Any:
        return take(kernel, inputs, axis=0)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape, self.output_dim)

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Any:
        return not_equal(inputs, 0) if self.mask_zero else None
