"""Conversion of array-like values to JAX arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from . import dtypes
from .buffers import as_numbers, own_copy
from .engine import has_float64, is_jax_array, jnp
from .sparse import is_sparse
from .types import ArrayLike, DTypeLike
from .variable import Variable


def to_tensor(x: ArrayLike, dtype: DTypeLike = None) -> Any:
    """Converts a value to a JAX array.

    Args:
        x: Array, Variable, number, torch tensor, or nested list of these.
        dtype: Dtype; None keeps that of `x`, with 64-bit floats (and, unless 64-bit mode is on, ints) in the default
            precision.

    Returns:
        Array of JAX.

    Raises:
        ValueError: `x` is not numeric, or is a ragged list.

    >>> to_tensor([1.0, 2.0]).dtype
    dtype('float32')
    """
    if dtype is not None:
        dtype = dtypes.numpy_dtype(dtype)
    if isinstance(x, Variable):
        x = x.value
    if is_sparse(x):
        x = x.todense()  # type: ignore[union-attr]
    if is_jax_array(x):
        return x if dtype is None or x.dtype == dtype else x.astype(dtype)
    if isinstance(x, (bool, int, float)):
        kind = next(k for k in (bool, int, float) if isinstance(x, k))  # its own type may be a subclass
        return jnp.asarray(x, dtype or dtypes.numpy_dtype(kind))
    if isinstance(x, (list, tuple)) and any(is_jax_array(e) or isinstance(e, Variable) for e in _leaves(x)):
        # NumPy would copy each element to the host, and can't read tracers.
        stacked = jnp.stack([to_tensor(e) for e in x])
        return stacked if dtype is None else stacked.astype(dtype)
    return _from_host(x, dtype)


def _from_host(x: ArrayLike, dtype: np.dtype | None) -> Any:
    """Converts data on the host: NumPy arrays, nested numbers, torch tensors."""
    if hasattr(x, "detach"):  # a torch tensor
        x = x.detach().cpu().numpy()
    is_others = not isinstance(x, (list, tuple))
    x = as_numbers(x)
    if dtype is None and x.dtype == np.float64:
        dtype = dtypes.numpy_dtype(dtypes.floatx())
    if dtype is None and x.dtype == np.int64 and not has_float64():
        dtype = np.dtype("int32")
    if is_others and (dtype is None or x.dtype == dtype):
        x = own_copy(x)  # JAX promises nowhere when it has read an array of any size; a conversion is a copy already
    return jnp.asarray(x, dtype)


def _leaves(x: Iterable) -> Iterator[Any]:
    for e in x:
        if isinstance(e, (list, tuple)):
            yield from _leaves(e)
        else:
            yield e


def unwrap(x: ArrayLike) -> Any:
    """Converts an op's tensor argument to an array, except Python numbers.

    Python numbers stay weakly typed, so that they don't determine the dtype of the result.
    """
    if x is None or is_jax_array(x) or type(x) in (int, float, bool, complex):
        return x
    if isinstance(x, Variable):
        return x.value
    return to_tensor(x)
