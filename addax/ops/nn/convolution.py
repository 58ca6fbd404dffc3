"""Convolution and pooling of any rank; `addax.kernels` holds the implementations."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...core.config import standardize_data_format
from ...core.engine import jnp
from ...core.op import Tensor, TensorLike, op
from ...core.types import Array
from ...kernels import conv as conv_kernels
from ...kernels import conv_transpose as transposed_kernels
from ...kernels import pooling

Sizes = int | Sequence[int]
_RECORDED = {"data_format": standardize_data_format}


def _padding(padding: str, accepted: tuple[str, ...] = ("valid", "same")) -> str:
    if not isinstance(padding, str) or padding.lower() not in accepted:
        raise ValueError(f"Invalid padding: {padding!r}. Expected one of {accepted}.")
    return padding.lower()


@op(recorded=_RECORDED)
def conv(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Tensor:
    """Computes a convolution over the spatial axes of the kernel.

    Args:
        inputs: Tensor, `(batch, *spatial, channels)`; `(batch, channels, *spatial)` for "channels_first".
        kernel: Tensor, `(*kernel_size, channels / groups, filters)`.
        strides: An int, or one int per spatial axis.
        padding: "valid" (no padding), "same" (output size `ceil(size / stride)`), or "causal" for one spatial axis.
        data_format: "channels_last" or "channels_first"; None for the default.
        dilation_rate: Spacing of the kernel elements: an int, or one int per spatial axis.

    Returns:
        Tensor, `(batch, *new_spatial, filters)`, of the kernel's dtype.

    Raises:
        ValueError: The ranks of inputs and kernel differ, the channels aren't divisible by those of the kernel, or an
            argument is invalid.

    >>> conv(jnp.ones((1, 5, 1)), jnp.ones((3, 1, 2))).shape
    (1, 3, 2)
    """
    padding = _padding(padding, ("valid", "same", "causal") if kernel.ndim == 3 else ("valid", "same"))
    inputs = inputs.astype(kernel.dtype)
    return conv_kernels.conv(inputs, kernel, strides, padding, standardize_data_format(data_format), dilation_rate)


@op(recorded=_RECORDED)
def depthwise_conv(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Tensor:
    """Computes a depthwise convolution, which convolves each channel separately.

    Args:
        inputs: Tensor, `(batch, *spatial, channels)`; `(batch, channels, *spatial)` for "channels_first".
        kernel: Tensor, `(*kernel_size, channels, multiplier)`.
        strides: An int, or one int per spatial axis.
        padding: "valid" (no padding) or "same" (output size `ceil(size / stride)`).
        data_format: "channels_last" or "channels_first"; None for the default.
        dilation_rate: Spacing of the kernel elements: an int, or one int per spatial axis.

    Returns:
        Tensor, `(batch, *new_spatial, channels * multiplier)`.

    Raises:
        ValueError: The shapes of inputs and kernel don't fit, or an argument is invalid.

    >>> depthwise_conv(jnp.ones((1, 5, 5, 3)), jnp.ones((3, 3, 3, 2))).shape
    (1, 3, 3, 6)
    """
    return conv_kernels.depthwise_conv(
        inputs, kernel, strides, _padding(padding), standardize_data_format(data_format), dilation_rate
    )


@op(recorded=_RECORDED)
def separable_conv(
    inputs: TensorLike,
    depthwise_kernel: TensorLike,
    pointwise_kernel: TensorLike,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Tensor:
    """Computes a depthwise separable convolution: a depthwise one, then a pointwise one that mixes the channels.

    Args:
        inputs: Tensor, `(batch, *spatial, channels)`; `(batch, channels, *spatial)` for "channels_first".
        depthwise_kernel: Tensor, `(*kernel_size, channels, multiplier)`.
        pointwise_kernel: Tensor, `(*ones, channels * multiplier, filters)`.
        strides: An int, or one int per spatial axis.
        padding: "valid" (no padding) or "same" (output size `ceil(size / stride)`).
        data_format: "channels_last" or "channels_first"; None for the default.
        dilation_rate: Spacing of the depthwise kernel's elements: an int, or one int per spatial axis.

    Returns:
        Tensor, `(batch, *new_spatial, filters)`.

    Raises:
        ValueError: The shapes of inputs and kernels don't fit, or an argument is invalid.

    >>> separable_conv(jnp.ones((1, 5, 1)), jnp.ones((3, 1, 2)), jnp.ones((1, 2, 4))).shape
    (1, 3, 4)
    """
    data_format = standardize_data_format(data_format)
    x = conv_kernels.depthwise_conv(inputs, depthwise_kernel, strides, _padding(padding), data_format, dilation_rate)
    return conv_kernels.conv(x, pointwise_kernel, data_format=data_format)


@op(recorded=_RECORDED)
def conv_transpose(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: Sizes = 1,
    padding: str = "valid",
    output_padding: Sizes | None = None,
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Tensor:
    """Computes a transposed convolution, which maps the output size of `conv` back to its input size.

    Args:
        inputs: Tensor, `(batch, *spatial, channels)`; `(batch, channels, *spatial)` for "channels_first".
        kernel: Tensor, `(*kernel_size, filters, channels)`.
        strides: Upsampling factors: an int, or one int per spatial axis.
        padding: "valid" or "same".
        output_padding: Amount added to the output size at the end: an int, or one int per spatial axis; None for the
            size that inverts `conv`.
        data_format: "channels_last" or "channels_first"; None for the default.
        dilation_rate: Spacing of the kernel elements: an int, or one int per spatial axis.

    Returns:
        Tensor, `(batch, *new_spatial, filters)`.

    Raises:
        ValueError: The shapes of inputs and kernel don't fit, or an argument is invalid.

    >>> conv_transpose(jnp.ones((1, 4, 1)), jnp.ones((3, 2, 1)), strides=2, padding="same").shape
    (1, 8, 2)
    """
    return transposed_kernels.conv_transpose(
        inputs, kernel, strides, _padding(padding), output_padding, standardize_data_format(data_format), dilation_rate
    )


@op(recorded=_RECORDED)
def max_pool(
    inputs: TensorLike,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Computes the maximum of each window.

    Args:
        inputs: Tensor, `(batch, *spatial, channels)`; `(batch, channels, *spatial)` for "channels_first".
        pool_size: Window size: an int, or one int per spatial axis.
        strides: An int, or one int per spatial axis; None for `pool_size`.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first"; None for the default.

    Returns:
        Tensor, `(batch, *new_spatial, channels)`.

    Raises:
        ValueError: Sizes or strides are not one positive int per spatial axis, or `padding` is unknown.

    >>> max_pool(np.array([1.0, 3.0, 2.0, 0.0]).reshape(1, 4, 1), 2).ravel()
    Array([3., 2.], dtype=float32)
    """
    return pooling.max_pool(inputs, pool_size, strides, _padding(padding), standardize_data_format(data_format))


