"""What user code asks of `keras.backend`."""

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
from .core.dtypes import standardize_dtype
from .core.keras_tensor import KerasTensor
from .core.naming import name_scope
from .core.state import StatelessScope, in_stateless_scope
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
    "image_data_format",
    "in_stateless_scope",
    "is_float_dtype",
    "is_int_dtype",
    "is_tensor",
    "name_scope",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "shape",
    "standardize_dtype",
]


def result_type(*dtypes: object) -> str:
    """The dtype that an op on arguments of these dtypes returns.

    >>> result_type("int32", "float16")
    'float16'
    """
    from .core.dtypes import numpy_dtype
    from .core.engine import jnp

    arguments: list = [d if d in (int, float) else numpy_dtype(d) for d in dtypes] or ["float32"]
    return standardize_dtype(jnp.result_type(*arguments))
