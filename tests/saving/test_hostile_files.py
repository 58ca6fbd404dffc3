"""Files that are no model's: each is refused by one error that says which file, which member and why."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import textwrap
import warnings
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import addax as keras
from addax.core.reading import DamagedError
from addax.saving.conversion import described


@pytest.fixture(scope="module")
def valid(tmp_path_factory: Any) -> Path:
    """A folder with a file of each format."""
    folder = tmp_path_factory.mktemp("valid")
    model = fresh()
    model.save(folder / "m.keras")
    model.save(folder / "m.h5")
    model.save_weights(folder / "m.weights.h5")
    model.save_weights(folder / "m.safetensors")
    model.save_weights(folder / "s.weights.json", max_shard_size=2e-7)
    return folder


def fresh() -> Any:
    inputs = keras.Input((3,), name="inp")
    x = keras.layers.Dense(8, "relu", name="d1")(inputs)
    x = keras.layers.Rescaling(2.0, name="r")(x)
    model = keras.Model(inputs, keras.layers.Dense(2, name="d2")(x), name="m")
    model.compile("adam", "mse")
    return model


def refused(read: Callable[[], Any], *words: str) -> str:
    """Asserts that reading is refused by an error of addax's own that has the words; returns its text."""
    with pytest.raises((ValueError, TypeError)) as error:
        read()
    assert type(error.value) in (ValueError, TypeError, DamagedError)
    for word in words:
        assert re.search(word, str(error.value)), (word, str(error.value))
    return str(error.value)


# Archives


def rewritten(source: Path, target: Path, change: Callable[[list[tuple[Any, bytes]]], Any], method: int = 0) -> Path:
    """Writes an archive with other members."""
    with zipfile.ZipFile(source) as archive:
        members: list[tuple[Any, bytes]] = [(name, archive.read(name)) for name in archive.namelist()]
    members = change(members) or members
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that occurs twice
        with zipfile.ZipFile(target, "w", method) as archive:
            for name, content in members:
                archive.writestr(name, content)
    return target


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def without(name: str) -> Callable:
    return lambda members: [m for m in members if m[0] != name]


ARCHIVES: dict[str, tuple[Callable, int, str]] = {
    "a member outside": (lambda ms: [*ms, ("assets/../../x", b"")], 0, "'assets/../../x', which is no path inside"),
    "an absolute member": (lambda ms: [*ms, ("/etc/x", b"")], 0, "'/etc/x', which is no path inside"),
    "a link": (lambda ms: [*ms, (link("assets/x"), b"/etc/passwd")], 0, "'assets/x' of the archive is a link"),
    "two configs": (lambda ms: [*ms, ms[1]], 0, "two members called 'config.json'"),
    "two files of weights": (lambda ms: [*ms, ms[2]], 0, "two members called 'model.weights.h5'"),
    "no weights": (without("model.weights.h5"), 0, "no member `model.weights.h5`, but model 'm' has weights"),
    "no config": (without("config.json"), 0, "no member `config.json`"),
    "a config of spaces": (
        lambda ms: [ms[0], ("config.json", b" " * (65 << 20)), ms[2]],
        zipfile.ZIP_DEFLATED,
        r"`config.json` has \d+ bytes; addax reads JSON of up to",
    ),
    "assets of zeros": (
        lambda ms: [*ms, ("assets/x", bytes(90 << 20))],
        zipfile.ZIP_DEFLATED,
        "more than 200 times as many",
    ),
    "another method": (lambda ms: ms, zipfile.ZIP_BZIP2, "another method than deflate"),
}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_archives(kind: str, valid: Path, tmp_path: Path) -> None:
    change, method, words = ARCHIVES[kind]
    path = rewritten(valid / "m.keras", tmp_path / "bad.keras", change, method)
    refused(lambda: keras.saving.load_model(path), words, "bad.keras")
    assert sorted(os.listdir(tmp_path)) == ["bad.keras"]
    model = fresh()
    before = model.get_weights()
    refused(lambda: model.load_weights(path), "bad.keras")
    assert all((a == b).all() for a, b in zip(before, model.get_weights()))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_damaged_member(method: int, valid: Path, tmp_path: Path) -> None:
    path = rewritten(valid / "m.keras", tmp_path / "bad.keras", lambda ms: ms, method)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("model.weights.h5").header_offset + 200
    content[place : place + 20] = b"x" * 20
    path.write_bytes(content)
    words = "member 'model.weights.h5' of the archive is damaged", "bad.keras"
    refused(lambda: keras.saving.load_model(path), *words)


