"""Groups of named arrays in HDF5 files, in Keras's layout."""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np

from ..compat import paths
from ..core.dtypes import numpy_dtype, standardize_dtype

# A group has the arrays of one object (a layer, an optimizer), in `<path of the object>/vars`.
Arrays = dict[str, np.ndarray]


def open_h5(file: str | os.PathLike | BinaryIO, mode: str) -> Any:
    """Opens an HDF5 file.

    Args:
        file: Path, or a binary file.
        mode: "r" to read, "w" to write.

    Raises:
        ValueError: The file is no HDF5 file, or damaged.
        FileNotFoundError: The file does not exist.
    """
    import h5py

    try:
        return h5py.File(file, mode)
    except OSError as error:
        if isinstance(error, FileNotFoundError) or mode != "r":
            raise
        raise ValueError(f"Not an HDF5 file, or a damaged one: {_name(file)}. ({error})") from error


def _name(file: str | os.PathLike | BinaryIO) -> str:
    return (
        str(file) if isinstance(file, (str, os.PathLike)) else str(getattr(file, "name", "the weights in the archive"))
    )


class Writer:
    """Writes groups to one HDF5 file.

    Args:
        file: Path, or a binary file open for reading and writing.
    """

    def __init__(self, file: str | os.PathLike | BinaryIO):
        self.file = open_h5(file, "w")

    def add(self, path: str, name: str, arrays: Arrays, variables: Sequence[Any] = ()) -> None:
        """Writes the group of an object, also if it has no arrays.

        Args:
            path: Path of the object.
            name: Name of the object.
            arrays: Its arrays by name.
            variables: Its variables, whose names this format doesn't keep.
        """
        del variables
        group = self.file.require_group(f"{path}/vars")
        group.attrs["name"] = name
        for key, value in arrays.items():
            _write(group, key, np.asarray(value))

    def close(self) -> None:
        """Closes the file."""
        self.file.close()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class ShardedWriter(Writer):
    """Writes groups to several files of limited size, and an index of them.

    Args:
        index: Path of the index, `<name>.weights.json`; the files are `<name>_00000.weights.h5` and so on beside it.
        max_bytes: Largest total size of the arrays in one file.
        name: Final name of the index, from which those of the files are derived.
    """

    def __init__(self, index: str, max_bytes: float, name: str):
        self.index = index
        self.name = name
        self.max_bytes = max_bytes
        self.names: list[str] = []
        self.total = 0
        self.weight_map: dict[str, list[str]] = {}
        self.paths: list[str] = []
        self._next()

    def _next(self) -> None:
        if self.paths:
            self.file.close()
        ending = f"_{len(self.paths):05}.weights.h5"
        self.paths.append(self.index.removesuffix(".weights.json") + ending)
        self.names.append(self.name.removesuffix(".weights.json") + ending)
        super().__init__(self.paths[-1])
        self.used = 0

    def add(self, path: str, name: str, arrays: Arrays, variables: Sequence[Any] = ()) -> None:
        super().add(path, name, {})
        for key, value in arrays.items():
            value = np.asarray(value)
            if value.nbytes > self.max_bytes:
                raise ValueError(
                    f"The size of '{path}/vars/{key}' is {_readable(value.nbytes)} which exceeds the maximum shard "
                    f"size {_readable(self.max_bytes)}. You can increase the `max_shard_size` parameter to accommodate "
                    "the size."
                )
            if self.used + value.nbytes > self.max_bytes:
                self._next()
            self.used += value.nbytes
            self.total += value.nbytes
            files = self.weight_map.setdefault(f"/{path}/vars" if path else "/vars", [])
            if self.names[-1] not in files:
                files.append(self.names[-1])
            _write(self.file.require_group(f"{path}/vars"), key, value)

    def close(self) -> None:
        super().close()
        content = {"metadata": {"total_size": float(self.total)}, "weight_map": self.weight_map}
        with open(self.index, "w") as file:
            json.dump(content, file, indent=4)


