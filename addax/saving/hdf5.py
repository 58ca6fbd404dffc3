"""Groups of named arrays in HDF5 files, in Keras's layout."""

from __future__ import annotations

import functools
import io
import json
import math
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np

from ..compat import paths
from ..core.dtypes import numpy_dtype, standardize_dtype
from ..core.reading import MAX_JSON, DamagedError, read_json, short
from .hdf5_layout import MAX_LEVELS, MAX_OBJECTS, check_packed, check_structures
from .hdf5_plain import Plain
from .stored import StoredMember

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
    if mode == "r":
        check_structures(file, _name(file))
    return _open(file, mode)


def _open(file: str | os.PathLike | BinaryIO, mode: str) -> Any:
    """Opens a file whose structures have been checked."""
    import h5py

    try:
        opened = h5py.File(file, mode)
    except OSError as error:
        if isinstance(error, FileNotFoundError) or mode != "r":
            raise
        raise ValueError(f"Not an HDF5 file, or a damaged one: {_name(file)}. ({error})") from error
    if mode == "r":
        try:
            check_groups(opened)
        except BaseException:
            opened.close()
            raise
    return opened


def check_groups(file: Any) -> None:
    """Checks the groups of an HDF5 file before anything in them is used.

    Args:
        file: The open file.

    Raises:
        ValueError: A link leads out of the file or to a group a second time, or there are more objects than in a model.
    """
    import h5py

    name = _name(file.filename)
    try:
        root = h5py.h5g.open(file.id, b"/")
        seen = {h5py.h5g.get_objinfo(root).objno}
        count = 0
        stack = [(root, "", 0)]
        while stack:
            group, path, level = stack.pop()
            count += group.get_num_objs()
            if count > MAX_OBJECTS:
                raise DamagedError(f"The HDF5 file {name} has more than {MAX_OBJECTS} objects.")
            for key in group:
                place = f"{path}/{key.decode('utf-8', 'replace')}"
                about = h5py.h5g.get_objinfo(group, key, follow_link=False)
                if about.type not in (h5py.h5g.GROUP, h5py.h5g.DATASET):
                    # A link could lead to another file on this machine, which a downloaded file must not read.
                    link = _LINKS.get(group.links.get_info(key).type, "an object that is neither group nor array")
                    raise DamagedError(f"Not allowed: H5 file with {link} (at '{place}' in {name})")
                if about.type == h5py.h5g.GROUP:
                    if about.objno in seen or level > MAX_LEVELS:
                        raise DamagedError(
                            f"The group '{place}' of the HDF5 file {name} is in a loop, or linked twice."
                        )
                    seen.add(about.objno)
                    stack.append((h5py.h5g.open(group, key), place, level + 1))
    except (RuntimeError, KeyError, OSError) as error:
        raise DamagedError(f"The HDF5 file {name} is damaged: {error}") from error


_LINKS = {1: "SoftLink", 64: "ExternalLink"}


def _name(file: str | os.PathLike | BinaryIO) -> str:
    return (
        str(file) if isinstance(file, (str, os.PathLike)) else str(getattr(file, "name", "the weights in the archive"))
    )


class Sink(io.RawIOBase):
    """A file that HDF5 writes to, which keeps the first error to itself.

    HDF5 can't close a file that it could not write whole: its objects are left in disorder, and the process dies with
    a signal when it exits. So it is not told of a full disk. What it writes afterwards is dropped.

    Args:
        file: The binary file.
    """

    def __init__(self, file: BinaryIO):
        self.file = file
        self.error: OSError | None = None

    def check(self) -> None:
        """Raises the error that came first, if there was one."""
        if self.error is not None:
            error, self.error = self.error, None
            raise error

    def write(self, data: Any) -> int:
        size = len(data)
        rest = memoryview(data)
        while rest and self.error is None:
            try:
                rest = rest[self.file.write(rest) :]
            except OSError as error:
                self.error = error
        return size

    def readinto(self, buffer: Any) -> int:
        content = self.file.read(len(buffer))
        # After an error a part of the file is missing.
        buffer[:] = content.ljust(len(buffer), b"\0")
        return len(buffer)

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        return self.file.seek(place, whence)

    def tell(self) -> int:
        return self.file.tell()

    def truncate(self, size: int | None = None) -> int:
        try:
            return self.file.truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size or 0

    def flush(self) -> None:
        try:
            self.file.flush()
        except OSError as error:
            self.error = self.error or error


