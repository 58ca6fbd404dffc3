"""Arrays as plans use them: which rows make which batch, and their copies on the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.buffers import own_copy
from ..core.placement import put_data
from ..core.types import Tree
from ..data.batches import Batch, packed
from .dispatches import UNDER_WAY
from .stacks import gathered, rows_like


class HostArrays:
    """The arrays that the user passed, and their copies on the device.

    Args:
        arrays: `(x, y, sample_weight)`.
    """

    def __init__(self, arrays: Batch):
        self.arrays = arrays
        self._whole: Tree = None
        self._parts: list[Tree] = []  # memory of parts, used in turn

    def whole(self) -> Tree:
        """Returns all rows, on the device, as the steps take them."""
        if self._whole is None:
            self._whole = put_data(own_copy(packed(self.arrays)))
        return self._whole

    def part(self, rows: np.ndarray, count: int) -> Tree:
        """Copies the first `count` of these rows into the memory of a dispatch that has finished."""
        memory = self._parts.pop(0) if len(self._parts) > UNDER_WAY else rows_like(self.arrays, len(rows))
        self._parts.append(memory)
        return packed(gathered(self.arrays, rows, count, memory))


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

    def padded(self, batches: int) -> np.ndarray:
        """Returns the order followed by `batches` batches of row 0, which are never real."""
        return np.concatenate([self.order, np.zeros(batches * self.size, "int32")])


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
