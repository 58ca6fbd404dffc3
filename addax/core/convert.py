"""From anything array-like to arrays of JAX."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import dtypes
from .buffers import as_numbers, own_copy
from .engine import has_float64, is_jax_array, jnp
from .variable import Variable

_READ_LATER = 1 << 16  # bytes: larger arrays JAX goes on reading after `jnp.asarray` has returned


def to_tensor(x: Any, dtype: Any = None) -> Any:
    """`x` as an array of JAX; 64-bit floats become the default float unless `dtype` says otherwise.

    Args:
        x: Array, Variable, number, or nested list of these.
        dtype: Dtype name, or None to keep what `x` has.

    >>> to_tensor([1.0, 2.0]).dtype
    dtype('float32')
    """
    if dtype is not None:
        dtype = dtypes.numpy_dtype(dtype)
    if isinstance(x, Variable):
        x = x.value
    if is_jax_array(x):
        return x if dtype is None or x.dtype == dtype else x.astype(dtype)
    if isinstance(x, (bool, int, float)):
        kind = next(k for k in (bool, int, float) if isinstance(x, k))  # its own type may be a subclass
        return jnp.asarray(x, dtype or dtypes.numpy_dtype(kind))
    if isinstance(x, (list, tuple)) and any(is_jax_array(e) or isinstance(e, Variable) for e in _leaves(x)):
        stacked = jnp.stack([to_tensor(e) for e in x])
        return stacked if dtype is None else stacked.astype(dtype)
    if hasattr(x, "detach"):  # a torch tensor
        x = x.detach().cpu().numpy()
    x = as_numbers(x)
    if dtype is None and x.dtype == np.float64:
        dtype = dtypes.numpy_dtype(dtypes.floatx())
    if dtype is None and x.dtype == np.int64 and not has_float64():
        dtype = np.dtype("int32")
    if x.nbytes > _READ_LATER and (dtype is None or x.dtype == dtype):
        x = own_copy(x)
    return jnp.asarray(x, dtype)


def _leaves(x: Any) -> Any:
    for e in x:
        if isinstance(e, (list, tuple)):
            yield from _leaves(e)
        else:
            yield e


def unwrap(x: Any) -> Any:
    """What an op's tensor argument becomes: Variables and sequences arrays; arrays and Python numbers as they are.

    Python numbers stay so that they don't decide the dtype of the result.
    """
    if x is None or is_jax_array(x) or type(x) in (int, float, bool, complex):
        return x
    if isinstance(x, Variable):
        return x.value
    return to_tensor(x)