@op(recorded=_RECORDED)
def average_pool(
    inputs: TensorLike,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Computes the mean of each window, not counting "same" padding.

    Args:
        inputs: Tensor, `(batch, *spatial, channels)`; `(batch, channels, *spatial)` for "channels_first".
        pool_size: Window size: an int, or one int per spatial axis.
        strides: An int, or one int per spatial axis; None for `pool_size`.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first"; None for the default.

    Returns:
        Tensor, `(batch, *new_spatial, channels)`.

    Raises:
        ValueError: Sizes or strides are not one positive int per spatial axis, or `padding` is unknown.

    >>> average_pool(np.array([1.0, 3.0, 2.0, 0.0]).reshape(1, 4, 1), 2).ravel()
    Array([2., 1.], dtype=float32)
    """
    return pooling.average_pool(inputs, pool_size, strides, _padding(padding), standardize_data_format(data_format))


def _adaptive(inputs: Array, output_size: Sizes, data_format: str | None, reduce: Callable[..., Array]) -> Array:
    data_format = standardize_data_format(data_format)
    first = 1 if data_format == "channels_last" else 2
    sizes = conv_kernels.per_axis(output_size, inputs.ndim - 2, "output_size")
    for i, parts in enumerate(sizes):
        size = inputs.shape[first + i]
        # Window k covers floor(k * size / parts) up to ceil((k + 1) * size / parts): windows differ in size.
        windows = [(k * size // parts, -(-(k + 1) * size // parts)) for k in range(parts)]
        slices = [
            reduce(jnp.take(inputs, jnp.arange(a, b), first + i), axis=first + i, keepdims=True) for a, b in windows
        ]
        inputs = jnp.concatenate(slices, first + i)
    return inputs


@op(recorded=_RECORDED)
def adaptive_average_pool(inputs: TensorLike, output_size: Sizes, data_format: str | None = None) -> Tensor:
    """Averages over windows chosen such that the output has a given size.

    Args:
        inputs: Tensor, `(batch, *spatial, channels)`; `(batch, channels, *spatial)` for "channels_first".
        output_size: New spatial size: an int, or one int per spatial axis.
        data_format: "channels_last" or "channels_first"; None for the default.

    Returns:
        Tensor, `(batch, *output_size, channels)`.

    Raises:
        ValueError: `output_size` is not one positive int per spatial axis.

    >>> adaptive_average_pool(np.arange(5.0).reshape(1, 5, 1), 2).ravel()
    Array([1., 3.], dtype=float32)
    """
    return _adaptive(inputs, output_size, data_format, jnp.mean)


@op(recorded=_RECORDED)
def adaptive_max_pool(inputs: TensorLike, output_size: Sizes, data_format: str | None = None) -> Tensor:
    """Takes the maximum over windows chosen such that the output has a given size.

    Args:
        inputs: Tensor, `(batch, *spatial, channels)`; `(batch, channels, *spatial)` for "channels_first".
        output_size: New spatial size: an int, or one int per spatial axis.
        data_format: "channels_last" or "channels_first"; None for the default.

    Returns:
        Tensor, `(batch, *output_size, channels)`.

    Raises:
        ValueError: `output_size` is not one positive int per spatial axis.

    >>> adaptive_max_pool(np.arange(5.0).reshape(1, 5, 1), 2).ravel()
    Array([2., 4.], dtype=float32)
    """
    return _adaptive(inputs, output_size, data_format, jnp.max)
