"""Spectral normalization of kernels."""

from __future__ import annotations

from typing import Any, Unpack

from ..core.keras_tensor import KerasTensor
from ..core.op import Tensor
from ..core.types import LayerOptions, ShapeTree
from ..ops.core import cast, stop_gradient
from ..ops.nn import normalize
from ..ops.numpy import matmul, reshape, transpose
from .input_spec import InputSpec
from .layer import Layer, Shape
from .sizes import is_int
from .wrapper import Wrapper


class SpectralNormalization(Wrapper):
    """Divides the kernel of a layer by its spectral norm (its largest singular value) in training
    ([paper](https://arxiv.org/abs/1802.05957)).

    Args:
        layer: A layer with a `kernel` or `embeddings`.
        power_iterations: Number of power iterations per call, to estimate the spectral norm.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `power_iterations` isn't a positive int.

    >>> keras.layers.SpectralNormalization(keras.layers.Dense(3))(np.ones((2, 4)), training=True).shape
    (2, 3)
    """

    def __init__(self, layer: Layer, power_iterations: int = 1, **kwargs: Unpack[LayerOptions]):
        super().__init__(layer, **kwargs)
        if not is_int(power_iterations) or power_iterations <= 0:
            raise ValueError(
                f"`power_iterations` should be greater than zero, an int. Received: "
                f"`power_iterations={power_iterations}` (layer '{self.name}')"
            )
        self.power_iterations = int(power_iterations)

    def build(self, input_shape: ShapeTree = None) -> None:
        super().build(input_shape)
        self.input_spec = InputSpec(min_ndim=1, axes={-1: input_shape[-1]})  # type: ignore[dict-item]
        kernel = getattr(self.layer, "kernel", None)
        if kernel is None:
            kernel = getattr(self.layer, "embeddings", None)
        if kernel is None:
            raise ValueError(
                f"{type(self.layer).__name__} object has no attribute 'kernel' nor 'embeddings': layer "
                f"'{self.layer.path}' has nothing that `SpectralNormalization` '{self.path}' could normalise."
            )
        self.kernel = kernel
        self.vector_u = self.add_weight((1, kernel.shape[-1]), "truncated_normal", trainable=False, name="vector_u")

    def call(self, inputs: Tensor, training: bool = False) -> Any:
        if training:
            new_vector_u, new_kernel = self.normalized_weights()
            self.vector_u.assign(new_vector_u)
            self.kernel.assign(new_kernel)
        return cast(self.layer(inputs), self.compute_dtype)  # the wrapped layer has a dtype policy of its own

    def normalized_weights(self) -> tuple[Any, Any]:
        """Estimates the spectral norm of the kernel by power iteration.

        Returns:
            The new `vector_u`, and the kernel divided by its spectral norm.
        """
        kernel = reshape(self.kernel, (-1, self.kernel.shape[-1]))
        u = self.vector_u.value
        for _ in range(self.power_iterations):
            v = normalize(matmul(u, transpose(kernel)), epsilon=1e-12)
            u = normalize(matmul(v, kernel), epsilon=1e-12)
        u, v = stop_gradient(u), stop_gradient(v)
        largest = matmul(matmul(v, kernel), transpose(u))
        return u, self.kernel.value / largest.reshape(())

    def compute_output_spec(self, inputs: Tensor, training: bool = False) -> Any:
        return KerasTensor(self.layer.compute_output_spec(inputs).shape, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self.layer.compute_output_shape(input_shape)
