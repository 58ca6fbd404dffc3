"""Points in training at which callbacks write files."""

from __future__ import annotations

from typing import Any


class SavePoints:
    """Counts batches, and says when as many as were asked for have gone by.

    Args:
        save_freq: "epoch", or a number of batches.
    """

    def __init__(self, save_freq: Any):
        self.save_freq = save_freq
        self._counted = 0
        self._last_batch: int | None = None

    @property
    def by_batch(self) -> bool:
        """Whether the points lie between batches, not epochs."""
        return self.save_freq != "epoch" and self.save_freq is not False

    def reached(self, batch: int) -> bool:
        """Whether to save now, after batch number `batch` of the epoch. Skipped numbers count too."""
        if not self.by_batch:
            return False
        new_epoch = self._last_batch is None or batch <= self._last_batch
        self._counted += batch + 1 if new_epoch else batch - self._last_batch  # type: ignore[operator]
        self._last_batch = batch
        if self._counted < self.save_freq:
            return False
        self._counted = 0
        return True
