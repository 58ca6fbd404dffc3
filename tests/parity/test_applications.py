"""Networks of `keras.applications` against Keras: structure, texts, predictions, files and errors."""

from __future__ import annotations

import importlib
import inspect
import json
import pickle
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import addax
from addax.applications import files, imagenet_utils
from tests.file_server import FileServer

from . import application_facts as facts

keras = pytest.importorskip("keras")

FACTS = json.loads(facts.FILE.read_text())
NETWORKS = facts.networks(addax)
CASES = list(facts.cases(addax))
FAST = [(n, a) for n, a in CASES if n in facts.MEMBERS and a in ({}, {"include_top": False})]
OTHERS = [case for case in CASES if case not in FAST]


def named(cases: list[Any]) -> list[Any]:
    return [pytest.param(*case, id=facts.label(*case)) for case in cases]


# Structure


def check_facts(name: str, arguments: dict[str, Any]) -> None:
    known = FACTS["networks"][facts.label(name, arguments)]
    found = facts.facts(addax, name, arguments)
    assert {k: found[k] for k in known} == known


@pytest.mark.parametrize(("name", "arguments"), named(FAST))
def test_networks(name: str, arguments: dict[str, Any]) -> None:
    check_facts(name, arguments)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "arguments"), named(OTHERS))
def test_all_networks(name: str, arguments: dict[str, Any]) -> None:
    check_facts(name, arguments)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "arguments"), named(CASES))
def test_facts(name: str, arguments: dict[str, Any]) -> None:
    known = FACTS["networks"][facts.label(name, arguments)]
    found = facts.facts(keras, name, arguments)
    assert {k: found[k] for k in known} == known


def test_all_cases_have_facts() -> None:
    assert {facts.label(*case) for case in CASES} == set(FACTS["networks"])


@pytest.mark.parametrize("name", NETWORKS)
def test_functions(name: str) -> None:
    ours, theirs = getattr(addax.applications, name), getattr(keras.applications, name)
    assert inspect.isfunction(ours)
    assert [(p.name, p.kind, p.default) for p in inspect.signature(ours).parameters.values()] == [
        (p.name, p.kind, p.default) for p in inspect.signature(theirs).parameters.values()
    ]
    assert pickle.loads(pickle.dumps(ours)) is ours
    assert getattr(sys.modules[ours.__module__], name) is ours
    assert ours.__qualname__ == name
    for parameter in inspect.signature(ours).parameters:
        assert f"    {parameter}: " in ours.__doc__


def test_names() -> None:
    def public(module: Any) -> set[str]:
        return {name for name in dir(module) if not name.startswith("_")}

    assert public(keras.applications) == public(addax.applications)
    for name in public(keras.applications) - set(NETWORKS):
        module = importlib.import_module(f"addax.applications.{name}")
        assert public(getattr(keras.applications, name)) <= set(module.__all__)


# Arguments

BAD = [
    ({"weights": "foo"}, "The `weights` argument should be either `None`"),
    ({"weights": "/no/such.weights.h5"}, "The `weights` argument should be either `None`"),
    ({"classes": 10}, "`classes` should be 1000"),
    ({"weights": None, "input_shape": (16, 16, 3)}, "Input size must be at least"),
    ({"weights": None, "input_shape": (16, 16, 3), "include_top": False}, "Input size must be at least"),
    ({"weights": None, "input_shape": (299, 299)}, "`input_shape` must be a tuple of three integers."),
    ({"input_shape": (310, 310, 3)}, "loading `imagenet` weights, `input_shape` should be"),
    ({"input_shape": (224, 224, 4), "include_top": False}, "The input must have 3 channels; Received"),
    ({"weights": None, "input_shape": (None, None, 3)}, "you should specify a static `input_shape`. Received:"),
    ({"classifier_activation": "relu"}, "Only `None` and `softmax` activations are allowed for the"),
    ({"weights": None, "input_tensor": np.zeros((1, 2, 2, 3))}, "Argument `input_tensor` must be a KerasTensor."),
]


@pytest.mark.parametrize("name", facts.MEMBERS)
@pytest.mark.parametrize(("arguments", "words"), BAD, ids=[str(i) for i in range(len(BAD))])
@pytest.mark.filterwarnings("ignore:.*input_shape. is undefined or non-square")
def test_bad_arguments(name: str, arguments: dict[str, Any], words: str) -> None:
    if name == "MobileNetV3Small" and ("imagenet" in words or "static" in words):
        pytest.skip("takes images of all sizes")
    for lib in (keras, addax) if name == "VGG16" else (addax,):  # Keras builds networks before it refuses
        with pytest.raises(ValueError, match=re.escape(words)), facts.without_values(lib):
            getattr(lib.applications, name)(**arguments)


