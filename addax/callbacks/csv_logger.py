"""CSVLogger."""

from __future__ import annotations

import csv
import os
from typing import Any

import numpy as np

from .callback import Callback, Logs


class CSVLogger(Callback):
    """Writes the logs of each epoch as a row of a CSV file.

    Args:
        filename: Path of the file.
        separator: Separator of the values in a row.
        append: Whether to append to an existing file instead of replacing it.

    The columns are those of the first epoch; columns of a validation that comes later are there from the start.

    >>> keras.callbacks.CSVLogger("training.log", separator=";").sep
    ';'
    """

    def __init__(self, filename: str | os.PathLike, separator: str = ",", append: bool = False):
        super().__init__()
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = append
        self.keys: list[str] | None = None
        self.append_header = True
        self._file: Any = None

    def on_train_begin(self, logs: Logs = None) -> None:
        self.append_header = not (self.append and os.path.exists(self.filename) and os.path.getsize(self.filename))
        self.keys = None
        self._file = open(self.filename, "a" if self.append else "w", newline="")  # noqa: SIM115

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        logs = logs or {}
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(k.startswith("val_") for k in self.keys):
                self.keys += [f"val_{k}" for k in self.keys]
            self._writer = csv.DictWriter(
                self._file, ["epoch", *self.keys], delimiter=self.sep, lineterminator="\n", extrasaction="ignore"
            )
            if self.append_header:
                self._writer.writeheader()
        self._writer.writerow({"epoch": epoch, **{k: _text(logs.get(k, "NA")) for k in self.keys}})
        self._file.flush()

    def on_train_end(self, logs: Logs = None) -> None:
        self._file.close()


def _text(value: Any) -> Any:
    if np.ndim(value) > 0:
        return f'"[{", ".join(map(str, np.asarray(value)))}]"'
    return value
