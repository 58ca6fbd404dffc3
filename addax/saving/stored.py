"""Members of zip archives that are stored as they are, read where they lie in the archive."""

from __future__ import annotations

import io
import os
import shutil
import threading
import zipfile
import zlib
from struct import unpack_from
from typing import Any

from ..core.reading import DamagedError

_PART = 1 << 20  # bytes read at once for the checksum
_LOCAL_HEADER = 30  # bytes before the member's name


class StoredMember(io.RawIOBase):
    """A member of an archive, as a binary file. Its checksum is computed by a thread meanwhile.

    Args:
        archive: The archive.
        member: The member; it must be stored, not packed.
        handle: Descriptor of the archive's file.
        copy: Path of a file that may be made of it.

    Raises:
        ValueError: The member is damaged.
    """

    def __init__(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, handle: int, copy: str):
        super().__init__()
        self.name = member.filename
        self.copy = copy
        self._handle, self._size, self._expected = handle, member.file_size, member.CRC
        archive.open(member).close()  # checks that the header before the member fits the archive's table
        names = unpack_from("<HH", os.pread(handle, _LOCAL_HEADER, member.header_offset), _LOCAL_HEADER - 4)
        self._start = member.header_offset + _LOCAL_HEADER + sum(names)
        self._place = 0
        if member.compress_size != self._size or self._start + self._size > os.fstat(handle).st_size:
            raise DamagedError(f"The member {self.name!r} of the archive is damaged: it is not inside the archive.")
        self._found = 0
        self._ended = False
        self._thread = threading.Thread(target=self._sum, name="addax-checksum", daemon=True)
        self._thread.start()

    def _sum(self) -> None:
        for at in range(0, self._size, _PART):
            if self._ended:
                return
            self._found = zlib.crc32(self._part(at, _PART), self._found)

    def _part(self, at: int, size: int) -> bytes:
        """Some bytes from a place in the member on; fewer at its end."""
        size = min(size, self._size - at)
        parts: list[bytes] = []
        while size > 0 and (part := os.pread(self._handle, size, self._start + at)):  # at most 2 GB at once
            parts.append(part)
            at, size = at + len(part), size - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def check(self) -> None:
        """Waits for the checksum.

        Raises:
            ValueError: It differs from the one in the archive.
        """
        self._thread.join()
        if self._found != self._expected:
            raise DamagedError(f"The member {self.name!r} of the archive is damaged: Bad CRC-32 for file {self.name!r}")

    def unpack(self) -> str:
        """Copies the member to a file, and returns the path of it."""
        self.seek(0)
        with open(self.copy, "wb") as file:
            shutil.copyfileobj(self, file, _PART)
        return self.copy

    # A binary file

    def fileno(self) -> int:
        return self._handle

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        self._place = place + {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        found = self._part(self._place, self._size if size is None or size < 0 else size)
        self._place += len(found)
        return found

    def readinto(self, buffer: Any) -> int:
        found = self.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def close(self) -> None:
        """Ends the thread; the archive's file stays open."""
        self._ended = True
        self._thread.join()
        super().close()
