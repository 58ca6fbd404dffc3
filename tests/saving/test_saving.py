"""Saving and loading: what is refused and how, and that a failure leaves files and models as they were."""

from __future__ import annotations

import io
import json
import os
import pathlib
import warnings
import zipfile
from typing import Any

import h5py
import numpy as np
import pytest

import addax as keras
from addax.saving.weights import saveables

X = np.linspace(-1, 1, 8).reshape(2, 4).astype("float32")


def make(units: int = 3, name: str = "model") -> Any:
    return keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(units, name="first"), keras.layers.Dense(2, name="second")], name=name
    )


@pytest.fixture
def model() -> Any:
    return make()


def values(model: Any) -> list[np.ndarray]:
    return [np.array(v.numpy()) for v in model.variables]


def assert_values(model: Any, expected: list[np.ndarray]) -> None:
    for a, b in zip(values(model), expected, strict=True):
        np.testing.assert_array_equal(a, b)


# Whole models


@pytest.mark.parametrize("kind", [str, pathlib.Path])
def test_paths(kind: type, model: Any, tmp_path: pathlib.Path) -> None:
    path = kind(tmp_path / "m.keras")
    model.save(path)
    np.testing.assert_array_equal(keras.saving.load_model(path)(X), model(X))
    np.testing.assert_array_equal(keras.models.load_model(path)(X), model(X))


def test_file_objects(model: Any) -> None:
    buffer = io.BytesIO()
    keras.saving.save_model(model, buffer)
    buffer.seek(0)
    np.testing.assert_array_equal(keras.saving.load_model(buffer)(X), model(X))


def test_folder(model: Any, tmp_path: pathlib.Path) -> None:
    for _ in range(2):  # the second one replaces the first
        model.save(tmp_path / "folder", zipped=False)
    assert sorted(os.listdir(tmp_path)) == ["folder"]
    assert set(os.listdir(tmp_path / "folder")) == {"config.json", "metadata.json", "model.weights.h5"}
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "folder")(X), model(X))


def test_metadata(model: Any, tmp_path: pathlib.Path) -> None:
    model.save(tmp_path / "m.keras")
    archive = zipfile.ZipFile(tmp_path / "m.keras")
    assert archive.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
    metadata = json.loads(archive.read("metadata.json"))
    assert metadata["keras_version"] == "3.15.1" and metadata["addax_version"] == keras.__version__


REFUSED_PATHS = [
    ("m", {}, ValueError, r"Invalid filepath extension for saving.*`.keras`"),
    ("m.pb", {}, ValueError, "Invalid filepath extension"),
    ("m.keras", {"zipped": False}, ValueError, r"`zipped=False`.*should not end in `.keras`"),
    ("none/m.keras", {}, FileNotFoundError, r"directory '.*none' does not exist.*os.makedirs"),
    ("m.keras", {"bogus": 1}, ValueError, r"not supported: \['bogus'\]"),
]


@pytest.mark.parametrize(("name", "kwargs", "error", "text"), REFUSED_PATHS, ids=[str(r[:2]) for r in REFUSED_PATHS])
def test_refused_saves(name: str, kwargs: dict, error: type, text: str, model: Any, tmp_path: pathlib.Path) -> None:
    with pytest.raises(error, match=text):
        model.save(tmp_path / name, **kwargs)
    assert os.listdir(tmp_path) == []


REFUSED_LOADS = [
    ("missing.keras", None, r"File not found: filepath=.*missing\.keras"),
    ("m.pb", b"", "File format not supported"),
    ("m.h5", b"", r"Not an HDF5 file, or a damaged one: .*m\.h5"),
    ("m.json", b"{}", r"holds a config without weights.*model_from_json"),
    ("m.keras", b"hello", "not a zip archive"),
    ("folder", "folder", "has no `config.json`"),
]


@pytest.mark.parametrize(("name", "content", "text"), REFUSED_LOADS, ids=[r[0] for r in REFUSED_LOADS])
def test_refused_loads(name: str, content: Any, text: str, tmp_path: pathlib.Path) -> None:
    if content == "folder":
        os.mkdir(tmp_path / name)
    elif content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=text):
        keras.saving.load_model(tmp_path / name)


