"""Arrays of HDF5 files, read by their places and by the HDF5 library: the same values, names and refusals."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import h5py
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import addax as keras
from addax.saving import hdf5
from addax.saving.hdf5_plain import Plain

DTYPES = ["?", "<f2", "<f4", "<f8", ">f4", ">i2", "<i8", "|u1", "<u4", "|i1", ">u8"]
names = st.text("aZ_0 9-", min_size=1, max_size=9)  # other letters than ASCII's make structures that the library reads
arrays = st.builds(
    lambda dtype, shape, seed: np.random.default_rng(seed).integers(0, 2, shape).astype(dtype) * np.ones((), dtype),
    st.sampled_from(DTYPES), st.lists(st.integers(0, 4), max_size=3), st.integers(0, 9),
)  # fmt: skip
groups = st.dictionaries(
    names, st.dictionaries(names, st.one_of(arrays, st.dictionaries(names, arrays)), max_size=20), max_size=4
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(groups)
def test_values_and_names_as_by_the_library(tmp_path: Path, content: dict[str, Any]) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        for group, inside in content.items():
            made = file.create_group(f"{group}/vars")
            made.attrs["name"] = group
            for name, item in inside.items():
                for key, value in item.items() if isinstance(item, dict) else [("", item)]:
                    made[f"{name}/{key}" if key else name] = value
    with hdf5.Reader(path) as plain, closing(hdf5.Library(hdf5.open_h5(path, "r"))) as library:
        assert isinstance(plain.files[0], Plain)
        assert list(plain.files[0].objects()) == list(library.objects())
        for group in content:
            expected, found = library.read(f"{group}/vars", hdf5.Budget(None)), plain.get(group)
            assert expected is not None and list(found) == list(expected)
            for key, value in expected.items():
                assert (found[key].dtype, found[key].shape) == (value.dtype, value.shape)
                np.testing.assert_array_equal(found[key], value)
        assert plain.get("nowhere") == {} and plain.left() == []


@pytest.mark.parametrize("kind", ["chunked", "attribute", "soft link", "text", "opaque", "never written", "Keras 2"])
def test_what_only_the_library_reads(kind: str, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        group = file.create_group("a/vars")
        group["0"] = np.ones(3, "float32")
        if kind == "chunked":
            group.create_dataset("1", data=np.ones((4, 4)), chunks=(2, 2))
        elif kind == "attribute":
            group["0"].attrs["dtype"] = "float32"
        elif kind == "soft link":
            group["1"] = h5py.SoftLink("/a/vars/0")
        elif kind == "text":
            group["1"] = np.array([b"ab"])
        elif kind == "opaque":
            group["1"] = np.zeros(3, "V2")
        elif kind == "never written":
            group.create_dataset("1", (4,), "float32", fillvalue=3.0)
        else:
            file.attrs["layer_names"] = np.array([b"a"])
    if kind == "soft link":
        with pytest.raises(ValueError, match="SoftLink"):
            hdf5.Reader(tmp_path / "a.h5")
        return
    with hdf5.Reader(tmp_path / "a.h5") as reader:
        assert isinstance(reader.files[0], hdf5.Library)
        if kind == "never written":
            assert reader.get("a")["1"].tolist() == [3.0] * 4


def model() -> Any:
    made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, name="d"), keras.layers.BatchNormalization()])
    made.compile("adam", "mse")
    made.fit(np.ones((4, 3)), np.ones((4, 4)), verbose=0)
    return made


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    made, path = model(), tmp_path_factory.mktemp("saved") / "m.keras"
    made.save(path)
    return made, path


def test_a_model_is_loaded_without_the_library(saved: tuple[Any, Path]) -> None:
    made, path = saved
    code = "import sys, addax; m = addax.models.load_model(sys.argv[1]); print('h5py' in sys.modules); "
    code += "print(float(sum(abs(v.numpy()).sum() for v in [*m.weights, *m.optimizer.variables])))"
    ended = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    imported, total = ended.stdout.split()
    variables = [*made.weights, *made.optimizer.variables]
    assert imported == "False" and float(total) == float(sum(abs(v.numpy()).sum() for v in variables))


def test_values_that_were_loaded_are_nobody_elses(saved: tuple[Any, Path]) -> None:
    loaded = keras.models.load_model(saved[1])
    before = loaded.get_weights()
    for value in loaded.get_weights():
        value += 1.0
    loaded.weights[0].assign_add(np.ones((3, 4)))
    np.testing.assert_array_equal(loaded.get_weights()[0], before[0] + 1)
    for now, then in zip(loaded.get_weights()[1:], before[1:]):
        np.testing.assert_array_equal(now, then)
    loaded.fit(np.ones((4, 3)), np.ones((4, 4)), verbose=0)  # its buffers are donated
    assert np.isfinite(loaded.get_weights()[0]).all()


@keras.saving.register_keras_serializable("plain")
class Meddling(keras.layers.Dense):
    """A layer that writes to the archive it is loaded from."""

    path = ""

    def load_own_variables(self, store: Any) -> None:
        super().load_own_variables(store)
        if self.path:
            with open(self.path, "r+b") as file:
                file.seek(-1, os.SEEK_END)
                last = file.read(1)
                file.seek(-1, os.SEEK_END)
                file.write(last)
            os.utime(self.path, ns=(0, os.stat(self.path).st_mtime_ns + 10**9))


def test_an_archive_that_changes_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = keras.Sequential([keras.Input((3,)), Meddling(2)])
    path = tmp_path / "m.keras"
    made.save(path)
    monkeypatch.setattr(Meddling, "path", str(path))
    other = keras.Sequential([keras.Input((3,)), Meddling(2)])
    before = other.get_weights()
    for load in (lambda: keras.models.load_model(path), lambda: other.load_weights(path)):
        with pytest.raises(ValueError, match=r"changed while it was read.*m\.keras"):
            load()
    np.testing.assert_array_equal(other.get_weights()[0], before[0])


@pytest.mark.parametrize("damage", ["the header before it", "its checksum", "its values"])
def test_damage_of_a_member_that_is_read_in_place(damage: str, saved: tuple[Any, Path], tmp_path: Path) -> None:
    content = bytearray(saved[1].read_bytes())
    with zipfile.ZipFile(saved[1]) as archive:
        info = archive.getinfo("model.weights.h5")
        start = info.header_offset + 30 + len(info.filename)
    place = {"the header before it": info.header_offset + 30, "its checksum": content.rindex(b"PK\1\2") + 16}
    content[place.get(damage, start + info.file_size - 9)] ^= 1
    path = tmp_path / "m.keras"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"'model\.weights\.h5' of the archive is damaged"):
        keras.models.load_model(path)


def test_an_archive_behind_something_else(saved: tuple[Any, Path], tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    path.write_bytes(b"PK\3\4" + b"x" * 1000 + saved[1].read_bytes())
    np.testing.assert_array_equal(keras.models.load_model(path).get_weights()[0], saved[0].get_weights()[0])