def test_sizes_of_tensors_and_shapes_agree() -> None:
    for name in ("MobileNetV2", "MobileNetV3Large"):
        with pytest.raises(ValueError, match=r"input_tensor.shape\[1\] must equal input_shape\[0\]"):
            tensor = addax.Input((64, 64, 3))
            getattr(addax.applications, name)(weights=None, input_tensor=tensor, input_shape=(96, 96, 3))


def test_unknown_arguments() -> None:
    with pytest.raises(TypeError, match=re.escape("VGG16() got an unexpected keyword argument 'alpha'")):
        addax.applications.VGG16(alpha=1)


def test_channels_that_no_image_has_are_warned_of() -> None:
    with pytest.warns(UserWarning, match="This model usually expects 1 or 3 input channels"):
        addax.applications.MobileNet(weights=None, include_top=False, input_shape=(32, 32, 4))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("MobileNet", {"alpha": 0.35}), ("MobileNetV2", {"alpha": 0.25}), ("MobileNetV3Small", {"alpha": 0.5})],
)
def test_factors_without_weights(name: str, arguments: dict[str, Any]) -> None:
    for lib in (keras, addax):
        with pytest.raises(ValueError, match="If imagenet weights are being loaded, alpha"):
            getattr(lib.applications, name)(**arguments)


# Weights


def with_top(name: str, arguments: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(name, arguments), (name, {**arguments, "include_top": False})]


@pytest.mark.filterwarnings("ignore:.*input_shape. is undefined or non-square")
def test_files_of_weights() -> None:
    downloader = importlib.import_module("addax.utils")
    found = {
        facts.label(*case): facts.asked(addax, downloader, *case)
        for given in facts.downloads(addax)
        for case in with_top(*given)
    }
    assert found == FACTS["files"]


def weights_file(model: Any, path: Path) -> None:
    """Writes weights as Keras 2 did: a group by layer, with the names in attributes."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/w{i}:0" for i in range(len(layer.weights))]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, value in zip(names, layer.get_weights()):
                group[name] = value


def test_weights_are_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`weights="imagenet"` from a server, and the same file by its path."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    made = addax.applications.MobileNetV3Small(weights=None, include_top=False)
    name, folder = "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5", "tensorflow/keras-applications/mobilenet_v3"
    (tmp_path / folder).mkdir(parents=True)
    weights_file(made, tmp_path / folder / name)
    digest = importlib.import_module("hashlib").md5((tmp_path / folder / name).read_bytes()).hexdigest()
    monkeypatch.setitem(files.HASHES, name, digest)
    with FileServer(tmp_path) as server:
        monkeypatch.setattr(files, "SERVER", server.url().rstrip("/"))
        with pytest.warns(UserWarning, match="Weights for input shape"):
            loaded = addax.applications.MobileNetV3Small(include_top=False)
        assert [path for path, _ in server.requests] == [f"/{folder}/{name}"]
    by_path = addax.applications.MobileNetV3Small(weights=tmp_path / "home" / "models" / name, include_top=False)
    for a, b, c in zip(made.get_weights(), loaded.get_weights(), by_path.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b, strict=True)
        np.testing.assert_array_equal(a, c, strict=True)


def test_pixels_of_pretrained_efficientnets_are_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the square roots of the deviations in Keras, too."""
    monkeypatch.setattr(importlib.import_module("addax.applications.architecture"), "fetch", lambda *_: "")
    monkeypatch.setattr(addax.Model, "load_weights", lambda *_: None)
    model = addax.applications.EfficientNetB0(include_top=False)
    assert isinstance(model.layers[3], addax.layers.Rescaling)
    np.testing.assert_allclose(model.layers[3].scale, np.asarray([0.229, 0.224, 0.225]) ** -0.5, rtol=1e-15)


# Values


