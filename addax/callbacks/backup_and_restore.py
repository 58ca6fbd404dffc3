"""BackupAndRestore."""

from __future__ import annotations

import os

from ..checkpoints import Checkpoints
from .callback import Callback, Logs


class BackupAndRestore(Callback):
    """Saves the state of a training, so that an interrupted `fit` continues when it is called again.

    It is the `resume` of `fit` as a callback: the training ends as if it had never been interrupted, bit for bit, also
    where it was cut off inside an epoch. The model must be built, and compiled with the same arguments.

    Args:
        backup_dir: Path of the folder, for this callback of this training alone.
        save_freq: "epoch", or a number of batches; False saves only at the start and after SIGTERM.
        double_checkpoint: Whether to keep the second to last save too, in case the last can't be read.
        delete_checkpoint: Whether to delete the saves when training ends.

    Raises:
        ValueError: `backup_dir` is empty, or `save_freq` is of another kind.

    >>> keras.callbacks.BackupAndRestore("")
    Traceback (most recent call last):
    ValueError: Empty `backup_dir` argument passed
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike,
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ):
        super().__init__()
        if not backup_dir:
            raise ValueError("Empty `backup_dir` argument passed")
        if save_freq != "epoch" and not isinstance(save_freq, int):
            raise ValueError(
                f"Invalid value for argument `save_freq`. Received: save_freq={save_freq}. Expected either 'epoch' or "
                "an integer value."
            )
        self.backup_dir = backup_dir
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint

    @property
    def _by_batch(self) -> bool:
        return self.save_freq != "epoch" and self.save_freq is not False

    def needs_batches(self, phase: str) -> bool:
        return phase == "train" and self._by_batch

    def on_train_begin(self, logs: Logs = None) -> None:
        if not self.model.built:
            raise ValueError(
                "To use the BackupAndRestore callback, your model must be built before you call `fit()`. Model "
                f"{self.model} is unbuilt. You can build it beforehand by calling it on a batch of data."
            )

    def checkpoints(self) -> Checkpoints:
        """Returns the checkpoints that `fit` writes for this callback."""
        return Checkpoints(
            self.backup_dir,
            every_seconds=None,
            every_steps=int(self.save_freq) if self._by_batch else None,
            every_epoch=self.save_freq == "epoch",
            keep=2 if self.double_checkpoint else 1,
            delete_at_end=self.delete_checkpoint,
        )
