"""Convolutions of any rank: XLA's, and on CPUs matrix products and shifted products where these are faster.

Kernels are `(*spatial, in, out)` in every data format. `strides` and `dilation_rate` are an int, or one int per spatial
axis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core.engine import jnp, lax, promoted
from ..core.placement import platform, spreads_rows
from ..core.types import Array
from .depthwise import Geometry, depthwise, use_shifts

Sizes = int | Sequence[int]


def per_axis(value: Sizes, rank: int, name: str, least: int = 1) -> tuple[int, ...]:
    """Returns `value` as a tuple of `rank` ints, one per spatial axis.

    Args:
        value: An int, or one int per axis.
        rank: Number of spatial axes.
        name: Name of the argument, for errors.
        least: Minimum of each int.

    Raises:
        ValueError: `value` is of another form, or an int is below `least`.

    >>> per_axis(2, 3, "strides")
    (2, 2, 2)
    """
    expected = (
        f"The `{name}` argument must be an int or a tuple of {rank} ints, one for each spatial axis. "
        f"Received: {name}={value}"
    )
    try:
        sizes = (value,) * rank if isinstance(value, int) else tuple(int(v) for v in value)
    except (TypeError, ValueError):
        raise ValueError(expected) from None
    sizes = sizes * rank if len(sizes) == 1 else sizes
    if len(sizes) != rank or isinstance(value, str):
        raise ValueError(expected)
    wrong = {n for n in sizes if n < least}
    if wrong:
        raise ValueError(f"{expected}, including values {wrong} that do not satisfy `value >= {least}`")
    return sizes


def check_windows(space: Sequence, size: Sequence[int], dilation: Sequence[int], padding: str) -> None:
    """Raises ValueError if a window doesn't fit into an input of known size: the output would be empty."""
    if padding == "valid" and any(isinstance(n, int) and n <= (k - 1) * d for n, k, d in zip(space, size, dilation)):
        raise ValueError(
            "Computed output size would be zero or negative: the operation resulted in an empty output. This can "
            "happen if the input is too small for the given window, dilation rate, and padding mode. Received: sizes "
            f"of the inputs {tuple(space)}, window {tuple(size)}, dilation_rate={tuple(dilation)}, "
            f"padding={padding}"
        )


def dimension_numbers(rank: int, data_format: str) -> tuple[str, str, str]:
    """Returns the layouts of input, kernel and output in the notation of `lax`.

    >>> dimension_numbers(2, "channels_last")
    ('NHWC', 'HWIO', 'NHWC')
    """
    space = "DHW"[3 - rank :] if rank <= 3 else "".join(chr(ord("a") + i) for i in range(rank))
    data = f"N{space}C" if data_format == "channels_last" else f"NC{space}"
    return data, f"{space}IO", data


