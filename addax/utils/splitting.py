"""Splitting of data in two."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from ..core import tree
from ..core.types import Data
from ..data.dataset import Dataset
from ..data.py_dataset import PyDataset


def split_dataset(
    dataset: Data,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Dataset, Dataset]:
    """Splits data in two: the first elements, and the last ones.

    Args:
        dataset: Array, list or tuple of arrays, `Dataset`, or an indexed or iterable dataset of TensorFlow or torch.
        left_size: Fraction or number of the elements of the first part; what the second leaves when None.
        right_size: Fraction or number of the elements of the second part; what the first leaves when None.
        shuffle: Whether to shuffle the elements first.
        seed: Seed of their order.
        preferred_backend: Not used: the parts are addax's own `Dataset`s.

    Returns:
        Two `Dataset`s of single elements; of batches, where `dataset` is one of batches.

    Raises:
        ValueError: A size is out of range, or a part would be empty.
        TypeError: `dataset` is something else.

    >>> left, right = keras.utils.split_dataset(np.arange(5), left_size=0.6)
    >>> [int(x) for x in left], [int(x) for x in right]
    ([0, 1, 2], [3, 4])
    """
    elements, batch_size = _elements(dataset)
    left, right = _sizes(left_size, right_size, len(elements))
    if shuffle:
        random.Random(seed if seed is not None else np.random.randint(1_000_000)).shuffle(elements)
    parts = (_made_of(elements[:left]), _made_of(elements[len(elements) - right :]))
    if batch_size is None:
        return parts
    return parts[0].batch(batch_size), parts[1].batch(batch_size)


def _made_of(elements: list) -> Dataset:
    return Dataset.indexed(len(elements), elements.__getitem__)


def _elements(dataset: Data) -> tuple[list, int | None]:
    """Returns single elements, and the size of the batches that they came in."""
    if isinstance(dataset, np.ndarray):
        return list(dataset), None
    if isinstance(dataset, (list, tuple)):
        _check_arrays(dataset)
        return list(zip(*dataset)), None
    if isinstance(dataset, Dataset):
        single = dataset if dataset.batch_size is None else dataset.unbatch()
        return list(single.as_numpy_iterator()), dataset.batch_size
    if hasattr(dataset, "element_spec") and hasattr(dataset, "as_numpy_iterator"):  # of tf.data
        batches = list(dataset.as_numpy_iterator())
        batched = all(shape[:1] == [None] for shape in _shapes(dataset.element_spec))
        if not batched:
            return batches, None
        rows = [tree.map_structure(lambda a, i=i: a[i], b) for b in batches for i in range(len(tree.flatten(b)[0]))]
        return rows, len(tree.flatten(batches[0])[0]) if batches else None
    indexed = hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")
    if indexed and not isinstance(dataset, (dict, str, PyDataset)):
        # Of torch: tensors become arrays.
        return [tree.map_structure(np.asarray, dataset[i]) for i in range(len(dataset))], None
    raise TypeError(
        "`dataset` must be an array, a list or tuple of arrays, or a dataset of addax, TensorFlow or torch. "
        f"Unsupported dataset type: {type(dataset)}"
    )


def _shapes(spec: Any) -> list[list[int | None]]:
    return [list(s.shape) for s in tree.flatten(spec)]


def _check_arrays(arrays: list | tuple) -> None:
    kind = type(arrays).__name__
    for i, array in enumerate(arrays):
        if not isinstance(array, np.ndarray):
            raise ValueError(f"Expected a {kind} of `numpy.ndarray` objects, Received: {type(array)} at index {i}.")
        if len(array) != len(arrays[0]):
            raise ValueError(
                f"Received a {kind} of NumPy arrays with different lengths. Mismatch found at index {i}, Expected "
                f"shape={arrays[0].shape} Received shape={array.shape}. Please provide a {kind} of NumPy arrays of the "
                "same length."
            )
    if not len(arrays):
        raise ValueError(f"Received an empty {kind} of arrays: there is nothing to split.")


def _sizes(left: float | None, right: float | None, total: int) -> tuple[int, int]:
    """Returns the numbers of elements of both parts."""
    if left is None and right is None:
        raise ValueError(
            "At least one of the `left_size` or `right_size` must be specified. Received: left_size=None and "
            "right_size=None"
        )
    for name, size in (("left_size", left), ("right_size", right)):
        if size is not None:
            _check_size(name, size, total)
    if isinstance(left, float) and isinstance(right, float) and left + right > 1:
        raise ValueError(
            "The sum of `left_size` and `right_size` is greater than 1. It must be less than or equal to 1."
        )
    last = 0 if right is None else _count(right, total)
    first = total - last if left is None else _count(left, total)
    last = total - first if right is None else last
    if first + last > total:
        raise ValueError(
            f"The sum of `left_size` and `right_size` should be smaller than the {total} elements of `dataset`. "
            f"Received: left_size={left} and right_size={right}"
        )
    for side, size in (("left", first), ("right", last)):
        if size == 0:
            raise ValueError(
                f"With `dataset` of length={total}, `left_size`={first} and `right_size`={last}. Resulting {side} side "
                "dataset split will be empty. Adjust any of the aforementioned parameters"
            )
    return first, last


def _count(size: float, total: int) -> int:
    return round(size * total) if isinstance(size, float) else int(size)


def _check_size(name: str, size: float, total: int) -> None:
    """Raises an error unless `size` is a fraction or number of elements of which some are left."""
    if isinstance(size, bool) or not isinstance(size, (int, float, np.integer, np.floating)):
        raise TypeError(f"Invalid `{name}` Type. Expected: int or float or None, Received: type({name})={type(size)}. ")
    if size <= 0 or size >= (1 if isinstance(size, float) else total):
        raise ValueError(
            f"`{name}` should be either a positive integer smaller than {total}, or a float within the range `[0, 1]`. "
            f"Received: {name}={size}"
        )
