"""Atomic replacement of files and folders."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import tempfile
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..core.disk import sync, sync_folder
from ..core.placement import is_main, own_path

_LONGEST = 200  # bytes of a name that a temporary name repeats; file systems take 255 in all


def _beside(path: str) -> str:
    folder, name = os.path.split(path)
    if not os.path.isdir(folder or "."):
        raise FileNotFoundError(
            f"The directory '{folder}' does not exist, so '{name}' can't be saved in it. Make it first: "
            f"`os.makedirs({folder!r}, exist_ok=True)`."
        )
    end = os.fsencode(name)[-_LONGEST:].decode("utf-8", "ignore")
    return os.path.join(folder, f".{uuid.uuid4().hex}.{end}")


@contextmanager
def replacing(path: str) -> Iterator[str]:
    """Yields a path beside `path` to write a file to, which replaces `path` at the end and is removed after an error.

    What was written is on the disk before the name is given to it. The mode of an old file is kept. Of processes that
    train together, the main one's file is kept.

    Raises:
        FileNotFoundError: The folder of `path` does not exist.

    >>> import pathlib, tempfile
    >>> target = pathlib.Path(tempfile.mkdtemp(), "a.txt")
    >>> with replacing(str(target)) as temporary:
    ...     _ = pathlib.Path(temporary).write_text("whole")
    >>> target.read_text()
    'whole'
    """
    if not is_main():
        yield own_path(path)
        return
    path = os.path.realpath(path)  # what a link points to, not the link
    temporary = _beside(path)
    _remove_left(temporary)
    try:
        _make(temporary, path)
        yield temporary
        _finish(temporary, path)
        os.replace(temporary, path)
        sync_folder(Path(path).parent)
    except OSError as error:
        raise _explained(error, path) from error
    finally:
        with suppress(FileNotFoundError):
            os.remove(temporary)


class Syncing:
    """Has a thread put on the disk what is written to a file, so that there is less to wait for at the end.

    Args:
        file: The file.
    """

    def __init__(self, file: Any):
        self._file = file
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sync, name="addax-sync", daemon=True)

    def _sync(self) -> None:
        while not self._ended.wait(_SYNC_EVERY):
            with suppress(OSError):  # the sync at the end meets it, too
                os.fsync(self._file.fileno())

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


_SYNC_EVERY = 0.05  # seconds

_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


def _explained(error: OSError, path: str) -> OSError:
    """The error, with what it means for the file if there is no space left for it."""
    if error.errno not in _FULL:
        return error
    old = "The file there is unchanged." if os.path.exists(path) else "Nothing was left there."
    return OSError(error.errno, f"{os.strerror(error.errno)}: there is no space to save the file. {old}", path)


_LEFT_AFTER = 3600  # seconds without a write, after which nobody is writing any more


def _remove_left(temporary: str) -> None:
    """Removes the temporary files of killed processes that were to replace the same file."""
    folder, name = os.path.split(temporary)
    pattern = re.compile(rf"\.[0-9a-f]{{32}}{re.escape(name[33:])}")
    with suppress(OSError), os.scandir(folder or ".") as entries:
        left = [e for e in entries if pattern.fullmatch(e.name) and e.is_file(follow_symlinks=False)]
        remove(e.path for e in left if time.time() - e.stat().st_mtime > _LEFT_AFTER)


def _make(temporary: str, path: str) -> None:
    """Makes an empty file, which nobody else may read if it will replace another one, whose mode may be private."""
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if os.path.exists(path) else 0o666))


def _finish(temporary: str, path: str) -> None:
    """Waits until a file is on the disk, and gives it the mode of the one that it will replace."""
    with open(temporary, "r+b") as file:
        sync(file)
    if os.path.exists(path):
        os.chmod(temporary, stat.S_IMODE(os.stat(path).st_mode))


@contextmanager
def replacing_folder(path: str) -> Iterator[str]:
    """Yields a new folder beside `path`, which replaces `path` at the end and is removed after an error.

    Raises:
        FileNotFoundError: The folder of `path` does not exist.
    """
    if not is_main():
        with tempfile.TemporaryDirectory() as nowhere:
            yield nowhere
        return
    path = os.path.realpath(path)
    temporary, old = _beside(path), _beside(path)
    os.mkdir(temporary)
    try:
        yield temporary
        for folder, _, names in os.walk(temporary):
            for name in names:
                with open(os.path.join(folder, name), "r+b") as file:
                    sync(file)
            sync_folder(Path(folder))
        if os.path.isdir(path):
            os.chmod(temporary, stat.S_IMODE(os.stat(path).st_mode))
            os.rename(path, old)  # a folder that isn't empty can't be replaced in one step
        os.rename(temporary, path)
        sync_folder(Path(path).parent)
    except OSError as error:
        raise _explained(error, path) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if os.path.isdir(old) and not os.path.exists(path):
            os.rename(old, path)
        shutil.rmtree(old, ignore_errors=True)


def remove(paths: Iterable[str]) -> None:
    """Removes files, those that are there.

    Args:
        paths: Their paths.
    """
    for path in paths:
        with suppress(FileNotFoundError):
            os.remove(path)


def claim(path: str) -> bool:
    """Makes an empty file at `path` if there is none; returns whether it did.

    Of several processes that save to one path, one gets the name.

    Args:
        path: Path of the file.
    """
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    except FileExistsError:
        return False
    return True
