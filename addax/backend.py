"""The functions of `keras.backend`, for user code."""

import functools

from .config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from .core.dtypes import is_float as is_float_dtype
from .core.dtypes import is_int as is_int_dtype
from .core.dtypes import numpy_dtype, standardize_dtype
from .core.engine import has_float64, jnp
from .core.keras_tensor import KerasTensor
from .core.naming import get_uid, name_scope
from .core.public import listing
from .core.scopes import StatelessScope
from .core.state import in_stateless_scope
from .core.variable import Variable
from .ops import cast, convert_to_numpy, convert_to_tensor, is_tensor, shape
from .utils import clear_session

__all__ = [
    "KerasTensor",
    "StatelessScope",
    "Variable",
    "backend",
    "cast",
    "clear_session",
    "convert_to_numpy",
    "convert_to_tensor",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "in_stateless_scope",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "is_tensor",
    "name_scope",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "shape",
    "standardize_dtype",
]
__dir__ = listing(__all__)


def result_type(*dtypes: object) -> str:
    """Returns the dtype that an op on arguments of these dtypes returns.

    Raises:
        ValueError: One of several is an 8-bit float, which isn't converted unasked, or text.

    Args:
        *dtypes: Names of dtypes, or Python types.

    >>> result_type("int32", "float16")
    'float16'
    """
    names = [d if d in (int, float) else standardize_dtype(d) for d in dtypes] or ["float32"]
    if any("float8" in str(name) for name in names):
        raise ValueError(
            "There is no implicit conversions from float8 dtypes to others. You must cast it internally. "
            f"Received: {dtypes}"
        )
    if len(set(names)) == 1 and isinstance(names[0], str):
        return _held(names[0])
    if "string" in names:
        raise ValueError("dtype='string' is not a valid dtype for Keras type promotion.")
    arguments: list = [name if name in (int, float) else numpy_dtype(name) for name in names]
    return _held(standardize_dtype(functools.reduce(jnp.promote_types, arguments, arguments[0])))


def is_keras_tensor(x: object) -> bool:
    """Returns whether `x` is a symbolic tensor.

    Args:
        x: Any object.

    >>> is_keras_tensor(KerasTensor((2,))), is_keras_tensor(1.0)
    (True, False)
    """
    return isinstance(x, KerasTensor)


def _held(name: str) -> str:
    """`name`, or what JAX makes of a 64-bit dtype while it has none."""
    narrow = {"float64": "float32", "int64": "int32", "uint64": "uint32", "complex128": "complex64"}
    return name if has_float64() else narrow.get(name, name)
