"""Files at URLs (`s3://...`, `gs://...`, `memory://...`), through fsspec where it is installed."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def is_url(path: str) -> bool:
    """Returns whether a path names a protocol.

    >>> is_url("s3://bucket/model.keras"), is_url("C:/model.keras"), is_url("model.keras")
    (True, False, False)
    """
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", path) is not None


def exists(path: str) -> bool:
    """Returns whether there is a file at a path or URL."""
    if not is_url(path):
        return os.path.exists(path)
    system, inner = _system(path)
    return bool(system.exists(inner))


@contextmanager
def fetched(url: str) -> Iterator[str]:
    """Yields the path of a copy of the file or folder at a URL, with its shards if it is an index of some.

    Raises:
        FileNotFoundError: There is none.
        ImportError: fsspec, or what it needs for the protocol, is not installed.
    """
    system, inner = _system(url)
    if not system.exists(inner):
        raise FileNotFoundError(f"File not found: {url}.")
    with tempfile.TemporaryDirectory() as folder:
        target = os.path.join(folder, inner.rstrip("/").rpartition("/")[2])
        if system.isdir(inner):
            system.get(inner, target, recursive=True)
        else:
            system.get_file(inner, target)
        if target.endswith(".weights.json"):
            for shard in system.glob(inner.removesuffix(".weights.json") + "_*.weights.h5"):
                system.get_file(shard, os.path.join(folder, shard.rpartition("/")[2]))
        yield target


@contextmanager
def uploaded(url: str) -> Iterator[str]:
    """Yields a path to write to; the file, or all files written beside it, are copied to the URL at the end.

    Raises:
        ImportError: fsspec, or what it needs for the protocol, is not installed.
    """
    system, inner = _system(url)
    parent, _, name = inner.rstrip("/").rpartition("/")
    with tempfile.TemporaryDirectory() as folder:
        yield os.path.join(folder, name)
        # What was asked for comes last: an index must not name shards that are not there yet.
        for each in sorted(os.listdir(folder), key=lambda n: n == name):
            local = os.path.join(folder, each)
            system.put(local, f"{parent}/{each}", recursive=os.path.isdir(local))


def _system(url: str) -> tuple[Any, str]:
    try:
        import fsspec
    except ImportError:
        raise ImportError(
            f"To read and write URLs such as {url}, install fsspec: `pip install fsspec` (and s3fs or gcsfs for S3 and "
            "Google Cloud Storage)."
        ) from None
    return fsspec.core.url_to_fs(url)
