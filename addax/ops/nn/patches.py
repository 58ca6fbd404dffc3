"""Rearrangements of spatial axes: blocks to channels, windows to columns, and back. Also polar coordinates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core.config import standardize_data_format
from ...core.engine import jnp, lax, promoted
from ...core.op import Tensor, TensorLike, op
from ...core.types import Array
from ...kernels.conv import per_axis
from ..checks import differ, exact_rank

Sizes = int | Sequence[int]


def _block(op_name: str, x: Array, block_size: int) -> int:
    if block_size < 2:
        raise ValueError(f"`block_size` must be at least 2. Received: block_size={block_size}")
    if x.ndim != 4:
        raise ValueError(f"`{op_name}` requires a 4D input tensor. Received: x.shape={tuple(x.shape)}")
    return block_size


def _divides(what: str, size: int, by: str, number: int) -> None:
    if isinstance(size, int) and size % number:
        raise ValueError(f"{what} ({size}) must be divisible by {by} ({number}).")


@op
def depth_to_space(x: TensorLike, block_size: int, data_format: str = "channels_last") -> Tensor:
    """Rearranges groups of channels into blocks of pixels.

    Args:
        x: Tensor, `(batch, height, width, channels)`; `(batch, channels, height, width)` for "channels_first".
        block_size: Height and width of a block, at least 2; its square divides `channels`.
        data_format: "channels_last" or "channels_first".

    Returns:
        Tensor, `(batch, height * block_size, width * block_size, channels / block_size**2)`.

    Raises:
        ValueError: `block_size` is below 2 or doesn't divide the channels, or `x` doesn't have rank 4.

    >>> depth_to_space(jnp.zeros((1, 2, 2, 4)), 2).shape
    (1, 4, 4, 1)
    """
    b = _block("depth_to_space", x, block_size)
    data_format = standardize_data_format(data_format)
    channels = x.shape[-1 if data_format == "channels_last" else 1]
    _divides("The number of channels", channels, "block_size**2", b**2)
    if data_format == "channels_first":
        n, c, h, w = x.shape
        x = x.reshape((n, c // b**2, b, b, h, w)).transpose((0, 1, 4, 2, 5, 3))
        return x.reshape((n, c // b**2, h * b, w * b))
    n, h, w, c = x.shape
    x = x.reshape((n, h, w, b, b, c // b**2)).transpose((0, 1, 3, 2, 4, 5))
    return x.reshape((n, h * b, w * b, c // b**2))


@op
def space_to_depth(x: TensorLike, block_size: int, data_format: str = "channels_last") -> Tensor:
    """Rearranges blocks of pixels into groups of channels; the inverse of `depth_to_space`.

    Args:
        x: Tensor, `(batch, height, width, channels)`; `(batch, channels, height, width)` for "channels_first".
        block_size: Height and width of a block, at least 2; divides the height and the width.
        data_format: "channels_last" or "channels_first".

    Returns:
        Tensor, `(batch, height / block_size, width / block_size, channels * block_size**2)`.

    Raises:
        ValueError: `block_size` is below 2 or doesn't divide height and width, or `x` doesn't have rank 4.

    >>> space_to_depth(jnp.zeros((1, 4, 4, 1)), 2).shape
    (1, 2, 2, 4)
    """
    b = _block("space_to_depth", x, block_size)
    data_format = standardize_data_format(data_format)
    height, width = x.shape[1:3] if data_format == "channels_last" else x.shape[2:]
    _divides("Height", height, "block_size", b)
    _divides("Width", width, "block_size", b)
    if data_format == "channels_first":
        n, c, h, w = x.shape
        x = x.reshape((n, c, h // b, b, w // b, b)).transpose((0, 1, 3, 5, 2, 4))
        return x.reshape((n, c * b**2, h // b, w // b))
    n, h, w, c = x.shape
    x = x.reshape((n, h // b, b, w // b, b, c)).transpose((0, 1, 3, 2, 4, 5))
    return x.reshape((n, h // b, w // b, c * b**2))


def _geometry(kernel_size: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes) -> tuple[tuple[int, ...], ...]:
    return (
        per_axis(kernel_size, 2, "kernel_size"),
        per_axis(dilation, 2, "dilation"),
        per_axis(padding, 2, "padding", least=0),
        per_axis(stride, 2, "stride"),
    )


def _windows(
    sizes: Sequence[int], kernel: tuple, dilation: tuple, padding: tuple, stride: tuple
) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Returns the row and column indices, in the padded image, of each window's elements, and the numbers of windows.

    The indices broadcast to `(kernel_height, kernel_width, windows_down, windows_across)`.
    """
    axes = []
    for n, k, d, p, s in zip(sizes, kernel, dilation, padding, stride):
        count = (n + 2 * p - d * (k - 1) - 1) // s + 1
        axes.append((np.arange(k)[:, None] * d + np.arange(count) * s, count))
    (rows, height), (columns, width) = axes
    return rows[:, None, :, None], columns[None, :, None, :], height, width


