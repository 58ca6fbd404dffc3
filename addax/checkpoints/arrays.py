"""Arrays in files, each with the checksum of its parts.

A large array has a file of its own, in NumPy's format. An array that is spread over devices is written shard by shard,
each at its offset in that file, so that several processes can write one array. Small arrays share one file.
"""

from __future__ import annotations

import math
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..core import dtypes
from ..core.disk import sync
from ..core.engine import is_jax_array
from ..core.placement import current

SMALL = 1 << 20  # bytes
_CHUNK = 16 << 20  # bytes that are checked and written at a time
SHARED = "small.bin"


class Damaged(Exception):
    """Raised when what is read differs from what was written; the message says how."""


def write_arrays(folder: Path, arrays: list[tuple[str, Any]]) -> list[dict[str, Any]]:
    """Writes named arrays to a folder; returns for each what `read_arrays` needs to know.

    Args:
        folder: The folder, which exists.
        arrays: Pairs of a name, for errors, and an array of NumPy or JAX.
    """
    entries = []
    with _over(folder / SHARED) as shared:
        for number, (name, array) in enumerate(arrays):
            about = {"name": name, "shape": list(array.shape), "dtype": np.dtype(array.dtype).name}
            if array.nbytes <= SMALL:
                file, offset = SHARED, shared.tell()
                parts = [_part((0,) * array.ndim, array.shape, _put(shared, np.asarray(array)))]
            else:
                file = f"{number:05d}.npy"
                offset, parts = _own_file(folder / file, array)
            entries.append({**about, "file": file, "offset": offset, "parts": parts})
        shared.truncate()
        sync(shared)
    return entries


def _over(path: Path) -> BinaryIO:
    """Opens a file to write from its beginning on, over what it has: `truncate` ends it then."""
    return open(path, "r+b" if path.exists() else "wb")


def _own_file(path: Path, array: Any) -> tuple[int, list[dict[str, Any]]]:
    """Writes an array to its own file; returns where its data begin, and its parts."""
    shards = _shards(array)
    if not shards:
        whole = np.asarray(array)
        with _over(path) as file:
            header = np.lib.format.header_data_from_array_1_0(np.empty(0, plain(whole.dtype)))
            np.lib.format.write_array_header_1_0(file, {**header, "shape": whole.shape, "fortran_order": False})
            offset = file.tell()
            parts = [_part((0,) * whole.ndim, whole.shape, _put(file, whole))]
            file.truncate()
            sync(file)
        return offset, parts
    place = np.lib.format.open_memmap(path, "w+", plain(np.dtype(array.dtype)), array.shape)
    parts = shard_parts(place, array)
    place.flush()
    with open(path, "rb+") as file:
        sync(file)
    return int(place.offset), parts  # type: ignore[attr-defined]


def shard_parts(place: np.ndarray, array: Any) -> list[dict[str, Any]]:
    """Writes the shards of an array that are in this process to their places; returns what `read_arrays` needs.

    Args:
        place: Where the whole array goes.
        array: The array, spread over devices.
    """
    parts = []
    for shard in _shards(array):
        data = np.ascontiguousarray(shard.data)
        place[shard.index] = data.view(place.dtype)
        start = [s.indices(n)[0] for s, n in zip(shard.index, array.shape)]
        parts.append(_part(start, data.shape, zlib.crc32(bytes_of(data))))
    return parts


def _shards(array: Any) -> list[Any]:
    """Returns the different shards of an array that are in this process; none for an array in one piece."""
    if not is_jax_array(array) or array.is_fully_replicated:
        return []
    return [shard for shard in array.addressable_shards if shard.replica_id == 0]


def _part(start: Any, shape: Any, checksum: int) -> dict[str, Any]:
    return {"start": list(start), "shape": list(shape), "crc32": checksum}


def _put(file: BinaryIO, array: np.ndarray) -> int:
    """Writes the data of an array; returns their checksum."""
    data, checksum = bytes_of(array), 0
    for start in range(0, len(data), _CHUNK):
        chunk = data[start : start + _CHUNK]
        checksum = zlib.crc32(chunk, checksum)
        file.write(chunk)
    return checksum


def bytes_of(array: np.ndarray) -> memoryview:
    return memoryview(np.ascontiguousarray(array).reshape(-1).view("uint8"))


def plain(dtype: np.dtype) -> np.dtype:
    """Returns a dtype of NumPy with elements of the same size; the index has the name of the true one."""
    return dtype if dtype.kind in "biufc" else np.dtype(f"V{dtype.itemsize}")


def read_arrays(folder: Path, entries: list[dict[str, Any]]) -> list[np.ndarray]:
    """Reads arrays and verifies them.

    Args:
        folder: The folder.
        entries: What `write_arrays` returned.

    Raises:
        Damaged: A file is missing or too short, or a checksum differs.
    """
    return [_read(folder, entry) for entry in entries]


def _read(folder: Path, entry: dict[str, Any]) -> np.ndarray:
    name, shape, offset, file = entry["name"], tuple(entry["shape"]), entry["offset"], entry["file"]
    dtype = np.dtype(dtypes.numpy_dtype(entry["dtype"]) if "float" in entry["dtype"] else entry["dtype"])
    size = math.prod(shape) * dtype.itemsize
    if os.path.basename(file) != file or not all(isinstance(n, int) and n >= 0 for n in (offset, *shape)):
        raise Damaged(f"the entry of '{name}' is wrong")
    path = folder / file
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        raise Damaged(f"'{file}', with the array '{name}', is missing") from None
    if not stat.S_ISREG(found.st_mode):
        raise Damaged(f"'{file}', with the array '{name}', is no regular file")
    if found.st_size < offset + size:  # before anything is allocated
        raise Damaged(f"'{file}', with the array '{name}', has {found.st_size} bytes of {offset + size}")
    if current() is not None and size > SMALL:  # no process need have the whole of it in its memory
        array = np.memmap(path, plain(dtype), "r", offset, shape).view(dtype)
    else:
        data = np.empty(size, "uint8")
        with open(path, "rb") as opened:
            opened.seek(offset)
            if opened.readinto(memoryview(data)) != size:
                raise Damaged(f"'{file}', with the array '{name}', ended early")
        array = data.view(dtype).reshape(shape)
    covered = 0
    for start, part_shape, checksum in _parts(entry, shape):
        part = array[tuple(slice(s, s + n) for s, n in zip(start, part_shape))]
        covered += part.size
        if zlib.crc32(bytes_of(part)) != checksum:
            raise Damaged(f"the array '{name}' in '{file}' has another checksum than when it was written")
    if covered != array.size:
        raise Damaged(f"the array '{name}' in '{file}' has {covered} elements of {array.size}")
    return array


def _parts(entry: dict[str, Any], shape: tuple[int, ...]) -> Iterator[tuple[list[int], list[int], int]]:
    for part in entry["parts"]:
        if not len(part["start"]) == len(part["shape"]) == len(shape):
            raise Damaged(f"the entry of '{entry['name']}' is wrong")
        yield part["start"], part["shape"], part["crc32"]


__all__ = ["SMALL", "Damaged", "bytes_of", "plain", "read_arrays", "shard_parts", "write_arrays"]
