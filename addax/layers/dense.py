"""Dense (fully connected) layers."""

from __future__ import annotations

from typing import Any, Unpack

from .. import activations
from ..core.op import Tensor
from ..core.types import (
    ActivationLike,
    Config,
    ConstraintLike,
    InitializerLike,
    LayerOptionsButActivity,
    RegularizerLike,
)
from ..ops import matmul
from ..quantizers.configs import QuantizationConfig
from .input_spec import InputSpec
from .kernel_layer import Kernel, KernelLayer
from .layer import Shape
from .quantized_kernels import Contraction
from .sizes import add_weight, flag, is_int, mixes_rows, take_weight_options


class Dense(KernelLayer):
    """Dense (fully connected) layer: `activation(inputs @ kernel + bias)`.

    Args:
        units: Number of output features, a positive int.
        activation: Activation of the result, a name or function; None for none.
        use_bias: Whether to add a learned bias.
        kernel_initializer, bias_initializer: Initializers of the kernel and the bias.
        kernel_regularizer, bias_regularizer: Regularizers of the kernel and the bias.
        activity_regularizer: Regularizer of the output.
        kernel_constraint, bias_constraint: Constraints on the kernel and the bias, applied after each update.
        lora_rank: Rank of a low-rank update of the kernel, which is frozen then; None for none. See `enable_lora`.
        lora_alpha: Factor of the update, times the rank; None for `lora_rank`.
        quantization_config: Options for a quantized dtype policy, a `QuantizationConfig`.
        **kwargs: `name`, `dtype`, `trainable` and other arguments of `Layer`.

    Raises:
        ValueError: `units` isn't a positive int.

    Input shape `(batch, ..., features)`, output shape `(batch, ..., units)`.

    >>> keras.layers.Dense(8, activation="relu")(np.ones((2, 16))).shape
    (2, 8)
    """

    _keeps_sparse = "none"
    rowwise = "always"
    kernel = Kernel()
    _contraction = Contraction("x", "xy", "y")

    def __init__(
        self,
        units: int,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: QuantizationConfig | Config | None = None,
        **kwargs: Unpack[LayerOptionsButActivity],
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        if not is_int(units) or units <= 0:
            raise ValueError(
                f"Received an invalid value for `units` of layer '{self.name}', expected a positive integer. "
                f"Received: units={units!r}"
            )
        self.units = int(units)
        self.activation = activations.get(activation)
        self.use_bias = flag(self, "use_bias", use_bias)
        take_weight_options(
            self,
            kernel=(kernel_initializer, kernel_regularizer, kernel_constraint),
            bias=(bias_initializer, bias_regularizer, bias_constraint),
        )
        self._take_stand_ins(lora_rank, lora_alpha, quantization_config)
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        features = input_shape[-1]
        self._add_kernel((features, self.units))
        self.bias = add_weight(self, "bias", (self.units,)) if self.use_bias else None
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})  # type: ignore[dict-item]

    def _mixes_rows(self, training: bool) -> bool:
        return mixes_rows(self.activation) or self._stand_in_mixes_rows(training)

    def _output_activation(self) -> Any:
        return self.activation

    def _product(self, inputs: Tensor, kernel: Any) -> Any:
        return matmul(inputs, kernel)

    def call(self, inputs: Tensor) -> Any:
        x = self._affine(inputs)
        return x if self.activation is None else self.activation(x)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)
