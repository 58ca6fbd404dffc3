"""Convolutions of any rank, as plain `lax` references.

Kernels are `(*spatial, in, out)` whatever the data format. `strides` and `dilation_rate` are an int or one an axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.engine import jnp, lax

Sizes = int | Sequence[int]


def per_axis(value: Sizes, rank: int, name: str) -> tuple[int, ...]:
    """`value` as one int for each of `rank` axes.

    >>> per_axis(2, 3, "strides")
    (2, 2, 2)
    """
    if isinstance(value, int):
        return (value,) * rank
    sizes = tuple(int(v) for v in value)
    if len(sizes) == 1:
        return sizes * rank
    if len(sizes) != rank:
        raise ValueError(
            f"The `{name}` argument must be an int or a tuple of {rank} ints, one for each spatial axis. "
            f"Received: {name}={value}"
        )
    return sizes


def dimension_numbers(rank: int, data_format: str) -> tuple[str, str, str]:
    """How `lax` is told where batch, channels and space are, in input, kernel and output.

    >>> dimension_numbers(2, "channels_last")
    ('NHWC', 'HWIO', 'NHWC')
    """
    space = "DHW"[3 - rank :] if rank <= 3 else "".join(chr(ord("a") + i) for i in range(rank))
    data = f"N{space}C" if data_format == "channels_last" else f"NC{space}"
    return data, f"{space}IO", data


def conv(
    inputs: Any,
    kernel: Any,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: Sizes = 1,
) -> Any:
    """Convolution (cross-correlation); grouped where the kernel takes fewer channels than there are.

    Args:
        inputs: `(batch, *spatial, channels)`, or channels second for "channels_first".
        kernel: `(*kernel_size, channels / groups, filters)`.
        strides: Steps.
        padding: "valid", "same", or "causal" (one spatial axis; no output sees later inputs).
        data_format: "channels_last" or "channels_first".
        dilation_rate: Distances of the kernel's elements.
    """
    rank = kernel.ndim - 2
    strides = per_axis(strides, rank, "strides")
    dilation = per_axis(dilation_rate, rank, "dilation_rate")
    channels = inputs.shape[-1 if data_format == "channels_last" else 1]
    per_group = kernel.shape[-2]
    if channels % per_group:
        raise ValueError(
            "The number of input channels must be evenly divisible by kernel's in_channels. "
            f"Received input channels {channels} and kernel in_channels {per_group}. "
        )
    pads: Any = padding.upper()
    if pads == "CAUSAL":
        pads = [((kernel.shape[0] - 1) * dilation[0], 0)]
    dtype = jnp.result_type(inputs, kernel)
    return lax.conv_general_dilated(
        inputs.astype(dtype),
        kernel.astype(dtype),
        strides,
        pads,
        rhs_dilation=dilation,
        dimension_numbers=dimension_numbers(rank, data_format),
        feature_group_count=channels // per_group,
    )


def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: Sizes = 1,
) -> Any:
    """Convolution of each channel by itself.

    Args:
        inputs: As for `conv`.
        kernel: `(*kernel_size, channels, depth_multiplier)`.
        strides, padding, data_format, dilation_rate: As for `conv`.
    """
    channels, multiplier = kernel.shape[-2:]
    kernel = kernel.reshape((*kernel.shape[:-2], 1, channels * multiplier))
    return conv(inputs, kernel, strides, padding, data_format, dilation_rate)


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
    extra = (None,) * rank if output_padding is None else per_axis(output_padding, rank, "output_padding")
    first = 1 if data_format == "channels_last" else 2
    pads = []
    for axis in range(rank):
        size, stride = inputs.shape[first + axis], strides[axis]
        reach = (kernel.shape[axis] - 1) * dilation[axis] + 1
        length = transposed_length(size, kernel.shape[axis], stride, dilation[axis], padding, extra[axis])
        full = (size - 1) * stride + reach
        # What is cut off in front: as much as "same" padding of the convolution had put there.
        cut = max(full - length, 0) // 2 if padding == "same" and isinstance(full - length, int) else 0
        pads.append((reach - 1 - cut, reach - 1 + cut + length - full))
    dtype = jnp.result_type(inputs, kernel)
    kernel = jnp.swapaxes(jnp.flip(kernel, tuple(range(rank))), -1, -2)
    return lax.conv_general_dilated(
        inputs.astype(dtype),
        kernel.astype(dtype),
        (1,) * rank,
        pads,
        lhs_dilation=strides,
        rhs_dilation=dilation,
        dimension_numbers=dimension_numbers(rank, data_format),
    )
