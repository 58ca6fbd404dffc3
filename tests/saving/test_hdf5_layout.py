"""HDF5 files that the HDF5 library would loop or crash on, or fill the memory with, are refused before it sees them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import addax as keras
from addax.core.reading import DamagedError
from addax.saving import hdf5, hdf5_layout


def written(path: Path, **options: Any) -> Path:
    """A file with the structures that h5py makes: groups of many names, arrays of each layout, attributes."""
    with h5py.File(path, "w", **options) as file:
        for i in range(600):
            file[f"many/{i}"] = np.float32(i)
        for i in range(4):
            del file[f"many/{i}"]
        for dtype in ("i1", "u2", "i4", "u8", ">i4", "f2", "f4", "f8", ">f4", "V2", "?", "S5"):
            file[f"kinds/{dtype}"] = np.zeros((2, 3), dtype)
        file["empty"] = np.zeros((0, 3))
        packed = file.create_dataset(
            "packed", data=np.arange(5000).reshape(50, 100), chunks=(7, 13), compression="gzip", shuffle=True
        )
        for i in range(20):  # its header goes on elsewhere
            packed.attrs[f"about {i}"] = "x" * 9 * i
        file.create_dataset("sums", data=np.arange(99), chunks=(7,), fletcher32=True, compression="lzf")
        file.create_dataset("filled", (100,), "f4", chunks=(7,), fillvalue=3.0)
        file.create_dataset("growing", data=np.zeros(9), maxshape=(None,))
        file.attrs["names"] = [f"layer_{i}" for i in range(1000)]
        file.attrs["none"] = ""
        file.attrs["bytes"] = np.array([b"ab", b"cde"])
        file.attrs["numbers"] = [1, 2]
        file.attrs["true"] = True
        file.attrs["nothing"] = h5py.Empty("f4")
    return path


@pytest.fixture(scope="module")
def plain(tmp_path_factory: Any) -> Path:
    return written(tmp_path_factory.mktemp("plain") / "plain.h5")


def test_what_h5py_writes_needs_no_other_process(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5_layout, "_try_in_process", lambda *_: pytest.fail("another process was started"))
    with hdf5.open_h5(plain, "r") as file:
        for name in ("packed", "sums", "filled"):
            read = hdf5.read_array(file[name], hdf5.Budget(None))
            np.testing.assert_array_equal(read, file[name][()])
    with open(plain, "rb") as binary, hdf5.open_h5(binary, "r") as file:
        assert len(file["many"]) == 596


@pytest.mark.parametrize("options", [{"libver": "latest"}, {"track_order": True}])
def test_other_layouts_are_read(options: dict[str, Any], tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.save_weights(tmp_path / "a.weights.h5")
    with h5py.File(tmp_path / "a.weights.h5") as old, h5py.File(tmp_path / "b.weights.h5", "w", **options) as new:
        for name in old:
            old.copy(name, new)
    before = model.get_weights()
    model.set_weights([w + 1 for w in before])
    model.load_weights(tmp_path / "b.weights.h5")
    for got, want in zip(model.get_weights(), before):
        np.testing.assert_array_equal(got, want)
    content = (tmp_path / "b.weights.h5").read_bytes()
    (tmp_path / "b.weights.h5").write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(DamagedError, match=r"damaged one: .*b.weights.h5"):
        model.load_weights(tmp_path / "b.weights.h5")


def place(content: bytes, signature: bytes, number: int = 0) -> int:
    """Where the structure of a kind stands."""
    at = -1
    for _ in range(number + 1):
        at = content.index(signature, at + 1)
    return at


def put(content: bytes, at: int, *values: int) -> bytes:
    """The content with numbers of 8 bytes at a place."""
    made = struct.pack(f"<{len(values)}Q", *(v % 2**64 for v in values))
    return content[:at] + made + content[at + len(made) :]


def free_part(content: bytes) -> int:
    """Where the part that is free begins in the last global heap."""
    at = content.rindex(b"GCOL") + 16
    while struct.unpack_from("<H", content, at)[0]:
        at += 16 + (struct.unpack_from("<Q", content, at + 8)[0] + 7) // 8 * 8
    return at


def many(content: bytes) -> int:
    """Where the topmost node of a tree of two levels stands."""
    return place(content, b"TREE\0\1")


DAMAGE: dict[str, tuple[Any, str]] = {
    "a free part of no size": (lambda c: put(c, free_part(c) + 8, 0), "global heap"),
    "a free part beyond the heap": (lambda c: put(c, free_part(c) + 8, 1 << 20), "global heap"),
    "a text whose size wraps around": (lambda c: put(c, place(c, b"GCOL") + 24, -16), "global heap"),
    "a text longer than what refers to it": (lambda c: put(c, place(c, b"GCOL") + 24, 20), "text|global heap"),
    "a heap of no size": (lambda c: put(c, place(c, b"GCOL") + 8, 0), "global heap"),
    "a node below itself": (lambda c: put(c, many(c) + 32, many(c)), "B-tree"),
    "a node beside itself": (lambda c: put(c, place(c, b"TREE") + 16, place(c, b"TREE")), "B-tree"),
    "a node of many children": (lambda c: c[: many(c) + 6] + b"\xff\xff" + c[many(c) + 8 :], "B-tree"),
    "a child outside": (lambda c: put(c, many(c) + 32, 1 << 40), "B-tree"),
    "free names in a loop": (lambda c: put(c, place(c, b"HEAP") + 16, 8), "heap"),
    "names of no end": (lambda c: put(c, place(c, b"HEAP") + 8, 1 << 40), "heap"),
    "a name outside": (lambda c: put(c, place(c, b"SNOD") + 8, 1 << 20), "name of the object"),
    "an object outside": (lambda c: put(c, place(c, b"SNOD") + 16, 1 << 40), "object at byte"),
    "an object in the names": (lambda c: put(c, place(c, b"SNOD") + 16, place(c, b"HEAP")), "object"),
    "half a file": (lambda c: c[: len(c) // 2], "of its"),
    "a group with another's names": (lambda c: put(c, 80, place(c, b"TREE", 1), place(c, b"HEAP", 1)), "group"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_structures(kind: str, plain: Path, tmp_path: Path) -> None:
    change, words = DAMAGE[kind]
    path = tmp_path / "bad.h5"
    path.write_bytes(change(plain.read_bytes()))
    with pytest.raises(DamagedError, match=f"bad.h5.*({words})"):
        hdf5_layout.check_structures(path, str(path))


def test_headers_that_go_on_for_ever(plain: Path, tmp_path: Path) -> None:
    """A header's continuation that is the header's own beginning."""
    content = plain.read_bytes()
    ends = [m for m in range(0, len(content) - 24, 8) if content.startswith(b"\x10\0\x10\0\0\0\0\0", m)]
    assert ends
    path = tmp_path / "bad.h5"
    for at in ends:
        path.write_bytes(put(content, at + 8, at - at % 8 - 64, 128))
        with pytest.raises(DamagedError, match=r"bad.h5"):
            hdf5_layout.check_structures(path, str(path))


def long_text(content: bytes) -> bytes:
    """The content with 4 GB for a text that is nowhere."""
    at = content.rindex(struct.pack("<IQI", 3, place(content, b"GCOL"), 1))
    return content[:at] + struct.pack("<IQI", 2**32 - 8, 0, 0) + content[at + 16 :]


@pytest.mark.parametrize("libver", [None, "latest"])
def test_long_texts_that_are_nowhere(libver: str | None, tmp_path: Path) -> None:
    """In the second layout the other process meets it, which has not that much memory."""
    path = tmp_path / "bad.h5"
    with h5py.File(path, "w", libver=libver) as file:
        file.attrs["text"] = "abc"
    path.write_bytes(long_text(path.read_bytes()))
    with pytest.raises(DamagedError, match=r"damaged one: .*bad.h5"):
        hdf5_layout.check_structures(path, str(path))


def test_a_process_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bad.h5"
    with h5py.File(path, "w", userblock_size=512) as file:
        file.attrs["text"] = "abc"
    content = path.read_bytes()
    path.write_bytes(put(content, free_part(content) + 8, 0))
    monkeypatch.setattr(hdf5_layout, "_SECONDS", 1.5)
    with pytest.raises(DamagedError, match=r"bad.h5 is damaged: reading it doesn't end|damaged one: .*bad.h5"):
        hdf5_layout.check_structures(path, str(path))


def zeros(size: int) -> bytes:
    """A deflate stream of many zeros."""
    made = zlib.compressobj(9)
    return b"".join(made.compress(bytes(min(1 << 20, size - i))) for i in range(0, size, 1 << 20)) + made.flush()


def repeated(size: int) -> bytes:
    """An LZF stream of many zeros: one as it is, then repetitions of 264 bytes."""
    return b"\x00\x00" + b"\xe0\xff\x00" * (size // 264)


@pytest.mark.parametrize(("compression", "stream"), [("gzip", zeros), ("lzf", repeated)])
def test_chunks_that_unpack_to_more(compression: str, stream: Any, tmp_path: Path) -> None:
    for size, fits in ((96, True), (5 << 20, False)):  # HDF5 before 2.0 writes no longer streams for such a chunk
        with h5py.File(tmp_path / "a.h5", "w") as file:
            made = file.create_dataset("x", (3, 8), "f4", chunks=(3, 8), compression=compression)
            if fits:
                made[:] = 1.0
            else:
                made.id.write_direct_chunk((0, 0), stream(size))
        with hdf5.open_h5(tmp_path / "a.h5", "r") as file:
            if fits:
                assert hdf5.read_array(file["x"], hdf5.Budget(None)).sum() == 24
            else:
                with pytest.raises(DamagedError, match="'/x' has a chunk that unpacks to more than 96 bytes"):
                    hdf5.read_array(file["x"], hdf5.Budget(None))


def test_arrays_that_overlap(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"], file["y"] = np.zeros(1000), np.ones(1000)
        first, second = file["x"].id.get_offset(), file["y"].id.get_offset()
    content = (tmp_path / "a.h5").read_bytes()
    layout = struct.pack("<QQ", second, 8000)
    assert content.count(layout) == 1
    path = tmp_path / "bad.h5"
    path.write_bytes(content.replace(layout, struct.pack("<QQ", first, len(content) - first)))
    with pytest.raises(DamagedError, match=r"bad.h5.*values at byte"):
        hdf5_layout.check_structures(path, str(path))