def test_zip_of_something_else(tmp_path: pathlib.Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(ValueError, match=r"no member `config.json`.*readme\.txt"):
        keras.saving.load_model(tmp_path / "m.keras")


@pytest.mark.parametrize(
    "member", ["assets/../../evil.txt", "assets/a/../../b", "assets//etc/passwd", "assets/c:\\x/y"]
)
def test_members_stay_inside(member: str, model: Any, tmp_path: pathlib.Path) -> None:
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras", "a") as archive:
        archive.writestr(member, "evil")
    with pytest.raises(ValueError, match="no path inside it"):
        keras.saving.load_model(tmp_path / "m.keras")
    assert os.listdir(tmp_path) == ["m.keras"]


def test_damaged_weights_are_noticed(model: Any, tmp_path: pathlib.Path) -> None:
    model.save(tmp_path / "m.keras")
    content = bytearray((tmp_path / "m.keras").read_bytes())
    where = content.find(np.asarray(model.weights[0].numpy()).tobytes())
    content[where] ^= 0xFF
    (tmp_path / "m.keras").write_bytes(content)
    with pytest.raises(ValueError, match=r"(?s)model.weights.h5.*CRC"):
        keras.saving.load_model(tmp_path / "m.keras")


@pytest.mark.parametrize(("answer", "replaced"), [("y", True), ("maybe\ny", True), ("n", False)])
def test_asks_before_overwriting(
    answer: str, replaced: bool, model: Any, tmp_path: pathlib.Path, monkeypatch: Any, capsys: Any
) -> None:
    path = tmp_path / "m.keras"
    path.write_text("old")
    monkeypatch.setattr("sys.stdin", io.StringIO(answer + "\n"))
    model.save(path, overwrite=False)
    assert (path.read_bytes() != b"old") is replaced
    assert "already exists - overwrite? [y/n]" in capsys.readouterr().out


def test_no_terminal_to_ask_on(model: Any, tmp_path: pathlib.Path, monkeypatch: Any) -> None:
    for path in (tmp_path / "m.keras", tmp_path / "m.weights.h5"):
        path.write_text("old")
        monkeypatch.setattr("sys.stdin", io.StringIO(""))
        with pytest.raises(FileExistsError, match="overwrite=True"):
            (model.save if path.suffix == ".keras" else model.save_weights)(path, overwrite=False)
        assert path.read_text() == "old"


@keras.saving.register_keras_serializable("saving")
class Broken(keras.layers.Dense):
    """Fails while its weights are written or read."""

    fail_on = ""

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        if self.fail_on == "save":
            raise RuntimeError("disk full")

    def load_own_variables(self, store: Any) -> None:
        super().load_own_variables(store)
        if self.fail_on == "load":
            raise RuntimeError("bad sector")


@pytest.mark.parametrize("name", ["m.keras", "m.weights.h5", "m.weights.json", "folder"])
def test_failed_save_leaves_the_old_file(name: str, tmp_path: pathlib.Path) -> None:
    model = keras.Sequential([keras.Input((4,)), Broken(3)])

    def save() -> None:
        if name == "folder":
            model.save(tmp_path / name, zipped=False)
        elif name.endswith(".keras"):
            model.save(tmp_path / name)
        else:
            model.save_weights(tmp_path / name, max_shard_size=1 if name.endswith("json") else None)

    def state() -> dict:
        return {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}

    save()
    before = state()
    model.layers[0].fail_on = "save"
    with pytest.raises(RuntimeError, match="disk full"):
        save()
    assert state() == before


def test_config_that_cannot_be_written_touches_no_file(tmp_path: pathlib.Path) -> None:
    class Unwritable(keras.layers.Layer):
        def __init__(self, thing: Any):
            super().__init__()
            self.thing = thing

        def call(self, x: Any) -> Any:
            return x

    model = keras.Sequential([keras.Input((4,)), Unwritable(object())])
    with pytest.raises(NotImplementedError, match="must override `get_config"):
        model.save(tmp_path / "m.keras")
    assert os.listdir(tmp_path) == []


def test_save_follows_a_link(model: Any, tmp_path: pathlib.Path) -> None:
    (tmp_path / "target.keras").write_text("old")
    (tmp_path / "link.keras").symlink_to(tmp_path / "target.keras")
    model.save(tmp_path / "link.keras")
    assert (tmp_path / "link.keras").is_symlink() and zipfile.is_zipfile(tmp_path / "target.keras")


def test_not_a_model(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="takes a model as its first argument"):
        keras.saving.save_model([1], tmp_path / "m.keras")


# Weights


@pytest.mark.parametrize("name", ["w", "w.h5", "w.keras", "w.weights.json"])
def test_weights_extension(name: str, model: Any, tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match=r"must end in `.weights.h5`"):
        model.save_weights(tmp_path / name)


def test_weights_round_trip(model: Any, tmp_path: pathlib.Path) -> None:
    model.save_weights(tmp_path / "w.weights.h5")
    other = make()
    other.load_weights(tmp_path / "w.weights.h5")
    assert_values(other, values(model))
    model.save(tmp_path / "m.keras")
    another = make()
    another.load_weights(tmp_path / "m.keras")
    assert_values(another, values(model))


def test_shards(model: Any, tmp_path: pathlib.Path) -> None:
    size = 64 / 1024**3  # bytes as gigabytes: the first kernel is 48, and no two of the arrays fit together
    model.save_weights(tmp_path / "w.weights.json", max_shard_size=size)
    names = sorted(os.listdir(tmp_path))
    assert names == ["w.weights.json", "w_00000.weights.h5", "w_00001.weights.h5"]
    index = json.loads((tmp_path / "w.weights.json").read_text())
    assert index["metadata"]["total_size"] == 4 * model.count_params()
    assert index["weight_map"]["/layers/dense/vars"] == ["w_00000.weights.h5"]
    other = make()
    other.load_weights(tmp_path / "w.weights.json")
    assert_values(other, values(model))
    with pytest.raises(ValueError, match=r"exceeds the maximum shard size.*max_shard_size"):
        model.save_weights(tmp_path / "v.weights.json", max_shard_size=size / 4)
    assert sorted(os.listdir(tmp_path)) == names


def test_shards_of_other_folders_are_refused(model: Any, tmp_path: pathlib.Path) -> None:
    (tmp_path / "w.weights.json").write_text(json.dumps({"weight_map": {"/vars": ["../../etc/x.weights.h5"]}}))
    with pytest.raises(ValueError, match="not in its own folder"):
        model.load_weights(tmp_path / "w.weights.json")


MISFITS = {
    "another width": (make(5), r"objects could not be loaded.*first.*must match"),
    "one layer more": (
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(2), keras.layers.Dense(2)]),
        r"A total of 1 objects.*layers/dense_2.*expected 2 variables, but received 0",
    ),
    "without bias": (
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(2, use_bias=False)]),
        "expected 1 variables, but received 2",
    ),
}