# JSON


def with_config(valid: Path, tmp_path: Path, change: Callable[[dict], Any] | str | bytes) -> Path:
    """Writes an archive with another config: changed data, or a text."""

    def members(ms: list[tuple[Any, bytes]]) -> list[tuple[Any, bytes]]:
        config = json.loads(ms[1][1])
        text = change
        if callable(change):
            made = change(config)
            text = json.dumps(made if isinstance(made, dict) else config)
        return [ms[0], ("config.json", text.encode() if isinstance(text, str) else bytes(text)), ms[2]]  # type: ignore[arg-type]

    return rewritten(valid / "m.keras", tmp_path / "bad.keras", members)


TEXTS: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "`config.json` is not JSON.*char 0"),
    "single quotes": ("{'a': 1}", "`config.json` is not JSON"),
    "something behind": ('{"a": 1} x', "Extra data"),
    "not UTF-8": (b'{"a": "\xff"}', "is not UTF-8 text"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "is not UTF-8 text"),
    "a key twice": ('{"class_name": "Dense", "class_name": "x"}', "key 'class_name' twice"),
    "deep lists": ("[" * 100_000 + "]" * 100_000, "more than 128 levels"),
    "deep objects": ('{"a":' * 100_000 + "1" + "}" * 100_000, "more than 128 levels"),
    "a number without end": ('{"a": ' + "9" * 5000 + "}", "a number of 5000 digits"),
    "millions of values": ("[" + "0," * 2_100_000 + "0]", r"about \d+ values"),
    "null": ("null", "must be an object"),
    "a list": ("[]", "must be an object"),
    "no class": ('{"config": {}}', "must be an object with the `class_name`"),
    "no config": ('{"class_name": "Functional"}', "must be an object with the `class_name`"),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_json(kind: str, valid: Path, tmp_path: Path) -> None:
    text, words = TEXTS[kind]
    path = with_config(valid, tmp_path, text)
    refused(lambda: keras.saving.load_model(path), words, "bad.keras")


def d1(config: dict) -> dict:
    return config["config"]["layers"][1]


def put(name: str, value: Any) -> Callable[[dict], None]:
    """Changes an argument of the layer `d1`."""
    return lambda config: d1(config)["config"].update({name: value})


