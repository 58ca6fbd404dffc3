"""Kinds of files, told by their content: names say too little."""

from __future__ import annotations

import os
from typing import BinaryIO

_ZIP, _HDF5 = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"


def kind_of(file: str | BinaryIO) -> str | None:
    """Returns "folder", "orbax", "archive" (`.keras`), "hdf5", "safetensors", "json" or None.

    Args:
        file: Path, or a binary file open for reading, whose position is kept.

    Raises:
        FileNotFoundError: There is no such file.
    """
    if isinstance(file, str):
        if os.path.isdir(file):
            return "orbax" if _has_checkpoint(file) or orbax_numbers(file) else "folder"
        with open(file, "rb") as opened:
            head = opened.read(16)
    else:
        place = file.tell()
        head = file.read(16)
        file.seek(place)
    if head.startswith((_ZIP, b"PK\x05\x06")):
        return "archive"
    if head.startswith(_HDF5):
        return "hdf5"
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 32:
        return "safetensors"
    return "json" if head.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] in (b"{", b'"', b"[") else None


def orbax_numbers(folder: str) -> list[int]:
    """Returns the numbers of the Orbax checkpoints in a folder, in order."""
    names = (name for name in os.listdir(folder) if name.isdecimal())
    return sorted(int(name) for name in names if _has_checkpoint(os.path.join(folder, name)))


def _has_checkpoint(folder: str) -> bool:
    return os.path.exists(os.path.join(folder, "_CHECKPOINT_METADATA"))