@pytest.mark.parametrize("case", MISFITS.values(), ids=MISFITS)
def test_weights_that_do_not_fit_change_nothing(case: tuple, model: Any, tmp_path: pathlib.Path) -> None:
    other, text = case
    model.save_weights(tmp_path / "w.weights.h5")
    before = values(other)
    with pytest.raises(ValueError, match=f"(?s){text}"):
        other.load_weights(tmp_path / "w.weights.h5")
    assert_values(other, before)


def test_skip_mismatch_leaves_only_the_misfits(model: Any, tmp_path: pathlib.Path) -> None:
    model.save_weights(tmp_path / "w.weights.h5")
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(7)])
    before = values(other)
    with pytest.warns(UserWarning, match="A total of 1 objects could not be loaded"):
        other.load_weights(tmp_path / "w.weights.h5", skip_mismatch=True)
    assert_values(other, [*values(model)[:2], *before[2:]])


def test_an_error_in_one_layer_puts_all_back(model: Any, tmp_path: pathlib.Path) -> None:
    broken = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), Broken(2)])
    model.save_weights(tmp_path / "w.weights.h5")
    with h5py.File(tmp_path / "w.weights.h5", "r+") as file:
        file.move("layers/dense_1", "layers/broken")
    before = values(broken)
    broken.layers[1].fail_on = "load"
    with pytest.raises(ValueError, match="bad sector"):
        broken.load_weights(tmp_path / "w.weights.h5")
    assert_values(broken, before)
    broken.layers[1].fail_on = ""
    broken.load_weights(tmp_path / "w.weights.h5")
    assert_values(broken, values(model))


