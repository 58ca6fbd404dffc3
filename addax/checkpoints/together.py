"""Checkpoints that several processes write together, each the shards that its devices have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..core.placement import any_of, by_main, fetch, is_main, texts
from .arrays import SMALL, plain, shard_parts, write_arrays
from .folder import Folder


def write(folder: Folder, content: dict[str, Any], arrays: list[tuple[str, Any]]) -> None:
    """Writes a checkpoint; every process that trains must call this, and see the same folder.

    Args:
        folder: The checkpoints.
        content: What JSON has; that of the main process is written.
        arrays: Pairs of name and array.

    Raises:
        OSError: A process could not write its part.
    """
    # What is small is in one file, which the main process writes.
    arrays = [(name, fetch(a) if _is_spread(a) and a.nbytes <= SMALL else a) for name, a in arrays]
    started: list[Any] = []

    def begin() -> None:
        path, partial = folder.begin()
        started.extend([path, partial, write_arrays(partial, arrays)])

    by_main(begin)
    partial = Path(texts(str(started[1]) if is_main() else "")[0])
    parts: dict[str, list] = {}
    error: OSError | None = None
    try:
        if not is_main():
            parts = {
                str(i): _shards_into(partial / f"{i:05d}.npy", a) for i, (_, a) in enumerate(arrays) if _is_spread(a)
            }
    except OSError as e:
        error = e
    if any_of(error is not None):
        raise error or OSError("Another process could not write its part of a checkpoint: its error says why.")
    for found in map(json.loads, texts(json.dumps(parts))):
        for number, more in found.items():
            if is_main():
                started[2][int(number)]["parts"] += more
    by_main(lambda: folder.finish(started[0], started[1], content, started[2]))


def _is_spread(array: Any) -> bool:
    return not getattr(array, "is_fully_replicated", True)


def _shards_into(path: Path, array: Any) -> list[dict[str, Any]]:
    """Writes the shards of this process into a file that the main process made; returns what they are."""
    place = np.lib.format.open_memmap(path, "r+", plain(np.dtype(array.dtype)), array.shape)
    parts = shard_parts(place, array)
    place.flush()
    return parts


__all__ = ["write"]