@contextmanager
def writing(file: str | os.PathLike | BinaryIO) -> Iterator[tuple[Any, Sink]]:
    """Yields an HDF5 file to write, and what it is written to.

    Args:
        file: Path, or a binary file open for reading and writing.

    Raises:
        OSError: The disk is full, or the file can't be written for another reason.
    """
    import h5py

    with ExitStack() as opened:
        binary: Any = file
        if isinstance(file, (str, os.PathLike)):
            binary = opened.enter_context(open(file, "w+b", buffering=0))
        sink = Sink(binary)
        with h5py.File(sink, "w") as made:
            yield made, sink
        sink.check()


class Writer:
    """Writes groups to one HDF5 file.

    Args:
        file: Path, or a binary file open for reading and writing.
    """

    def __init__(self, file: str | os.PathLike | BinaryIO):
        self._open(file)

    def _open(self, file: str | os.PathLike | BinaryIO) -> None:
        self._opened = ExitStack()
        self.file, self.sink = self._opened.enter_context(writing(file))

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
            self.sink.check()

    def close(self) -> None:
        """Closes the file.

        Raises:
            OSError: It could not be written whole.
        """
        self._opened.close()

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
        tag: Text in the names of the files that tells them from others.
    """

    def __init__(self, index: str, max_bytes: float, name: str, tag: str = ""):
        self.tag = tag
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
            self._opened.close()
        number = len(self.paths)
        self.paths.append(shard_name(self.index, self.tag, number))
        self.names.append(shard_name(self.name, self.tag, number))
        self._open(self.paths[-1])
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
            self.sink.check()

    def close(self) -> None:
        super().close()
        content = {"metadata": {"total_size": float(self.total)}, "weight_map": self.weight_map}
        with open(self.index, "w") as file:
            json.dump(content, file, indent=4)


def shard_name(index: str, tag: str, number: int) -> str:
    """Returns the name of a file of weights.

    Args:
        index: The name of the index.
        tag: Text that tells the files of one index from those of another.
        number: The number of the file.
    """
    return f"{index.removesuffix('.weights.json')}{tag}_{number:05}.weights.h5"


def shards_of(index: str) -> list[str]:
    """Returns the paths of the files of weights that an index names; none if there is no index, or a damaged one."""
    try:
        return list(_shards(index))
    except (OSError, ValueError):
        return []


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
    elif "/" in key or not key.isascii() or value.dtype.kind not in "biuf":
        group[key] = value
    else:  # as above, in a third of the time: `group[key] =` asks what could be different
        import h5py

        dtype, space = h5py.h5t.py_create(value.dtype, logical=True), h5py.h5s.create_simple(value.shape)
        dataset = h5py.h5d.create(group.id, key.encode(), dtype, space)
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ascontiguousarray(value))


class Library:
    """An open HDF5 file that the HDF5 library reads.

    Args:
        file: The file, as `open_h5` returns it.
    """

    def __init__(self, file: Any):
        self.file = file

    def names(self) -> list[str]:
        """Returns the names in the root."""
        return list(self.file)

    def read(self, path: str, budget: Budget) -> Arrays | None:
        """Returns the arrays in a group, also those in groups inside; None if there is no such group.

        Args:
            path: Path of the group.
            budget: How much may be read.

        Raises:
            ValueError: The file is damaged.
        """
        group = follow(self.file, path)
        return None if group is None else _read_all(group, budget)

    def objects(self) -> Iterator[tuple[str, bool]]:
        """Yields the path of each group and array, and whether it is an array."""
        import h5py

        found: list[tuple[str, bool]] = []
        self.file.visititems(lambda name, item: found.append((name, isinstance(item, h5py.Dataset))))
        yield from found

    def check(self) -> None:
        """Does nothing: the library has the file locked."""

    def close(self) -> None:
        """Closes the file."""
        self.file.close()


def open_arrays(file: str | os.PathLike | BinaryIO) -> Library | Plain:
    """Opens an HDF5 file to read its arrays: by their places where all are stored plainly, else by the HDF5 library.

    Args:
        file: Path, or a binary file.

    Raises:
        ValueError: The file is no HDF5 file, or damaged.
        FileNotFoundError: The file does not exist.
    """
    is_path = isinstance(file, (str, os.PathLike))
    opened: BinaryIO = open(file, "rb") if is_path else file  # type: ignore[arg-type, assignment]  # noqa: SIM115
    tree = None
    try:
        # The path is opened once: another process may replace the file between two times.
        tree = check_structures(opened, _name(file))
        if tree is not None and "model_weights" not in tree:
            return Plain(opened, tree, is_path)
    finally:
        if is_path and tree is None:
            opened.close()
    if isinstance(file, StoredMember):  # the library is given a copy, which stays as it was checked
        return open_arrays(file.unpack())
    return Library(_open(file, "r"))


class Reader:
    """Reads groups from one HDF5 file, or from the shards that an index lists.

    Args:
        file: Path of the file or of the index (`.json`), or a binary file.
    """

    def __init__(self, file: str | os.PathLike | BinaryIO):
        names = [file]
        if isinstance(file, (str, os.PathLike)) and str(file).endswith(".json"):
            names = list(_shards(str(file)))
        self.files = [open_arrays(name) for name in names]
        self.taken: set[str] = set()
        self.renamed: dict[str, str] = {}  # paths of objects -> their groups, where these are called otherwise
        for opened in self.files:
            if any("\\" in name for name in opened.names()):  # written on Windows
                self.renamed.update((name.replace("\\", "/"), name) for name in opened.names())

    def get(self, path: str, variables: Sequence[Any] = (), budget: Budget | None = None) -> Arrays:
        """Returns the arrays of the object at `path` by name; empty if the file has none.

        Args:
            path: Path of the object.
            variables: Its variables: if it has some, a path of older files is looked for where there is none.
            budget: How much may be read; None for no limit.
        """
        budget = budget or Budget(None)
        found = self._read(path, budget)
        if not found and variables and (older := paths.find(self._tree, path)) is not None:
            path, found = older, self._read(older, budget)
        self.taken.add(path)
        return {key: value for arrays in found for key, value in arrays.items()}

    def _read(self, path: str, budget: Budget) -> list[Arrays]:
        """The arrays of an object in each file that has its group."""
        found = [file.read(f"{self.renamed.get(path, path)}/vars", budget) for file in self.files]
        return [arrays for arrays in found if arrays is not None]

    @functools.cached_property
    def _tree(self) -> dict[str, Any]:
        """The paths of all objects that have a group."""
        back = {inside: path for path, inside in self.renamed.items()}
        inside = (n.removesuffix("/vars") for file in self.files for n, _ in file.objects() if n.endswith("/vars"))
        return paths.as_tree(dict.fromkeys(back.get(path, path) for path in inside))

    def left(self) -> list[str]:
        """Returns the paths of the objects whose arrays have not been read."""
        back = {inside: path for path, inside in self.renamed.items()}
        found: dict[str, None] = {}
        for file in self.files:
            for name, is_array in file.objects():
                inside = re.match(r"(?:(.*?)/)?vars/", name) if is_array else None
                path = None if inside is None else back.get(inside[1] or "", inside[1] or "")
                if path is not None and path not in self.taken:
                    found[path] = None
        return list(found)

    def check(self) -> None:
        """Raises ValueError if a file was changed while it was read."""
        for file in self.files:
            file.check()

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

    def get(self, path: str, variables: Sequence[Any] = (), budget: Budget | None = None) -> Arrays:
        arrays = super().get(path, variables, budget)
        return paths.optimizer_arrays(arrays, self.optimizer) if path == "optimizer" and arrays else arrays

    def left(self) -> list[str]:
        return [path for path in super().left() if path.partition("/")[0] != "metrics"]


def _shards(index: str) -> Iterator[str]:
    with open(index, "rb") as file:
        content = read_json(file.read(MAX_JSON + 1), f"The index {index}")
    weight_map = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(weight_map, dict) or not all(isinstance(names, list) for names in weight_map.values()):
        raise DamagedError(
            f"The index {index} must have a `weight_map` from paths to lists of files. Received: {short(content)}"
        )
    folder = os.path.dirname(index)
    names = {str(name): name for names in weight_map.values() for name in names}
    for name, given in sorted(names.items()):
        if not isinstance(given, str) or os.path.basename(name) != name or name in ("", ".", ".."):
            raise DamagedError(f"The index {index} names the file {given!r}, which is not in its own folder.")
        if not os.path.isfile(os.path.join(folder, name)):
            raise DamagedError(f"The index {index} names the file '{name}', which is not beside it.")
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


class TooLargeError(DamagedError):
    """An array is larger than what it is for."""


class Budget:
    """Returns the bytes of arrays that an object or model can use; more is refused before it is read.

    Args:
        variables: Its variables; None for no limit.
    """

    def __init__(self, variables: Sequence[Any] | None):
        self.variables = variables
        # Files may have wider dtypes, and as much again of what isn't a variable.
        self.left = math.inf if variables is None else _UNASKED + 16 * sum(math.prod(v.shape) for v in variables)

    def take(self, dataset: Any) -> None:
        """Subtracts the size of a dataset.

        Raises:
            ValueError: It is more than is left.
        """
        self.left -= dataset.nbytes
        if self.left < 0:
            raise TooLargeError(
                f"The array '{dataset.name}' in the weights file has shape {dataset.shape}, {dataset.nbytes} bytes. "
                f"The model has no variable for it; expected shapes: {[v.shape for v in self.variables or ()][:10]}."
            )


_UNASKED = 64 << 20  # bytes


def _read_all(group: Any, budget: Budget) -> Arrays:
    import h5py

    if not isinstance(group, h5py.Group):
        raise ValueError(f"'{group.name}' in the weights file is not a group of arrays: the file is damaged.")
    found: Arrays = {}
    for name in group:
        item = follow(group, name)
        if isinstance(item, h5py.Group):
            found.update({f"{name}/{inner}": value for inner, value in _read_all(item, budget).items()})
        else:
            found[name] = read_array(item, budget)
    return found


def read_array(dataset: Any, budget: Budget, unnamed: str | None = None) -> np.ndarray:
    """Returns the array of an HDF5 dataset.

    Args:
        dataset: The dataset.
        budget: How much may be read.
        unnamed: The dtype that bytes without a note of it stand for; None if there are to be none.

    Raises:
        ValueError: It lies outside the file, holds no numbers, or is larger than what the model has.
    """
    noted = _check_dataset(dataset, unnamed)
    budget.take(dataset)
    try:
        check_packed(dataset, _filters(dataset))
        value = np.asarray(dataset[()])
        return value if noted is None else value.view(noted)
    except DamagedError:
        raise
    except (OSError, RuntimeError, ValueError, IndexError, zlib.error) as error:
        raise DamagedError(f"The array '{dataset.name}' in the weights file is damaged: {error}") from error


def attribute(owner: Any, name: str, default: Any = None) -> Any:
    """Returns an attribute of a group or dataset that is text, numbers, or lists of these.

    Args:
        owner: The group or dataset.
        name: Name of the attribute.
        default: What is returned if there is no such attribute.

    Raises:
        ValueError: It is of another kind. HDF5 follows the addresses in sequences of variable length unchecked: the
            process dies where they are wrong.
    """
    import h5py

    if name not in owner.attrs:
        return default
    kind = h5py.h5a.open(owner.id, name.encode()).get_type().get_class()
    if kind not in (h5py.h5t.STRING, h5py.h5t.INTEGER, h5py.h5t.FLOAT):
        raise DamagedError(f"The attribute '{name}' of '{owner.name}' in the HDF5 file is neither text nor a number.")
    return owner.attrs[name]


# What h5py ships: deflate, shuffle, Fletcher's checksum, LZF. Others are code that HDF5 loads from folders.
_FILTERS = (1, 2, 3, 32000)
_MAX_RATIO = 1100  # deflate's own limit is 1032
_FREE = 16 << 20  # bytes that any array may have


def _filters(dataset: Any) -> list[int]:
    plist = dataset.id.get_create_plist()
    return [plist.get_filter(i)[0] for i in range(plist.get_nfilters())]


def _check_dataset(dataset: Any, unnamed: str | None) -> Any:
    """The dtype that bytes stand for, or None. Raises an error, before anything is read, for what no model has."""
    import h5py

    if not isinstance(dataset, h5py.Dataset):
        raise DamagedError(f"There is no array at '{getattr(dataset, 'name', dataset)}' in the weights file.")
    if dataset.external or dataset.is_virtual:
        raise DamagedError(f"The array '{dataset.name}' lies outside the weights file. addax reads no other files.")
    filters = _filters(dataset)
    if not set(filters) <= set(_FILTERS):
        raise DamagedError(f"The array '{dataset.name}' is packed by filters ({filters}) that addax doesn't use.")
    stored = dataset.id.get_storage_size()
    if dataset.shape is None or dataset.nbytes > _FREE + _MAX_RATIO * stored:
        raise DamagedError(
            f"The array '{dataset.name}' has shape {dataset.shape}, but the file holds {stored} bytes for it."
        )
    noted = attribute(dataset, "dtype", unnamed)
    if dataset.dtype.kind not in "biufV" or (dataset.dtype.kind == "V" and noted is None):
        raise DamagedError(f"The array '{dataset.name}' in the weights file has dtype {dataset.dtype}, not a number's.")
    if dataset.dtype.kind != "V":
        return None
    name = noted.decode() if isinstance(noted, bytes) else str(noted)
    try:
        found = numpy_dtype(name)
    except (ValueError, TypeError, KeyError):
        found = None
    if found is None or found.itemsize != dataset.dtype.itemsize:
        raise DamagedError(f"The array '{dataset.name}' of {dataset.dtype.itemsize} bytes a value has dtype '{name}'.")
    return found