def test_objects_to_skip(model: Any, tmp_path: pathlib.Path) -> None:
    keras.saving.save_weights(model, tmp_path / "w.weights.h5", objects_to_skip=[model.layers[1]])
    other = make()
    before = values(other)
    with pytest.raises(ValueError, match="received 0 variables"):
        other.load_weights(tmp_path / "w.weights.h5")
    other.load_weights(tmp_path / "w.weights.h5", objects_to_skip=[other.layers[1]])
    assert_values(other, [*values(model)[:2], *before[2:]])


def test_arrays_without_a_layer_are_mentioned(model: Any, tmp_path: pathlib.Path) -> None:
    model.save_weights(tmp_path / "w.weights.h5")
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    with pytest.warns(UserWarning, match=r"has no layer: \['layers/dense_1'\]"):
        other.load_weights(tmp_path / "w.weights.h5")


def test_weights_of_unbuilt_models(model: Any, tmp_path: pathlib.Path) -> None:
    model.save_weights(tmp_path / "w.weights.h5")
    unbuilt = keras.Sequential([keras.layers.Dense(3)])
    with pytest.raises(ValueError, match="loading weights into a model that has not yet been built"):
        unbuilt.load_weights(tmp_path / "w.weights.h5")
    with pytest.raises(ValueError, match="not yet been built"):
        unbuilt.save_weights(tmp_path / "v.weights.h5")


def test_missing_and_damaged_weights(model: Any, tmp_path: pathlib.Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"File not found.*none\.weights\.h5"):
        model.load_weights(tmp_path / "none.weights.h5")
    for name in ("w.weights.h5", "w.h5"):
        (tmp_path / name).write_bytes(b"hello")
        with pytest.raises(ValueError, match="Not an HDF5 file"):
            model.load_weights(tmp_path / name)
    model.save_weights(tmp_path / "w.weights.h5")
    with pytest.raises(ValueError, match="`by_name` only supports"):
        model.load_weights(tmp_path / "w.weights.h5", by_name=True)


def test_arrays_that_are_no_numbers(model: Any, tmp_path: pathlib.Path) -> None:
    model.save_weights(tmp_path / "w.weights.h5")
    with h5py.File(tmp_path / "w.weights.h5", "r+") as file:
        del file["layers/dense/vars/0"]
        file["layers/dense/vars/0"] = "text"
    with pytest.raises(ValueError, match="not a number's"):
        model.load_weights(tmp_path / "w.weights.h5")


def test_arrays_outside_the_file(model: Any, tmp_path: pathlib.Path) -> None:
    model.save_weights(tmp_path / "w.weights.h5")
    (tmp_path / "secret").write_bytes(bytes(48))
    with h5py.File(tmp_path / "w.weights.h5", "r+") as file:
        del file["layers/dense/vars/0"]
        external = [(str(tmp_path / "secret"), 0, 48)]
        file.create_dataset("layers/dense/vars/0", (4, 3), "float32", external=external)
    with pytest.raises(ValueError, match="lies outside the weights file"):
        model.load_weights(tmp_path / "w.weights.h5")


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_dtypes(dtype: str, tmp_path: pathlib.Path) -> None:
    model = keras.Sequential([keras.Input((4,), dtype=dtype), keras.layers.Dense(3, dtype=dtype)])
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert [v.dtype for v in loaded.variables] == [dtype] * 2
    assert_values(loaded, values(model))


# The walk


class Odd(keras.layers.Layer):
    """Holds layers in every way."""

    def __init__(self) -> None:
        super().__init__()
        self._private = keras.layers.Dense(1, name="private")
        self.public = self._private
        self.list = [keras.layers.Dense(1), [keras.layers.Dense(1)], {"k": keras.layers.Dense(1)}]
        self.pair = (keras.layers.Dense(1), keras.layers.Dense(1))
        self._only_private = keras.layers.Dense(1)

    @property
    def as_property(self) -> Any:
        return self.pair[1]

    @property
    def failing(self) -> Any:
        raise RuntimeError("not yet")

    def call(self, x: Any) -> Any:
        return x


