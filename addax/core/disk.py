"""Waits until written data are on the disk, so that they survive a loss of power."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def sync(file: Any) -> None:
    """Waits until a file is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Waits until the entries of a folder are on the disk, where the system supports it."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
