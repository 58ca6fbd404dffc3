"""A folder of checkpoints, each of them either complete or absent.

```
run/checkpoint-00000007/index.json     what is saved, and where its arrays are; written last
                        small.bin      small arrays, one after the other
                        00012.npy      a large array
```

A checkpoint is written under a temporary name, and renamed once everything is on the disk. It is written over the files
of the one that is no longer kept: new files cost the system several times as much, for blocks and pages to hold them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import zlib
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

from ..core.disk import sync, sync_folder
from ..core.locks import held
from ..core.warnings import warn
from .arrays import SHARED, Damaged, read_arrays, write_arrays
from .encoding import dumps

_INDEX, _LOCK, _PARTIAL = "index.json", ".lock", ".partial-"
_SPARE = f"{_PARTIAL}spare"  # a checkpoint that is no longer kept, whose files the next one is written over
_FORMAT = 1
_NAME = re.compile(r"checkpoint-(\d{8,})")


class Saved(NamedTuple):
    """A checkpoint that was read and verified.

    Attributes:
        path: Its folder.
        content: The rest of the state, as JSON values.
        arrays: The arrays, in order.
        names: Their names.
    """

    path: Path
    content: dict[str, Any]
    arrays: list[Any]
    names: list[str]


class Folder:
    """The checkpoints of one training.

    Args:
        path: Path of the folder.
        keep: Number of checkpoints that are kept.
    """

    def __init__(self, path: str | os.PathLike, keep: int):
        self.path = Path(path)
        self.keep = keep
        self._lock: IO | None = None
        self._damaged: list[Path] = []

    def open(self) -> None:
        """Creates and locks the folder, and removes what an interrupted run left half written.

        Raises:
            RuntimeError: Another training uses the folder.
            NotADirectoryError: The path is that of a file.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise NotADirectoryError(
                f"Checkpoints need a folder, and '{self.path}' is a file: pass another path."
            ) from None
        try:
            self._lock = held(self.path / _LOCK)
        except BlockingIOError:
            raise RuntimeError(
                f"Another training uses the checkpoints in '{self.path}': wait until it has ended, or pass another "
                "folder. Each training needs a folder of its own."
            ) from None
        for left in self.path.glob(f"{_PARTIAL}*"):
            shutil.rmtree(left, ignore_errors=True)

    def close(self) -> None:
        """Unlocks the folder, and removes what was kept to be written over."""
        if self._lock is not None:
            shutil.rmtree(self.path / _SPARE, ignore_errors=True)
            self._lock.close()
            self._lock = None

    def names(self) -> list[Path]:
        """Returns the folders of the checkpoints, the last one first."""
        found = [(int(m[1]), path) for path in self.path.iterdir() if (m := _NAME.fullmatch(path.name))]
        return [path for _, path in sorted(found, reverse=True)]

    def write(self, content: dict[str, Any], arrays: list[tuple[str, Any]]) -> Path:
        """Writes a checkpoint; older ones than are kept are removed after it.

        Args:
            content: JSON values.
            arrays: Pairs of name and array.

        Returns:
            Its folder.

        Raises:
            OSError: It could not be written; the others are as they were.
        """
        path, partial = self.begin()
        try:
            self.finish(path, partial, content, write_arrays(partial, arrays))
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        return path

    def begin(self) -> tuple[Path, Path]:
        """Begins a checkpoint; returns its folder, and the one in which it is written."""
        before = self.names()
        number = int(_NAME.fullmatch(before[0].name)[1]) + 1 if before else 0  # type: ignore[index]
        path = self.path / f"checkpoint-{number:08d}"
        partial = self.path / f"{_PARTIAL}{path.name}"
        shutil.rmtree(partial, ignore_errors=True)  # of a write that failed
        spare = self.path / _SPARE
        if not spare.is_dir():
            partial.mkdir()
            return path, partial
        os.rename(spare, partial)
        for file in partial.iterdir():
            if file.name == _INDEX or file.stat().st_nlink > 1:  # somebody's copy, by a hard link, stays as it is
                file.unlink()
        return path, partial

    def finish(self, path: Path, partial: Path, content: dict[str, Any], entries: list[dict[str, Any]]) -> None:
        """Ends a checkpoint whose arrays are written, and removes older ones than are kept.

        Args:
            path, partial: What `begin` returned.
            content: JSON values.
            entries: What `write_arrays` returned.
        """
        before = self.names()
        files = {entry["file"] for entry in entries}
        for left in partial.iterdir():
            if left.name not in files and left.name != SHARED:
                left.unlink()  # of the checkpoint that was written over
        whole = {"content": content, "arrays": entries}
        text = dumps(whole)
        with open(partial / _INDEX, "w") as file:
            file.write(dumps({"addax_checkpoint": _FORMAT, "crc32": zlib.crc32(text.encode()), **whole}))
            sync(file)
        sync_folder(partial)
        os.rename(partial, path)
        sync_folder(self.path)
        whole_ones = [old for old in before if old not in self._damaged]
        outdated = whole_ones[self.keep - 1 :]
        if outdated and not (self.path / _SPARE).exists():
            os.rename(outdated.pop(), self.path / _SPARE)
        for old in (*outdated, *self._damaged):
            shutil.rmtree(old, ignore_errors=True)
        self._damaged.clear()

    def read(self) -> Saved | None:
        """Reads and verifies the last checkpoint; one that is damaged is skipped, with a warning.

        Returns:
            The checkpoint; None where there is none.

        Raises:
            ValueError: There are checkpoints, and all of them are damaged.
        """
        self._damaged.clear()
        reasons = []
        for path in self.names():
            try:
                found = _read(path)
            except Damaged as error:
                reasons.append(f"{path.name}: {error}")
                self._damaged.append(path)
                continue
            if reasons:
                warn(
                    f"A checkpoint in '{self.path}' is damaged, so training goes back to the one before, "
                    f"{path.name}. {'; '.join(reasons)}."
                )
            return found
        if reasons:
            raise ValueError(
                f"No checkpoint in '{self.path}' can be read. {'; '.join(reasons)}. Training can't go on from there: "
                "remove the folder, or pass another, to begin anew."
            )
        return None

    def peek(self) -> dict[str, Any] | None:
        """Returns the content of the last checkpoint whose index can be read, without its arrays; None without one."""
        for path in self.names() if self.path.is_dir() else []:
            with suppress(Damaged, OSError):
                return _read_index(path)["content"]
        return None

    def remove(self) -> None:
        """Removes all checkpoints, and the folder if nothing else is in it."""
        for path in (*self.names(), *self.path.glob(f"{_PARTIAL}*")):
            shutil.rmtree(path, ignore_errors=True)
        self.close()
        with suppress(OSError):
            (self.path / _LOCK).unlink(missing_ok=True)
            self.path.rmdir()


def _read(path: Path) -> Saved:
    index = _read_index(path)
    try:
        entries = index["arrays"]
        return Saved(path, index["content"], read_arrays(path, entries), [entry["name"] for entry in entries])
    except _UNREADABLE as error:
        raise _damaged(error) from error


def _read_index(path: Path) -> dict[str, Any]:
    """Returns the index of a checkpoint, verified."""
    try:
        index = json.loads((path / _INDEX).read_bytes())
        if index["addax_checkpoint"] != _FORMAT:
            raise Damaged(f"its format is {index['addax_checkpoint']!r}, and this version of addax reads {_FORMAT}")
        whole = {"content": index["content"], "arrays": index["arrays"]}
        if zlib.crc32(dumps(whole).encode()) != index["crc32"]:
            raise Damaged(f"'{_INDEX}' has another checksum than when it was written")
        return whole
    except _UNREADABLE as error:
        raise _damaged(error) from error


_UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)


def _damaged(error: Exception) -> Damaged:
    if isinstance(error, FileNotFoundError):
        return Damaged(f"'{Path(error.filename).name}' is missing")
    return Damaged(f"'{_INDEX}' can't be read ({type(error).__name__}: {error})")


__all__ = ["Folder", "Saved"]
