"""Weights in the safetensors format, read and written by hand; and files at URLs."""

from __future__ import annotations

import json
import struct
import warnings
from typing import Any

import numpy as np
import pytest

import addax as keras

X = np.linspace(-1, 1, 8).reshape(2, 4).astype("float32")


def make(units: int = 3) -> Any:
    inner = keras.Sequential([keras.Input((units,)), keras.layers.Dense(units, name="in")], name="inner")
    layers = [keras.layers.Dense(units, name="first"), inner, keras.layers.BatchNormalization(), keras.layers.Dense(2)]
    return keras.Sequential([keras.Input((4,)), *layers])


def contents(path: Any) -> tuple[dict, bytes]:
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def write(path: Any, header: Any, data: bytes) -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def test_the_file_is_what_the_format_says(tmp_path: Any) -> None:
    model = make()
    model.save_weights(tmp_path / "m.safetensors")
    header, data = contents(tmp_path / "m.safetensors")
    assert header.pop("__metadata__") == {"format": "addax", "keras_version": "3.15.1"}
    assert list(header) == [
        "layers/dense/kernel",
        "layers/dense/bias",
        "layers/sequential/layers/dense/kernel",
        "layers/sequential/layers/dense/bias",
        "layers/batch_normalization/gamma",
        "layers/batch_normalization/beta",
        "layers/batch_normalization/moving_mean",
        "layers/batch_normalization/moving_variance",
        "layers/dense_1/kernel",
        "layers/dense_1/bias",
    ]
    for entry, weight in zip(header.values(), [w.numpy() for w in model.weights]):
        first, last = entry["data_offsets"]
        found = np.frombuffer(data[first:last], "<f4").reshape(entry["shape"])
        assert entry["dtype"] == "F32" and any(np.array_equal(found, w) for w in (weight, *model.get_weights()))
    assert len(data) == sum(w.nbytes for w in model.get_weights())


def test_round_trip_with_the_optimizer(tmp_path: Any) -> None:
    model = make()
    model.compile("adam", "mse")
    model.train_on_batch(X, X[:, :2])
    model.save_weights(tmp_path / "m.safetensors")
    other = make()
    other.compile("adam", "mse")
    other.load_weights(tmp_path / "m.safetensors")
    for a, b in zip(
        [*model.weights, *model.optimizer.variables], [*other.weights, *other.optimizer.variables], strict=True
    ):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    (tmp_path / "m.bin").write_bytes((tmp_path / "m.safetensors").read_bytes())  # the content says what it is
    third = make()
    third.load_weights(tmp_path / "m.bin")
    np.testing.assert_array_equal(third(X), model(X))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "float8_e4m3fn"])
def test_dtypes(dtype: str, tmp_path: Any) -> None:
    class Holder(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.a = self.add_weight(shape=(3, 2), dtype=dtype, initializer="ones", name="a")
            self.step = self.add_weight(shape=(), dtype="int32", initializer="ones", name="step")

        def call(self, x: Any) -> Any:
            return x

    models = [keras.Sequential([keras.Input((4,)), Holder()]) for _ in range(2)]
    models[0].layers[0].a.assign(np.arange(6).reshape(3, 2) / 4)
    keras.saving.save_weights(models[0], tmp_path / "m.safetensors")
    models[1].load_weights(tmp_path / "m.safetensors")
    a = models[1].layers[0].a.numpy()
    assert a.dtype == models[0].layers[0].a.numpy().dtype
    np.testing.assert_array_equal(a.astype("float32"), np.arange(6).reshape(3, 2) / 4)


def test_names_of_variables_are_understood(tmp_path: Any) -> None:
    """As a script writes them: `{v.path: v.numpy()}`."""
    model = make()
    model.build((None, 4))
    header, data = {}, b""
    for v in model.weights:
        value = np.asarray(v.numpy()) + 1
        header[v.path] = {
            "dtype": "F32",
            "shape": list(value.shape),
            "data_offsets": [len(data), len(data) + value.nbytes],
        }
        data += value.tobytes()
    write(tmp_path / "m.safetensors", header, data)
    before = model.get_weights()
    model.load_weights(tmp_path / "m.safetensors")
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a + 1, b)