@op
def unfold(x: TensorLike, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1) -> Tensor:
    """Extracts sliding windows of an image as columns (im2col).

    Args:
        x: Tensor, `(batch, channels, height, width)`.
        kernel_size: Window size: an int, or height and width.
        dilation: Spacing of the elements of a window: an int or two.
        padding: Zeros to add on both sides of each axis: an int or two.
        stride: Distance between consecutive windows: an int or two.

    Returns:
        Tensor, `(batch, channels * kernel_height * kernel_width, windows)`.

    Raises:
        ValueError: `x` doesn't have rank 4, or an argument is neither one positive int nor two.

    >>> unfold(jnp.zeros((1, 2, 4, 4)), 2).shape
    (1, 8, 9)
    """
    exact_rank(x, 4)
    k, d, p, s = _geometry(kernel_size, dilation, padding, stride)
    n, c, h, w = x.shape
    rows, columns, height, width = _windows((h, w), k, d, p, s)
    x = jnp.pad(x, ((0, 0), (0, 0), (p[0], p[0]), (p[1], p[1])))
    return x[:, :, rows, columns].reshape((n, c * k[0] * k[1], height * width))


@op
def fold(
    x: TensorLike,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Tensor:
    """Sums the columns of windows into an image (col2im); the adjoint of `unfold`.

    Args:
        x: Tensor, `(batch, channels * kernel_height * kernel_width, windows)`.
        output_size: Height and width of the image.
        kernel_size: Window size: an int, or height and width.
        dilation: Spacing of the elements of a window: an int or two.
        padding: Zeros that `unfold` added on both sides of each axis: an int or two.
        stride: Distance between consecutive windows: an int or two.

    Returns:
        Tensor, `(batch, channels, height, width)`.

    Raises:
        ValueError: `x` doesn't have rank 3, or its shape doesn't fit the windows.

    >>> fold(jnp.ones((1, 4, 4)), 3, 2)[0, 0].tolist()
    [[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]
    """
    exact_rank(x, 3)
    k, d, p, s = _geometry(kernel_size, dilation, padding, stride)
    size = per_axis(output_size, 2, "output_size")
    _divides("The second dimension of the input", x.shape[1], "kernel_size product", k[0] * k[1])
    rows, columns, height, width = _windows(size, k, d, p, s)
    if differ(x.shape[2], height * width):
        raise ValueError(
            f"The third dimension of the input ({x.shape[2]}) must be the number of windows in an image of "
            f"`output_size` ({height * width}). Received: input.shape={x.shape}, output_size={output_size}"
        )
    n, c = x.shape[0], x.shape[1] // (k[0] * k[1])
    padded = jnp.zeros((n, c, size[0] + 2 * p[0], size[1] + 2 * p[1]), x.dtype)
    parts = x.reshape((n, c, k[0], k[1], height, width))
    if x.dtype == "bool":
        padded = padded.at[:, :, rows, columns].max(parts)
    else:
        padded = padded.at[:, :, rows, columns].add(parts)
    return padded[:, :, p[0] : p[0] + size[0], p[1] : p[1] + size[1]]


@op
def polar(abs_: TensorLike, angle: TensorLike) -> Tensor:
    """Builds complex numbers from absolute values and angles.

    Args:
        abs_: Float tensor of absolute values.
        angle: Float tensor of angles in radians, of the same shape.

    Returns:
        Complex tensor.

    >>> polar([2.0], [0.0])
    Array([2.+0.j], dtype=complex64)
    """
    real, imaginary = abs_ * jnp.cos(angle), abs_ * jnp.sin(angle)
    wide = promoted(real, "float32")  # complex numbers have no 16-bit parts
    return lax.complex(real.astype(wide), imaginary.astype(wide))
