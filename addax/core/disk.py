"""Waiting until what was written is on the disk, where it survives a loss of power."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def sync(file: Any) -> None:
    """Waits until a file is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Waits until the names in a folder are on the disk, where the system can do that."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
