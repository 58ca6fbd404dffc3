"""Structures of HDF5 files, checked before the HDF5 library follows them.

The library is C. Some damage makes it loop for ever or crash, which nothing in the process can stop. What is known here
is the layout that h5py and Keras write (superblock 0, groups as symbol tables), after the HDF5 File Format
Specification. Files with other structures, valid or not, are first read by a process of its own (`hdf5_trial.py`).
Where all arrays of a file are stored plainly, as those in Keras's files are, the places that are found here are
enough to read them, and the library is not needed (`hdf5_plain.py`).
"""

from __future__ import annotations

import math
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Sequence
from struct import error as StructError
from struct import pack, unpack, unpack_from
from typing import Any, BinaryIO, NamedTuple, NoReturn, TypeAlias, Union

import numpy as np

from ..core.reading import DamagedError

_UNDEFINED = 2**64 - 1
_SUPERBLOCK = b"\x89HDF\r\n\x1a\n" + bytes([0, 0, 0, 0, 0, 8, 8, 0])  # signature, versions, sizes of addresses
_MAX_NAME = 1 << 16
_MAX_RANK = 32
_CHUNK_TREE = 32  # half the number of children of a node in the index of a chunked array
_SPACE, _TYPE, _OLD_FILL, _FILL, _LAYOUT, _FILTERS, _ATTRIBUTE = 0x1, 0x3, 0x4, 0x5, 0x8, 0xB, 0xC
_CONTINUATION, _TABLE, _TIME, _LINKS = 0x10, 0x11, 0x12, 0x16
_KNOWN = {0, _SPACE, _TYPE, _OLD_FILL, _FILL, _LAYOUT, _FILTERS, _ATTRIBUTE, _CONTINUATION, _TABLE, _TIME, _LINKS}
_REPEATED = {0, _ATTRIBUTE, _CONTINUATION}
# IEEE's: size, place of the sign; offset, bits, exponent's place and size, mantissa's place and size, bias
_FLOATS = {
    (2, 15): pack("<HHBBBBI", 0, 16, 10, 5, 0, 10, 15),
    (4, 31): pack("<HHBBBBI", 0, 32, 23, 8, 0, 23, 127),
    (8, 63): pack("<HHBBBBI", 0, 64, 52, 11, 0, 52, 1023),
}
_BOOL = b"\x02\x00\x00\x01\x00\x00\x00" + b"\x10\x08\x00\x00\x01\x00\x00\x00\x00\x00\x08\x00"
_BOOL += b"FALSE\0\0\0TRUE\0\0\0\0\0\1"
_VARIABLE = 9  # the class of texts of variable length
# By the class of a type: whether its size, its bits and the bytes of the message are those that h5py writes.
_TYPES: dict[int, Callable[[int, int, bytes], bool]] = {
    0: lambda size, bits, body: size in (1, 2, 4, 8) and bits < 16 and unpack_from("<HH", body, 8) == (0, 8 * size),
    1: lambda size, bits, body: bits & 0xFF in (0x20, 0x21) and _FLOATS.get((size, bits >> 8)) == body[8:20],
    3: lambda size, bits, body: 0 < size < 1 << 31 and bits & 15 <= 2 and bits >> 4 <= 1,
    # bytes, with a note of their meaning
    5: lambda size, bits, body: bits == 0 or (0 < size < 1 << 16 and bits < 256 and b"\0" in body[8 : 9 + bits]),
    8: lambda size, bits, body: body[1:].startswith(_BOOL),
    _VARIABLE: lambda size, bits, body: bits & 15 == 1 and bits >> 8 <= 1 and size == 16 and body[8] & 15 in (0, 3),
}
# deflate, shuffle, Fletcher's checksum, LZF: the number of arguments
_FILTER_ARGUMENTS = {1: 1, 2: 1, 3: 0, 32000: 3}


