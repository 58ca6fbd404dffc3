"""Atomic replacement of files and folders."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress


def _beside(path: str) -> str:
    folder, name = os.path.split(path)
    if not os.path.isdir(folder or "."):
        raise FileNotFoundError(
            f"The directory '{folder}' does not exist, so '{name}' can't be saved in it. Make it first: "
            f"`os.makedirs({folder!r}, exist_ok=True)`."
        )
    return os.path.join(folder, f".{uuid.uuid4().hex[:8]}.{name}")


@contextmanager
def replacing(path: str) -> Iterator[str]:
    """Yields a path beside `path` to write a file to, which replaces `path` at the end and is removed after an error.

    Raises:
        FileNotFoundError: The folder of `path` does not exist.

    >>> import pathlib, tempfile
    >>> target = pathlib.Path(tempfile.mkdtemp(), "a.txt")
    >>> with replacing(str(target)) as temporary:
    ...     _ = pathlib.Path(temporary).write_text("whole")
    >>> target.read_text()
    'whole'
    """
    path = os.path.realpath(path)  # what a link points to, not the link
    temporary = _beside(path)
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        with suppress(FileNotFoundError):
            os.remove(temporary)


@contextmanager
def replacing_folder(path: str) -> Iterator[str]:
    """Yields a new folder beside `path`, which replaces `path` at the end and is removed after an error.

    Raises:
        FileNotFoundError: The folder of `path` does not exist.
    """
    path = os.path.realpath(path)
    temporary, old = _beside(path), _beside(path)
    os.mkdir(temporary)
    try:
        yield temporary
        if os.path.isdir(path):
            os.rename(path, old)  # a folder that isn't empty can't be replaced in one step
        os.rename(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if os.path.isdir(old) and not os.path.exists(path):
            os.rename(old, path)
        shutil.rmtree(old, ignore_errors=True)