def conv(
    inputs: Array,
    kernel: Array,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: Sizes = 1,
) -> Array:
    """Computes a convolution (cross-correlation); a grouped one if the kernel has fewer input channels than the input.

    Args:
        inputs: `(batch, *spatial, channels)`; `(batch, channels, *spatial)` for "channels_first".
        kernel: `(*kernel_size, channels / groups, filters)`.
        strides: An int, or one int per spatial axis.
        padding: "valid", "same", or "causal" (one spatial axis; no output depends on later inputs).
        data_format: "channels_last" or "channels_first".
        dilation_rate: Spacing of the kernel elements: an int, or one int per spatial axis.

    Returns:
        `(batch, *new_spatial, filters)`, in the layout of `inputs`.

    Raises:
        ValueError: The ranks differ, the kernel's channels don't divide those of the input, or the output is empty.
    """
    rank = kernel.ndim - 2
    if rank < 1 or inputs.ndim != kernel.ndim:
        raise ValueError(
            "The inputs and the kernel of a convolution must have the same number of dimensions, at least 3, but got "
            f"{tuple(inputs.shape)} and {tuple(kernel.shape)}."
        )
    strides = per_axis(strides, rank, "strides")
    dilation = per_axis(dilation_rate, rank, "dilation_rate")
    space = inputs.shape[1:-1] if data_format == "channels_last" else inputs.shape[2:]
    check_windows(space, kernel.shape[:-2], dilation, padding)
    channels = inputs.shape[-1 if data_format == "channels_last" else 1]
    per_group = kernel.shape[-2]
    if channels % per_group:
        raise ValueError(
            "The number of input channels must be evenly divisible by kernel's in_channels. "
            f"Received input channels {channels} and kernel in_channels {per_group}. "
        )
    dtype = promoted(inputs, kernel)
    inputs, kernel = inputs.astype(dtype), kernel.astype(dtype)
    if use_matmul(inputs, kernel, data_format):
        return _pointwise(inputs, kernel, strides)
    if per_group == 1 and channels > 1 and kernel.shape[-1] % channels == 0:
        y = _by_shifts(inputs, kernel, strides, padding, data_format, dilation)
        if y is not None:
            return y
    pads: Any = padding.upper()
    if pads == "CAUSAL":
        pads = [((kernel.shape[0] - 1) * dilation[0], 0)]

    def run(x: Array, k: Array) -> Array:
        axes = dimension_numbers(rank, data_format)
        groups = x.shape[axes[0].index("C")] // k.shape[-2]
        return lax.conv_general_dilated(
            x, k, strides, pads, rhs_dilation=dilation, dimension_numbers=axes, feature_group_count=groups
        )

    merged = merged_groups(channels, per_group)
    if merged is None or kernel.shape[-1] % (channels // per_group):
        return run(inputs, kernel)
    return _by_merged_groups(run, inputs, kernel, merged, -1 if data_format == "channels_last" else 1)


def merged_groups(channels: int, per_group: int) -> int | None:
    """Returns how many groups are merged into one convolution with zeros between them; None for XLA's own grouped form.

    XLA:CPU takes seconds for the gradients of grouped convolutions: forward and backward of 16x28x28x128 in 32 groups
    10 s, as four convolutions of 32 channels 43 ms of CPU time. At least 32 channels are merged, since fewer take as
    long; and there are at most 8 convolutions, to limit compile time. Where batches are spread over devices, XLA
    gathers them for the kernel's gradient of its grouped form.
    """
    groups = channels // per_group
    if groups == 1 or (platform() != "cpu" and not spreads_rows()):
        return None
    sizes = (n for n in range(1, groups + 1) if groups % n == 0)
    return next((n for n in sizes if n * per_group >= 32 and groups // n <= 8), groups)


def _by_merged_groups(run: Callable, inputs: Array, kernel: Array, merged: int, axis: int) -> Array:
    """Computes a grouped convolution as one convolution, `run`, for each `merged` groups."""
    *window, per_group, filters = kernel.shape
    count = inputs.shape[axis] // (per_group * merged)
    blocks = kernel.reshape((*window, per_group, count, merged, filters // (count * merged)))
    same = jnp.eye(merged, dtype=kernel.dtype)[:, None, :, None]
    parts = []
    for i, x in enumerate(jnp.split(inputs, count, axis)):
        # (*window, merged, per_group, merged, filters): zero where the groups of input and output differ.
        block = blocks[(..., slice(None), i, slice(None), slice(None))][..., None, :, :, :] * same
        parts.append(run(x, block.reshape((*window, merged * per_group, filters // count))))
    return jnp.concatenate(parts, axis)


def use_matmul(inputs: Array, kernel: Array, data_format: str) -> bool:
    """Tests whether a convolution of kernel size 1 is computed as a matrix product of two axes.

    On CPUs, XLA runs this form and its gradients on all cores, and no other. Milliseconds of CPU time, forward and
    backward, 64 to 256 filters: 220 -> 76 for 16x56x56, strided 256 to 512 filters of 16x28x28: 78 -> 32.
    """
    return (
        platform() == "cpu"
        and data_format == "channels_last"
        and all(n == 1 for n in kernel.shape[:-2])
        and kernel.shape[-2] == inputs.shape[-1]
        and jnp.issubdtype(inputs.dtype, jnp.floating)
    )


def _pointwise(inputs: Array, kernel: Array, strides: tuple[int, ...]) -> Array:
    if any(s > 1 for s in strides):
        inputs = inputs[(slice(None), *(slice(None, None, s) for s in strides))]
    channels, filters = kernel.shape[-2:]
    y = jnp.matmul(inputs.reshape((-1, channels)), kernel.reshape((channels, filters)))
    return y.reshape((*inputs.shape[:-1], filters))


def _by_shifts(
    inputs: Array, kernel: Array, strides: tuple, padding: str, data_format: str, dilation: tuple[int, ...]
) -> Any:
    """Computes a depthwise convolution by `depthwise`; returns None where that doesn't apply."""
    last = data_format == "channels_last"
    shape = inputs.shape if last else (inputs.shape[0], *inputs.shape[2:], inputs.shape[1])
    channels, filters = shape[-1], kernel.shape[-1]
    kernel = kernel.reshape((*kernel.shape[:-2], channels, filters // channels))
    if not use_shifts(shape, kernel.shape, kernel.dtype):
        return None
    window = kernel.shape[:-2]
    reach = tuple((k - 1) * d + 1 for k, d in zip(window, dilation))
    if padding == "causal":
        pads = [(reach[0] - 1, 0)]
    else:
        pads = lax.padtype_to_pads(shape[1:-1], reach, strides, padding.upper())
    geometry = Geometry(tuple(shape[1:-1]), tuple(window), strides, tuple((int(a), int(b)) for a, b in pads), dilation)
    if not all(geometry.output):
        return None
    if last:
        return depthwise(inputs, kernel, geometry)
    return jnp.moveaxis(depthwise(jnp.moveaxis(inputs, 1, -1), kernel, geometry), -1, 1)


def depthwise_conv(
    inputs: Array,
    kernel: Array,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: Sizes = 1,
) -> Array:
    """Computes a depthwise convolution, which convolves each channel separately.

    Args:
        inputs: `(batch, *spatial, channels)`; `(batch, channels, *spatial)` for "channels_first".
        kernel: `(*kernel_size, channels, depth_multiplier)`.
        strides, padding, data_format, dilation_rate: See `conv`.

    Returns:
        `(batch, *new_spatial, channels * depth_multiplier)`, in the layout of `inputs`.
    """
    channels, multiplier = kernel.shape[-2:]
    kernel = kernel.reshape((*kernel.shape[:-2], 1, channels * multiplier))
    return conv(inputs, kernel, strides, padding, data_format, dilation_rate)
