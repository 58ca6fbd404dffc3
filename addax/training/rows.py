"""Arrays as plans use them: which rows make which batch, and their copies on the device."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import tree
from ..core.buffers import empty, longer, own_copy
from ..core.engine import is_jax_array
from ..core.placement import platform, put_data
from ..core.types import Array, Tree
from ..data.batches import Batch, count_rows, packed
from .dispatches import UNDER_WAY
from .stacks import gathered, rows_like

_SMALL, _MEDIUM = 64 << 10, 8 << 20  # bytes of data


def capacity(rows: int, row_bytes: int) -> int:
    """Returns for how many rows there is memory on the device where `rows` are needed: the same for many numbers.

    A program is compiled for the memory, and runs data of any size in it. Small data have one size of memory, those of
    a few megabytes two for each power of two, larger ones eight, so that at most an eighth of their memory is unused.
    Most of the former stay below the power: steps on 512 KiB take a tenth longer than on a little less.

    Args:
        rows: Number of rows.
        row_bytes: Bytes of a row.

    >>> [capacity(rows, 64) for rows in (20, 1000, 1025, 1_000_000)]
    [1024, 1024, 1920, 1048576]
    """
    least = 1 << max(_SMALL // max(row_bytes, 1), 1).bit_length() - 1
    power = 1 << max(rows - 1, 0).bit_length()
    if power * row_bytes <= _MEDIUM:
        below = power - power // 16
        return max(below if rows <= below else power, least)
    part = max(power // 16, 1)
    return -(-rows // part) * part


class HostArrays:
    """The arrays that the user passed, and their copies on the device.

    Args:
        arrays: `(x, y, sample_weight)`.
    """

    def __init__(self, arrays: Batch):
        self.arrays = arrays
        self._whole: Tree = None
        self._parts: list[Tree] = []  # memory of parts, used in turn

    @functools.cached_property
    def capacity(self) -> int:
        """Number of rows that there is memory for; those after the last are never read."""
        leaves = [a for a in tree.flatten(self.arrays) if a is not None]
        rows = count_rows(leaves)
        if any(is_jax_array(a) for a in leaves) and platform() != "cpu":
            return rows  # they are on the device already, where each number of rows would need a program that copies
        return capacity(rows, sum(a.nbytes // max(rows, 1) for a in leaves))

    def whole(self) -> Tree:
        """Returns all rows, on the device, as the steps take them, in memory for `capacity` rows."""
        if self._whole is None:
            self._whole = put_data(tree.map_structure(self._in_memory, packed(self.arrays)))
        return self._whole

    def part(self, rows: np.ndarray, count: int) -> Tree:
        """Copies the first `count` of these rows into the memory of a dispatch that has finished."""
        memory = self._parts.pop(0) if len(self._parts) > UNDER_WAY else rows_like(self.arrays, len(rows))
        self._parts.append(memory)
        return packed(gathered(self.arrays, rows, count, memory))

    def _in_memory(self, a: Array | None) -> Array | np.ndarray | None:
        """Returns a copy of an array, in memory for `capacity` rows."""
        return own_copy(a) if a is None or len(a) == self.capacity else longer(a, self.capacity)


@dataclass
class Rows:
    """The rows of one epoch, cut into batches.

    Attributes:
        order: Row numbers, int32.
        shuffled: Whether they are in another order than the data.
        size: Rows a batch.
        filled: Whether a last batch with fewer rows is padded, so that it runs in the same program as the others.
    """

    order: np.ndarray
    shuffled: bool
    size: int
    filled: bool

    @property
    def full(self) -> int:
        """Number of full batches."""
        return len(self.order) // self.size

    @property
    def steps(self) -> int:
        """Number of batches of `size` rows, a padded one included."""
        return self.full + self.filled

    @property
    def total(self) -> int | None:
        """Number of real rows, where not all are."""
        return len(self.order) if self.filled else None

    @property
    def rest(self) -> np.ndarray:
        """The rows of a last batch with a program of its own."""
        return self.order[:0] if self.filled else self.order[self.full * self.size :]

    def of(self, step: int) -> np.ndarray:
        """Returns the real rows of a batch."""
        return self.order[step * self.size : (step + 1) * self.size]

    def padded(self, batches: int, rows: int = 0) -> np.ndarray:
        """Returns the order, then up to `rows` rows and for `batches` batches row 0, which is never real."""
        real = len(self.order)
        out = empty((max(rows, real) + batches * self.size,), "int32")
        out[:real], out[real:] = self.order, 0
        return out


class StepRows(Sequence):
    """The rows of each step of a dispatch, for observers, cut when they are read.

    Args:
        rows: Those of the epoch.
        first: The first step.
        count: Number of steps.
    """

    def __init__(self, rows: Rows, first: int, count: int):
        self.rows = rows
        self.steps = range(first, first + count)

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, index: Any) -> Any:
        return self.rows.of(self.steps[index])