def check_predictions(name: str, tmp_path: Path, loads: Callable[[Path], Any]) -> None:
    """The same predictions from the same weights, and from the files of the other package, which `loads` reads."""
    shape = facts.MEMBERS[name]
    for lib in (keras, addax):
        lib.utils.clear_session(free_memory=False)
    ours = getattr(addax.applications, name)(weights=None, classes=5, input_shape=shape)
    with facts.without_values(keras):
        theirs = getattr(keras.applications, name)(weights=None, classes=5, input_shape=shape)
    theirs.set_weights(ours.get_weights())
    x = np.random.RandomState(0).uniform(0, 255, (2, *shape)).astype("float32")
    expected = theirs.predict(x, verbose=0)
    np.testing.assert_allclose(ours.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-5)
    theirs.save(tmp_path / "theirs.keras")
    read = addax.saving.load_model(tmp_path / "theirs.keras")
    np.testing.assert_allclose(read.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-5)
    ours.save(tmp_path / "ours.keras")
    back = loads(tmp_path / "ours.keras")
    assert facts.digest(back.get_config()) == facts.digest(theirs.get_config())
    for a, b in zip(back.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_predictions_and_files(tmp_path: Path) -> None:
    def loads(path: Path) -> Any:
        """Keras compiles an initializer for each shape of a weight, before it reads the weights."""
        with zipfile.ZipFile(path) as file:
            file.extract("model.weights.h5", path.parent)
            with facts.without_values(keras):
                model = keras.saving.deserialize_keras_object(json.loads(file.read("config.json")))
        for weight in model.weights:
            weight.assign(np.zeros(weight.shape, weight.dtype))
        model.load_weights(path.parent / "model.weights.h5")
        return model

    check_predictions("MobileNet", tmp_path, loads)


@pytest.mark.slow
@pytest.mark.parametrize("name", facts.MEMBERS)
def test_all_predictions_and_files(name: str, tmp_path: Path) -> None:
    check_predictions(name, tmp_path, keras.saving.load_model)


@pytest.mark.slow
def test_nasnet_takes_images_of_unknown_size() -> None:
    """In Keras, such a network adds tensors of two sizes."""
    sized = addax.applications.NASNetMobile(weights=None, include_top=False, input_shape=(64, 64, 3))
    free = addax.applications.NASNetMobile(weights=None, include_top=False, input_shape=(None, None, 3))
    free.set_weights(sized.get_weights())
    x = np.random.RandomState(0).uniform(-1, 1, (1, 64, 64, 3)).astype("float32")
    np.testing.assert_allclose(free.predict(x, verbose=0), sized.predict(x, verbose=0), rtol=1e-5, atol=1e-6)


def own_layers(lib: Any) -> dict[str, Any]:
    if lib is addax:
        return {**vars(addax.applications.convnext), **vars(addax.applications.inception_resnet_v2)}
    return {
        **vars(importlib.import_module("keras.src.applications.convnext")),
        **vars(importlib.import_module("keras.src.applications.inception_resnet_v2")),
    }


def test_layers_of_networks_in_files(tmp_path: Path) -> None:
    x = np.random.RandomState(0).normal(size=(3, 2, 2, 4)).astype("float32")
    configs = []
    for lib, other in ((keras, addax), (addax, keras)):
        lib.utils.clear_session(free_memory=False)
        own = own_layers(lib)
        inputs = lib.Input((2, 2, 4))
        y = own["LayerScale"](0.5, 4)(inputs)
        y = own["StochasticDepth"](0.25)(y)
        model = lib.Model(inputs, own["CustomScaleLayer"](0.1)([inputs, y]))
        model.layers[1].set_weights([np.arange(4.0)])
        model.save(tmp_path / "own.keras")
        custom = {
            k: v for k, v in own_layers(keras).items() if k in ("LayerScale", "StochasticDepth", "CustomScaleLayer")
        }
        read = other.saving.load_model(tmp_path / "own.keras", custom_objects=custom if other is keras else None)
        expected = x + x * np.arange(4) * 0.1
        np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-6)
        np.testing.assert_allclose(read.predict(x, verbose=0), expected, rtol=1e-6)
        layers = model.get_config()["layers"]
        # Keras's StochasticDepth names the shape it was built for, which nothing in it depends on.
        configs.append(facts.digest([{k: v for k, v in layer.items() if k != "build_config"} for layer in layers]))
    assert configs[0] == configs[1]


def test_stochastic_depth_drops_samples() -> None:
    layer = addax.applications.convnext.StochasticDepth(0.25)
    y = np.asarray(layer(np.ones((2000, 2, 3), "float32"), training=True))
    kept = y[:, 0, 0] != 0
    np.testing.assert_allclose(y, np.where(kept, 1 / 0.75, 0)[:, None, None] * np.ones_like(y), rtol=1e-6)
    assert abs(kept.mean() - 0.75) < 0.05  # 5 standard deviations


