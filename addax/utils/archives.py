"""Safe extraction of archives."""

from __future__ import annotations

import os
import stat
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import IO

from ..core.warnings import warn

# An archive may become this many times as large, and this many bytes larger: more than any data do, less than a bomb.
_RATIO = 200
_ALLOWANCE = 100 << 20
_MEMBERS = 10_000_000
_CHUNK = 1 << 20


@dataclass(frozen=True)
class _Member:
    """A member of an archive.

    Attributes:
        name: Path in the archive.
        kind: "file", "folder", "link" or "device".
        size: Bytes, as the archive declares them.
        modified: Time of the last change, in seconds since the epoch.
        checksum: CRC-32 of its contents, or None.
        open: Opens its contents.
    """

    name: str
    kind: str
    size: int
    modified: float
    checksum: int | None
    open: Callable[[], IO[bytes] | None]


def extract_archive(path: Path, folder: Path, archive_format: str | Sequence[str] | None = "auto") -> bool:
    """Extracts an archive into a folder; files that are there already, as they are in the archive, stay.

    Nothing is written outside of `folder`, links are left out with a warning, and what grows beyond 200 times the
    archive's size (and 100 MiB) is an error.

    Args:
        path: The archive.
        folder: Where its members go.
        archive_format: "auto", "tar", "zip", or a list of formats to try.

    Returns:
        Whether it is an archive of these formats; there is a warning otherwise.

    Raises:
        ValueError: A member lies outside of `folder` or is a device, or the archive grows too much.

    >>> import pathlib, tempfile, zipfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> with zipfile.ZipFile(folder / "a.zip", "w") as archive:
    ...     archive.writestr("b/c.txt", "hello")
    >>> extract_archive(folder / "a.zip", folder / "a"), (folder / "a" / "b" / "c.txt").read_text()
    (True, 'hello')
    """
    for form in check_formats(archive_format):
        is_one, members = _FORMATS[form]
        if is_one(path):
            _extract(path, members(path), folder)
            return True
    warn(f"Could not extract archive. {path} is no archive of the formats {archive_format!r}.")
    return False


def check_formats(archive_format: str | Sequence[str] | None) -> tuple[str, ...]:
    """Returns the formats that `archive_format` stands for.

    Raises:
        NotImplementedError: One of them is unknown.
    """
    given = (archive_format,) if isinstance(archive_format, str) else tuple(archive_format or ())
    formats = tuple(_FORMATS) if given == ("auto",) else given
    for form in formats:
        if form not in _FORMATS:
            raise NotImplementedError(f"`archive_format` must be 'auto', 'tar' or 'zip'. Received: {form!r}")
    return formats


def _extract(path: Path, members: Iterator[_Member], folder: Path) -> None:
    left = _RATIO * path.stat().st_size + _ALLOWANCE
    folder.mkdir(parents=True, exist_ok=True)
    links: list[str] = []
    for number, member in enumerate(members):
        inside = PurePath(member.name)
        if inside.is_absolute() or inside.drive or ".." in inside.parts:
            raise ValueError(f"{path} is unsafe: its member {member.name!r} lies outside of the folder.")
        if member.kind == "device":
            raise ValueError(f"{path} is unsafe: its member {member.name!r} is neither a file nor a folder.")
        if number >= _MEMBERS:
            raise ValueError(f"{path} is unsafe: it has more than {_MEMBERS} members.")
        if member.kind == "link":
            links.append(member.name)
        elif member.kind == "folder":
            (folder / inside).mkdir(parents=True, exist_ok=True)
        else:
            left -= _write(member, folder / inside, left, path)
    if links:
        warn(f"Links are not extracted: {len(links)} in {path}, the first one {links[0]!r}.")


def _write(member: _Member, target: Path, left: int, path: Path) -> int:
    """Writes a file unless it is there, and returns how many bytes it counts for."""
    if _is_there(member, target):
        return member.size
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.part")
    size = 0
    source = member.open()
    assert source is not None
    with source, beside.open("wb") as file:
        # What is declared may be wrong: what is written is counted.
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > left:
                file.close()
                beside.unlink()
                raise ValueError(
                    f"{path} is unsafe: it would grow to more than {_RATIO} times its size of {path.stat().st_size} "
                    "bytes."
                )
            file.write(chunk)
    os.utime(beside, (member.modified, member.modified))
    os.replace(beside, target)
    return size


def _is_there(member: _Member, target: Path) -> bool:
    """Tests whether a file is the member: by its size, and its time or checksum."""
    try:
        there = target.stat()
        if not stat.S_ISREG(there.st_mode) or there.st_size != member.size:
            return False
        if int(there.st_mtime) == int(member.modified):
            return True
        return member.checksum is not None and zlib.crc32(target.read_bytes()) == member.checksum
    except OSError:
        return False


def _tar_members(path: Path) -> Iterator[_Member]:
    with tarfile.open(path) as archive:
        for info in archive:
            kind = "file" if info.isreg() else "folder" if info.isdir() else "device"
            kind = "link" if info.issym() or info.islnk() else kind
            modified = float(max(0, info.mtime))
            yield _Member(info.name, kind, info.size, modified, None, lambda info=info: archive.extractfile(info))  # type: ignore[misc]


def _zip_members(path: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            mode = info.external_attr >> 16  # of Unix, where the archive was made there
            kind = "link" if stat.S_ISLNK(mode) else "folder" if info.is_dir() else "file"
            modified = time.mktime((*info.date_time, 0, 0, -1))
            yield _Member(info.filename, kind, info.file_size, modified, info.CRC, lambda info=info: archive.open(info))  # type: ignore[misc]


_FORMATS: dict[str, tuple[Callable[[Path], bool], Callable[[Path], Iterator[_Member]]]] = {
    "tar": (tarfile.is_tarfile, _tar_members),
    "zip": (zipfile.is_zipfile, _zip_members),
}
