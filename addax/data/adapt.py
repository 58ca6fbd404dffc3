"""Conversion of the data that users pass (arrays, frames, generators, loaders) to `Batches`."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..core import tree
from ..core.engine import is_jax_array
from ..core.errors import describe
from ..core.sparse import is_sparse
from ..core.types import Data, Tree
from ..core.variable import Variable
from ..layers.host import host_array, is_one_array, is_text
from .batches import ArrayBatches, Batch, Batches, IteratorBatches, to_host
from .dataset import Dataset, DatasetBatches
from .frames import UNNAMED, DataNames, frame_values, is_frame
from .prepared import Preparation, PreparedBatches, prepared_arrays
from .py_dataset import PyDataset, PyDatasetBatches
from .sparse_rows import SparseBatches, SparseRows, dense_rows, has_sparse_rows, sparse_rows


def adapt(
    x: Data,
    y: Data = None,
    sample_weight: Data = None,
    *,
    batch_size: int | None = None,
    shuffle: bool | str = False,
    class_weight: Callable | None = None,
    argument: str = "x",
    prepare: Preparation | None = None,
    names: DataNames = UNNAMED,
) -> Batches:
    """Makes batches of the data that users pass.

    Args:
        x, y, sample_weight: Arrays or frames (or nested); or an iterable of batches as `x` alone.
        batch_size: Rows per batch, for arrays; 32 when None.
        shuffle: Whether to reorder the rows of arrays in each epoch; "batch" reorders whole batches.
        class_weight: Function `(y, sample_weight) -> sample_weight` that applies class weights, or None.
        argument: Name of the argument `x` of the caller, for errors.
        prepare: Prepares `x` on the host; then `x` may be text, or lists of it. None to take `x` as it is.
        names: Names of the model's inputs and outputs, by which columns of tables are matched to them.

    Raises:
        ValueError: Empty, ragged or contradictory data.
    """
    text = prepare is not None
    if isinstance(x, Batches):
        return x
    if x is None:
        raise ValueError(f"`{argument}` is None: there are no data. Pass arrays or an iterable of batches.")
    if is_array_data(x):
        if batch_size is not None and (not isinstance(batch_size, (int, np.integer)) or batch_size < 1):
            raise ValueError(f"`batch_size` must be a positive integer. Received: batch_size={batch_size!r}")
        x, y, sample_weight = (
            _arrays(part, name, text and name == argument, names.of(name), whole=False)
            for part, name in ((x, argument), (y, "y"), (sample_weight, "sample_weight"))
        )
        check_rows(x, y, sample_weight)
        if class_weight is not None:
            y = dense_rows(y)
            sample_weight = class_weight(y, sample_weight)
        source = ArrayBatches(x, y, sample_weight, batch_size=batch_size or 32, shuffle=shuffle)
        if has_sparse_rows(source.arrays):
            return SparseBatches(source, prepare)
        return source if prepare is None else prepared_arrays(source, prepare)

    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ValueError(
                f"When `{argument}` is an iterable of batches, `{name}` must not be given: the batches hold it. "
                f"Received: {argument} of type {type(x).__name__} and {name}={describe(value)}"
            )

    def standardize(batch: Data) -> Batch:
        bx, by, bw = _unpack(batch)
        bx, by = _arrays(bx, "x", text, names.inputs), _arrays(by, "y", names=names.outputs)
        bw = _arrays(bw, "sample_weight", names=names.outputs)
        _check_batch(bx, batch, argument)
        return bx, by, bw if class_weight is None else class_weight(by, bw)

    found = _from_iterable(x, standardize, shuffle, argument)
    return found if prepare is None else PreparedBatches(found, prepare)


def _from_iterable(x: Data, standardize: Callable[[Data], Batch], shuffle: bool | str, argument: str) -> Batches:
    """Makes batches of a dataset, generator, loader, or sequence of batches."""
    if isinstance(x, PyDataset):
        return PyDatasetBatches(x, standardize, shuffle=bool(shuffle))
    if isinstance(x, Dataset):
        return DatasetBatches(x, standardize)
    steps = _length(x)
    if isinstance(x, types.GeneratorType) or (hasattr(x, "__next__") and iter(x) is x):
        return IteratorBatches(x, lambda: iter(x), standardize, steps, one_pass=True)
    if hasattr(x, "__iter__"):
        return IteratorBatches(x, lambda: iter(x), standardize, steps)
    if hasattr(x, "__getitem__") and steps is not None:
        return IteratorBatches(x, lambda: (x[i] for i in range(steps)), standardize, steps)
    raise ValueError(
        f"Unrecognized data type for `{argument}`: {describe(x)}. Expected arrays (NumPy, JAX, torch), tables (pandas, "
        "polars, Arrow), dicts or lists of arrays, a generator, a `PyDataset`, or an iterable of batches."
    )


def _length(x: Data) -> int | None:
    try:
        n = len(x)
    except (TypeError, NotImplementedError):
        return None
    return int(n)


def _unpack(batch: Data) -> tuple:
    if isinstance(batch, (list, tuple)) and not hasattr(batch, "_fields"):
        if len(batch) > 3:
            raise ValueError(
                f"A batch must be `x`, `(x, y)` or `(x, y, sample_weight)`. Received a {type(batch).__name__} of "
                f"{len(batch)}: several inputs go in one list or dict, `([x1, x2], y)`."
            )
        return (*batch, None, None, None)[:3]
    return batch, None, None


def _check_batch(x: Tree, raw: Data, argument: str) -> None:
    """Raises ValueError for a batch without rows."""
    arrays = [a for a in tree.flatten(x) if a is not None]
    if not arrays:
        raise ValueError(
            f"A batch of `{argument}` is empty: expected `x`, `(x, y)` or `(x, y, sample_weight)` of arrays. Received: "
            f"{describe(raw)}"
        )
    if all(a.shape[0] == 0 for a in arrays):
        raise ValueError(
            f"A batch of `{argument}` is empty: it has 0 rows (shape {tuple(arrays[0].shape)}). Leave such batches out."
        )


def is_array_data(x: Data) -> bool:
    """Tests whether `x` is made of arrays or frames, rather than an iterable of batches."""
    leaves = tree.flatten(x)
    return bool(leaves) and all(leaf is None or _is_arraylike(leaf) or _is_number(leaf) for leaf in leaves)


def _is_number(x: object) -> bool:
    return isinstance(x, (int, float, bool, str, bytes, np.generic))


def _is_arraylike(x: object) -> bool:
    if isinstance(x, (np.ndarray, Variable)) or is_jax_array(x) or is_frame(x):
        return True
    if callable(getattr(type(x), "__array__", None)):
        return True
    return hasattr(x, "shape") and hasattr(x, "__getitem__") and hasattr(x, "dtype")


def _arrays(structure: Data, name: str, text: bool = False, names: Sequence[str] = (), whole: bool = True) -> Tree:
    """Converts the leaves of a structure to arrays: tables become their values, lists of numbers one array.

    Args:
        structure: The structure.
        name: Name of the argument, for errors.
        text: Whether it may hold text.
        names: Names of the inputs or outputs that the argument is for, where there are several.
        whole: Whether large sparse matrices are made dense; if not, they become `SparseRows`.
    """
    if structure is None:
        return None
    structure = _lists_as_arrays(structure, name, names)
    if text:
        return tree.map_structure(lambda x: x if is_text(x) and np.ndim(x) else _array(x, name, whole), structure)
    return tree.map_structure(lambda leaf: _array(leaf, name, whole), structure)


def _lists_as_arrays(structure: Data, name: str, names: Sequence[str] = ()) -> Any:
    """Returns a structure with arrays in place of lists of strings and numbers, and the values of tables."""
    if is_frame(structure):
        return frame_values(structure, names)
    if isinstance(structure, dict):
        return {k: _lists_as_arrays(v, name) for k, v in structure.items()}
    if not isinstance(structure, (list, tuple)):
        return structure
    several = len(names) == len(structure) > 1 and not any(map(_is_number, structure))
    if several or not is_one_array(structure):
        found = [_lists_as_arrays(v, name) for v in structure]
        return type(structure)(*found) if hasattr(structure, "_fields") else type(structure)(found)
    try:
        return host_array(structure)
    except ValueError as error:
        raise ValueError(
            f"`{name}` is a Python {type(structure).__name__} whose rows have different shapes. Every row must be "
            f"numbers of the same shape: pad them to one length. Received: {_short(structure)}"
        ) from error


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 80 else text[:77] + "..."


def _array(leaf: Data, name: str, whole: bool) -> Any:
    if leaf is None:
        return None
    if is_sparse(leaf) or hasattr(leaf, "toarray"):  # of JAX or of SciPy
        leaf = sparse_rows(leaf, whole)
    if isinstance(leaf, SparseRows):
        return leaf[:] if whole else leaf
    if isinstance(leaf, np.ma.MaskedArray):
        leaf = _unmasked(leaf, name)
    if isinstance(leaf, Variable):
        leaf = leaf.value
    elif hasattr(leaf, "detach"):  # torch
        leaf = leaf.detach().cpu().numpy()
    elif callable(getattr(leaf, "numpy", None)):  # a tensor of another library
        leaf = leaf.numpy()
    array = to_host(leaf)
    if not is_jax_array(array) and array.dtype == object:
        try:
            array = to_host(array.astype("float64"))
        except (TypeError, ValueError):
            raise ValueError(
                f"`{name}` has dtype object: {_why_object(array)}. Every row must be numbers of the same shape."
            ) from None
    if array.ndim == 0:
        kind = "text" if array.dtype.kind in "US" else "single number"
        raise ValueError(f"`{name}` is a {kind}, {_short(leaf)}; expected an array whose first axis counts the rows.")
    return array


def _unmasked(array: np.ma.MaskedArray, name: str) -> np.ndarray:
    hidden = int(np.ma.count_masked(array))
    if hidden:
        raise ValueError(
            f"`{name}` is a masked array: {hidden} of its {array.size} values are masked, and would be used as if they "
            f"were not. Fill them, `{name}.filled(0)`; to leave rows out give them a `sample_weight` of 0, to leave "
            "steps out use a `Masking` layer."
        )
    return np.asarray(array)


def _why_object(array: np.ndarray) -> str:
    kinds = sorted({type(v).__name__ for v in array.ravel()[:1000]})
    shapes = sorted(
        {str(np.shape(v)) for v in array.ravel()[:1000] if hasattr(v, "__len__") and not isinstance(v, str)}
    )
    if len(shapes) > 1:
        return f"its rows have different shapes ({', '.join(shapes[:3])}, ...)"
    return f"it holds values of type {', '.join(kinds)}"


def check_rows(x: Tree, y: Tree = None, sample_weight: Tree = None) -> None:
    """Raises ValueError unless all arrays have the same number of rows, at least one."""
    sizes = {
        name: [int(a.shape[0]) for a in tree.flatten(part) if a is not None]
        for name, part in (("x", x), ("y", y), ("sample_weight", sample_weight))
    }
    distinct = {n for counts in sizes.values() for n in counts}
    if len(distinct) > 1:
        rows = next(iter(sizes["y"]), None)
        if rows == len(sizes["x"]) > 1 and len(set(sizes["x"])) == 1:
            raise ValueError(
                f"`x` is a list of {rows} arrays, which stands for a model with {rows} inputs, but `y` has as many "
                "rows: `x` should probably be one array of all rows. Pass `np.stack(x)`."
            )
        lines = "".join(f"'{name}' sizes: {', '.join(map(str, counts))}\n" for name, counts in sizes.items() if counts)
        raise ValueError(
            f"Data cardinality is ambiguous. Make sure all arrays contain the same number of samples.{lines}"
        )
    if distinct == {0}:
        raise ValueError("The data are empty: the arrays have 0 rows. Pass at least one.")
    if not distinct:
        raise ValueError("`x` holds no arrays: there are no data. Pass arrays or an iterable of batches.")


def split(arrays: tuple, validation_split: float) -> tuple[tuple, tuple]:
    """Splits `(x, y, sample_weight)` into the first rows, for training, and the last rows, for validation.

    Args:
        arrays: The three, as structures of arrays.
        validation_split: Fraction of the rows for validation, in (0, 1).

    Returns:
        Both parts, of the form of `arrays`.

    Raises:
        ValueError: `x` isn't made of arrays, or a part would have no rows.
    """
    leaves = [a for a in tree.flatten(arrays) if a is not None]
    if not is_array_data(arrays[0]):
        raise ValueError(
            "Argument `validation_split` is only supported for arrays. Received data of type "
            f"{type(arrays[0]).__name__}: pass `validation_data` instead."
        )
    rows = int(leaves[0].shape[0])
    at = int(np.floor(rows * (1.0 - validation_split)))
    if at == 0 or at == rows:
        raise ValueError(
            f"Training data contains {rows} samples, which is not sufficient to split it into a validation and "
            f"training set as specified by `validation_split={validation_split}`. Either provide more data, or a "
            "different value for the `validation_split` argument."
        )

    def part(a: slice) -> tuple:
        def rows(v: Any) -> Any:
            return v.part(a) if isinstance(v, SparseRows) else v[a]

        return tree.map_structure(lambda v: None if v is None else rows(v), arrays)

    return part(slice(0, at)), part(slice(at, None))


def standardize_arrays(
    x: Data, y: Data, sample_weight: Data, text: bool = False, names: DataNames = UNNAMED, whole: bool = True
) -> tuple:
    """Converts `x`, `y` and `sample_weight` to structures of arrays with the same number of rows.

    Args:
        x, y, sample_weight: The three.
        text: Whether `x` may hold text.
        names: Names of the model's inputs and outputs.
        whole: Whether large sparse matrices are made dense; if not, they become `SparseRows`.
    """
    found = (
        _arrays(x, "x", text, names.inputs, whole),
        _arrays(y, "y", names=names.outputs, whole=whole),
        _arrays(sample_weight, "sample_weight", names=names.outputs, whole=whole),
    )
    check_rows(*found)
    return found


__all__ = ["Iterator", "adapt", "check_rows", "is_array_data", "split", "standardize_arrays"]
