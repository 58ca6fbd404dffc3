"""Archives written by addax: what Python's own zipfile and the system's tools make of them."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import addax as keras
from addax.saving import zipped


def test_members(tmp_path: Path) -> None:
    contents = {"config.json": b"{}", "a/ü.txt": os.urandom(3_000_000), "empty": b""}
    with open(tmp_path / "a.zip", "w+b") as file:
        archive = zipped.ZipWriter(file)
        for name, content in contents.items():
            archive.add(name, content)
        with archive.member("made.h5") as member, h5py.File(member, "w") as made:
            made["x"] = np.arange(1000)
        archive.close()
    with zipfile.ZipFile(tmp_path / "a.zip") as read:
        assert read.testzip() is None
        assert read.namelist() == [*contents, "made.h5"]
        assert {name: read.read(name) for name in contents} == contents
        assert all(info.compress_type == zipfile.ZIP_STORED for info in read.infolist())
        with h5py.File(io.BytesIO(read.read("made.h5"))) as made:
            np.testing.assert_array_equal(made["x"], np.arange(1000))
    if shutil.which("unzip"):
        assert subprocess.run(["unzip", "-tqq", tmp_path / "a.zip"]).returncode == 0


def test_sizes_and_places_beyond_four_gigabytes(tmp_path: Path) -> None:
    size = (1 << 32) + 5

    class Zeros(zipped.ZipWriter):
        def _checksum(self, start: int) -> int:
            return 0  # reading the hole would take a while

    with open(tmp_path / "a.zip", "w+b") as file:
        archive = Zeros(file)
        with archive.member("large") as member:
            member.truncate(size)
        zipped.ZipWriter.add(archive, "small", b"")
        archive.close()
    assert os.stat(tmp_path / "a.zip").st_blocks < 1000  # a hole
    with zipfile.ZipFile(tmp_path / "a.zip") as read:
        assert [info.file_size for info in read.infolist()] == [size, 0]
        assert read.read("small") == b""
        with read.open("large") as large:
            assert large.read(10) == bytes(10)


class Pipe:
    """A file that can only be written on, as a socket or standard output."""

    def __init__(self) -> None:
        self.content = b""

    def write(self, data: Any) -> int:
        self.content += bytes(data)
        return len(data)

    def read(self) -> bytes:
        raise OSError("this file can't be read")


@pytest.mark.parametrize("kind", [io.BytesIO, Pipe])
def test_a_model_in_a_file_of_the_users(kind: Any) -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    file = kind()
    model.save(file)
    loaded = keras.models.load_model(io.BytesIO(file.getvalue() if kind is io.BytesIO else file.content))
    np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])