# The types of values that are read without the library, as NumPy writes them: from the size and the bits of the message
_DTYPES: dict[int, Callable[[int, int], str]] = {
    0: lambda size, bits: f"{'<>'[bits & 1]}{'ui'[bits >> 3 & 1]}{size}",
    1: lambda size, bits: f"{'<>'[bits & 1]}f{size}",
    8: lambda size, bits: "?",
}

MAX_OBJECTS = 1_000_000
MAX_LEVELS = 64  # of groups in groups


class Piece(NamedTuple):
    """An array that lies in a file in one piece.

    Args:
        name: Its path in the file.
        dtype: Its dtype.
        shape: Its shape.
        address: The byte at which it begins.
    """

    name: str
    dtype: np.dtype
    shape: tuple[int, ...]
    address: int

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


Tree: TypeAlias = dict[str, Union["Tree", Piece]]  # what is in a group, by name


class _UnfamiliarError(Exception):
    """The file has a structure that is not checked here."""


def check_structures(file: str | os.PathLike | BinaryIO, name: str) -> Tree | None:
    """Checks that the HDF5 library can read a file without harm to the process.

    Args:
        file: Path, or a binary file.
        name: What errors call it.

    Returns:
        The groups and arrays in the file; None if there is something that only the library can read, or that is refused
        for other reasons than its structure.

    Raises:
        ValueError: The file is damaged.
    """
    try:
        if not isinstance(file, (str, os.PathLike)):
            return _Walk(file).check()
        with open(file, "rb") as opened:
            return _Walk(opened).check()
    except _UnfamiliarError:
        _try_in_process(file, name)
        return None
    except (DamagedError, StructError, IndexError) as error:
        raise DamagedError(f"Not an HDF5 file, or a damaged one: {name}. ({error})") from None


