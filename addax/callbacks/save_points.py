"""The batches after which callbacks save."""

from __future__ import annotations


class SavePoints:
    """Counts batches between saves.

    Args:
        save_freq: "epoch", or a number of batches; False for no saves.
    """

    def __init__(self, save_freq: str | int):
        self.save_freq = save_freq
        self._counted = 0
        self._last_batch: int | None = None

    @property
    def by_batch(self) -> bool:
        """Whether to save after batches, not after epochs."""
        return self.save_freq != "epoch" and self.save_freq is not False

    def state(self) -> list[int | None]:
        """Returns what `restore` needs to go on counting."""
        return [self._counted, self._last_batch]

    def restore(self, state: list) -> None:
        """Goes on counting from what `state` returned."""
        self._counted, self._last_batch = state

    def reached(self, batch: int) -> bool:
        """Counts the batches up to number `batch` of the epoch, skipped ones too; returns whether to save now."""
        if not self.by_batch or isinstance(self.save_freq, str):
            return False
        new_epoch = self._last_batch is None or batch <= self._last_batch
        self._counted += batch + 1 if new_epoch else batch - self._last_batch  # type: ignore[operator]
        self._last_batch = batch
        if self._counted < self.save_freq:
            return False
        self._counted = 0
        return True
