"""Structures of arrays: their specs for JAX, and their rows."""

from __future__ import annotations

from typing import Any

from ..core import tree
from ..core.engine import jax, jnp


def array_spec(a: Any, rows: int | None = None) -> Any:
    """Returns JAX's spec of an array, or of `rows` rows of it."""
    shape = a.shape if rows is None else (rows, *a.shape[1:])
    return jax.ShapeDtypeStruct(shape, jax.dtypes.canonicalize_dtype(a.dtype))


def batch_spec(arrays: Any, size: int) -> Any:
    """Returns JAX's specs of batches of `size` rows of these arrays."""
    return tree.map_structure(lambda a: None if a is None else array_spec(a, size), arrays)


def take_rows(arrays: Any, rows: Any) -> Any:
    """Returns the rows of arrays with these indices."""
    return tree.map_structure(lambda a: None if a is None else jnp.take(a, rows, axis=0, mode="clip"), arrays)


def merged(old: list[Any], new: list[Any]) -> list[Any]:
    """Returns the values of variables after a step, which returned None for those that it left alone."""
    return [o if n is None else n for o, n in zip(old, new)]