class _Walk:
    """Follows each address in a file once.

    Args:
        file: The file.
    """

    def __init__(self, file: BinaryIO):
        self.file = file
        self.end = file.seek(0, os.SEEK_END)
        self.left = (64 << 20) + 16 * self.end  # bytes to read: structures that overlap could be read without end
        self.objects: dict[int, bytes] = {}  # addresses -> what the group that has it notes of it
        self.pending: list[int] = []
        self.collections: dict[int, dict[int, int]] = {}
        self.stored = 0  # bytes of arrays
        self.members: dict[int, list[tuple[bytes, int]]] = {}  # addresses of groups -> names and addresses in them
        self.pieces: dict[int, Piece] = {}  # addresses of arrays in one piece
        self.described: set[int] = set()  # addresses of objects with attributes

    def read(self, address: int, size: int, what: str) -> bytes:
        self.left -= size
        if address + size > self.end or self.left < 0:
            raise DamagedError(f"the {what} at byte {address} is not inside the file of {self.end} bytes")
        self.file.seek(address)
        return self.file.read(size)

    def wrong(self, what: str, address: int) -> NoReturn:
        raise DamagedError(f"the {what} at byte {address} is damaged")

    def check(self) -> Tree | None:
        """Checks the file, and returns what `check_structures` does."""
        head = self.read(0, 96, "superblock")
        if head[:16] != _SUPERBLOCK:
            raise _UnfamiliarError
        self.leaf, self.inner = unpack_from("<HH", head, 16)
        base, free, end, driver = unpack_from("<4Q", head, 24)
        if base or free != _UNDEFINED or driver != _UNDEFINED:
            raise _UnfamiliarError
        if end > self.end:
            raise DamagedError(f"the file has {self.end} of its {end} bytes")
        self.end = end
        self.entry(head[56:], None, [])
        (root,) = self.pending
        while self.pending:
            self.object(self.pending.pop())
        return self.tree(root)

    def tree(self, root: int) -> Tree | None:
        """Returns what is in the groups; None if it isn't plain arrays, by unique names, in groups that have one place.

        What is said of the whole file makes it one of Keras 2.
        """
        made: Tree = {}
        if root in self.described:
            return None
        seen, stack = {root}, [(root, made, "", 0)]
        while stack:
            group, into, path, level = stack.pop()
            for name, address in self.members.get(group, ()):
                try:
                    text = name.decode()
                except UnicodeDecodeError:
                    return None
                place = f"{path}/{text}"
                if not text or text in into or "/" in text or len(seen) > MAX_OBJECTS:
                    return None
                if address in self.pieces:
                    into[text] = self.pieces[address]._replace(name=place)
                elif address in self.members and address not in seen and level <= MAX_LEVELS:
                    seen.add(address)
                    inner: Tree = {}
                    into[text] = inner
                    stack.append((address, inner, place, level + 1))
                else:
                    return None
        return made

    # Objects

    def object(self, address: int) -> None:
        """Checks a group or array."""
        messages: dict[int, bytes] = {}
        for kind, body in self.messages(address):
            if kind not in _KNOWN:
                raise _UnfamiliarError
            if kind in messages and kind not in _REPEATED:
                self.wrong("object", address)
            messages[kind] = body
            if kind == _ATTRIBUTE:
                self.attribute(body, address)
                self.described.add(address)
        if _TABLE in messages:
            noted = self.objects[address]
            if noted and noted != messages[_TABLE][:16]:
                self.wrong("group", address)
            tree, heap = unpack_from("<QQ", messages[_TABLE])
            self.group(tree, heap, self.members.setdefault(address, []))
        elif _LAYOUT in messages and _SPACE in messages and _TYPE in messages:
            self.array(messages, address)
        else:
            raise _UnfamiliarError

    def messages(self, address: int) -> list[tuple[int, bytes]]:
        """The parts of an object's header, which may be continued elsewhere."""
        head = self.read(address, 12, "object")
        if head.startswith(b"OHDR"):
            raise _UnfamiliarError
        version, count, size = unpack("<BxH4xI", head)
        if version != 1:
            self.wrong("object", address)
        found: list[tuple[int, bytes]] = []
        blocks = [(address + 16, size)]
        for place, size in blocks:
            data, at = self.read(place, size, "object"), 0
            while at + 8 <= size:
                kind, length, flags = unpack_from("<HHB", data, at)
                at += 8 + length
                if at > size or len(found) == count:
                    self.wrong("object", address)
                if flags & 2:  # shared with other objects
                    raise _UnfamiliarError
                found.append((kind, data[at - length : at]))
                if kind == _CONTINUATION:
                    blocks.append(unpack_from("<QQ", found[-1][1]))
        if len(found) != count:
            self.wrong("object", address)
        return found

    # Groups

    def group(self, tree: int, heap: int, members: list[tuple[bytes, int]]) -> None:
        names = self.heap(heap)
        for _, place in self.leaves(tree, 0, 8, self.inner):
            data = self.read(place, 8 + 80 * self.leaf, "list of names")
            signature, version, count = unpack_from("<4sBxH", data)
            if signature != b"SNOD" or version != 1 or count > 2 * self.leaf:
                self.wrong("list of names", place)
            for i in range(count):
                self.entry(data[8 + 40 * i : 48 + 40 * i], names, members)

    def entry(self, data: bytes, names: bytes | None, members: list[tuple[bytes, int]]) -> None:
        """Checks a name in a group, adds it to `members`, and has its object checked."""
        name, address, kind = unpack_from("<QQI", data)
        if kind > 2 or (kind == 2 and names is None):
            raise DamagedError(f"the name of the object at byte {address} is damaged")
        if names is not None:
            if kind == 2:  # a soft link: the name of what it leads to
                self.name(names, unpack_from("<I", data, 24)[0], address)
            members.append((self.name(names, name, address), _UNDEFINED if kind == 2 else address))
        noted = data[24:40] if kind == 1 else b""
        if kind != 2 and address not in self.objects:
            self.pending.append(address)
            self.objects[address] = noted
        elif kind != 2 and noted and self.objects[address] != noted:
            self.wrong("group", address)

    def name(self, names: bytes, start: int, address: int) -> bytes:
        """Returns the name that begins at `start`, of the object at `address`."""
        end = names.find(b"\0", start, start + _MAX_NAME) if start < len(names) else -1
        if end < 0:
            raise DamagedError(f"the name of the object at byte {address} is damaged")
        return names[start:end]

    def heap(self, address: int) -> bytes:
        """Returns the names in a group."""
        signature, version, size, free, place = unpack("<4sB3xQQQ", self.read(address, 32, "heap"))
        if signature != b"HEAP" or version != 0:
            self.wrong("heap", address)
        data = self.read(place, size, "heap")
        for _ in range(size // 16 + 1):
            if free == 1:  # there is no free part any more
                return data
            following, length = unpack_from("<QQ", data, free)
            if free + length > size:
                break
            free = following
        self.wrong("heap", address)

    def leaves(self, address: int, kind: int, key: int, half: int) -> list[tuple[bytes, int]]:
        """Returns the keys and addresses in the lowest level of a B-tree."""
        step = key + 8
        level, nodes = None, [address]
        while True:
            found: list[tuple[bytes, int]] = []
            around = [_UNDEFINED, *nodes, _UNDEFINED]
            for i, place in enumerate(nodes):
                data = self.read(place, 24 + 2 * half * step + key, "B-tree")
                signature, of, depth, used, *beside = unpack_from("<4sBBHQQ", data)
                level = depth if level is None else level
                # As the nodes beside it are those of its place, no node comes twice.
                expected = (b"TREE", kind, level, around[i], around[i + 2])
                if (signature, of, depth, *beside) != expected or used > 2 * half:
                    self.wrong("B-tree", place)
                starts = range(24, 24 + used * step, step)
                found += [(data[s : s + key], unpack_from("<Q", data, s + key)[0]) for s in starts]
            if not level or not found:
                return found
            level, nodes = level - 1, [child for _, child in found]

    # Arrays and attributes

    def array(self, messages: dict[int, bytes], address: int) -> None:
        size, is_text = self.datatype(messages[_TYPE], address)
        self.count(messages[_SPACE], address)
        fills = [self.fill_size(kind, messages[kind], address) for kind in (_FILL, _OLD_FILL) if kind in messages]
        if is_text or not set(fills) <= {0, size}:
            raise _UnfamiliarError
        packed = _FILTERS in messages and self.filters(messages[_FILTERS], size, address)
        layout = messages[_LAYOUT]
        if layout[0] != 3 or layout[1] > 2:
            raise _UnfamiliarError
        if layout[1] == 0:  # in the header itself
            (inside,) = unpack_from("<H", layout, 2)
            if 4 + inside > len(layout):
                self.wrong("array", address)
        elif layout[1] == 1:
            place, stored = unpack_from("<QQ", layout, 2)
            if place != _UNDEFINED:
                self.inside(place, stored)
            if not packed and address not in self.described:
                self.piece(messages, address, place, stored)
        else:
            self.chunks(layout, size, packed, address)

    def piece(self, messages: dict[int, bytes], address: int, place: int, stored: int) -> None:
        """Notes an array that can be read from its place alone."""
        head, size = unpack_from("<II", messages[_TYPE])
        dtype, shape = _DTYPES.get(head & 15), self.shape(messages[_SPACE], address)
        if dtype is None or shape is None:
            return
        found = Piece("", np.dtype(dtype(size, head >> 8)), shape, place if stored else 0)
        if found.dtype.itemsize == size and found.nbytes == stored and (place != _UNDEFINED or not stored):
            self.pieces[address] = found

    def chunks(self, layout: bytes, size: int, packed: bool, address: int) -> None:
        rank, tree = unpack_from("<BQ", layout, 2)
        sizes = unpack_from(f"<{rank}I", layout, 11)
        if not 2 <= rank <= _MAX_RANK + 1 or sizes[-1] != size or 0 in sizes:
            self.wrong("array", address)
        for key, place in [] if tree == _UNDEFINED else self.leaves(tree, 1, 8 + 8 * rank, _CHUNK_TREE):
            (stored,) = unpack_from("<I", key)
            self.inside(place, stored)
            if not packed and stored != math.prod(sizes):
                self.wrong("array", address)

    def inside(self, place: int, size: int) -> None:
        self.stored += size
        if place + size > self.end or self.stored > self.end:  # arrays that overlap could be read without end, too
            raise DamagedError(
                f"the values at byte {place} are not inside the file of {self.end} bytes, or inside another structure"
            )

    def datatype(self, body: bytes, address: int) -> tuple[int, bool]:
        """Returns the size of a value, and whether it is text of variable length."""
        head, size = unpack_from("<II", body)
        kind, version, bits = head & 15, head >> 4 & 15, head >> 8
        if kind > 11 or not 1 <= version <= 5:
            self.wrong("type", address)
        is_familiar = _TYPES.get(kind)
        if is_familiar is None or version != 1 or not is_familiar(size, bits, body):
            raise _UnfamiliarError
        if kind == _VARIABLE and self.datatype(body[8:], address)[0] != 1:  # texts of single bytes
            raise _UnfamiliarError
        return size, kind == _VARIABLE

    def count(self, body: bytes, address: int) -> int:
        """Returns the number of values that a message about the shape tells."""
        shape = self.shape(body, address)
        return 0 if shape is None else math.prod(shape)

    def shape(self, body: bytes, address: int) -> tuple[int, ...] | None:
        """Returns the shape in a message; None for an array without values."""
        version, rank, flags, kind = body[:4]
        if version not in (1, 2) or flags > 1:
            raise _UnfamiliarError
        if rank > _MAX_RANK or (version == 2 and kind > 2):
            self.wrong("shape", address)
        sizes = unpack_from(f"<{rank * (1 + flags)}Q", body, 8 if version == 1 else 4)[:rank]
        return None if version == 2 and kind == 2 else sizes

    def fill_size(self, kind: int, body: bytes, address: int) -> int:
        """Returns the size of the value that stands for those that are not written."""
        at = 0
        if kind == _FILL:
            version = body[0]
            if version not in (1, 2, 3):
                raise _UnfamiliarError
            if not (version == 1 or (body[3] if version == 2 else body[1] & 0x20)):
                return 0
            at = 2 if version == 3 else 4
        (size,) = unpack_from("<i", body, at)
        if at + 4 + size > len(body):
            self.wrong("fill value", address)
        return max(size, 0)

    def filters(self, body: bytes, size: int, address: int) -> bool:
        """Checks the filters of an array; returns whether there are any."""
        version, count = body[:2]
        if version != 1:
            raise _UnfamiliarError
        at = 8
        for _ in range(count):
            number, name, _, given = unpack_from("<4H", body, at)
            at += 8 + name
            arguments = unpack_from(f"<{given}I", body, at)
            at += 4 * (given + given % 2)
            if _FILTER_ARGUMENTS.get(number) != given:
                raise _UnfamiliarError
            if number == 2 and arguments != (size,):  # shuffle
                self.wrong("filter", address)
        return count > 0

    def attribute(self, body: bytes, address: int) -> None:
        version, flags, *sizes = unpack_from("<BB3H", body)
        if version not in (1, 3) or (version == 3 and flags):
            raise _UnfamiliarError
        at, parts = 8 if version == 1 else 9, []
        for size in sizes:
            parts.append(body[at : at + size])
            at += (size + 7) // 8 * 8 if version == 1 else size
        size, is_text = self.datatype(parts[1], address)
        count = self.count(parts[2], address)
        if b"\0" not in parts[0] or at + count * size > len(body):
            self.wrong("attribute", address)
        for start in range(at, at + 16 * count, 16) if is_text else ():
            length, place, index = unpack_from("<IQI", body, start)
            # The library copies as many bytes as the heap says to memory for as many as stand here.
            held = 0 if place in (0, _UNDEFINED) else self.collection(place).get(index)
            if held != length:
                self.wrong("text", place)

    def collection(self, address: int) -> dict[int, int]:
        """Returns the sizes of the texts in a global heap."""
        if address in self.collections:
            return self.collections[address]
        signature, version, size = unpack("<4sB3xQ", self.read(address, 16, "global heap"))
        if signature != b"GCOL" or version != 1 or size < 4096:
            self.wrong("global heap", address)
        data, at = self.read(address, size, "global heap"), 16
        found: dict[int, int] = {}
        while at + 16 <= size:
            index, length = unpack_from("<H6xQ", data, at)
            if index == 0:  # the rest is free
                at += length
                break
            at += 16 + (length + 7) // 8 * 8
            if index in found or at > size:
                self.wrong("global heap", address)
            found[index] = length
        if at > size or at + 16 <= size:
            self.wrong("global heap", address)
        self.collections[address] = found
        return found


# Packed arrays

_DEFLATE, _FLETCHER, _LZF = 1, 3, 32000


def check_packed(dataset: Any, filters: Sequence[int]) -> None:
    """Checks that the chunks of an array unpack to no more than they are for; the library unpacks all that there is.

    Args:
        dataset: An open array in an HDF5 file.
        filters: The numbers of its filters.

    Raises:
        ValueError: A chunk is larger, or can't be unpacked.
    """
    packers = [i for i, number in enumerate(filters) if number in (_DEFLATE, _LZF)]
    if not packers:
        return
    if len(packers) > 1:
        raise DamagedError(f"The array '{dataset.name}' is packed twice.")
    chunks: list[Any] = []
    dataset.id.chunk_iter(chunks.append)
    most = math.prod(dataset.chunks) * dataset.dtype.itemsize
    for chunk in chunks:
        if chunk.filter_mask >> packers[0] & 1:  # this one is not packed
            continue
        _, data = dataset.id.read_direct_chunk(chunk.chunk_offset)
        data = data[: -4 * filters[packers[0] :].count(_FLETCHER) or None]
        if not _unpacks(data, filters[packers[0]], most + 4):  # a checksum inside
            raise DamagedError(f"The array '{dataset.name}' has a chunk that unpacks to more than {most} bytes.")


def _unpacks(data: bytes, number: int, most: int) -> bool:
    """Returns whether data unpack to `most` bytes or less, without the memory for more."""
    made = 0
    if number == _DEFLATE:
        inflating = zlib.decompressobj()
        while data and made <= most:
            made += len(inflating.decompress(data, 1 << 20))
            data = inflating.unconsumed_tail
        return made <= most
    at = 0
    while at < len(data) and made <= most:
        head = data[at]
        if head < 32:  # that many bytes and one more, as they are
            at, made = at + head + 2, made + head + 1
        else:  # a repetition
            is_long = head >> 5 == 7
            made += (head >> 5) + 2 + (data[at + 1] if is_long else 0)
            at += 3 if is_long else 2
    return made <= most


# Other structures

_TRIAL = os.path.join(os.path.dirname(__file__), "hdf5_trial.py")
_SECONDS = 60


def _try_in_process(file: str | os.PathLike | BinaryIO, name: str) -> None:
    """Has a process of its own read all of a file but its arrays, and refuses the file if that process doesn't."""
    import subprocess  # takes a while to import, and few files need it

    with tempfile.TemporaryDirectory() as folder:
        path = os.fspath(file) if isinstance(file, (str, os.PathLike)) else os.path.join(folder, "file.h5")
        if not isinstance(file, (str, os.PathLike)):
            file.seek(0)
            with open(path, "wb") as copied:
                shutil.copyfileobj(file, copied)
        command = [sys.executable, "-I", _TRIAL, path]
        try:
            ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            raise DamagedError(f"The HDF5 file {name} is damaged: reading it doesn't end.") from None
        except (OSError, ValueError) as error:
            raise DamagedError(
                f"The HDF5 file {name} has structures that addax first reads in a process of its own, and that could "
                f"not be started: {error}. Write the file anew with h5py's defaults."
            ) from error
    if ended.returncode:
        last = ended.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        reason = last or f"the HDF5 library ends the process that reads it (status {ended.returncode})"
        raise DamagedError(f"Not an HDF5 file, or a damaged one: {name}. ({reason})")
