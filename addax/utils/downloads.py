"""Files from the network, kept in a folder of the user: `get_file`."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..callbacks.output import print_msg
from ..callbacks.progbar import Progbar
from ..core.locks import locked
from ..version import __version__
from .archives import check_formats, extract_archive

_CHUNK = 1 << 18  # bytes
_TIMEOUT = 60.0  # seconds without a byte after which a connection counts as broken
_RESUMPTIONS = 20  # of one download, each after at least one more byte


def get_file(
    fname: str | os.PathLike | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str | os.PathLike = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | Sequence[str] | None = "auto",
    cache_dir: str | os.PathLike | None = None,
    force_download: bool = False,
) -> str:
    """Downloads a file unless it is in the cache already, and returns its path.

    A download that was interrupted is resumed by the next call. It is written beside the file and renamed when it is
    complete and its hash is right, so that no other process sees a part of it; a second process that wants the same
    file waits for the first.

    Args:
        fname: Name in the cache, without folders; the name at `origin` when None. For archives that are extracted, the
            name of the folder (of the archive, if it has an extension).
        origin: URL of the file.
        untar: Whether the file is a tar archive to extract. Use `extract` instead.
        md5_hash: MD5 of the file. Use `file_hash` instead.
        file_hash: Expected hash, in hexadecimal digits: SHA-256 or MD5.
        cache_subdir: Folder below `cache_dir`; an absolute path replaces both.
        hash_algorithm: "sha256", "md5", or "auto" to tell them apart by their length.
        extract: Whether to extract the file, a tar or zip archive.
        archive_format: "auto", "tar" (compressed or not), "zip", or a list of formats to try.
        cache_dir: Folder of the cache; when None, the environment variable `KERAS_HOME` or else `~/.keras`.
        force_download: Whether to download the file even if it is in the cache.

    Returns:
        Path of the file, or of the folder with the contents of the archive.

    Raises:
        ValueError: A wrong argument, a file whose hash isn't the expected one, or an unsafe archive.
        OSError: The file could not be fetched. The message says where to put it by hand.

    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp()); _ = (folder / "a.txt").write_text("hello")
    >>> path = keras.utils.get_file(origin=(folder / "a.txt").as_uri(), cache_dir=folder / "cache")
    Downloading data from file://...
    >>> pathlib.Path(path).read_text()
    'hello'
    """
    if origin is None:
        raise ValueError('Please specify the "origin" argument (URL of the file to download).')
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    digest = None if file_hash is None else Digest.given(file_hash, hash_algorithm)
    formats = ("tar",) if untar else archive_format
    if extract or untar:
        check_formats(formats)
    name, folder_name = _names(fname, origin, bool(extract or untar))
    folder = _cache_folder(cache_dir, cache_subdir, name)
    path = folder / name
    if not (extract or untar):
        _provide(origin, path, digest, force_download)
        return str(path)
    with locked(path):
        _provide(origin, path, digest, force_download, locks=False)
        extract_archive(path, folder / folder_name, formats)
    return str(folder / folder_name)


@dataclass(frozen=True)
class Digest:
    """The expected hash of a file.

    Attributes:
        value: Hexadecimal digits.
        algorithm: "sha256" or "md5".
        asked: The algorithm as the caller named it, for messages.
    """

    value: str
    algorithm: str
    asked: str

    @classmethod
    def given(cls, value: str, algorithm: str) -> Digest:
        """Makes one of the arguments of `get_file`.

        Raises:
            ValueError: The algorithm is unknown.
        """
        if algorithm not in ("auto", "md5", "sha256"):
            raise ValueError(
                f"`hash_algorithm` must be 'auto', 'md5' or 'sha256'. Received: hash_algorithm={algorithm!r}"
            )
        known = algorithm if algorithm != "auto" else ("sha256" if len(value) == 64 else "md5")
        return cls(value, known, algorithm)

    def of(self, path: Path) -> str:
        """Returns the hash of a file, by the same algorithm."""
        with path.open("rb") as file:
            return hashlib.file_digest(file, self.algorithm).hexdigest()

    def __str__(self) -> str:
        return f"{self.algorithm} {self.value}"


def _names(fname: str | os.PathLike | None, origin: str, extract: bool) -> tuple[str, str]:
    """Returns the names in the cache of the file and of the folder that its contents are extracted to."""
    given = os.fspath(fname) if fname is not None else ""
    name = given or os.path.basename(urllib.parse.urlsplit(origin).path)
    if not name:
        raise ValueError(
            f"Can't parse the file name from the origin provided: '{origin}'. Please specify the `fname` argument."
        )
    if name in (".", "..") or any(separator in name for separator in {"/", os.sep, os.altsep or "/"}):
        raise ValueError(
            "Paths are no longer accepted as the `fname` argument. To specify the file's parent directory, use the "
            f"`cache_dir` argument. Received: fname={name}"
        )
    if not extract:
        return name, name
    # As in Keras: a name without extension, and one taken from the URL, is the folder's.
    if given and "." in given:
        return name, f"{name.split('.')[0]}_extracted"
    return f"{name}_archive", name


def _cache_folder(cache_dir: str | os.PathLike | None, subdir: str | os.PathLike, name: str) -> Path:
    """Returns the folder for a file, made if it is missing; one for temporary files if it can't be written to."""
    base = Path(cache_dir or os.environ.get("KERAS_HOME") or "~/.keras").expanduser()
    folder = base / Path(subdir).expanduser()
    if (folder / name).exists():  # of a cache that may only be read
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    base = Path(tempfile.gettempdir()) / ".keras"
    base.mkdir(mode=0o700, exist_ok=True)
    if hasattr(os, "getuid") and base.stat().st_uid != os.getuid():
        raise PermissionError(
            f"{folder} can't be written to, and {base} belongs to another user. Pass `cache_dir`, or set the "
            "environment variable KERAS_HOME to a folder that can be written to."
        )
    folder = base / subdir
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _provide(origin: str, path: Path, digest: Digest | None, force: bool, locks: bool = True) -> None:
    """Downloads a file unless it is there."""
    if not force and _is_there(path, digest):
        return
    with locked(path) if locks else contextlib.nullcontext(False) as waited:
        if waited and _is_there(path, digest):  # another process has downloaded it meanwhile
            return
        _Download(origin, path, digest).run()