PROBE = {"module": None, "class_name": "Probe>function", "config": {}, "registered_name": "Probe>function"}
CONFIGS: dict[str, tuple[Callable[[dict], Any], str]] = {
    "use_bias of text": (
        put("use_bias", "no"),
        "`use_bias` of a Dense named 'd1' must be of type bool. Received: 'no'",
    ),
    "trainable of text": (put("trainable", "no"), "`trainable` of a Dense named 'd1' must be of type bool"),
    "trainable as a function": (put("trainable", PROBE), "`trainable` of a Dense named 'd1' must be of type bool"),
    "units of text": (put("units", "8"), "`units` of a Dense named 'd1' must be of type int"),
    "a list for an initializer": (put("kernel_initializer", [1]), "`kernel_initializer` of a Dense named 'd1'"),
    "a class of a number": (put("kernel_initializer", {"class_name": 5, "config": {}}), "Could not locate class '5'"),
    "a plain dict as a number": (
        lambda c: c["config"]["layers"][2]["config"].update(scale={"a": 1}),
        "`scale` of a Rescaling named 'r'",
    ),
    "optional of text": (
        lambda c: c["config"]["layers"][0]["config"].update(optional="no"),
        "`optional` of a InputLayer named 'inp' must be of type bool",
    ),
    "an unknown argument": (put("bogus", 1), "bogus"),
    "trainable of the model": (lambda c: c["config"].update(trainable="no"), "`trainable` of a Functional named 'm'"),
    "build_config of text": (lambda c: d1(c).update(build_config="abc"), "`build_config` of a Dense named 'd1'"),
    "run_eagerly of text": (
        lambda c: c["compile_config"].update(run_eagerly="maybe"),
        "`run_eagerly` of the arguments of",
    ),
    "an unknown argument of compile": (lambda c: c["compile_config"].update(key=1), "'key'.*arguments of `compile`"),
    "an unknown metric": (lambda c: c["compile_config"].update(metrics="mae2"), "Unknown metric"),
    "an optimizer as root": (
        lambda c: {"module": "keras.optimizers", "class_name": "Adam", "config": {}, "registered_name": None},
        "describes no model",
    ),
    "an empty config": (lambda c: c.update(config={}), "Functional"),
    "no layers": (lambda c: c["config"].pop("layers"), "Functional"),
    "a function as layer": (
        lambda c: c["config"]["layers"].__setitem__(1, {**PROBE, "name": "d1", "inbound_nodes": []}),
        "no layer",
    ),
    "an optimizer as layer": (
        lambda c: d1(c).update(module="keras.optimizers", class_name="Adam", config={}),
        "holds what is no layer",
    ),
    "an ellipsis as layer": (lambda c: d1(c).update(class_name="__ellipsis__", config={}), "no layer"),
    "a layer without a computation": (
        lambda c: d1(c).update(class_name="Layer", config={"name": "d1"}, module="keras.layers"),
        "(?s)NotImplementedError.*call",
    ),
    "calls of null": (lambda c: d1(c).update(inbound_nodes=[None]), "`inbound_nodes` of layer 'd1'"),
    "calls of lists": (lambda c: d1(c).update(inbound_nodes=[[]]), "bad.keras"),
    "no calls": (lambda c: d1(c).pop("inbound_nodes"), "`inbound_nodes` of layer 'd1'"),
    "a number for a tensor": (
        lambda c: d1(c).update(inbound_nodes=[{"args": [5], "kwargs": {}}]),
        "Layer 'd1' of model 'm'",
    ),
    "a history without end": (
        lambda c: d1(c)["inbound_nodes"][0]["args"][0]["config"].update(keras_history=["inp", 0, 0, 0]),
        "`keras_history` of a tensor",
    ),
    "an output that isn't there": (
        lambda c: c["config"].update(output_layers=[["d2", 9, 0]]),
        "Layer 'd2' of model 'm'",
    ),
    "inputs of null": (lambda c: c["config"].update(input_layers=None), "inputs and outputs of model 'm' are lists"),
    "outputs of a number": (lambda c: c["config"].update(output_layers=5), "inputs and outputs of model 'm' are lists"),
    "a layer's name twice": (lambda c: c["config"]["layers"].append(d1(c)), "without a name of its own: 'd1'"),
    "a dtype without a name": (put("dtype", {}), "d1|dtype"),
}


@pytest.mark.parametrize("kind", CONFIGS)
def test_configs(kind: str, valid: Path, tmp_path: Path) -> None:
    change, words = CONFIGS[kind]
    called: list[Any] = []
    path = with_config(valid, tmp_path, change)
    refused(
        lambda: keras.saving.load_model(path, {"Probe>function": lambda *a, **k: called.append(a)}), words, "bad.keras"
    )
    assert called == []


def test_from_config_of_other_things() -> None:
    refused(lambda: keras.layers.Dense.from_config("abc"), "config of a Dense is a dict")  # type: ignore[arg-type]
    refused(lambda: keras.Model.from_config(["a"]), "config of a Model is a dict")  # type: ignore[arg-type]
    config = keras.Sequential([keras.layers.Dense(2)], name="s").get_config()
    refused(
        lambda: keras.Sequential.from_config({**config, "build_input_shape": "ab"}), "`build_input_shape` of model 's'"
    )


