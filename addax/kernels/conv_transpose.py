"""Transposed convolution: the gradient of a convolution with respect to its input, as an operation of its own.

XLA:CPU computes it well, and one of its two gradients badly: that of the kernel becomes a convolution of inputs spread
with zeros by outputs. It is the kernel gradient of the convolution that is transposed here, with inputs and outputs
changing places, so there the operation is a primitive that says so. Milliseconds for 3x3 and strides of 2, float32,
2 cores: 14x14x32 to 28x28x16, batch 64: 22 -> 2.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from ..core import jax_inside
from ..core.engine import jax, jnp, lax
from .conv import Sizes, dimension_numbers, per_axis


class Geometry(NamedTuple):
    """What is constant of a transposed convolution, one number a spatial axis each.

    Attributes:
        strides: Factors by which the input is spread.
        dilation: Distances of the kernel's elements.
        pads: What the convolution that is transposed puts before and after its input, in pairs.
        axes: What `lax` calls dimension numbers.
    """

    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    axes: tuple[str, str, str]


def transposed_length(size: Any, kernel: int, stride: int, dilation: int, padding: str, output_padding: Any) -> Any:
    """The size that a transposed convolution makes of `size` along one axis.

    >>> transposed_length(4, 3, 2, 1, "valid", None), transposed_length(4, 3, 2, 1, "same", None)
    (9, 8)
    """
    reach = (kernel - 1) * dilation + 1
    if output_padding is None:
        return size * stride + (max(reach - stride, 0) if padding == "valid" else 0)
    return (size - 1) * stride + reach - (2 * (reach // 2) if padding == "same" else 0) + output_padding


def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: Sizes = 1,
    padding: str = "valid",
    output_padding: Sizes | None = None,
    data_format: str = "channels_last",
    dilation_rate: Sizes = 1,
) -> Any:
    """The gradient of a convolution with respect to its input, as a layer.

    Args:
        inputs: As for `conv`.
        kernel: `(*kernel_size, filters, channels)`.
        strides: Factors by which the input is spread.
        padding: "valid" or "same".
        output_padding: What the result is longer by at its end; None for the length that undoes `conv`.
        data_format, dilation_rate: As for `conv`.
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
        # What is cut off in front: as much as "same" padding of the convolution had put there.
        cut = max(over, 0) // 2 if padding == "same" and isinstance(over, int) else 0
        pads.append((cut, over - cut))
    geometry = Geometry(strides, dilation, tuple(pads), dimension_numbers(rank, data_format))
    dtype = jnp.result_type(inputs, kernel)
    inputs, kernel = inputs.astype(dtype), kernel.astype(dtype)
    run = primitive().bind if use_primitive(size, dtype) else reference
    return run(inputs, kernel, geometry=geometry)


def use_primitive(size: tuple, dtype: Any) -> bool:
    """The rule: on CPUs, for floats, where the sizes of the input are numbers."""
    known = all(isinstance(n, int) for n in size)
    return known and jax.default_backend() == "cpu" and jnp.issubdtype(dtype, jnp.floating)


def reference(x: Any, k: Any, geometry: Geometry) -> Any:
    """The transposed convolution as XLA's convolution of inputs spread with zeros."""
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


def transposed(y: Any, k: Any, geometry: Geometry) -> Any:
    """The convolution whose transpose the operation is: from what it returns to what it is given."""
    g = geometry
    return lax.conv_general_dilated(y, k, g.strides, g.pads, rhs_dilation=g.dilation, dimension_numbers=g.axes)


@functools.cache
def primitive() -> Any:
    """The transposed convolution of `(x, k)`, linear in both, with its gradients by the convolution it transposes."""
    Primitive, ShapedArray, ad, batching, mlir = jax_inside.primitives()
    found = Primitive("conv_transpose")

    @functools.cache
    def compiled(geometry: Geometry) -> Any:
        return jax.jit(lambda x, k: found.bind(x, k, geometry=geometry))

    def kernel_gradient(ct: Any, x: Any, k: Any, *, geometry: Geometry) -> Any:
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
