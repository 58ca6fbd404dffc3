"""8-bit floats: scales from a history of largest absolute values, and rounding to the values of a float8 dtype."""

from __future__ import annotations

from typing import Any

from ..core.dtypes import numpy_dtype
from ..core.engine import jnp
from ..core.op import TensorLike
from ..core.types import DTypeLike


def compute_float8_scale(amax: TensorLike, scale: TensorLike, dtype_max: float, margin: int = 0) -> Any:
    """Returns the scale by which values are divided before they are rounded to a float8 dtype.

    Args:
        amax: The largest absolute value.
        scale: The scale so far, kept where `amax` isn't positive and finite.
        dtype_max: The largest number of the float8 dtype.
        margin: Number of bits to leave unused.

    >>> f"{float(compute_float8_scale(np.float32(4.0), np.float32(1.0), 448.0)):.4f}"
    '0.0089'
    """
    amax, scale = jnp.asarray(amax), jnp.asarray(scale)
    inverse = dtype_max / amax / 2**margin
    inverse = jnp.where(amax > 0.0, inverse, jnp.reciprocal(scale))
    return jnp.reciprocal(jnp.where(jnp.isfinite(amax), inverse, jnp.reciprocal(scale)))


def compute_float8_amax_history(x: TensorLike, amax_history: TensorLike) -> Any:
    """Returns the history with its oldest entry replaced by the largest absolute value of `x`.

    Args:
        x: A tensor.
        amax_history: Vector of the largest absolute values of former steps.

    >>> compute_float8_amax_history(np.array([1.0, -5.0]), np.array([9.0, 2.0, 3.0])).tolist()
    [5.0, 3.0, 9.0]
    """
    history = jnp.asarray(amax_history)
    return jnp.roll(history, -1).at[0].set(jnp.max(jnp.abs(jnp.asarray(x))).astype(history.dtype))


def quantize_and_dequantize(
    inputs: TensorLike, scale: TensorLike, quantized_dtype: DTypeLike, compute_dtype: DTypeLike
) -> Any:
    """Rounds a tensor to the values of a float8 dtype times a scale; larger ones are clipped.

    Args:
        inputs: A float tensor.
        scale: The scale, a scalar.
        quantized_dtype: "float8_e4m3fn" or "float8_e5m2".
        compute_dtype: Dtype of the result.

    >>> quantize_and_dequantize(np.array([1.3, -3.1]), 2.0, "float8_e4m3fn", "float32").tolist()
    [1.25, -3.0]
    """
    kind, compute = numpy_dtype(quantized_dtype), numpy_dtype(compute_dtype)
    most = jnp.finfo(kind).max.astype(compute)
    scale = jnp.asarray(scale).astype(compute)
    x = jnp.clip(jnp.asarray(inputs).astype(compute) / scale, -most, most)
    return x.astype(kind).astype(compute) * scale
