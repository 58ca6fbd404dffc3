"""Batches side by side, for one dispatch of many steps: parts of large arrays, or what an iterable hands out."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import tree
from ..core.buffers import empty
from ..data.batches import count_rows

_BYTES = 32 << 20  # of a stack
_MOST = 64  # batches in a stack


class Stack:
    """Copies of some batches of one kind, on the host. Each dispatch has a stack of its own.

    Args:
        like: The first batch: a structure of NumPy arrays, equally long, and Nones.
        capacity: Number of batches that fit.

    Attributes:
        arrays: All batches one after the other, in the structure of one.
        batches: The batches so far, parts of `arrays`.
    """

    def __init__(self, like: Any, capacity: int):
        self.capacity = capacity
        self.size = count_rows(like)
        self.arrays = rows_like(like, capacity * self.size)
        self.batches: list = []
        self._like = like
        self._kind = _kind(like)

    @property
    def is_full(self) -> bool:
        """Whether it is full."""
        return len(self.batches) == self.capacity

    def takes(self, batch: Any) -> bool:
        """Returns whether `batch` is of the right kind."""
        return _kind(batch) == self._kind

    def another(self) -> Stack:
        """An empty stack for batches of the same kind."""
        return Stack(self._like, self.capacity)

    def add(self, batch: Any) -> None:
        """Copies a batch to the end."""
        start = len(self.batches) * self.size
        mine = tree.map_structure(lambda a: None if a is None else a[start : start + self.size], self.arrays)
        for to, a in zip(tree.flatten(mine), tree.flatten(batch)):
            if a is not None:
                np.copyto(to, a)
        self.batches.append(mine)


def capacity_for(batch: Any) -> int:
    """Returns how many batches like `batch` to stack; below 2 if they can't be stacked."""
    arrays = [a for a in tree.flatten(batch) if a is not None]
    if not all(isinstance(a, np.ndarray) and a.ndim and len(a) == len(arrays[0]) for a in arrays):
        return 0
    return min(_MOST, _BYTES // max(sum(a.nbytes for a in arrays), 1))


def rows_like(arrays: Any, count: int) -> Any:
    """Undefined arrays for `count` rows of those on the host; None for the others."""
    return tree.map_structure(
        lambda a: empty((count, *a.shape[1:]), a.dtype) if isinstance(a, np.ndarray) else None, arrays
    )


def gathered(arrays: Any, rows: np.ndarray, count: int, place: Any) -> Any:
    """Rows of arrays, in arrays of their own.

    Args:
        arrays: Arrays with equally long first axes, in any structure, and Nones.
        rows: Which rows, int32.
        count: How many of them are wanted; the others are undefined.
        place: Where they go, from `rows_like`, for as many rows as there are.

    >>> arrays = np.array([3.0, 4, 5]), None
    >>> gathered(arrays, np.array([2, 0, 0]), 2, rows_like(arrays, 3))[0][:2]
    array([5., 3.])
    """

    def take(a: Any, to: Any) -> Any:
        if to is None:
            return None if a is None else a[rows]
        np.take(a, rows[:count], axis=0, out=to[:count], mode="clip")  # NumPy buffers `out` in any other mode
        return to

    return tree.map_structure(take, arrays, place)


def _kind(batch: Any) -> list:
    return [None if a is None else (type(a), a.shape, a.dtype) for a in tree.flatten(batch)]
