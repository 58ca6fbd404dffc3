"""`utils.get_file` beside Keras's: names, folders, hashes, archives, messages."""

from __future__ import annotations

import hashlib
import inspect
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import pytest

import addax
from tests.file_server import FileServer
from tests.utils.test_downloads import tar_of, zip_of

DATA = b"hello" * 10
SHA, MD5 = hashlib.sha256(DATA).hexdigest(), hashlib.md5(DATA).hexdigest()
MEMBERS = {"top/a.txt": b"a", "top/b.txt": b"bb"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileServer]:
    folder = tmp_path_factory.mktemp("served")
    (folder / "plain.txt").write_bytes(DATA)
    zip_of(folder / "arch.zip", MEMBERS)
    tar_of(folder / "arch.tar.gz", MEMBERS)
    tar_of(folder / "arch.tgz", MEMBERS)
    with FileServer(folder) as server:
        yield server


# Arguments of `get_file`; `origin` is a name on the server.
CASES: dict[str, dict[str, Any]] = {
    "name of the URL": {"origin": "plain.txt"},
    "query": {"origin": "plain.txt?x=1"},
    "empty name": {"fname": "", "origin": "plain.txt"},
    "path": {"fname": Path("n"), "origin": "plain.txt"},
    "folder": {"origin": "plain.txt", "cache_subdir": "models"},
    "no origin": {"fname": "a"},
    "folders in the name": {"fname": "x/y.txt", "origin": "plain.txt"},
    "no name": {"origin": ""},
    "sha256": {"origin": "plain.txt", "file_hash": SHA},
    "sha256 by name": {"origin": "plain.txt", "file_hash": SHA, "hash_algorithm": "sha256"},
    "md5": {"origin": "plain.txt", "file_hash": MD5},
    "md5 by name": {"origin": "plain.txt", "file_hash": MD5, "hash_algorithm": "md5"},
    "md5_hash": {"origin": "plain.txt", "md5_hash": MD5},
    "wrong sha256": {"origin": "plain.txt", "file_hash": "0" * 64},
    "wrong md5": {"origin": "plain.txt", "file_hash": "0" * 32},
    "wrong md5_hash": {"origin": "plain.txt", "md5_hash": "0" * 32},
    "missing": {"origin": "gone.txt"},
    "zip": {"origin": "arch.zip", "extract": True},
    "tar.gz": {"origin": "arch.tar.gz", "extract": True},
    "tgz, untar": {"origin": "arch.tgz", "untar": True},
    "folder's name": {"fname": "n", "origin": "arch.zip", "extract": True},
    "archive's name": {"fname": "n.zip", "origin": "arch.zip", "extract": True},
    "odd name": {"fname": "my.name.x", "origin": "arch.tar.gz", "extract": True},
    "untar": {"fname": "n", "origin": "arch.tar.gz", "untar": True},
    "untar, archive's name": {"fname": "n.tar.gz", "origin": "arch.tar.gz", "untar": True},
    "format": {"fname": "n", "origin": "arch.tar.gz", "extract": True, "archive_format": "tar"},
    "formats": {"fname": "n", "origin": "arch.tar.gz", "extract": True, "archive_format": ["zip", "tar"]},
}


def outcome(module: Any, server: FileServer, folder: Path, arguments: dict[str, Any]) -> tuple:
    """Returns the path or the error's first words, the files afterwards, and what was asked of the server."""
    arguments = dict(arguments)
    if "origin" in arguments:
        arguments["origin"] = server.url(arguments["origin"])
    server.requests.clear()
    try:
        result = module.utils.get_file(**arguments, cache_dir=folder)
        assert type(result) is str
        result = str(Path(result).relative_to(folder))
    except Exception as error:
        result = str(error).replace(".Please", ". Please").split("\n")[0].split(" Received ")[0]
    kept = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    if "Incomplete" in result:
        kept = {}  # Keras leaves the wrong file there
    return result, kept, list(server.requests)


@pytest.mark.parametrize("name", CASES)
def test_files(name: str, server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "theirs").mkdir()
    theirs = outcome(keras, server, tmp_path / "theirs", CASES[name])
    assert outcome(addax, server, tmp_path / "ours", CASES[name]) == theirs


@pytest.mark.parametrize("arguments", [{}, {"file_hash": SHA}, {"force_download": True}, {"file_hash": MD5}], ids=str)
def test_files_that_are_there(
    arguments: dict[str, Any], server: FileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results, printed = [], []
    for module in (keras, addax):
        folder = tmp_path / module.__name__
        (folder / "datasets").mkdir(parents=True)
        (folder / "datasets" / "n").write_bytes(b"old")
        results.append(outcome(module, server, folder, {"fname": "n", "origin": "plain.txt", **arguments}))
        printed.append([line for line in capsys.readouterr().out.split("\n") if line.startswith(("A local", "Down"))])
    assert results[0] == results[1]
    assert printed[0] == printed[1]


def test_what_is_no_archive(server: FileServer, tmp_path: Path) -> None:
    results = []
    for module in (keras, addax):
        folder = tmp_path / module.__name__
        folder.mkdir()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            results.append(outcome(module, server, folder, {"origin": "plain.txt", "extract": True}))
        assert [str(w.message)[:26] for w in caught] == ["Could not extract archive."]
    assert results[0] == results[1]


def test_signature() -> None:
    theirs, ours = (inspect.signature(module.utils.get_file).parameters for module in (keras, addax))
    assert [(p.name, p.default) for p in ours.values()] == [(p.name, p.default) for p in theirs.values()]
