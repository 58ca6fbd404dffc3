"""Quantization to integers of 8 and 4 bits: scales, zero points, and two 4-bit integers in a byte."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.dtypes import is_float, numpy_dtype, standardize_dtype
from ..core.engine import jax, jnp
from ..core.op import Axis, TensorLike, op
from ..core.types import DTypeLike

INT4_RANGE = (-8, 7)
INT8_RANGE = (-127, 127)


@op()
def abs_max_quantize(
    inputs: TensorLike,
    axis: Axis,
    value_range: Sequence[int] = (-127, 127),
    dtype: DTypeLike = "int8",
    epsilon: float = 1e-07,
    to_numpy: bool = False,
) -> tuple:
    """Quantizes a tensor to integers, symmetrically: the largest absolute value becomes the largest integer.

    Args:
        inputs: A tensor of any shape.
        axis: Axis or axes that share a scale; None for all of them.
        value_range: The smallest and the largest integer.
        dtype: Dtype of the integers.
        epsilon: Small number that is added to the largest absolute value, against division by zero.
        to_numpy: Whether to compute on the host, which saves memory of the device.

    Returns:
        `(quantized, scale)`; `quantized / scale` is about `inputs`. The scale has size 1 along `axis`.

    >>> values, scale = abs_max_quantize(np.array([[1.0, 2.0], [3.0, -4.0]]), axis=1)
    >>> values.tolist(), scale.shape
    ([[64, 127], [95, -127]], (2, 1))
    """
    xp = np if to_numpy else jnp
    x = xp.asarray(inputs)
    given = x.dtype
    if to_numpy and standardize_dtype(given) == "bfloat16":  # NumPy would round the scale to it first
        x = x.astype(np.float32)
    low, high = value_range
    axes = tuple(axis) if isinstance(axis, (list, tuple)) else axis
    largest = xp.max(xp.abs(x), axis=axes, keepdims=True)
    kind = x.dtype if is_float(x.dtype) else np.dtype("float32")
    scale = xp.asarray(high, kind) / (largest.astype(kind) + xp.asarray(epsilon, kind))
    scale = scale.astype(x.dtype)
    quantized = xp.clip(xp.round(x * scale), low, high).astype(numpy_dtype(standardize_dtype(dtype)))
    return jnp.asarray(quantized), jnp.asarray(scale.astype(given))


@op()
def abs_max_quantize_grouped_with_zero_point(
    inputs: TensorLike,
    block_size: int,
    value_range: Sequence[int] = (-8, 7),
    dtype: DTypeLike = "int8",
    epsilon: float = 1e-07,
    to_numpy: bool = False,
) -> tuple:
    """Quantizes a matrix to integers, asymmetrically, with a scale and zero point for each block of rows in a column.

    Args:
        inputs: Matrix `(rows, columns)`.
        block_size: Number of rows that share a scale and a zero point. The last block is padded with zeros.
        value_range: The smallest and the largest integer.
        dtype: Dtype of the integers.
        epsilon: Small number that is added to the range of the values, against division by zero.
        to_numpy: Whether to compute on the host, which saves memory of the device.

    Returns:
        `(quantized, scale, zero_point)`: integers of the shape of `inputs`, and two arrays `(blocks, columns)`.
        `(quantized - zero_point) * scale` is about `inputs`.

    >>> values, scale, zero = abs_max_quantize_grouped_with_zero_point(np.arange(12.0).reshape(6, 2), block_size=4)
    >>> values.shape, scale.shape, zero.shape
    ((6, 2), (2, 2), (2, 2))
    """
    xp = np if to_numpy else jnp
    low, high = value_range
    rows, columns = inputs.shape
    blocks = -(-rows // block_size)
    if blocks == 1 and not to_numpy:  # as in Keras: only on the host is zero part of the range of a single block
        block_size = rows
    padded = xp.pad(xp.asarray(inputs), ((0, blocks * block_size - rows), (0, 0)))
    grouped = padded.reshape(blocks, block_size, columns)
    least, most = grouped.min(axis=1, keepdims=True), grouped.max(axis=1, keepdims=True)
    if not to_numpy:  # as in Keras: constants get a range of 2, except on the host
        widened = (most - least < epsilon).astype(grouped.dtype)
        least, most = least - widened, most + widened
    scale = (most - least + xp.asarray(epsilon, grouped.dtype)) / (high - low)
    zero = xp.clip(xp.round(-least / scale) + low, low, high)
    quantized = xp.clip(xp.round(grouped / scale) + zero, low, high)
    kind = numpy_dtype(standardize_dtype(dtype))
    quantized = quantized.reshape(-1, columns)[:rows].astype(kind)
    return jnp.asarray(quantized), jnp.asarray(scale[:, 0]), jnp.asarray(zero[:, 0].astype(np.int8))


def check_packed_dtype(dtype: DTypeLike) -> str:
    """Returns the name of a dtype of bytes.

    Raises:
        ValueError: It is another dtype.
    """
    name = standardize_dtype(dtype)
    if name not in ("int8", "uint8"):
        raise ValueError(f"Expected dtype to be 'int8' or 'uint8', but got '{dtype}'.")
    return name


def pack_int4(arr: TensorLike, axis: int = 0, dtype: DTypeLike = "int8") -> tuple:
    """Packs two 4-bit integers in each byte.

    Args:
        arr: Tensor of `dtype` with values of 4 bits.
        axis: Axis whose neighbors are packed: the first in the low half of the byte, the second in the high half. An
            odd size is padded with zeros.
        dtype: "int8" or "uint8".

    Returns:
        `(packed, packed_shape, size)`: the bytes, their shape, and the size of the axis before packing.

    Raises:
        TypeError: `arr` is of another dtype.
        ValueError: `dtype` is neither.

    >>> packed, shape, size = pack_int4(np.array([[-3, 7], [2, -8], [1, 0]], "int8"))
    >>> packed.tolist(), shape, size
    ([[45, -121], [1, 0]], (2, 2), 3)
    """
    kind = check_packed_dtype(dtype)
    if standardize_dtype(arr.dtype) != kind:
        raise TypeError(f"Expected {kind} tensor for packing, got {standardize_dtype(arr.dtype)}.")
    values = jnp.moveaxis(jnp.asarray(arr), axis, 0)
    size = values.shape[0]
    values = jnp.pad(values, ((0, size % 2), *((0, 0),) * (values.ndim - 1)))
    mask = jnp.asarray(15, kind)
    packed = (values[::2] & mask) | ((values[1::2] & mask) << jnp.asarray(4, kind))
    packed = jnp.moveaxis(packed, 0, axis)
    return packed, tuple(packed.shape), size


def unpack_int4(packed: TensorLike, orig_len: int, axis: int = 0, dtype: DTypeLike = "int8") -> Any:
    """Unpacks the bytes of `pack_int4`.

    Args:
        packed: Tensor of bytes, each with two 4-bit integers.
        orig_len: Size of the axis before packing.
        axis: The axis that was packed.
        dtype: "int8" (integers from -8 to 7) or "uint8" (0 to 15).

    Returns:
        The integers, a tensor of `dtype`.

    Raises:
        TypeError: `packed` has another dtype.
        ValueError: `dtype` is neither.

    >>> unpack_int4(np.array([[45, -121], [1, 0]], "int8"), 3).tolist()
    [[-3, 7], [2, -8], [1, 0]]
    """
    kind = check_packed_dtype(dtype)
    given = standardize_dtype(packed.dtype)
    if given not in ("int8", "uint8"):
        raise TypeError(f"Expected int8 or uint8 tensor for unpacking, got {given}")
    values = jnp.asarray(packed).astype(kind)
    four = jnp.asarray(4, kind)
    # A right shift extends the sign of int8, and fills uint8 with zeros.
    halves = jnp.stack([(values << four) >> four, values >> four], axis=axis + 1 if axis >= 0 else axis)
    axis %= values.ndim
    shape = (*values.shape[:axis], 2 * values.shape[axis], *values.shape[axis + 1 :])
    return jax.lax.slice_in_dim(halves.reshape(shape), 0, orig_len, axis=axis)


@op()
def fake_quant_with_min_max_vars(
    inputs: TensorLike,
    min_vals: TensorLike,
    max_vals: TensorLike,
    num_bits: int = 8,
    narrow_range: bool = False,
    axis: int | None = None,
) -> Any:
    """Rounds values to those that integers of `num_bits` bits can represent. Gradients pass where nothing is clipped.

    Args:
        inputs: A float tensor.
        min_vals, max_vals: Range of the values: scalars, or vectors along `axis`. Zero is moved to a representable
            value.
        num_bits: Number of bits.
        narrow_range: Whether the smallest integer is 1 rather than 0.
        axis: Axis of `min_vals` and `max_vals`; None for scalars.

    Returns:
        A tensor like `inputs`.

    >>> fake_quant_with_min_max_vars(np.array([-2.0, 0.3, 5.0]), -1.0, 4.0).round(3).tolist()
    [-1.0, 0.29..., 4.0]
    """
    kind = inputs.dtype if is_float(inputs.dtype) else jnp.dtype("float32")
    x = inputs.astype(kind)
    least, most = jnp.asarray(min_vals, kind), jnp.asarray(max_vals, kind)
    if axis is not None:
        shape = [1] * x.ndim
        shape[axis] = -1 if least.ndim else 1
        least, most = least.reshape(shape), most.reshape(shape)
    return _fake_quant(x, least, most, 2**num_bits - 1, int(narrow_range)).astype(inputs.dtype)


def _nudged(least: Any, most: Any, high: int, low: int) -> tuple:
    """Returns the scale of the integers, and the integer that stands for zero."""
    scale = (most - least) / (high - low)
    zero = jnp.clip(jnp.round(low - least / scale), low, high)
    return scale, zero


def _fake_quant(x: Any, least: Any, most: Any, high: int, low: int) -> Any:
    def forward(x: Any, least: Any, most: Any) -> tuple:
        scale, zero = _nudged(least, most, high, low)
        floor, ceiling = scale * (low - zero), scale * (high - zero)
        steps = jnp.floor((jnp.clip(x, floor, ceiling) - floor) * (1 / scale) + 0.5) + low
        return (steps - zero) * scale, (x, least, most, floor, ceiling)

    def backward(kept: tuple, gradient: Any) -> tuple:
        x, least, most, floor, ceiling = kept
        below, above = x < floor, x > ceiling
        inside = jnp.where(below | above, 0.0, gradient).astype(x.dtype)
        return inside, *(
            _sum_to(jnp.where(where, gradient, 0.0).astype(x.dtype), bound.shape)
            for where, bound in ((below, least), (above, most))
        )

    function = jax.custom_vjp(lambda *arguments: forward(*arguments)[0])
    function.defvjp(forward, backward)
    return function(x, least, most)


def _sum_to(x: Any, shape: tuple) -> Any:
    """Sums `x` over the axes along which a tensor of `shape` was broadcast."""
    if not shape:
        return x.sum()
    return x.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1 and x.shape[i] != 1), keepdims=True)
