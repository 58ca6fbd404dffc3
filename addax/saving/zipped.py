"""Zip archives, written once: a member that is made where it lies in the archive is never copied."""

from __future__ import annotations

import io
import os
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from struct import pack
from typing import Any, BinaryIO, NamedTuple

_PART = 1 << 20  # bytes read at once for a checksum
_VERSION = 45  # of the format: the one with sizes of 64 bits
_LARGE = 0xFFFFFFFF  # stands for a size that is noted in 64 bits
_MADE_ON_UNIX = 3 << 8
_MODE = 0o100600 << 16  # of a file, as Python's zipfile writes it


class _Member(NamedTuple):
    name: bytes
    checksum: int
    size: int
    place: int


class ZipWriter:
    """Writes an archive of stored members, which are not packed: arrays hardly shrink.

    Args:
        file: A file open for reading and writing in binary, at its start.
    """

    def __init__(self, file: BinaryIO):
        self.file = file
        self._members: list[_Member] = []
        now = time.localtime()
        self._date = now.tm_hour << 11 | now.tm_min << 5 | now.tm_sec // 2
        self._date |= ((max(now.tm_year, 1980) - 1980) << 9 | now.tm_mon << 5 | now.tm_mday) << 16

    def add(self, name: str, content: bytes) -> None:
        """Writes a member.

        Args:
            name: Its path in the archive.
            content: What it holds.
        """
        with self.member(name) as file:
            file.write(content)

    @contextmanager
    def member(self, name: str) -> Iterator[Any]:
        """Yields a binary file to write a member to, which may be read and written anywhere.

        Args:
            name: Its path in the archive.
        """
        place = self.file.seek(0, os.SEEK_END)
        made = _Member(name.encode(), 0, 0, place)
        self.file.write(self._local(made))
        start = self.file.tell()
        yield _Part(self.file, start)
        self.file.flush()
        size = self.file.seek(0, os.SEEK_END) - start
        self._members.append(made._replace(checksum=self._checksum(start), size=size))
        self.file.seek(place)
        self.file.write(self._local(self._members[-1]))

    def _checksum(self, start: int) -> int:
        found = 0
        self.file.seek(start)
        while part := self.file.read(_PART):
            found = zlib.crc32(part, found)
        return found

    def _local(self, member: _Member) -> bytes:
        extra = pack("<HHQQ", 1, 16, member.size, member.size)
        return b"PK\3\4" + self._common(member, _LARGE, len(extra)) + member.name + extra

    def _common(self, member: _Member, size: int, extra: int) -> bytes:
        text = 1 << 11  # the name is UTF-8
        return pack(
            "<HHHIIIIHH", _VERSION, text, 0, self._date, member.checksum, size, size, len(member.name), extra
        )  # fmt: skip

    def close(self) -> None:
        """Writes the table of the members."""
        table = b""
        for member in self._members:
            extra = pack("<HHQQQ", 1, 24, member.size, member.size, member.place)
            table += b"PK\1\2" + pack("<H", _MADE_ON_UNIX | _VERSION) + self._common(member, _LARGE, len(extra))
            table += pack("<HHHII", 0, 0, 0, _MODE, _LARGE) + member.name + extra
        place, count = self.file.seek(0, os.SEEK_END), len(self._members)
        end = pack("<QHHIIQQQQ", 44, _MADE_ON_UNIX | _VERSION, _VERSION, 0, 0, count, count, len(table), place)
        self.file.write(table + b"PK\6\6" + end + b"PK\6\7" + pack("<IQI", 0, place + len(table), 1))
        few, small = min(count, 0xFFFF), min(len(table), _LARGE)
        self.file.write(b"PK\5\6" + pack("<HHHHIIH", 0, 0, few, few, small, min(place, _LARGE), 0))


class _Part(io.RawIOBase):
    """The rest of a file from a place on, as a file of its own.

    Args:
        file: The file.
        start: The place.
    """

    def __init__(self, file: BinaryIO, start: int):
        super().__init__()
        self._file, self._start = file, start

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(place + (self._start if whence == os.SEEK_SET else 0), whence) - self._start

    def tell(self) -> int:
        return self._file.tell() - self._start

    def readinto(self, buffer: Any) -> int:
        content = self._file.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def write(self, data: Any) -> int:
        return self._file.write(data)

    def truncate(self, size: int | None = None) -> int:
        return self._file.truncate(None if size is None else size + self._start) - self._start

    def flush(self) -> None:
        if not self._file.closed:
            self._file.flush()