def test_misfits(tmp_path: Any) -> None:
    make(5).save_weights(tmp_path / "m.safetensors")
    model = make()
    before = model.get_weights()
    with pytest.raises(ValueError, match="objects could not be loaded"):
        model.load_weights(tmp_path / "m.safetensors")
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.warns(UserWarning, match="objects could not be loaded"):
        model.load_weights(tmp_path / "m.safetensors", skip_mismatch=True)


GOOD = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
DAMAGED: dict[str, tuple] = {
    "no end": ({"a": GOOD}, b"1234"),
    "too much": ({"a": GOOD}, bytes(12)),
    "a gap": ({"a": GOOD, "b": {**GOOD, "data_offsets": [12, 20]}}, bytes(20)),
    "an overlap": ({"a": GOOD, "b": {**GOOD, "data_offsets": [4, 12]}}, bytes(12)),
    "another size": ({"a": {**GOOD, "shape": [3]}}, bytes(8)),
    "a negative size": ({"a": {**GOOD, "shape": [-2]}}, bytes(8)),
    "a dtype that there is not": ({"a": {**GOOD, "dtype": "F31"}}, bytes(8)),
    "offsets that are no numbers": ({"a": {**GOOD, "data_offsets": ["0", "8"]}}, bytes(8)),
    "an entry that is no table": ({"a": 5}, bytes(8)),
    "a header that is no table": (b"{]      ", bytes(8)),
    "a huge shape": ({"a": {**GOOD, "shape": [1 << 62, 1 << 62]}}, bytes(8)),
}


@pytest.mark.parametrize("case", DAMAGED.values(), ids=DAMAGED)
def test_damaged_files_are_refused(case: tuple, tmp_path: Any) -> None:
    write(tmp_path / "m.safetensors", *case)
    with pytest.raises(ValueError, match=r"safetensors file .*m\.safetensors"):
        make().load_weights(tmp_path / "m.safetensors")


def test_a_header_longer_than_the_file(tmp_path: Any) -> None:
    (tmp_path / "m.safetensors").write_bytes(struct.pack("<Q", 1 << 31) + b"{}")
    with pytest.raises(ValueError, match="Not a safetensors file, or a part of one"):
        make().load_weights(tmp_path / "m.safetensors")


# URLs


def test_urls(tmp_path: Any) -> None:
    fsspec = pytest.importorskip("fsspec")
    model = make()
    model.save("memory://models/ü.keras")
    np.testing.assert_array_equal(keras.models.load_model("memory://models/ü.keras")(X), model(X))
    for name, options in {"w.weights.h5": {}, "w.safetensors": {}, "w.weights.json": {"max_shard_size": 1e-7}}.items():
        model.save_weights(f"memory://models/{name}", **options)
        other = make()
        other.load_weights(f"memory://models/{name}")
        np.testing.assert_array_equal(other(X), model(X))
    model.save("memory://models/folder", zipped=False)
    np.testing.assert_array_equal(keras.models.load_model("memory://models/folder")(X), model(X))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.save("memory://models/m.h5")
    np.testing.assert_array_equal(keras.models.load_model("memory://models/m.h5")(X), model(X))
    with pytest.raises(FileNotFoundError, match="memory://models/none"):
        keras.models.load_model("memory://models/none.keras")
    files = fsspec.filesystem("memory").ls("/models", detail=False)
    assert {f.rpartition("/")[2] for f in files} >= {"ü.keras", "w.weights.json", "w_00000.weights.h5"}


def test_urls_without_fsspec(monkeypatch: Any) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(ImportError, match="pip install fsspec"):
        keras.models.load_model("memory://models/m.keras")
