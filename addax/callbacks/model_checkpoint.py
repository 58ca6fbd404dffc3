"""ModelCheckpoint."""

from __future__ import annotations

import os
from typing import Any

from ..core.warnings import warn
from .callback import Logs
from .monitor import MonitorCallback
from .output import print_msg
from .save_points import SavePoints


class ModelCheckpoint(MonitorCallback):
    """Saves the model, or its weights, to a file after each epoch or after a number of batches.

    Args:
        filepath: Path of the file: `.keras` (or `.h5`) for whole models, `.weights.h5` for weights. `{epoch}` (counted
            from 1), `{batch}` and the names in the logs stand for their values: `"{epoch:02d}-{val_loss:.2f}.keras"`.
        monitor: Name of the logged quantity by which the best model is chosen.
        verbose: 1 to print a message.
        save_best_only: Whether to save only when the quantity improves. Epochs whose logs don't have it (see
            `validation_freq`) are skipped, with a warning.
        save_weights_only: Whether to save the weights (and the optimizer's state) instead of the whole model.
        mode: "min", "max", or "auto": the direction that the metric of that name declares.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: Value that the first save must beat, with `save_best_only`.

    Raises:
        ValueError: The path has another ending, or `save_freq` is of another kind.

    >>> keras.callbacks.ModelCheckpoint("best.txt")
    Traceback (most recent call last):
    ValueError: The filepath provided must end in `.keras` (Keras model format). Received: filepath=best.txt
    """

    missing_text = "Can save best model only with {name} available. The logs have: {available}"

    def __init__(
        self,
        filepath: str | os.PathLike,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ):
        super().__init__(monitor, mode, best=initial_value_threshold)
        filepath = os.fspath(filepath)
        self._configure(verbose, save_best_only, save_weights_only, save_freq)
        if save_weights_only and not filepath.endswith(".weights.h5"):
            raise ValueError(
                "When using `save_weights_only=True` in `ModelCheckpoint`, the filepath provided must end in "
                f"`.weights.h5` (Keras weights format). Received: filepath={filepath}"
            )
        if not save_weights_only and not filepath.endswith((".keras", ".h5")):
            raise ValueError(
                f"The filepath provided must end in `.keras` (Keras model format). Received: filepath={filepath}"
            )
        self.filepath = filepath

    def _configure(self, verbose: int, save_best_only: bool, save_weights_only: bool, save_freq: str | int) -> None:
        """Sets when is saved, and what."""
        if save_freq != "epoch" and not isinstance(save_freq, int):
            raise ValueError(f"Unrecognized save_freq: {save_freq}. Expected save_freq are 'epoch' or integer values")
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self._points = SavePoints(save_freq)
        self._epoch = 0

    @property
    def monitored(self) -> str | None:
        return self.monitor if self.save_best_only else None

    def needs_batches(self, phase: str) -> bool:
        overridden = type(self)._should_save_on_batch is not ModelCheckpoint._should_save_on_batch
        return phase == "train" and (self._points.by_batch or overridden)

    def state(self) -> dict[str, Any]:
        return {"best": self.best, "epoch": self._epoch, "points": self._points.state()}

    def restore(self, state: dict[str, Any]) -> None:
        self.best, self._epoch = state["best"], state["epoch"]
        self._points.restore(state["points"])

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if self._should_save_on_batch(batch):
            self._save_model(self._epoch, batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.save_freq == "epoch":
            self._save_model(epoch, None, logs)

    # Methods that libraries override or call, named as in Keras

    def _should_save_on_batch(self, batch: int) -> bool:
        """Counts the batches up to number `batch` of the epoch; returns whether to save after it."""
        return self._points.reached(batch)

    def _save_model(self, epoch: int, batch: int | None, logs: Logs) -> None:
        """Saves after a batch, or after an epoch where `batch` is None, if it is wanted."""
        path = self._get_file_path(epoch, batch, logs)
        if not self._is_wanted(epoch, path, logs):
            return
        if folder := os.path.dirname(path):
            os.makedirs(folder, exist_ok=True)
        try:
            if self.save_weights_only:
                self.model.save_weights(path, overwrite=True)
            else:
                self.model.save(path, overwrite=True)
        except OSError as error:
            if os.path.isdir(path):
                raise OSError(
                    "Please specify a non-directory filepath for ModelCheckpoint. Filepath used is an existing "
                    f"directory: {path}"
                ) from error
            raise
        self._say(epoch, f"finished saving model to {path}")

    def _is_wanted(self, epoch: int, path: str, logs: Logs) -> bool:
        if not self.save_best_only:
            self._say(epoch, f"saving model to {path}")
            return True
        current = self.get_monitor_value(logs)
        if current is None:  # e.g. an epoch without validation
            return False
        if getattr(current, "ndim", 0) > 0:
            warn(f"Can save best model only when `monitor` is a scalar. Received: {current} for '{self.monitor}'.")
            return True
        before = "None" if self.best is None else f"{self.best:.5f}"
        if not self.is_improvement(current, self.best):
            self._say(epoch, f"{self.monitor} did not improve from {before}")
            return False
        self._say(epoch, f"{self.monitor} improved from {before} to {current:.5f}, saving model to {path}")
        self.best = current
        return True

    def _say(self, epoch: int, what: str) -> None:
        if self.verbose > 0:
            print_msg(f"\nEpoch {epoch + 1}: {what}")

    def _get_file_path(self, epoch: int, batch: int | None, logs: Logs) -> str:
        """Returns the path of the file, with epoch (from 1), batch and logs put in."""
        values = dict(logs or {})
        values["epoch"] = epoch + 1
        if batch is not None:
            values["batch"] = batch + 1
        try:
            return self.filepath.format(**values)
        except KeyError as error:
            raise KeyError(
                f'Failed to format this callback filepath: "{self.filepath}". Reason: {error}. The names that exist '
                f"are {sorted(values)}."
            ) from error