def test_arrays_of_objects() -> None:
    config = {"class_name": "__numpy__", "config": {"value": [1], "dtype": "object"}}
    refused(lambda: keras.saving.deserialize_keras_object(config), "dtype 'object', which is not of numbers")


@pytest.mark.parametrize("text", ["null", "5", "[]", '"Dense"', '{"a": 1}', "", '{"class_name": 5, "config": {}}'])
def test_model_from_json_gives_models(text: str) -> None:
    refused(lambda: keras.models.model_from_json(text), "In the JSON of a model")


def test_model_from_json_refuses_other_objects() -> None:
    for thing in (keras.optimizers.Adam(), keras.layers.Dense(2)):
        text = json.dumps(keras.saving.serialize_keras_object(thing))
        refused(lambda: keras.models.model_from_json(text), "describes no model")  # noqa: B023


def test_yaml_with_references_without_end() -> None:
    pytest.importorskip("yaml")
    lines = ["class_name: Sequential", "config:", "  a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"  a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    refused(lambda: keras.models.model_from_json("\n".join(lines)), "more than 2000000 values")


def test_vocabularies_outside_the_archive(tmp_path: Path) -> None:
    """A file names no other file, unless the program says that it may."""
    (tmp_path / "secret.txt").write_text("a\nb\n")
    for layer in (
        keras.layers.StringLookup(vocabulary=str(tmp_path / "secret.txt"), name="words"),
        keras.layers.TextVectorization(vocabulary=str(tmp_path / "secret.txt"), name="words"),
    ):
        model = keras.Sequential([keras.Input((1,), dtype="string"), layer])
        model.save(tmp_path / "m.keras")
        (tmp_path / "secret.txt").rename(tmp_path / "other.txt")
        assert keras.saving.load_model(tmp_path / "m.keras").layers[-1].get_vocabulary()[-2:] == ["a", "b"]
        (tmp_path / "other.txt").rename(tmp_path / "secret.txt")

        def named(members: list[tuple[Any, bytes]]) -> list[tuple[Any, bytes]]:
            config = json.loads(members[1][1])
            config["config"]["layers"][1]["config"]["vocabulary"] = str(tmp_path / "secret.txt")
            return [members[0], ("config.json", json.dumps(config).encode()), *members[2:]]

        path = rewritten(tmp_path / "m.keras", tmp_path / "bad.keras", named)
        refused(partial(keras.saving.load_model, path), "secret.txt.*disallowed by default", "bad.keras")
        loaded = keras.saving.load_model(path, safe_mode=False)
        assert loaded.layers[-1].get_vocabulary()[-2:] == ["a", "b"]
        config = {**layer.get_config(), "vocabulary": str(tmp_path / "secret.txt")}  # of this process
        assert type(layer).from_config(config).get_vocabulary()[-2:] == ["a", "b"]


@pytest.mark.parametrize("kind", ["empty", "a key twice", "deep lists", "no class"])
def test_summaries_and_editors(kind: str, valid: Path, tmp_path: Path) -> None:
    text, words = TEXTS[kind]
    path = with_config(valid, tmp_path, text)
    refused(lambda: described(str(path)), words, "bad.keras")
    (tmp_path / "m.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    refused(lambda: described(str(tmp_path / "m.json")), "m.json")
    damaged = changed(valid, "m.weights.h5", tmp_path / "bad.weights.h5", HDF5["a loop"][0])
    refused(lambda: keras.saving.KerasFileEditor(damaged), "in a loop", "bad.weights.h5")


# HDF5


def changed(valid: Path, name: str, target: Path, change: Callable[[Any], None]) -> Path:
    shutil.copy(valid / name, target)
    with h5py.File(target, "a") as file:
        change(file)
    return target


KERNEL = "layers/dense/vars/0"


def replace(path: str, make: Callable[[Any, str], Any]) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        del file[path]
        make(file, path)

    return change


def huge(file: Any, path: str) -> None:
    file.create_dataset(path, (30_000, 10_000), "f4")  # 1.2 GB, none of which are in the file


def packed(file: Any, path: str) -> None:
    made = file.create_dataset(path, (3000, 10_000), "f4", compression="gzip", chunks=(1000, 1000))
    chunk = zlib.compress(bytes(4_000_000))
    for offset in np.ndindex(3, 10):
        made.id.write_direct_chunk([1000 * i for i in offset], chunk)


def virtual(file: Any, path: str) -> None:
    layout = h5py.VirtualLayout((3, 8), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (3, 8))
    file.create_virtual_dataset(path, layout)


def external(file: Any, path: str) -> None:
    file.create_dataset(path, (3, 8), "f4", external=[("/etc/hostname", 0, 96)])


def opaque(name: Any) -> Callable[[Any, str], None]:
    def make(file: Any, path: str) -> None:
        file.create_dataset(path, data=np.zeros((3, 8), "V2")).attrs["dtype"] = name

    return make


HDF5: dict[str, tuple[Callable[[Any], None], str]] = {
    "an external link to an array": (
        replace(KERNEL, lambda f, p: f.__setitem__(p, h5py.ExternalLink("o.h5", "x"))),
        "ExternalLink",
    ),
    "an external link to a group": (
        replace("layers", lambda f, p: f.__setitem__(p, h5py.ExternalLink("o.h5", "/"))),
        "ExternalLink",
    ),
    "a soft link": (replace(KERNEL, lambda f, p: f.__setitem__(p, h5py.SoftLink("/layers"))), "SoftLink"),
    "a soft link to nothing": (lambda f: f.__setitem__("x", h5py.SoftLink("/nothing")), "SoftLink"),
    "a loop": (lambda f: f["layers"].__setitem__("dense_9", f["layers"]), "in a loop, or linked twice"),
    "a virtual set": (replace(KERNEL, virtual), "lies outside the weights file"),
    "external storage": (replace(KERNEL, external), "lies outside the weights file"),
    "a committed type": (lambda f: f.__setitem__("type", np.dtype("f4")), "neither group nor array"),
    "an array that isn't there": (replace(KERNEL, huge), r"shape \(30000, 10000\), but the file holds 0 bytes"),
    "an array larger than the model's": (replace(KERNEL, packed), r"layers/dense/vars/0.*\(3000, 10000\)"),
    "a group for an array": (replace(KERNEL, lambda f, p: f.create_group(p)), "d1"),
    "text for an array": (replace(KERNEL, lambda f, p: f.__setitem__(p, "abc")), "not a number's"),
    "an unknown dtype": (replace(KERNEL, opaque("float17")), "has dtype 'float17'"),
    "a number as dtype": (replace(KERNEL, opaque(5)), "has dtype '5'"),
    "another shape": (replace(KERNEL, lambda f, p: f.__setitem__(p, np.zeros((3, 9), "f4"))), "d1"),
}


@pytest.mark.parametrize("kind", HDF5)
def test_hdf5(kind: str, valid: Path, tmp_path: Path) -> None:
    change, words = HDF5[kind]
    path = changed(valid, "m.weights.h5", tmp_path / "bad.weights.h5", change)
    with h5py.File(tmp_path / "o.h5", "w") as other:
        other["x"] = np.full((3, 8), 7, "f4")
    model = fresh()
    before = model.get_weights()
    refused(lambda: model.load_weights(path), words, "bad.weights.h5")
    assert all((a == b).all() for a, b in zip(before, model.get_weights()))
    archive = rewritten(valid / "m.keras", tmp_path / "bad.keras", lambda ms: [*ms[:2], (ms[2][0], path.read_bytes())])
    refused(lambda: keras.saving.load_model(archive), words, "bad.keras")


def sequences(file: Any) -> None:
    """Makes names sequences of numbers, whose wrong addresses end the process when HDF5 follows them."""
    names = np.empty(2, object)
    names[:] = [np.arange(2, dtype="uint8"), np.arange(3, dtype="uint8")]
    file["model_weights/d1"].attrs.create("weight_names", names, (2,), h5py.vlen_dtype(np.uint8))


LEGACY: dict[str, tuple[Callable[[Any], None], str]] = {
    "an external link": (
        replace("model_weights/d1", lambda f, p: f.__setitem__(p, h5py.ExternalLink("o.h5", "/"))),
        "ExternalLink",
    ),
    "an array that isn't there": (replace("model_weights/d1/d1/kernel", huge), "but the file holds 0 bytes"),
    "an array larger than the model's": (replace("model_weights/d1/d1/kernel", packed), r"\(3000, 10000\)"),
    "names that are sequences": (sequences, "attribute 'weight_names' of '/model_weights/d1'"),
    "a config that is a list": (lambda f: f.attrs.__setitem__("model_config", "[]"), "must be the config of a model"),
    "a config that is not JSON": (lambda f: f.attrs.__setitem__("model_config", "{'a'"), "is not JSON"),
}


@pytest.mark.parametrize("kind", LEGACY)
def test_legacy_files(kind: str, valid: Path, tmp_path: Path) -> None:
    change, words = LEGACY[kind]
    path = changed(valid, "m.h5", tmp_path / "bad.h5", change)
    refused(lambda: keras.saving.load_model(path), words, "bad.h5")


def bomb(file: Any, path: str) -> None:
    """One chunk of 96 bytes that unpacks to 700 MB."""
    packing = zlib.compressobj()
    stream = b"".join(packing.compress(bytes(10 << 20)) for _ in range(70)) + packing.flush()
    file.create_dataset(path, (3, 8), "f4", compression="gzip", chunks=(3, 8)).id.write_direct_chunk((0, 0), stream)


def test_memory_while_refusing(valid: Path, tmp_path: Path) -> None:
    """Arrays of 1.2 GB, in a file of a few KB, and a config of 600 MB of spaces are not read."""
    changed(valid, "m.weights.h5", tmp_path / "a.weights.h5", replace(KERNEL, huge))
    bombs = ["c.weights.h5", "d.h5"] if h5py.version.hdf5_version_tuple >= (2, 0) else []  # others don't write them
    if bombs:
        changed(valid, "m.weights.h5", tmp_path / "c.weights.h5", replace(KERNEL, bomb))
        changed(valid, "m.h5", tmp_path / "d.h5", replace("model_weights/d1/d1/kernel", bomb))
    header = json.dumps({"x": {"dtype": "F32", "shape": [300_000_000], "data_offsets": [0, 1_200_000_000]}}).encode()
    (tmp_path / "e.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    (tmp_path / "f.weights.json").write_text("[" * 60_000_000)
    with zipfile.ZipFile(tmp_path / "b.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("config.json", "w", force_zip64=True) as out:
            for _ in range(600):
                out.write(b" " * 1_000_000)
        archive.writestr("metadata.json", "{}")
    script = """
        import sys

        import addax as keras
        from tests.saving.fuzzing import peak
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(8), keras.layers.Dense(2)])
        for name in sys.argv[1:]:
            try:
                keras.saving.load_model(name) if name in ("b.keras", "d.h5") else model.load_weights(name)
            except ValueError as error:
                print("refused" if name in str(error) else error)
        print(peak())
    """
    names = ["a.weights.h5", "e.safetensors", "f.weights.json", "b.keras", *bombs]
    *answers, most = ran(script, tmp_path, *names).split()
    assert answers == ["refused"] * len(names)
    assert int(most) < 500


def environment() -> dict[str, str]:
    """The variables of this process, and a path for imports that doesn't depend on the folder."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])}


def ran(script: str, folder: Path, *arguments: str) -> str:
    """The output of a program that ends well."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *arguments],
        cwd=folder, env=environment(), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, (done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout


# Shards and safetensors


SHARDS: dict[str, tuple[str, str]] = {
    "a list": ("[]", "must have a `weight_map`"),
    "no JSON": ("{'a'", "is not JSON"),
    "numbers": ('{"weight_map": {"a": 5}}', "must have a `weight_map`"),
    "numbers in lists": ('{"weight_map": {"a": [5]}}', "names the file 5, which is not in its own folder"),
    "a path outside": ('{"weight_map": {"a": ["../m.weights.h5"]}}', "'../m.weights.h5', which is not in its own"),
    "a file that isn't there": ('{"weight_map": {"a": ["x.weights.h5"]}}', "'x.weights.h5', which is not beside it"),
}


@pytest.mark.parametrize("kind", SHARDS)
def test_shards(kind: str, tmp_path: Path) -> None:
    text, words = SHARDS[kind]
    (tmp_path / "s.weights.json").write_text(text)
    refused(lambda: fresh().load_weights(tmp_path / "s.weights.json"), words, "s.weights.json")


def test_safetensors(valid: Path, tmp_path: Path) -> None:
    content = (valid / "m.safetensors").read_bytes()
    size = int.from_bytes(content[:8], "little")
    name = next(k for k in json.loads(content[8 : 8 + size]) if k != "__metadata__")

    def written(change: Callable[[dict], Any]) -> Path:
        header = json.loads(content[8 : 8 + size])
        change(header[name])
        text = json.dumps(header).encode()
        path = tmp_path / "bad.safetensors"
        path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + size :])
        return path

    for change in (
        {"dtype": []}, {"dtype": "F33"}, {"shape": [10**9, 10**9]}, {"shape": "a"}, {"shape": [-1, 1]},
        {"data_offsets": [0, 10**12]}, {"data_offsets": ["a", 1]}, {"data_offsets": None},
    ):  # fmt: skip
        refused(lambda: fresh().load_weights(written(lambda entry: entry.update(change))), "bad.safetensors", name)  # noqa: B023
    twice = content[8 : 8 + size].replace(b"{", b'{"' + name.encode() + b'": {}, ', 1)
    (tmp_path / "twice.safetensors").write_bytes(len(twice).to_bytes(8, "little") + twice + content[8 + size :])
    refused(lambda: fresh().load_weights(tmp_path / "twice.safetensors"), f"key '{name}' twice")


def test_a_folder_without_weights(tmp_path: Path) -> None:
    refused(lambda: fresh().load_weights(tmp_path), "no member `model.weights.h5`", tmp_path.name)


# Saving


FULL = """
    import resource, sys
    import addax as keras
    names = ["m.keras", "m.h5", "m.weights.h5", "m.safetensors", "s.weights.json"]
    model = keras.Sequential([keras.Input((100,)), keras.layers.Dense(200), keras.layers.Dense(30)])
    model.compile("adam", "mse")
    def save(name):
        if name in ("m.keras", "m.h5"):
            model.save(name)
        else:
            model.save_weights(name, **({"max_shard_size": 1e-4} if name == "s.weights.json" else {}))
    for name in names:
        save(name)
    read = lambda name: open(name, "rb").read()
    before = [read(name) for name in names]
    model.layers[0].kernel.assign(model.layers[0].kernel + 1)
    for name, old in zip(names, before):
        for size in (10, 1000, 20_000, 80_000):
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
            try:
                save(name)
            except OSError as error:
                assert "no space to save" in str(error) and "unchanged" in str(error), error
                print("refused")
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            assert read(name) == old
            if name[0] == "s":
                model.load_weights(name)
"""


@pytest.mark.filterwarnings("ignore")
def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    """A limit to the size of files does it; HDF5 dies of signal 11 where it is told."""
    assert ran(FULL, tmp_path).split() == ["refused"] * 20
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


def test_the_mode_of_a_file_is_kept(tmp_path: Path) -> None:
    model = fresh()
    for name in ("m.keras", "m.h5", "m.weights.h5", "m.safetensors"):
        save = model.save if name in ("m.keras", "m.h5") else model.save_weights
        save(tmp_path / name)
        os.chmod(tmp_path / name, 0o600)
        save(tmp_path / name)
        assert stat.S_IMODE(os.stat(tmp_path / name).st_mode) == 0o600


def test_what_killed_saves_left_is_removed(tmp_path: Path) -> None:
    script = """
        import os, signal, sys
        from addax.saving.atomic import replacing
        with replacing(sys.argv[1]) as temporary:
            open(temporary, "w").write("half")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    path = tmp_path / "m.weights.h5"
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script), str(path)], env=environment(), check=False
        )
        assert done.returncode == -9
    half = sorted(tmp_path.iterdir())
    assert len(half) == 2 and path not in half
    os.utime(half[0], (0, 0))
    other = tmp_path / f".{'0' * 32}.of-another.weights.h5"
    other.write_text("")
    os.utime(other, (0, 0))
    fresh().save_weights(path)
    # The younger one may belong to a process that is writing.
    assert sorted(tmp_path.iterdir()) == sorted([half[1], other, path])


def test_the_longest_names(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 120 + "abcd.keras")
    fresh().save(path)
    assert keras.saving.load_model(path).name == "m"


def test_two_processes_save_shards_to_one_path(tmp_path: Path) -> None:
    """Whichever index is there in the end, its files are all of one save."""
    script = """
        import sys
        import numpy as np
        import addax as keras
        model = keras.Sequential([keras.Input((50,)), keras.layers.Dense(50), keras.layers.Dense(50)])
        for i in range(15):
            value = int(sys.argv[1]) * 100 + i
            for variable in model.weights:
                variable.assign(np.full(variable.shape, value))
            model.save_weights("s.weights.json", max_shard_size=1.2e-5)
    """
    started = [
        subprocess.Popen([sys.executable, "-c", textwrap.dedent(script), str(n)], cwd=tmp_path, env=environment())
        for n in (1, 2)
    ]
    assert [process.wait(120) for process in started] == [0, 0]
    model = keras.Sequential([keras.Input((50,)), keras.layers.Dense(50), keras.layers.Dense(50)])
    model.load_weights(tmp_path / "s.weights.json")
    assert len({float(x) for w in model.get_weights() for x in np.unique(w)}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.weights.h5", "m.safetensors"])
def test_two_processes_save_to_one_path(name: str, tmp_path: Path) -> None:
    """Whenever it is read meanwhile, and in the end, the file is all of one save."""
    script = """
        import sys
        import numpy as np
        import addax as keras
        model = keras.Sequential([keras.Input((50,)), keras.layers.Dense(50), keras.layers.Dense(50)])
        for i in range(25):
            for variable in model.weights:
                variable.assign(np.full(variable.shape, int(sys.argv[1]) * 100 + i))
            save = model.save if sys.argv[2] in ("m.keras", "m.h5") else model.save_weights
            save(sys.argv[2])
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    started = [subprocess.Popen([*command, str(n), name], cwd=tmp_path, env=environment()) for n in (1, 2)]
    model = keras.Sequential([keras.Input((50,)), keras.layers.Dense(50), keras.layers.Dense(50)])
    read = 0
    while read < 3 or any(process.poll() is None for process in started):
        if (tmp_path / name).exists():
            model.load_weights(tmp_path / name)
            assert len({float(x) for w in model.get_weights() for x in np.unique(w)}) == 1
            read += 1
    assert [process.wait() for process in started] == [0, 0]
    assert [path.name for path in tmp_path.iterdir()] == [name]


# Changed at random


def test_files_changed_at_random(tmp_path: Path) -> None:
    """See `fuzzing.py`, which `make fuzz` runs for long."""
    script = "import sys, pathlib; from tests.saving.fuzzing import run; run(pathlib.Path(sys.argv[1]), 0, 400)"
    output = ran(script, tmp_path, str(tmp_path))
    assert "BAD" not in output, output
    read, bad, peak = re.findall(r"\d+", output.splitlines()[-1])
    assert (int(read), int(bad)) == (400, 0)
    assert int(peak) < 500 + 64