def _readable(size: float) -> str:
    for unit in ("B", "KB", "MB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} GB"


def _write(group: Any, key: str, value: np.ndarray) -> None:
    if value.dtype.kind == "V":  # bfloat16 and float8, which HDF5 lacks: bytes, with the dtype as an attribute
        dataset = group.create_dataset(key, data=value.view(f"V{value.dtype.itemsize}"))
        dataset.attrs["dtype"] = standardize_dtype(value.dtype)
    else:
        group[key] = value


class Reader:
    """Reads groups from one HDF5 file, or from the shards that an index lists.

    Args:
        file: Path of the file or of the index (`.json`), or a binary file.
    """

    def __init__(self, file: str | os.PathLike | BinaryIO):
        names = [file]
        if isinstance(file, (str, os.PathLike)) and str(file).endswith(".json"):
            names = list(_shards(str(file)))
        self.files = [open_h5(name, "r") for name in names]
        self.taken: set[str] = set()
        self.renamed: dict[str, str] = {}  # paths of objects -> their groups, where these are called otherwise
        for opened in self.files:
            if any("\\" in name for name in opened):  # written on Windows
                self.renamed.update((name.replace("\\", "/"), name) for name in opened)

    def get(self, path: str, variables: Sequence[Any] = ()) -> Arrays:
        """Returns the arrays of the object at `path` by name; empty if the file has none.

        Args:
            path: Path of the object.
            variables: Its variables: if it has some, a path of older files is looked for where there is none.
        """
        found = self._groups(path)
        if not found and variables and (older := paths.find(self._tree, path)) is not None:
            path, found = older, self._groups(older)
        self.taken.add(path)
        return {key: value for group in found for key, value in _read_all(group).items()}

    def _groups(self, path: str) -> list[Any]:
        inside = self.renamed.get(path, path)
        found = [follow(file, f"{inside}/vars") for file in self.files]
        return [group for group in found if group is not None]

    @functools.cached_property
    def _tree(self) -> dict[str, Any]:
        """The paths of all objects that have a group."""
        found: dict[str, None] = {}
        back = {inside: path for path, inside in self.renamed.items()}

        def visit(name: str, item: Any) -> None:
            if name.endswith("/vars"):
                path = name.removesuffix("/vars")
                found[back.get(path, path)] = None

        for file in self.files:
            file.visititems(visit)
        return paths.as_tree(found)

    def left(self) -> list[str]:
        """Returns the paths of the objects whose arrays have not been read."""
        import h5py

        found: dict[str, None] = {}

        back = {inside: path for path, inside in self.renamed.items()}

        def visit(name: str, item: Any) -> None:
            inside = re.match(r"(?:(.*?)/)?vars/", name)
            path = None if inside is None else back.get(inside[1] or "", inside[1] or "")
            if isinstance(item, h5py.Dataset) and path is not None and path not in self.taken:
                found[path] = None

        for file in self.files:
            file.visititems(visit)
        return list(found)

    def close(self) -> None:
        """Closes the files."""
        for file in self.files:
            file.close()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class OlderReader(Reader):
    """Reads the groups of TensorFlow's Keras 2.12 to 2.15, which held metrics, and no learning rate.

    Args:
        file: Path of the file, or a binary file.
        optimizer: The model's optimizer, whose arrays were others; None if it has none.
    """

    def __init__(self, file: str | os.PathLike | BinaryIO, optimizer: Any = None):
        super().__init__(file)
        self.optimizer = optimizer

    def get(self, path: str, variables: Sequence[Any] = ()) -> Arrays:
        arrays = super().get(path, variables)
        return paths.optimizer_arrays(arrays, self.optimizer) if path == "optimizer" and arrays else arrays

    def left(self) -> list[str]:
        return [path for path in super().left() if path.partition("/")[0] != "metrics"]


def _shards(index: str) -> Iterator[str]:
    with open(index) as file:
        weight_map = json.load(file).get("weight_map", {})
    folder = os.path.dirname(index)
    for name in sorted({name for names in weight_map.values() for name in names}):
        if os.path.basename(name) != name:
            raise ValueError(f"The index {index} names the file '{name}', which is not in its own folder.")
        yield os.path.join(folder, name)


def follow(group: Any, path: str) -> Any:
    """Returns the object at `path` in an HDF5 group, or None.

    Args:
        group: The group.
        path: Names of the groups and of the object, with `/` between.

    Raises:
        ValueError: A link on the way could lead out of the file.
    """
    import h5py

    for name in filter(None, path.split("/")):
        link = group.get(name, getlink=True) if isinstance(group, h5py.Group) else None
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            # A link could lead to another file on this machine, which a downloaded file must not read.
            raise ValueError(
                f"Not allowed: H5 file with {type(link).__name__} (at '{group.name.rstrip('/')}/{name}' in "
                f"{group.file.filename})"
            )
        group = group[name]
    return group


def _read_all(group: Any) -> Arrays:
    import h5py

    if not isinstance(group, h5py.Group):
        raise ValueError(f"'{group.name}' in the weights file is not a group of arrays: the file is damaged.")
    found: Arrays = {}
    for name in group:
        item = follow(group, name)
        if isinstance(item, h5py.Group):
            found.update({f"{name}/{inner}": value for inner, value in _read_all(item).items()})
        else:
            found[name] = read_array(item)
    return found


def read_array(dataset: Any) -> np.ndarray:
    """Returns the array of an HDF5 dataset.

    Raises:
        ValueError: It lies outside the file, or holds no numbers.
    """
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"The array '{dataset.name}' lies outside the weights file. addax reads no other files.")
    noted = dataset.attrs.get("dtype")
    if dataset.dtype.kind not in "biufV" or (dataset.dtype.kind == "V" and noted is None):
        raise ValueError(f"The array '{dataset.name}' in the weights file has dtype {dataset.dtype}, not a number's.")
    value = np.asarray(dataset[()])
    if dataset.dtype.kind == "V":
        value = value.view(numpy_dtype(noted.decode() if isinstance(noted, bytes) else str(noted)))
    return value
