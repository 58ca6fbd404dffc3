"""Arrays of HDF5 files by their places in the file, without the HDF5 library.

That is faster: the library is asked some ten questions of each array. And it is safer: the library is C.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from ..core.reading import DamagedError
from .hdf5_layout import Piece, Tree


class Plain:
    """An open HDF5 file whose structures are known. Arrays are read when they are asked for.

    Args:
        file: The file, open for reading in binary.
        tree: The groups and arrays in it, from `check_structures`.
        closes: Whether `close` closes `file`, too.
    """

    def __init__(self, file: BinaryIO, tree: Tree, closes: bool):
        self.file = file
        self.tree = tree
        self.closes = closes
        self._before = self._state()

    def _state(self) -> tuple[int, int]:
        try:
            about = os.fstat(self.file.fileno())
        except OSError:  # a file in memory
            return 0, 0
        return about.st_size, about.st_mtime_ns

    def check(self) -> None:
        """Raises ValueError if somebody has written to the file since it was opened."""
        if self._state() != self._before:
            raise DamagedError("The weights file was changed while it was read.")

    def names(self) -> list[str]:
        """Returns the names in the root."""
        return sorted(self.tree)

    def read(self, path: str, budget: Any) -> dict[str, np.ndarray] | None:
        """Returns the arrays in a group, also those in groups inside; None if there is no such group.

        Args:
            path: Path of the group.
            budget: How much may be read, a `Budget`.

        Raises:
            ValueError: There is an array instead, or arrays are larger than allowed.
        """
        found: Tree | Piece | None = self.tree
        for name in filter(None, path.split("/")):
            found = found.get(name) if isinstance(found, dict) else None
        if found is None:
            return None
        if isinstance(found, Piece):
            raise ValueError(f"'{found.name}' in the weights file is not a group of arrays: the file is damaged.")
        return {name: self._array(piece, budget) for name, piece in _inside(found, "") if isinstance(piece, Piece)}

    def _array(self, piece: Piece, budget: Any) -> np.ndarray:
        budget.take(piece)
        self.file.seek(piece.address)
        # Of `bytes`, as nobody can change these: variables then need no copy.
        content = self.file.read(piece.nbytes)
        if len(content) != piece.nbytes:
            raise DamagedError(f"The array '{piece.name}' in the weights file is damaged: the file ends inside it.")
        return np.frombuffer(content, piece.dtype).reshape(piece.shape)

    def objects(self) -> Iterator[tuple[str, bool]]:
        """Yields the path of each group and array, and whether it is an array."""
        for path, item in _inside(self.tree, ""):
            yield path, isinstance(item, Piece)

    def close(self) -> None:
        """Closes the file, if it was opened for this object."""
        if self.closes:
            self.file.close()


def _inside(tree: Tree, prefix: str) -> Iterator[tuple[str, Tree | Piece]]:
    """Yields path and content of all groups and arrays, in the order of their names."""
    for name, item in sorted(tree.items()):
        yield prefix + name, item
        if isinstance(item, dict):
            yield from _inside(item, f"{prefix}{name}/")
