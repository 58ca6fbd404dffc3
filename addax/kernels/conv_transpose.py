"""Transposed convolution: the gradient of a convolution with respect to its input, as an operation of its own.

XLA:CPU computes it well, but not its gradient with respect to the kernel: that becomes a convolution of zero-dilated
inputs with outputs. The same gradient is the kernel gradient of the underlying convolution with inputs and outputs
exchanged, so on CPUs the operation is a primitive with this gradient. Milliseconds for 3x3 and strides of 2, float32,
2 cores: 14x14x32 to 28x28x16, batch 64: 22 -> 2.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from ..core import jax_inside
from ..core.engine import jax, jnp, lax, promoted
from ..core.placement import platform
from ..core.types import Array, DTypeLike
from .conv import Sizes, dimension_numbers, per_axis


class Geometry(NamedTuple):
    """Static parameters of a transposed convolution, one entry per spatial axis.

    Attributes:
        strides: Upsampling factors.
        dilation: Spacing of the kernel elements.
        pads: Padding (before, after) of the input of the convolution that is transposed.
        axes: Dimension numbers in the notation of `lax`.
    """

    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    axes: tuple[str, str, str]


def transposed_length(size: Any, kernel: int, stride: int, dilation: int, padding: str, output_padding: Any) -> Any:
    """Returns the size of a transposed convolution's output along one axis.

    Args:
        size: Size of the input.
        kernel, stride, dilation: Size, stride and dilation of the kernel.
        padding: "valid" or "same".
        output_padding: Amount added to the output size; None for the size that inverts a convolution.

    >>> transposed_length(4, 3, 2, 1, "valid", None), transposed_length(4, 3, 2, 1, "same", None)
    (9, 8)
    """
    reach = (kernel - 1) * dilation + 1
    if output_padding is None:
        return size * stride + (max(reach - stride, 0) if padding == "valid" else 0)
    return (size - 1) * stride + reach - (2 * (reach // 2) if padding == "same" else 0) + output_padding


def conv_transpose(
    inputs: Array,
    kernel: Array,
    strides: Sizes = 1,
    padding: str = "valid",
    output_padding: Sizes | None = None,
    data_format: str = "channels_last",
    dilation_rate: Sizes = 1,
) -> Array:
    """Computes a transposed convolution: the gradient of a convolution with respect to its input.

    Args:
        inputs: `(batch, *spatial, channels)`; `(batch, channels, *spatial)` for "channels_first".
        kernel: `(*kernel_size, filters, channels)`.
        strides: Upsampling factors: an int, or one int per spatial axis.
        padding: "valid" or "same".
        output_padding: Amount added to the output size at the end: an int, or one int per spatial axis; None for the
            size that inverts a convolution.
        data_format: "channels_last" or "channels_first".
        dilation_rate: Spacing of the kernel elements: an int, or one int per spatial axis.

    Returns:
        `(batch, *new_spatial, filters)`, in the layout of `inputs`.
    """
    rank = kernel.ndim - 2
    strides = per_axis(strides, rank, "strides")
    dilation = per_axis(dilation_rate, rank, "dilation_rate")
    extra = (None,) * rank if output_padding is None else per_axis(output_padding, rank, "output_padding", least=0)
    first = 1 if data_format == "channels_last" else 2
    size = tuple(inputs.shape[first : first + rank])
    pads = []
    for axis in range(rank):
        length = transposed_length(size[axis], kernel.shape[axis], strides[axis], dilation[axis], padding, extra[axis])
        over = (size[axis] - 1) * strides[axis] + (kernel.shape[axis] - 1) * dilation[axis] + 1 - length
        # Cropped in front: as much as "same" padding of the convolution adds there.
        cut = max(over, 0) // 2 if padding == "same" and isinstance(over, int) else 0
        pads.append((cut, over - cut))
    geometry = Geometry(strides, dilation, tuple(pads), dimension_numbers(rank, data_format))
    dtype = promoted(inputs, kernel)
    inputs, kernel = inputs.astype(dtype), kernel.astype(dtype)
    run = primitive().bind if use_primitive(size, dtype) else reference
    return run(inputs, kernel, geometry=geometry)


def use_primitive(size: tuple, dtype: DTypeLike) -> bool:
    """Tests whether the primitive is used: on CPUs, for floats, if the sizes of the input are known."""
    known = all(isinstance(n, int) for n in size)
    return known and platform() == "cpu" and jnp.issubdtype(dtype, jnp.floating)


def reference(x: Array, k: Array, geometry: Geometry) -> Array:
    """Computes the transposed convolution as XLA's convolution of zero-dilated inputs."""
    g, rank = geometry, k.ndim - 2
    reach = [(n - 1) * d for n, d in zip(k.shape, g.dilation)]
    return lax.conv_general_dilated(
        x,
        jnp.swapaxes(jnp.flip(k, tuple(range(rank))), -1, -2),
        (1,) * rank,
        [(r - before, r - after) for r, (before, after) in zip(reach, g.pads)],
        lhs_dilation=g.strides,
        rhs_dilation=g.dilation,
        dimension_numbers=g.axes,
    )


def transposed(y: Array, k: Array, geometry: Geometry) -> Array:
    """Computes the convolution of which the operation is the transpose: it maps outputs to inputs."""
    g = geometry
    return lax.conv_general_dilated(y, k, g.strides, g.pads, rhs_dilation=g.dilation, dimension_numbers=g.axes)


@functools.cache
def primitive() -> Any:
    """Returns the primitive of `(x, k)`, which is linear in both; its gradients use the convolution it transposes."""
    Primitive, ShapedArray, ad, batching, mlir = jax_inside.primitives()
    found = Primitive("conv_transpose")

    @functools.cache
    def compiled(geometry: Geometry) -> Callable:
        return jax.jit(lambda x, k: found.bind(x, k, geometry=geometry))

    def kernel_gradient(ct: Array, x: Array, k: Array, *, geometry: Geometry) -> Array:
        return jax.linear_transpose(lambda k: transposed(ct, k, geometry), k.aval)(x)[0]

    def batch(args: tuple, dims: tuple, *, geometry: Geometry) -> tuple[Any, int]:
        return jax.vmap(lambda x, k: reference(x, k, geometry), dims)(*args), 0

    found.def_impl(lambda x, k, *, geometry: compiled(geometry)(x, k))
    found.def_abstract_eval(
        lambda x, k, *, geometry: ShapedArray(
            jax.eval_shape(lambda x, k: reference(x, k, geometry), x, k).shape, x.dtype
        )
    )
    mlir.register_lowering(found, mlir.lower_fun(reference, multiple_results=False))
    batching.primitive_batchers[found] = batch
    ad.defbilinear(found, lambda ct, x, k, *, geometry: transposed(ct, k, geometry), kernel_gradient)
    return found