def _is_there(path: Path, digest: Digest | None) -> bool:
    if not path.exists():
        return False
    if digest is None or digest.of(path) == digest.value.lower():
        return True
    print_msg(
        "A local file was found, but it seems to be incomplete or outdated because the "
        f"{digest.asked} file hash does not match the original value of {digest.value} so we will re-download the data."
    )
    return False


class _Download:
    """A download under way: the part that has arrived lies beside the file until it is complete.

    Args:
        origin: URL.
        path: Path of the file.
        digest: Expected hash, or None.
    """

    def __init__(self, origin: str, path: Path, digest: Digest | None):
        self.origin = origin
        self.path = path
        self.digest = digest
        self.part = path.with_name(f".{path.name}.part")
        self.notes = path.with_name(f".{path.name}.part.json")  # says of which file `part` is the beginning
        self.bar: Progbar | None = None

    def run(self) -> None:
        """Downloads the file, checks it and moves it to its place."""
        print_msg(f"Downloading data from {self.origin}")
        resumed = self._arrived() > 0
        self._receive_all()
        if not self._is_right() and resumed:  # the part that was there may have been of another file
            self._forget()
            self._receive_all()
        if not self._is_right():
            assert self.digest is not None
            found = self.digest.of(self.part)
            self._forget()
            raise ValueError(
                f"Incomplete or corrupted file detected. The {self.digest.asked} file hash does not match the provided "
                f"value of {self.digest.value}. Received {found} from {self.origin}; nothing was stored at {self.path}."
            )
        os.replace(self.part, self.path)
        self._forget()

    def _is_right(self) -> bool:
        return self.digest is None or self.digest.of(self.part) == self.digest.value.lower()

    def _receive_all(self) -> None:
        arrived = self._arrived()
        for resumption in range(_RESUMPTIONS):
            try:
                self._receive()
                return
            except _Interrupted as interrupted:
                before, arrived = arrived, self._arrived()
                if arrived <= before or resumption == _RESUMPTIONS - 1:
                    raise self._failed(interrupted.reason) from interrupted.reason

    def _receive(self) -> None:
        """Receives what is missing.

        Raises:
            _Interrupted: The connection broke.
        """
        start = self._arrived()
        with self._open(start) as response:
            status, headers = getattr(response, "status", None), response.headers
            if status != 206:
                start = 0
            length = headers.get("Content-Length")
            total = start + int(length) if length is not None else None
            self.notes.write_text(json.dumps({"origin": self.origin, "validator": _validator(headers)}))
            received = self._write(response, start, total)
        if total is not None and received < total:
            raise _Interrupted(ConnectionError(f"the connection ended after {received} of {total} bytes"))

    def _open(self, start: int) -> Any:
        headers = {"User-Agent": f"addax/{__version__}", "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
            if validator := self._noted().get("validator"):
                headers["If-Range"] = validator  # the whole file if it is another one by now
        try:
            response = urllib.request.urlopen(urllib.request.Request(self.origin, headers=headers), timeout=_TIMEOUT)
        except urllib.error.HTTPError as error:
            if start and error.code == 416:  # there is no such rest
                self._forget()
                return self._open(0)
            raise self._failed(error) from error
        except (OSError, http.client.HTTPException) as error:
            raise _Interrupted(error) from error
        expected = f"bytes {start}-"
        if start and response.status == 206 and not response.headers.get("Content-Range", "").startswith(expected):
            response.close()
            self._forget()
            return self._open(0)
        return response

    def _write(self, response: Any, start: int, total: int | None) -> int:
        """Writes what arrives to the part, and returns its size in the end."""
        self.bar = self.bar or Progbar(total)
        self.bar.target = total
        self.bar.update(start)
        with self.part.open("ab" if start else "wb") as file:
            while chunk := _read(response):
                file.write(chunk)
                start += len(chunk)
                self.bar.update(start)
        if total is None:
            self.bar.target = start
            self.bar.update(start, finalize=True)
        return start

    def _arrived(self) -> int:
        """Returns how many bytes of the file are there to go on from; 0 if it isn't known which file's they are."""
        noted = self._noted()
        known = self.digest is not None or (noted.get("origin") == self.origin and noted.get("validator"))
        return self.part.stat().st_size if known and self.part.exists() else 0

    def _noted(self) -> dict[str, Any]:
        try:
            noted = json.loads(self.notes.read_text())
        except (OSError, ValueError):
            return {}
        return noted if isinstance(noted, dict) else {}

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self.notes.unlink(missing_ok=True)

    def _failed(self, error: Exception) -> OSError:
        code = getattr(error, "code", None)
        reason = getattr(error, "reason", None) or error
        known = "its hash isn't known" if self.digest is None else str(self.digest)
        return OSError(
            f"URL fetch failure on {self.origin}: {code} -- {reason}\nWithout a connection, fetch the file elsewhere "
            f"and put it at {self.path} ({known})."
        )


class _Interrupted(Exception):
    """Raised when a connection broke; `reason` is the error it broke with."""

    def __init__(self, reason: Exception):
        super().__init__(str(reason))
        self.reason = reason


def _read(response: Any) -> bytes:
    try:
        return response.read(_CHUNK)
    except (OSError, http.client.HTTPException) as error:  # not the disk's: nothing is written here
        raise _Interrupted(error) from error


def _validator(headers: Any) -> str | None:
    """Returns what tells one version of a file from the next: a strong ETag, or the time of its last change."""
    tag = headers.get("ETag")
    if tag and not tag.startswith("W/"):
        return tag
    return headers.get("Last-Modified")