# Images and classes

MODULES = [name for name in dir(addax.applications) if inspect.ismodule(getattr(addax.applications, name))]


@pytest.mark.parametrize("module", MODULES)
def test_preprocessing_of_modules(module: str) -> None:
    x = np.random.RandomState(0).uniform(0, 255, (2, 4, 5, 3))
    theirs, ours = (getattr(lib.applications, module) for lib in (keras, addax))
    np.testing.assert_array_equal(ours.preprocess_input(x), theirs.preprocess_input(x.copy()), strict=True)
    assert inspect.signature(ours.preprocess_input).parameters.keys() == (
        inspect.signature(theirs.preprocess_input).parameters.keys()
    )
    assert ours.decode_predictions is imagenet_utils.decode_predictions


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_preprocessing(mode: str, data_format: str) -> None:
    def call(lib: Any, x: Any) -> Any:
        return lib.applications.imagenet_utils.preprocess_input(x, mode=mode, data_format=data_format)

    for shape in ((2, 3, 3, 3), (3, 3, 3)):
        for dtype in ("uint8", "int32", "float16", "float32", "float64"):
            x = np.random.RandomState(0).uniform(0, 255, shape).astype(dtype)
            before = x.copy()
            ours = call(addax, x)
            np.testing.assert_array_equal(x, before)  # Keras writes into arrays of floats
            expected = call(keras, x)
            assert ours.dtype == expected.dtype
            scale = 1 if dtype != "float16" else 1000
            np.testing.assert_allclose(ours, expected, rtol=1e-6 * scale, atol=1e-5 * scale)
            if dtype != "float64":
                tensor = np.asarray(call(addax, addax.ops.convert_to_tensor(before)))
                np.testing.assert_allclose(tensor, expected, rtol=1e-6 * scale, atol=1e-5 * scale)
    configs = []
    for lib in (keras, addax):
        lib.utils.clear_session(free_memory=False)
        inputs = lib.Input((3, 3, 3))
        model = lib.Model(inputs, call(lib, inputs))
        x = np.random.RandomState(0).uniform(0, 255, (2, 3, 3, 3)).astype("float32")
        np.testing.assert_allclose(model.predict(x, verbose=0), call(addax, x), rtol=1e-5, atol=1e-5)
        configs.append([(o["class_name"], o["name"]) for o in model.get_config()["layers"]])
    if mode == "tf":
        assert configs[0] == configs[1]


def test_preprocessing_refuses() -> None:
    for lib in (keras, addax):
        function = lib.applications.imagenet_utils.preprocess_input
        with pytest.raises(ValueError, match=r"Expected mode to be one of `caffe`, `tf` or `torch`\. Received: mode=x"):
            function(np.ones((2, 2, 3)), mode="x")
        with pytest.raises(ValueError, match="Expected data_format to be one of `channels_first` or `channels_last`"):
            function(np.ones((2, 2, 3)), data_format="x")


def test_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {str(i): [f"n{i:08d}", f"name {i}"] for i in range(1000)}
    path = tmp_path / "download.tensorflow.org" / "data" / "imagenet_class_index.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(names))
    digest = importlib.import_module("hashlib").sha256(path.read_bytes()).hexdigest()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.setitem(files.HASHES, path.name, digest)
    imagenet_utils._class_index.cache_clear()
    x = np.random.RandomState(0).permutation(2000).reshape(2, 1000) / 2000
    with FileServer(tmp_path) as server:
        monkeypatch.setattr(files, "SERVER", server.url().rstrip("/"))
        ours = {top: addax.applications.vgg16.decode_predictions(x, top) for top in (1, 5, 1000, 2000)}
        assert len(server.requests) == 1
    imagenet_utils._class_index.cache_clear()
    downloader = sys.modules[keras.utils.get_file.__module__]
    monkeypatch.setattr(downloader, "get_file", lambda *_, **__: str(path))
    for top, found in ours.items():
        assert found == keras.applications.imagenet_utils.decode_predictions(x, top=top)
    assert len(ours[5][0]) == 5
    with pytest.raises(ValueError, match=r"expects a batch of predictions .* Received array with shape: .2, 999."):
        addax.applications.vgg16.decode_predictions(x[:, :999])
    with pytest.raises(ValueError, match="`top` must be a positive number of classes"):
        addax.applications.vgg16.decode_predictions(x, top=0)
