"""CSVLogger."""

from __future__ import annotations

import csv
import os
from typing import Any

import numpy as np

from ..core.placement import own_path
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
        self.csv_file: Any = None
        self.writer: csv.DictWriter | None = None
        self._start = 0  # bytes of the file when the training began

    @property
    def _path(self) -> str:
        return own_path(self.filename)

    def on_train_begin(self, logs: Logs = None) -> None:
        self.append_header = not (self.append and os.path.exists(self._path) and os.path.getsize(self._path))
        self.keys = None
        # A training that is resumed writes what was there when it began, and the rows so far, again: none is lost or
        # comes twice, whatever was written between the checkpoint and the end of the run before.
        self._start = os.path.getsize(self._path) if self.append and os.path.exists(self._path) else 0
        self.csv_file = open(self._path, "a" if self.append else "w", newline="")  # noqa: SIM115

    def state(self) -> dict[str, Any]:
        with open(self._path, "rb") as file:
            file.seek(self._start)
            return {"start": self._start, "written": file.read(), "keys": self.keys, "header": self.append_header}

    def restore(self, state: dict[str, Any]) -> None:
        self._start, self.keys, self.append_header = state["start"], state["keys"], state["header"]
        if self.csv_file is None or self.csv_file.closed:  # the training has ended: the file is whole
            return
        with open(self._path, "rb+") as file:
            file.truncate(min(self._start, os.path.getsize(self._path)))
            file.seek(0, os.SEEK_END)
            file.write(state["written"])
        self.csv_file.close()
        self.csv_file = open(self._path, "a", newline="")  # noqa: SIM115
        if self.keys is not None:
            self.writer = self._make_writer()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        logs = logs or {}
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(k.startswith("val_") for k in self.keys):
                self.keys += [f"val_{k}" for k in self.keys]
            self.writer = self._make_writer()
            if self.append_header:
                self.writer.writeheader()
        assert self.writer is not None  # made with the columns
        self.writer.writerow({"epoch": epoch, **{k: _text(logs.get(k, "NA")) for k in self.keys}})
        self.csv_file.flush()

    def _make_writer(self) -> csv.DictWriter:
        names = ["epoch", *(self.keys or ())]
        return csv.DictWriter(self.csv_file, names, delimiter=self.sep, lineterminator="\n", extrasaction="ignore")

    def on_train_end(self, logs: Logs = None) -> None:
        self.csv_file.close()


def _text(value: Any) -> Any:
    if np.ndim(value) > 0:
        return f'"[{", ".join(map(str, np.asarray(value)))}]"'
    return value
