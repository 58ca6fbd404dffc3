"""Dtypes by name, without the engine."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from .config import floatx

FLOATS = ("bfloat16", "float16", "float32", "float64", "float8_e4m3fn", "float8_e5m2")
INTS = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "int4", "uint4")
ALLOWED = frozenset((*FLOATS, *INTS, "bool", "string", "complex64", "complex128"))
_PYTHON = {bool: "bool", int: "int32", float: None, str: "string", complex: "complex64"}
# NumPy takes "float", "complex" and "long" for 64 bits, where the types of Python are 32 here: they are no names.
_ALIASES = {"int": "int32", "bool_": "bool", "object": "string", "object_": "string"}
_ALIASES |= dict.fromkeys(("float", "complex", "long"), "")


def standardize_dtype(dtype: Any) -> str:
    """Returns the name of a dtype.

    Args:
        dtype: A name, a Python type, or a dtype of NumPy, JAX or torch; None for floatx.

    Raises:
        ValueError: The dtype is unknown.

    >>> standardize_dtype(float), standardize_dtype(np.int8), standardize_dtype(None)
    ('float32', 'int8', 'float32')
    """
    if isinstance(dtype, str) and dtype in ALLOWED:
        return dtype
    if dtype is None or dtype is float:
        return floatx()
    if isinstance(dtype, type) and dtype in _PYTHON:
        return str(_PYTHON[dtype])
    name = getattr(dtype, "name", None)
    if not isinstance(name, str):
        name = str(getattr(dtype, "__name__", dtype))
    name = name.removeprefix("torch.")
    name = "string" if name.startswith("str") else _ALIASES.get(name, name)
    if name and name not in ALLOWED:
        with contextlib.suppress(TypeError):
            name = np.dtype(dtype).name
    if name not in ALLOWED:
        raise ValueError(f"Invalid dtype: {dtype}")
    return name


def is_float(dtype: Any) -> bool:
    """Returns whether `dtype` is a floating-point dtype.

    Args:
        dtype: Name of a dtype.
    """
    return "float" in standardize_dtype(dtype)


def is_int(dtype: Any) -> bool:
    """Returns whether `dtype` is an integer dtype.

    Args:
        dtype: Name of a dtype.
    """
    return "int" in standardize_dtype(dtype)


def numpy_dtype(dtype: Any) -> np.dtype:
    """Returns the NumPy dtype of a dtype, including those of ml_dtypes (bfloat16, float8).

    Args:
        dtype: See `standardize_dtype`.

    Raises:
        TypeError: NumPy has no such dtype.
    """
    name = standardize_dtype(dtype)
    try:
        return np.dtype(name)
    except TypeError:
        import ml_dtypes

        if not hasattr(ml_dtypes, name):
            raise TypeError(f"data type '{name}' not understood: addax computes with numbers and bools") from None
        return np.dtype(getattr(ml_dtypes, name))


def itemsize(dtype: Any) -> int:
    """Bytes an element takes."""
    return numpy_dtype(dtype).itemsize


def standardize_shape(shape: Any) -> tuple[int | None, ...]:
    """`shape` as a tuple of non-negative ints and Nones; raises ValueError for anything else.

    Raises:
        ValueError: The shape is no sequence of non-negative ints and Nones.

    >>> standardize_shape([None, np.int64(3)])
    (None, 3)
    """
    if not isinstance(shape, (tuple, list)):
        if shape is None:
            raise ValueError("Undefined shapes are not supported.")
        if not hasattr(shape, "__iter__"):
            raise ValueError(f"Cannot convert '{shape}' to a shape: expected a tuple of ints and Nones.")
    out: list[int | None] = []
    for size in shape:
        if size is None:
            out.append(None)
            continue
        try:
            size = size.__index__()
        except (AttributeError, TypeError):
            raise ValueError(
                f"Cannot convert '{tuple(shape)}' to a shape. Found invalid entry '{size}' of type '{type(size)}'."
            ) from None
        if size < 0:
            raise ValueError(f"Cannot convert '{tuple(shape)}' to a shape. Negative dimensions are not allowed.")
        out.append(size)
    return tuple(out)


def static_shape(x: Any) -> tuple[int | None, ...]:
    """The shape of an array or symbolic tensor, None for sizes that are unknown while JAX traces symbolic ones.

    >>> static_shape(np.zeros((2, 3)))
    (2, 3)
    """
    return tuple(d if isinstance(d, int) else None for d in x.shape)
