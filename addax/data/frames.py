"""Tables and columns of other libraries as NumPy arrays: pandas, libraries with Arrow, and Hugging Face datasets.

Polars (its lazy frames, too), PyArrow, DuckDB and others are read by Arrow's PyCapsule interface, so that no library of
tables is needed here, and none is imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core import tree
from ..core.types import Data, Tree
from .arrow import is_arrow, read_arrow


class DataNames(NamedTuple):
    """Names of the inputs and of the outputs of a model; empty where there is only one, or where they are unknown."""

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    def of(self, argument: str) -> tuple[str, ...]:
        """Returns the names that belong to the argument `argument` of `fit`."""
        return self.outputs if argument in ("y", "sample_weight") else self.inputs


UNNAMED = DataNames()


def is_frame(x: object) -> bool:
    """Tests whether `x` is a table, or a column of one, of a library other than NumPy."""
    return not isinstance(x, np.ndarray) and (_is_pandas(x) or is_arrow(x) or _is_lazy(x) or _is_hugging_face(x))


def frame_values(x: Any, names: Sequence[str] = ()) -> Any:
    """Returns the values of a table or a column.

    Args:
        x: The table or column, for which `is_frame` is true.
        names: Names of several inputs (or outputs). Where the table has a column for each, they are read by name.

    Returns:
        A dict of arrays by name; else an array, of shape `(rows, columns)` for a table, in a dtype that holds the
        values of all columns. A column of lists counts as one column per element of a list.

    Raises:
        ValueError: Columns have incompatible shapes, or a type that no array has.
    """
    found = _pandas_values(x, names) if _is_pandas(x) else _columns(x)
    if not isinstance(found, dict):
        return found
    if names and set(names) <= set(found):
        return {name: found[name] for name in names}
    return _matrix(found)


def with_values(structure: Data, names: Sequence[str] = ()) -> Tree:
    """Replaces the tables in a structure by their values; see `frame_values`."""
    if is_frame(structure):
        return frame_values(structure, names)
    return tree.map_structure(lambda leaf: frame_values(leaf) if is_frame(leaf) else leaf, structure)


def _is_pandas(x: object) -> bool:
    return type(x).__module__.partition(".")[0] == "pandas" and hasattr(x, "to_numpy")


def _is_lazy(x: object) -> bool:
    """Returns whether `x` is a query that makes a table, such as a `LazyFrame` of Polars."""
    return all(callable(getattr(type(x), name, None)) for name in ("collect", "collect_schema"))


def _is_hugging_face(x: object) -> bool:
    kind = type(x)
    return kind.__module__.startswith("datasets.") and (hasattr(kind, "num_rows") or kind.__name__ == "Column")


def _columns(x: Any) -> Any:
    if _is_hugging_face(x):
        if not hasattr(type(x), "num_rows"):
            return np.asarray(x.source.with_format("numpy")[x.column_name][:])
        return x.with_format("numpy")[:]  # which decodes images, too
    return read_arrow(x.collect() if _is_lazy(x) else x)


def _pandas_values(x: Any, names: Sequence[str]) -> Any:
    columns = getattr(x, "columns", None)
    if names and columns is not None and set(names) <= set(columns):
        return {name: x[name].to_numpy() for name in names}
    return x.to_numpy()


def _matrix(columns: dict[str, np.ndarray]) -> np.ndarray:
    """Returns columns side by side."""
    arrays = [a if a.ndim > 1 else a[:, None] for a in columns.values()]
    if len(arrays) == 1:
        return arrays[0]
    shapes = {name: a.shape[1:] for name, a in columns.items()}
    if not arrays:
        raise ValueError("The table has no columns: there are no data. Select at least one.")
    if any(a.ndim != 2 for a in arrays):
        raise ValueError(
            f"The columns of the table don't make one array: each row of them has the shapes {shapes}. Pass a dict of "
            "columns, one for each input."
        )
    if any(a.dtype == object for a in arrays):  # text, beside which numbers stay numbers
        arrays = [a.astype(object) for a in arrays]
    return np.concatenate(arrays, axis=1)


__all__ = ["UNNAMED", "DataNames", "frame_values", "is_frame", "with_values"]
