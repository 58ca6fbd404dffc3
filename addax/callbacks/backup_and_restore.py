"""BackupAndRestore."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from .callback import Callback, Logs
from .save_points import SavePoints

_WEIGHTS, _METADATA, _SPARE = "latest.weights.h5", "training_metadata.json", ".bkp"


class BackupAndRestore(Callback):
    """Saves the state of a training, so that an interrupted `fit` continues when it is called again.

    The weights, the optimizer's state and the epoch are written to a folder, and read from it when `fit` begins. The
    model must be built, and compiled with the same arguments. A save inside an epoch resumes at that epoch's start.

    Args:
        backup_dir: Path of the folder, for this callback of this training alone.
        save_freq: "epoch", or a number of batches; False never saves.
        double_checkpoint: Whether to keep the second to last save too, in case the last can't be read.
        delete_checkpoint: Whether to delete the folder when training ends.

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
        self._points = SavePoints(save_freq)
        self._epoch = 0

    def needs_batches(self, phase: str) -> bool:
        return phase == "train" and self._points.by_batch

    def on_train_begin(self, logs: Logs = None) -> None:
        if not self.model.built:
            raise ValueError(
                "To use the BackupAndRestore callback, your model must be built before you call `fit()`. Model "
                f"{self.model} is unbuilt. You can build it beforehand by calling it on a batch of data."
            )
        self._load()

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch + 1, 0)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if self._points.reached(batch):
            self._save(self._epoch, batch)

    def on_train_end(self, logs: Logs = None) -> None:
        if self.delete_checkpoint:
            shutil.rmtree(self.backup_dir, ignore_errors=True)

    def _save(self, epoch: int, batch: int) -> None:
        folder = Path(self.backup_dir)
        folder.mkdir(parents=True, exist_ok=True)
        # Both files are complete before either replaces the one before.
        new_weights, new_metadata = folder / f"new-{_WEIGHTS}", folder / f"new-{_METADATA}"
        self.model.save_weights(str(new_weights), overwrite=True)
        new_metadata.write_text(json.dumps({"epoch": epoch, "batch": batch}))
        for new, name in ((new_weights, _WEIGHTS), (new_metadata, _METADATA)):
            if self.double_checkpoint and (folder / name).exists():
                os.replace(folder / name, folder / f"{name}{_SPARE}")
            os.replace(new, folder / name)

    def _load(self) -> None:
        folder = Path(self.backup_dir)
        for suffix in ("", _SPARE) if self.double_checkpoint else ("",):
            weights, metadata = folder / f"{_WEIGHTS}{suffix}", folder / f"{_METADATA}{suffix}"
            if not (weights.exists() and metadata.exists()):
                continue
            try:
                position = json.loads(metadata.read_text())
                if suffix:  # the ending of the name tells the format
                    spare = folder / f"spare-{_WEIGHTS}"
                    shutil.copyfile(weights, spare)
                    weights = spare
                self.model.load_weights(str(weights))
            except (OSError, ValueError, KeyError):
                if suffix or not self.double_checkpoint:
                    raise
                continue
            self._epoch = self.model._training.epoch = position["epoch"]
            return
