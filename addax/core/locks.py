"""Locks between processes, as files."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]

_STALE = 600.0  # seconds after which a lock without flock is taken to be left over from a process that died


@contextlib.contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Keeps other threads and processes from a file while they use this function, too.

    The lock is a hidden file beside it. Where none can be made, in a folder that may only be read, nothing is locked.

    Args:
        path: The file; it needn't exist.

    Yields:
        Whether another one had the lock, so that things may have changed.

    >>> import pathlib, tempfile
    >>> with locked(pathlib.Path(tempfile.mkdtemp()) / "a") as waited:
    ...     print(waited)
    False
    """
    lock = path.with_name(f".{path.name}.lock")
    try:
        handle, waited = _acquire(lock)
    except OSError:
        yield False
        return
    try:
        yield waited
    finally:
        if fcntl is None:
            os.close(handle)
        with contextlib.suppress(OSError):
            lock.unlink()  # before it is released: see `_acquire`
        if fcntl is not None:
            os.close(handle)


def held(lock: Path) -> IO | None:
    """Takes a lock at once, without waiting, for as long as the returned file is open.

    Args:
        lock: The file that is locked; it is made, and stays.

    Returns:
        The open file; None where files can't be locked (Windows, some network file systems), so that nothing is held.

    Raises:
        BlockingIOError: Another process has the lock.
        OSError: The file can't be made.

    >>> import pathlib, tempfile
    >>> file = held(pathlib.Path(tempfile.mkdtemp()) / ".lock")
    >>> file.close()
    """
    if fcntl is None:
        return None
    file = open(lock, "a")  # noqa: SIM115
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise BlockingIOError(error.errno, "another process has the lock", str(lock)) from None
        return None
    return file


def _acquire(lock: Path) -> tuple[int, bool]:
    """Waits for the lock; returns its open file, and whether another one had it first."""
    waited = False
    while True:
        if fcntl is None:
            handle = _create(lock)
            if handle is not None:
                return handle, waited
            waited = True
            time.sleep(0.1)
            continue
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waited = True
                fcntl.flock(handle, fcntl.LOCK_EX)
            # Whoever had it before has removed the file: then the lock is on a file that nobody else finds.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), os.stat(lock)):
                    return handle, waited
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _create(lock: Path) -> int | None:
    try:
        return os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        with contextlib.suppress(OSError):  # Windows keeps a file that a process has open
            if time.time() - lock.stat().st_mtime > _STALE:
                lock.unlink()
        return None