def test_paths_of_the_walk() -> None:
    # As Keras 3.15.1 writes the same class.
    odd = Odd()
    paths = {path: obj.name for path, obj in saveables(odd)}
    assert list(paths) == [
        "",
        "as_property",
        "list/dense",
        "list/container/dense",
        "list/container_1/dense",
        "pair/dense",
        "public",
        "_only_private",
    ]


def test_layers_in_sets_are_mentioned(tmp_path: pathlib.Path) -> None:
    class WithSet(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.wrapped = WithSetLayer()

        def call(self, x: Any) -> Any:
            return self.wrapped(x)

    class WithSetLayer(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.members = {keras.layers.Dense(4)}

        def call(self, x: Any) -> Any:
            return next(iter(self.members))(x)

    model = WithSet()
    model(X)
    with pytest.warns(UserWarning, match=r"not in the file.*sets have no order"):
        model.save_weights(tmp_path / "w.weights.h5")


@keras.saving.register_keras_serializable("saving")
class Vocabulary(keras.layers.Layer):
    """Keeps words in the assets, and an array of its own making."""

    def __init__(self, words: Any = (), **kwargs: Any):
        super().__init__(**kwargs)
        self.words = list(words)
        self.counts = np.arange(len(self.words))

    def call(self, x: Any) -> Any:
        return x

    def get_config(self) -> dict:
        config = super().get_config()
        config.pop("words", None)
        return config

    def save_assets(self, dir_path: str) -> None:
        pathlib.Path(dir_path, "words.txt").write_text("\n".join(self.words))

    def load_assets(self, dir_path: str) -> None:
        self.words = pathlib.Path(dir_path, "words.txt").read_text().split("\n")

    def save_own_variables(self, store: Any) -> None:
        store["counts"] = self.counts
        store["deep/er"] = self.counts[:1]

    def load_own_variables(self, store: Any) -> None:
        assert set(store) == {"counts", "deep/er"}
        self.counts = store["counts"]


@pytest.mark.parametrize("zipped", [True, False])
def test_assets(zipped: bool, tmp_path: pathlib.Path) -> None:
    inner = keras.Sequential([keras.Input((4,)), Vocabulary(["c"])])
    model = keras.Sequential([keras.Input((4,)), Vocabulary(["a", "b"]), inner])
    path = tmp_path / ("m.keras" if zipped else "m")
    model.save(path, zipped=zipped)
    if zipped:
        assert {n for n in zipfile.ZipFile(path).namelist() if n.startswith("assets")} == {
            "assets/layers/vocabulary/words.txt",
            "assets/layers/sequential/layers/vocabulary/words.txt",
        }
    loaded = keras.saving.load_model(path, custom_objects={"Vocabulary": Vocabulary})
    assert loaded.layers[0].words == ["a", "b"] and loaded.layers[1].layers[0].words == ["c"]
    np.testing.assert_array_equal(loaded.layers[0].counts, [0, 1])


# Configs


def test_json_round_trip(model: Any) -> None:
    text = model.to_json()
    again = keras.models.model_from_json(text)
    assert again.to_json() == text
    assert [v.shape for v in again.weights] == [v.shape for v in model.weights]


def test_shared_layers_stay_shared(tmp_path: pathlib.Path) -> None:
    shared = keras.layers.Dense(4)
    i = keras.Input((4,))
    inner = keras.Model(i, shared(i))
    outer = keras.Sequential([keras.Input((4,)), inner, shared])
    config = json.loads(outer.to_json())
    marks = [
        c.get("shared_object_id")
        for c in (config["config"]["layers"][1]["config"]["layers"][1], config["config"]["layers"][2])
    ]
    assert marks == [1, 1]
    assert outer.to_json().count("shared_object_id") == 2
    outer.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.layers[0].layers[-1] is loaded.layers[1] and len(loaded.weights) == 2
    np.testing.assert_array_equal(loaded(X), outer(X))
    # Keras leaves out the mark of the first occurrence.
    del config["config"]["layers"][1]["config"]["layers"][1]["shared_object_id"]
    loaded = keras.models.model_from_json(json.dumps(config))
    assert loaded.layers[0].layers[-1] is loaded.layers[1]


def test_equal_layers_that_are_not_shared_stay_apart() -> None:
    def part() -> Any:
        i = keras.Input((4,), name="i")
        return keras.Model(i, keras.layers.Dense(4, name="d")(i))

    first, second = part(), part()
    model = keras.models.model_from_json(keras.Sequential([keras.Input((4,)), first, second]).to_json())
    assert model.layers[0].layers[1] is not model.layers[1].layers[1]


def test_same_model_same_bytes(model: Any) -> None:
    assert model.to_json() == model.to_json()


# Compiled models


def test_compile_false_and_include_optimizer(model: Any, tmp_path: pathlib.Path) -> None:
    model.compile("adam", "mse")
    model.train_on_batch(X, X[:, :2])
    model.save(tmp_path / "m.keras")
    assert keras.saving.load_model(tmp_path / "m.keras", compile=False).compiled is False
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    for a, b in zip(loaded.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    model.save(tmp_path / "n.keras", include_optimizer=False)
    assert keras.saving.load_model(tmp_path / "n.keras").compiled is False
    with h5py.File(io.BytesIO(zipfile.ZipFile(tmp_path / "n.keras").read("model.weights.h5"))) as file:
        assert "optimizer" not in file


def test_optimizer_state_in_weights(model: Any, tmp_path: pathlib.Path) -> None:
    model.compile("adam", "mse")
    model.train_on_batch(X, X[:, :2])
    model.save_weights(tmp_path / "w.weights.h5")
    other = make()
    other.compile("adam", "mse")  # its optimizer is not built yet
    other.load_weights(tmp_path / "w.weights.h5")
    for a, b in zip(other.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    different = make()
    different.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="Skipping variable loading for optimizer"):
        different.load_weights(tmp_path / "w.weights.h5")
    assert_values(different, values(model))


def test_weights_only_file_into_a_compiled_model(model: Any, tmp_path: pathlib.Path) -> None:
    model.save_weights(tmp_path / "w.weights.h5")
    model.compile("adam", "mse")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.load_weights(tmp_path / "w.weights.h5")


def test_optax_leaves_compile_arguments_out(model: Any, tmp_path: pathlib.Path) -> None:
    optax = pytest.importorskip("optax")
    model.compile(optax.adam(1e-3), "mse")
    model.train_on_batch(X, X[:, :2])
    with pytest.warns(UserWarning, match=r"(?s)must be compiled again after loading.*optax"):
        model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.compiled is False
    loaded.compile(optax.adam(1e-3), "mse")
    loaded.load_weights(tmp_path / "m.keras")  # the optimizer's state, too
    model.reset_metrics()
    assert loaded.train_on_batch(X, X[:, :2]) == pytest.approx(model.train_on_batch(X, X[:, :2]), rel=1e-6)


def test_lambda_losses(model: Any, tmp_path: pathlib.Path) -> None:
    model.compile("sgd", lambda y_true, y_pred: (y_true - y_pred) ** 2)
    with pytest.warns(UserWarning, match="includes a `lambda`"):
        model.save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="disallowed by default"):
        keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "m.keras", compile=False)(X), model(X))
    given = {"__lambda__": lambda y_true, y_pred: (y_true - y_pred) ** 2}
    assert keras.saving.load_model(tmp_path / "m.keras", given).compiled


