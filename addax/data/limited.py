"""Passes over a part of the data: the first batches of each pass, or the same few batches again and again."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.buffers import own_copy
from ..core.types import Tree
from .batches import ArrayBatches, Batch, Batches, IteratorBatches
from .prepared import PreparedBatches


class LimitedArrays(ArrayBatches):
    """Batches of arrays of which each pass takes the first, in its own order.

    Args:
        source: The batches.
        steps: Number of batches a pass, at most as many as there are.
    """

    def __init__(self, source: ArrayBatches, steps: int):
        super().__init__(*source.arrays, source.batch_size, source.shuffle)
        self.steps = steps
        self.rows = min(self.rows, steps * self.batch_size)
        self._whole = source

    def order(self, number: int) -> np.ndarray | None:
        if self.seed is not None:
            self._whole.seed = self.seed
        found = self._whole.order(number)
        self.seed = self._whole.seed
        return None if found is None else found[: self.rows]


class LimitedBatches(PreparedBatches):
    """The first batches of each pass over another source.

    Args:
        source: The batches.
        steps: Number of batches a pass, at most.
    """

    def __init__(self, source: Batches, steps: int):
        super().__init__(source, _Unchanged())
        self.steps = steps if source.steps is None else min(steps, source.steps)

    def epoch(self, start: int = 0) -> Iterator[Batch]:
        assert self.steps is not None
        return itertools.islice(super().epoch(start), self.steps - start)


class _Unchanged:
    row_bytes = None

    def __call__(self, x: Tree) -> Any:
        return x


def limited(source: Batches, limit: int | float, argument: str) -> Batches:
    """Returns batches of which each pass takes the first of `source`.

    Args:
        source: The batches.
        limit: Number of batches, or as a float the fraction of them, at least one.
        argument: Name of the argument that says so, for errors.

    Raises:
        ValueError: It is a fraction, and how many batches there are isn't known.
    """
    if isinstance(limit, float):
        if source.steps is None:
            raise ValueError(
                f"`{argument}={limit}` is a fraction of the batches, and how many the data have isn't known. Pass a "
                "number of batches."
            )
        limit = max(math.floor(limit * source.steps), 1)
    if source.steps is not None and limit >= source.steps:
        return source
    if isinstance(source, ArrayBatches):
        return LimitedArrays(source, limit)
    return LimitedBatches(source, limit)


def repeated(source: Batches, count: int) -> Batches:
    """Returns the first `count` batches of `source`, the same in each pass and in the same order."""
    if isinstance(source, ArrayBatches):
        in_order = ArrayBatches(*source.arrays, source.batch_size, shuffle=False)
        return limited(in_order, count, "overfit_batches")
    kept = [own_copy(batch) for batch in itertools.islice(source.epoch(), count)]
    return IteratorBatches(kept, lambda: iter(kept), lambda batch: batch, len(kept))
