"""Batches whose inputs are prepared by layers on the host before a program takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from ..core.types import Tree
from .batches import ArrayBatches, Batch, Batches

_WHOLE = 256 << 20  # bytes of results up to which arrays are prepared once, not batch by batch


class Preparation(Protocol):
    """A pure function of the inputs of a batch."""

    def __call__(self, x: Tree) -> Any:
        """Returns the inputs that a program takes."""

    @property
    def row_bytes(self) -> int | None:
        """Bytes per row of the results; None if the size of a row depends on its batch."""


class PreparedBatches(Batches):
    """Batches of another source, prepared as they are read, while the device computes earlier steps.

    Args:
        source: The batches.
        prepare: Prepares their inputs.
    """

    def __init__(self, source: Batches, prepare: Callable[[Tree], Any]):
        self.source = source
        self.prepare = prepare
        self.steps = source.steps
        self.one_pass = source.one_pass
        self._weighter: Callable[[Any, Any], Any] | None = None

    def peek(self) -> Batch:
        batch = self._prepared(self.source.peek())
        self.batch_size = self.source.batch_size
        return batch

    def epoch(self, start: int = 0) -> Iterator[Batch]:
        self.passes += start == 0
        return map(self._prepared, self.source.epoch(start))

    def _prepared(self, batch: Batch) -> Batch:
        x, y, sample_weight = batch
        return self.prepare(x), y, sample_weight if self._weighter is None else self._weighter(y, sample_weight)

    def state(self) -> dict[str, Any]:
        return self.source.state()

    def restore(self, state: dict[str, Any], taken: int = 0) -> None:
        self.source.restore(state, taken)
        self.passes = self.source.passes

    def apply_weights(self, weighter: Callable[[Any, Any], Any]) -> None:
        self._weighter = weighter

    def on_epoch_begin(self) -> None:
        self.source.on_epoch_begin()

    def on_epoch_end(self) -> None:
        self.source.on_epoch_end()


def prepared_arrays(source: ArrayBatches, prepare: Preparation) -> Batches:
    """Returns batches of arrays with prepared inputs; all are prepared now if that takes little memory.

    Args:
        source: The batches.
        prepare: Prepares their inputs.
    """
    prepare(source.peek()[0])  # errors are about the first batch; the size of rows is known after it
    size = prepare.row_bytes
    if size is None or size * source.rows > _WHOLE:
        return PreparedBatches(source, prepare)
    x, y, sample_weight = source.arrays
    return ArrayBatches(prepare(x), y, sample_weight, source.batch_size, source.shuffle)