def test_every_nested_model_is_written(tmp_path):
    i = keras.Input((2,))
    x = i
    for n in range(20):
        inner = keras.Input((2,))
        x = keras.Model(inner, keras.layers.Dense(2, name=f"dense_{n}")(inner), name=f"inner_{n}")(x)
    model = keras.Model(i, x)
    before = model.get_weights()
    model.save_weights(tmp_path / "m.weights.h5")
    model.set_weights([np.zeros_like(w) for w in before])
    model.load_weights(tmp_path / "m.weights.h5")
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)


# Whether it could be loaded again


def test_classes_that_are_not_registered_are_mentioned(tmp_path: pathlib.Path) -> None:
    class Mine(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x

    model = keras.Sequential([keras.Input((4,)), Mine(name="own")], name="m")
    text = r"model 'm' names classes that are not registered: Mine \(layer 'own'\).*custom_objects={'Mine': Mine}"
    for path in (tmp_path / "m.keras", tmp_path / "m.h5"):
        with pytest.warns(UserWarning, match=text):
            model.save(path)
        with keras.saving.custom_object_scope({"Mine": Mine}):
            model.save(path)
            np.testing.assert_array_equal(keras.saving.load_model(path)(X), X)


def own_function(x: Any) -> Any:
    return x * 2


def test_functions_that_are_not_registered_are_mentioned(tmp_path: pathlib.Path) -> None:
    class Mine(keras.initializers.Initializer):
        def __call__(self, shape: Any, dtype: Any = None) -> Any:
            return np.ones(shape, dtype)

    dense = keras.layers.Dense(4, own_function, kernel_initializer=Mine(), name="own")
    model = keras.Sequential([keras.Input((4,)), dense], name="m")
    model.compile("sgd", own_loss)
    text = (
        r"model 'm' names classes and functions that are not registered: own_function \(layer 'own'\), "
        r"Mine \(layer 'own'\), own_loss \(`compile`\)\..*custom_objects={'own_function': own_function, 'Mine': Mine, "
    )
    given = {"own_function": own_function, "Mine": Mine, "own_loss": own_loss}
    for path in (tmp_path / "m.keras", tmp_path / "m.h5"):
        with pytest.warns(UserWarning, match=text):
            model.save(path)
        with keras.saving.custom_object_scope(given):
            model.save(path)
        np.testing.assert_array_equal(keras.saving.load_model(path, given)(X), model(X))


def own_loss(y: Any, prediction: Any) -> Any:
    return keras.ops.mean((y - prediction) ** 2, axis=-1)


def test_lambdas_are_mentioned_once_when_saved(tmp_path: pathlib.Path) -> None:
    layer = keras.layers.Lambda(lambda x: x * 2, name="twice")
    model = keras.Sequential([keras.Input((4,)), layer, keras.layers.Lambda(own_function, name="named")], name="m")
    layer.get_config()  # without a warning, as in Keras
    model.to_json()
    for path in (tmp_path / "m.keras", tmp_path / "m.h5"):
        with (
            warnings.catch_warnings(record=True) as found,
            keras.saving.custom_object_scope({"own_function": own_function}),
        ):
            warnings.simplefilter("always")
            model.save(path)
        (text,) = [str(w.message) for w in found]
        assert "'m' includes a `lambda`. This is unsafe." in text and "layers ['twice']" in text
        assert "custom_objects={'twice': function}" in text
        given = {"twice": lambda x: x * 2, "own_function": own_function}
        np.testing.assert_array_equal(keras.saving.load_model(path, given)(X), model(X))


def test_configs_that_do_not_fit_their_class_are_refused_when_saved(tmp_path: pathlib.Path) -> None:
    @keras.saving.register_keras_serializable("fit")
    class Lacking(keras.layers.Layer):
        def __init__(self, width: int, **kwargs: Any):
            super().__init__(**kwargs)
            self.width = width

        def call(self, x: Any) -> Any:
            return x

        def get_config(self) -> dict:
            return {"name": self.name}

    @keras.saving.register_keras_serializable("fit")
    class Strict(keras.layers.Layer):
        def __init__(self, width: int = 2):
            super().__init__()
            self.width = width

        def call(self, x: Any) -> Any:
            return x

        def get_config(self) -> dict:
            return {**super().get_config(), "width": self.width}

    @keras.saving.register_keras_serializable("fit")
    class Own(Lacking):
        @classmethod
        def from_config(cls, config: dict) -> Any:
            return cls(3, **config)

    cases = {
        Lacking(3, name="a"): r"Layer 'a' \(Lacking\) could not be loaded again.*no \['width'\].*'width': self\.width",
        Strict(): r"\(Strict\) could not be loaded again.*'name'.*doesn't take.*\*\*kwargs",
    }
    for layer, text in cases.items():
        with pytest.raises(ValueError, match=text):
            keras.Sequential([keras.Input((4,)), layer]).save(tmp_path / "m.keras")
        assert not (tmp_path / "m.keras").exists()
    keras.Sequential([keras.Input((4,)), Own(3)]).save(tmp_path / "m.keras")
    assert keras.saving.load_model(tmp_path / "m.keras").layers[0].width == 3
