"""The safetensors format: 8 bytes with the length of a JSON header, the header, and the arrays one behind the other.

Tensors are called by the path of their object and the name of their variable: `layers/dense/kernel`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np

from ..core.dtypes import numpy_dtype, standardize_dtype
from ..core.reading import read_json
from ..version import KERAS_API_VERSION
from . import hdf5
from .hdf5 import Arrays

DTYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "uint16",
    "I16": "int16",
    "U32": "uint32",
    "I32": "int32",
    "U64": "uint64",
    "I64": "int64",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
}
_NAMES = {name: code for code, name in DTYPES.items()}
_MAX_HEADER = 100_000_000  # bytes, the format's own limit
_METADATA = "__metadata__"


class Writer(hdf5.Writer):
    """Writes groups of arrays to one file.

    Args:
        file: Path.
    """

    def __init__(self, file: str):
        self.path = file
        self.tensors: dict[str, np.ndarray] = {}

    def add(self, path: str, name: str, arrays: Arrays, variables: Sequence[Any] = ()) -> None:
        """Adds the arrays of an object.

        Args:
            path: Path of the object.
            name: Name of the object; this format doesn't keep it.
            arrays: Its arrays by name.
            variables: Its variables, whose names the tensors have, where each has an array.
        """
        del name
        for key, value in zip(tensor_keys(list(arrays), variables), arrays.values()):
            self.tensors[f"{path}/{key}" if path else key] = np.asarray(value)

    def close(self) -> None:
        """Writes the file."""
        header: dict[str, Any] = {_METADATA: {"format": "addax", "keras_version": KERAS_API_VERSION}}
        place = 0
        for name, value in self.tensors.items():
            code = _NAMES.get(standardize_dtype(value.dtype))
            if code is None:
                raise ValueError(f"'{name}' has dtype {value.dtype}, which the safetensors format doesn't have.")
            header[name] = {"dtype": code, "shape": list(value.shape), "data_offsets": [place, place + value.nbytes]}
            place += value.nbytes
        text = json.dumps(header).encode("utf-8")
        text += b" " * (-len(text) % 8)
        with open(self.path, "wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for value in self.tensors.values():
                file.write(np.ascontiguousarray(value).tobytes())

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()


class Reader(hdf5.Reader):
    """Reads groups of arrays from one file. Arrays are read when they are asked for.

    The file stays open meanwhile, so that all come from one save though another process may replace the file.

    Args:
        file: Path.

    Raises:
        ValueError: The file is damaged: the header is no header, or names places that are not in the file.
    """

    def __init__(self, file: str):
        self.file = open(file, "rb")  # noqa: SIM115
        try:
            self.header, self.start = _header_of(self.file, file)
        except BaseException:
            self.file.close()
            raise
        self.taken: set[str] = set()

    def get(self, path: str, variables: Sequence[Any] = (), budget: hdf5.Budget | None = None) -> Arrays:
        """Returns the arrays of the object at `path` by their keys; empty if the file has none.

        Args:
            path: Path of the object.
            variables: Its variables: what the file calls by their names is returned by their numbers.
            budget: Not needed: the file is as large as its arrays.
        """
        del budget
        prefix = f"{path}/" if path else ""
        own = {n.removeprefix(prefix): n for n in self.header if n.startswith(prefix)}
        own = {key: name for key, name in own.items() if "/" not in key}
        if not own and variables and all(v.path in self.header for v in variables):
            own = {v.path: v.path for v in variables}  # written by variables' paths, as others do
            keys = {v.path: str(i) for i, v in enumerate(variables)}
        else:
            numbers = [str(i) for i in range(len(variables))]
            keys = dict(zip(tensor_keys(numbers, variables), numbers))
        self.taken.update(own.values())
        return {keys.get(key, key): self.read(name) for key, name in own.items()}

    def read(self, name: str) -> np.ndarray:
        """Returns one tensor.

        Args:
            name: Its name in the file.
        """
        entry = self.header[name]
        first, last = entry["data_offsets"]
        self.file.seek(self.start + first)
        content = self.file.read(last - first)
        return np.frombuffer(content, numpy_dtype(DTYPES[entry["dtype"]])).reshape(entry["shape"])

    def left(self) -> list[str]:
        """Returns the names of the tensors that have not been read."""
        return [name for name in self.header if name not in self.taken]

    def check(self) -> None:
        """Does nothing: there are no structures that could be changed after they were checked."""

    def close(self) -> None:
        """Closes the file."""
        self.file.close()

    def __enter__(self) -> Reader:
        return self


def _header_of(opened: BinaryIO, file: str) -> tuple[dict[str, dict[str, Any]], int]:
    """Dtype, shape and place of each tensor of an open file, checked against its size; where the tensors begin."""
    size = os.fstat(opened.fileno()).st_size
    length = int.from_bytes(opened.read(8), "little")
    if size < 8 or length > min(_MAX_HEADER, size - 8):
        raise ValueError(f"Not a safetensors file, or a part of one: {file} has {size} bytes, its header {length}.")
    header = read_json(opened.read(length), f"The header of the safetensors file {file}")
    if not isinstance(header, dict):
        raise ValueError(f"The header of the safetensors file {file} is no table of tensors.")
    header.pop(_METADATA, None)
    place = 0
    for name, entry in sorted(header.items(), key=lambda item: _offsets(item[1])):
        place = _checked(file, name, entry, place, size - 8 - length)
    if place != size - 8 - length:
        raise ValueError(
            f"The safetensors file {file} has {size - 8 - length} bytes of tensors; its header tells {place}."
        )
    return header, 8 + length


def _offsets(entry: Any) -> tuple[int, int]:
    found = entry.get("data_offsets") if isinstance(entry, dict) else None
    whole = isinstance(found, list) and len(found) == 2 and all(type(x) is int and x >= 0 for x in found)
    return (found[0], found[1]) if whole and found else (-1, -1)


def _checked(file: str, name: str, entry: Any, place: int, size: int) -> int:
    """Returns the end of the tensor; raises ValueError unless it begins at `place` and its size fits its shape."""
    first, last = _offsets(entry)
    shape = entry.get("shape") if isinstance(entry, dict) else None
    known = isinstance(shape, list) and all(type(n) is int and n >= 0 for n in shape)
    known = known and isinstance(entry.get("dtype"), str)
    if first != place or last > size or not known or entry["dtype"] not in DTYPES or shape is None:
        raise ValueError(f"The safetensors file {file} is damaged at the tensor '{name}': {str(entry)[:200]}")
    count = 1
    for n in shape:
        count *= n
    if count * numpy_dtype(DTYPES[entry["dtype"]]).itemsize != last - first:
        raise ValueError(
            f"The safetensors file {file} is damaged: '{name}' of shape {shape} and dtype {entry['dtype']} has "
            f"{last - first} bytes."
        )
    return last


def tensor_keys(keys: Sequence[str], variables: Sequence[Any]) -> list[str]:
    """Returns what the arrays of an object are called: by its variables, if these have one name each.

    Args:
        keys: The keys of the arrays, "0", "1" and so on.
        variables: The object's variables.
    """
    names = [v.name for v in variables]
    plain = keys == [str(i) for i in range(len(keys))] and len(names) == len(keys)
    usable = len(set(names)) == len(names) and not any("/" in n or n.isdigit() for n in names)
    return names if plain and usable else list(keys)
