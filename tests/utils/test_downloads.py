"""`utils.get_file`: what it stores, resumes, refuses and extracts. Beside Keras: tests/parity/test_downloads.py."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from addax.utils import archives, get_file
from tests.file_server import FileServer

DATA = bytes(range(256)) * 4096  # 1 MiB: several chunks
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "data.bin").write_bytes(DATA)
    with FileServer(folder) as server:
        yield server


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_broken_connection_is_resumed(server: FileServer, tmp_path: Path) -> None:
    server.cuts = [300_000, 500_000]
    path = get_file(origin=server.url("data.bin"), cache_dir=tmp_path)
    assert Path(path).read_bytes() == DATA
    assert server.requests == [
        ("/data.bin", None),
        ("/data.bin", "bytes=300000-"),
        ("/data.bin", "bytes=800000-"),
    ]
    assert files(tmp_path / "datasets") == ["data.bin"]


def test_a_download_goes_on_in_a_later_call(server: FileServer, tmp_path: Path) -> None:
    server.cuts = [300_000, 0]
    with pytest.raises(OSError, match="the connection ended after 300000 of 1048576 bytes"):
        get_file(origin=server.url("data.bin"), cache_dir=tmp_path)
    assert not (tmp_path / "datasets" / "data.bin").exists()
    server.requests.clear()
    assert Path(get_file(origin=server.url("data.bin"), cache_dir=tmp_path)).read_bytes() == DATA
    assert server.requests == [("/data.bin", "bytes=300000-")]


@pytest.mark.parametrize("known", [False, True])
def test_a_part_of_another_version_is_not_used(server: FileServer, tmp_path: Path, known: bool) -> None:
    server.tags = not known  # either the server tells versions apart, or the hash does
    server.cuts = [300_000, 0]
    new = DATA[::-1]
    digest = hashlib.sha256(new).hexdigest() if known else None
    with pytest.raises(OSError):
        get_file(origin=server.url("data.bin"), cache_dir=tmp_path, file_hash=digest)
    (server.folder / "data.bin").write_bytes(new)
    path = get_file(origin=server.url("data.bin"), cache_dir=tmp_path, file_hash=digest)
    assert Path(path).read_bytes() == new


def test_a_part_of_unknown_origin_is_not_used(server: FileServer, tmp_path: Path) -> None:
    server.tags = False
    server.cuts = [300_000]
    with pytest.raises(OSError, match="URL fetch failure"):
        get_file(origin=server.url("data.bin"), cache_dir=tmp_path)
    get_file(origin=server.url("data.bin"), cache_dir=tmp_path)
    assert server.requests == [("/data.bin", None), ("/data.bin", None)]


def test_a_server_without_ranges_sends_the_whole_file_again(server: FileServer, tmp_path: Path) -> None:
    server.ranges = False
    server.cuts = [300_000]
    path = get_file(origin=server.url("data.bin"), cache_dir=tmp_path, file_hash=SHA)
    assert Path(path).read_bytes() == DATA


def test_a_server_may_keep_the_length_to_itself(
    server: FileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.lengths = False
    assert Path(get_file(origin=server.url("data.bin"), cache_dir=tmp_path)).read_bytes() == DATA
    assert "0/Unknown" in (shown := capsys.readouterr().out) and "1048576/1048576" in shown
    server.cuts = [1000]
    with pytest.raises(ValueError, match="Incomplete or corrupted file"):
        get_file("again", server.url("data.bin"), cache_dir=tmp_path, file_hash=SHA)


def test_a_complete_part_is_fetched_anew(server: FileServer, tmp_path: Path) -> None:
    """The server answers 416: nothing comes after the end."""
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / ".data.bin.part").write_bytes(DATA)
    path = get_file(origin=server.url("data.bin"), cache_dir=tmp_path, file_hash=SHA)
    assert Path(path).read_bytes() == DATA
    assert server.requests == [("/data.bin", f"bytes={len(DATA)}-"), ("/data.bin", None)]


def test_a_wrong_file_is_never_stored(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"Incomplete or corrupted file detected.*Received {SHA}"):
        get_file(origin=server.url("data.bin"), cache_dir=tmp_path, file_hash="0" * 64)
    assert files(tmp_path / "datasets") == []


def test_a_wrong_file_stays_until_a_right_one_is_there(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "data.bin").write_bytes(b"old")
    with pytest.raises(OSError):
        get_file("data.bin", server.url("gone.bin"), cache_dir=tmp_path, file_hash=SHA)
    assert (tmp_path / "datasets" / "data.bin").read_bytes() == b"old"
    get_file("data.bin", server.url("data.bin"), cache_dir=tmp_path, file_hash=SHA.upper())
    assert (tmp_path / "datasets" / "data.bin").read_bytes() == DATA


def test_without_a_connection_the_message_says_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(OSError) as caught:
        get_file("a.bin", "http://127.0.0.1:9/b.bin", cache_dir=tmp_path, cache_subdir="models", file_hash=SHA)
    message = str(caught.value)
    for part in ("http://127.0.0.1:9/b.bin", "Connection refused", str(tmp_path / "models" / "a.bin"), f"sha256 {SHA}"):
        assert part in message


def test_the_cache_is_found_when_it_is_used(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    assert get_file(origin=server.url("data.bin")) == str(tmp_path / "home" / "datasets" / "data.bin")
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    assert get_file(origin=server.url("data.bin")) == str(tmp_path / "user" / ".keras" / "datasets" / "data.bin")
    assert get_file(origin=server.url("data.bin"), cache_dir="~/c") == str(tmp_path / "user/c/datasets/data.bin")


def test_a_folder_that_cannot_be_written_to_is_replaced(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    path = get_file(origin=server.url("data.bin"), cache_dir="/dev/null/x")
    assert path == str(tmp_path / "temporary" / ".keras" / "datasets" / "data.bin")


def test_two_threads_download_once(server: FileServer, tmp_path: Path) -> None:
    arrived = threading.Event()
    server.before_answer = lambda: arrived.wait(20)
    paths: list[str] = []

    def fetch() -> None:
        paths.append(get_file(origin=server.url("data.bin"), cache_dir=tmp_path, file_hash=SHA))

    threads = [threading.Thread(target=fetch) for _ in range(3)]
    for thread in threads:
        thread.start()
    while not server.requests:
        time.sleep(0.01)
    arrived.set()
    for thread in threads:
        thread.join()
    assert len(set(paths)) == 1 and len(paths) == 3
    assert len(server.requests) == 1
    assert Path(paths[0]).read_bytes() == DATA


def test_two_processes_download_once(server: FileServer, tmp_path: Path) -> None:
    arrived = threading.Event()
    server.before_answer = lambda: arrived.wait(20)
    url, folder = server.url("data.bin"), str(tmp_path)
    code = (
        f"print('begins', flush=True); from addax.utils import get_file; get_file(origin={url!r}, cache_dir={folder!r})"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "begins\n"
    while not server.requests:
        time.sleep(0.01)
    time.sleep(0.3)
    arrived.set()
    assert [process.wait(30) for process in processes] == [0, 0], [process.communicate() for process in processes]
    for process in processes:
        process.communicate()
    assert Path(tmp_path, "datasets", "data.bin").read_bytes() == DATA
    assert files(tmp_path / "datasets") == ["data.bin"] and len(server.requests) == 1


def test_a_process_that_was_killed_leaves_nothing_in_the_way(server: FileServer, tmp_path: Path) -> None:
    held = threading.Event()
    server.before_answer = lambda: held.wait(20)
    code = f"from addax.utils import get_file; get_file(origin={server.url('data.bin')!r}, cache_dir={str(tmp_path)!r})"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
    while not server.requests:
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert (tmp_path / "datasets" / ".data.bin.lock").exists()
    server.before_answer = None
    held.set()
    assert Path(get_file(origin=server.url("data.bin"), cache_dir=tmp_path)).read_bytes() == DATA
    assert files(tmp_path / "datasets") == ["data.bin"]


def test_nothing_is_printed_where_interactive_logging_is_off(
    server: FileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import addax

    get_file("a", server.url("data.bin"), cache_dir=tmp_path)
    shown = capsys.readouterr().out
    assert shown.startswith(f"Downloading data from {server.url('data.bin')}\n") and "1048576/1048576" in shown
    addax.config.disable_interactive_logging()
    try:
        get_file("b", server.url("data.bin"), cache_dir=tmp_path)
    finally:
        addax.config.enable_interactive_logging()
    assert capsys.readouterr().out == ""


# Archives.


def zip_of(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def tar_of(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


KINDS = pytest.mark.parametrize("make", [zip_of, tar_of])
Make = Callable[[Path, dict[str, bytes]], None]


@KINDS
@pytest.mark.parametrize("name", ["../evil.txt", "a/../../evil.txt", "/tmp/evil-of-addax.txt"])
def test_members_outside_are_refused(make: Make, name: str, tmp_path: Path) -> None:
    make(tmp_path / "archive", {name: b"x"})
    with pytest.raises(ValueError, match="lies outside of the folder"):
        archives.extract_archive(tmp_path / "archive", tmp_path / "in" / "folder")
    assert files(tmp_path) == ["archive"]
    assert not os.path.exists("/tmp/evil-of-addax.txt")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_links_of_tar_files_are_left_out(kind: bytes, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "archive", "w") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = kind, "/etc"
        archive.addfile(link)
        through = tarfile.TarInfo("link/file")
        through.size = 1
        archive.addfile(through, io.BytesIO(b"x"))
    with pytest.warns(UserWarning, match="Links are not extracted: 1 in .*'link'"):
        archives.extract_archive(tmp_path / "archive", tmp_path / "folder")
    assert files(tmp_path / "folder") == ["link/file"] and not (tmp_path / "folder" / "link").is_symlink()


def test_links_of_zip_files_are_left_out(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "archive", "w") as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.warns(UserWarning, match="Links are not extracted"):
        archives.extract_archive(tmp_path / "archive", tmp_path / "folder")
    assert files(tmp_path / "folder") == []


def test_devices_are_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "archive", "w") as archive:
        pipe = tarfile.TarInfo("pipe")
        pipe.type = tarfile.FIFOTYPE
        archive.addfile(pipe)
    with pytest.raises(ValueError, match="neither a file nor a folder"):
        archives.extract_archive(tmp_path / "archive", tmp_path / "folder")


@KINDS
def test_bombs_are_refused(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_ALLOWANCE", 1 << 20)
    make(tmp_path / "archive", {"zeros": bytes(8 << 20)})
    with pytest.raises(ValueError, match="it would grow to more than 200 times its size"):
        archives.extract_archive(tmp_path / "archive", tmp_path / "folder")
    assert files(tmp_path / "folder") == []


@KINDS
def test_what_keras_has_extracted_is_used(make: Make, tmp_path: Path) -> None:
    """`zipfile` sets no times; the contents are the same all the same."""
    make(tmp_path / "archive", {"a/b.txt": b"first"})
    if make is zip_of:
        with zipfile.ZipFile(tmp_path / "archive") as archive:
            archive.extractall(tmp_path / "folder")
    else:
        with tarfile.open(tmp_path / "archive") as archive:
            archive.extractall(tmp_path / "folder", filter="data")
    before = (tmp_path / "folder" / "a" / "b.txt").stat()
    archives.extract_archive(tmp_path / "archive", tmp_path / "folder")
    after = (tmp_path / "folder" / "a" / "b.txt").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@KINDS
def test_what_is_extracted_is_repaired(make: Make, server: FileServer, tmp_path: Path) -> None:
    make(server.folder / "archive.x", {"a/b.txt": b"first", "c.txt": b"second"})

    def get(**options: bool) -> Path:
        return Path(get_file("name", server.url("archive.x"), extract=True, cache_dir=tmp_path, **options))

    folder = get()
    (folder / "a" / "b.txt").write_bytes(b"f")
    (folder / "c.txt").unlink()
    assert get() == folder and len(server.requests) == 1
    assert (folder / "a" / "b.txt").read_bytes() == b"first" and (folder / "c.txt").read_bytes() == b"second"
    make(server.folder / "archive.x", {"a/b.txt": b"newer and longer"})
    assert (get(force_download=True) / "a" / "b.txt").read_bytes() == b"newer and longer"
    assert files(tmp_path / "datasets") == ["name/a/b.txt", "name/c.txt", "name_archive"]
