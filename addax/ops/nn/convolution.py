"""Convolution and pooling of any rank; `addax.kernels` computes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core.config import standardize_data_format
from ...core.engine import jnp
from ...core.op import Tensor, TensorLike, op
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
    """Convolution over as many axes as the kernel has.

    Args:
        inputs: Tensor, `(batch, *spatial, channels)`, channels second for "channels_first".
        kernel: Tensor, `(*kernel_size, channels / groups, filters)`.
        strides: Steps: an int or one an axis.
        padding: "valid" (none), "same" (output size `ceil(size / stride)`), for one axis also "causal".
        data_format: "channels_last" or "channels_first"; None for the default.
        dilation_rate: Distances of the kernel's elements: an int or one an axis.

    Returns:
        Tensor, `(batch, *new_spatial, filters)`.

    >>> conv(jnp.ones((1, 5, 1)), jnp.ones((3, 1, 2))).shape
    (1, 3, 2)
    """
    padding = _padding(padding, ("valid", "same", "causal") if kernel.ndim == 3 else ("valid", "same"))
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
    """Convolution of each channel by itself.

    Args:
        inputs: Tensor, `(batch, *spatial, channels)`, channels second for "channels_first".
        kernel: Tensor, `(*kernel_size, channels, multiplier)`.
        strides, padding, data_format, dilation_rate: As for `conv`.

    Returns:
        Tensor, `(batch, *new_spatial, channels * multiplier)`.

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
    """`depthwise_conv`, then a convolution of size 1 that mixes the channels.

    Args:
        inputs: Tensor, `(batch, *spatial, channels)`, channels second for "channels_first".
        depthwise_kernel: Tensor, `(*kernel_size, channels, multiplier)`.
        pointwise_kernel: Tensor, `(*ones, channels * multiplier, filters)`.
        strides, padding, data_format, dilation_rate: As for `conv`.

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
    """Transposed convolution, which takes what `conv` makes back to the size it came from.

    Args:
        inputs: Tensor, `(batch, *spatial, channels)`, channels second for "channels_first".
        kernel: Tensor, `(*kernel_size, filters, channels)`.
        strides: Factors by which the sizes grow.
        padding: "valid" or "same".
        output_padding: What to add to the size at the end; None for the size that undoes `conv`.
        data_format, dilation_rate: As for `conv`.

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
    """The greatest element of each window.

    Args:
        inputs: Tensor, `(batch, *spatial, channels)`, channels second for "channels_first".
        pool_size: Size of the window: an int or one an axis.
        strides: Steps; None for `pool_size`.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first"; None for the default.

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
    """The mean of each window; what "same" padding adds does not count.

    Args:
        inputs, pool_size, strides, padding, data_format: As for `max_pool`.

    >>> average_pool(np.array([1.0, 3.0, 2.0, 0.0]).reshape(1, 4, 1), 2).ravel()
    Array([2., 1.], dtype=float32)
    """
    return pooling.average_pool(inputs, pool_size, strides, _padding(padding), standardize_data_format(data_format))


def _adaptive(inputs: Any, output_size: Sizes, data_format: str | None, reduce: Any) -> Any:
    data_format = standardize_data_format(data_format)
    first = 1 if data_format == "channels_last" else 2
    sizes = conv_kernels.per_axis(output_size, inputs.ndim - 2, "output_size")
    for i, parts in enumerate(sizes):
        size = inputs.shape[first + i]
        # Window k covers floor(k * size / parts) up to ceil((k + 1) * size / parts).
        windows = [(k * size // parts, -(-(k + 1) * size // parts)) for k in range(parts)]
        slices = [
            reduce(jnp.take(inputs, jnp.arange(a, b), first + i), axis=first + i, keepdims=True) for a, b in windows
        ]
        inputs = jnp.concatenate(slices, first + i)
    return inputs


@op(recorded=_RECORDED)
def adaptive_average_pool(inputs: TensorLike, output_size: Sizes, data_format: str | None = None) -> Tensor:
    """Mean over as many windows as `output_size` says, whatever the input's size.

    Args:
        inputs: Tensor, `(batch, *spatial, channels)`, channels second for "channels_first".
        output_size: New spatial size: an int or one an axis.
        data_format: "channels_last" or "channels_first"; None for the default.

    >>> adaptive_average_pool(np.arange(5.0).reshape(1, 5, 1), 2).ravel()
    Array([1., 3.], dtype=float32)
    """
    return _adaptive(inputs, output_size, data_format, jnp.mean)


@op(recorded=_RECORDED)
def adaptive_max_pool(inputs: TensorLike, output_size: Sizes, data_format: str | None = None) -> Tensor:
    """Maximum over as many windows as `output_size` says, whatever the input's size.

    Args:
        inputs, output_size, data_format: As for `adaptive_average_pool`.

    >>> adaptive_max_pool(np.arange(5.0).reshape(1, 5, 1), 2).ravel()
    Array([2., 4.], dtype=float32)
    """
    return _adaptive(inputs, output_size, data_format, jnp.max)
