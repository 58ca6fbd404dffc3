"""Preprocessing layers of text and categories against Keras: facts from where TensorFlow is, and Keras live."""

from __future__ import annotations

import importlib.util
import inspect
import io
import json
import zipfile

import h5py
import jax
import numpy as np
import pytest

import addax
from tests.parity.text_cases import CASES, SPACES, make_space, name_of, run, run_space, space_data
from tests.parity.text_facts import FACTS, MODEL, SPACE, by_layer, make_model, model_inputs

keras = pytest.importorskip("keras")

# NaN is what JSON's extension of Python calls it.
KNOWN = json.loads(FACTS.read_text())
TOLD = [i for i in range(len(CASES)) if name_of(i) in KNOWN]
LIVE = ("Discretization", "CategoryEncoding")  # work in Keras on JAX without TensorFlow, but for `adapt`


def compare(ours, theirs):
    assert ours.keys() == theirs.keys()
    for key in ours.keys() - {"output", "boundaries"}:
        assert ours[key] == theirs[key], key
    for key in ours.keys() & {"output", "boundaries"}:
        a, b = (np.asarray(found[key]) for found in (ours, theirs))
        assert a.shape == b.shape, key
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("index", TOLD, ids=name_of)
def test_a_layer_does_what_keras_does(index):
    compare(json.loads(json.dumps(run(addax.layers, CASES[index]))), KNOWN[name_of(index)])


@pytest.mark.parametrize(
    "index", [i for i in TOLD if CASES[i].layer in LIVE and CASES[i].adapt is None][::4], ids=name_of
)
def test_the_facts_are_those_of_this_keras(index):
    compare(json.loads(json.dumps(run(keras.layers, CASES[index]))), KNOWN[name_of(index)])


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="needs tensorflow")
@pytest.mark.parametrize("index", TOLD, ids=name_of)
def test_all_facts_are_those_of_this_keras(index):
    compare(json.loads(json.dumps(run(keras.layers, CASES[index]))), KNOWN[name_of(index)])


@pytest.mark.parametrize("name", sorted({case.layer for case in CASES}))
def test_signatures(name):
    for method in ("__init__", "adapt", "update_state", "set_vocabulary", "get_vocabulary", "vocabulary_size"):
        ours, theirs = (getattr(getattr(room, name), method, None) for room in (addax.layers, keras.layers))
        assert (ours is None) == (theirs is None), method
        if ours is not None:
            a, b = (inspect.signature(f).parameters.values() for f in (ours, theirs))
            assert [(p.name, p.kind, p.default) for p in a] == [(p.name, p.kind, p.default) for p in b], method


def test_signatures_of_a_feature_space():
    ours, theirs = addax.utils.FeatureSpace, keras.utils.FeatureSpace
    names = [n for n, f in inspect.getmembers(theirs, callable) if not n.startswith("_") and n in theirs.__dict__]
    for name in ("__init__", "__call__", *names):
        a, b = (inspect.signature(getattr(cls, name)).parameters.values() for cls in (ours, theirs))
        assert [(p.name, p.kind, p.default) for p in a] == [(p.name, p.kind, p.default) for p in b], name


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("make", [lambda room: room.CategoryEncoding, lambda room: room.Discretization])
def test_sparse_encodings_are_those_of_keras(mode, make):
    x = np.array([[0, 1, 1], [3, 2, 0]])
    found = []
    for room in (addax.layers, keras.layers):
        cls = make(room)
        layer = (
            cls(4, mode, sparse=True)
            if cls is room.CategoryEncoding
            else cls(bin_boundaries=[0.5, 1.5], output_mode=mode, sparse=True)
        )
        found.append(layer(x))
    ours, theirs = found
    assert isinstance(ours, jax.experimental.sparse.BCOO) and ours.shape == theirs.shape and ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours.todense(), theirs.todense())


def test_weights_of_counts():
    x, weights = np.array([[0, 1], [0, 0], [3, 1]]), np.array([[0.1, 0.2], [0.1, 0.1], [0.4, 0.2]])
    ours, theirs = (
        room.CategoryEncoding(4, "count")(x, count_weights=weights) for room in (addax.layers, keras.layers)
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize(
    "name, kwargs",
    [
        ("CategoryEncoding", {}),
        ("CategoryEncoding", {"num_tokens": 0}),
        ("CategoryEncoding", {"num_tokens": 3, "output_mode": "x"}),
        ("Discretization", {}),
        ("Discretization", {"num_bins": -1}),
        ("Discretization", {"num_bins": 2, "bin_boundaries": [0.0]}),
        ("Discretization", {"num_bins": 2, "output_mode": "x"}),
        ("Discretization", {"num_bins": 2, "sparse": True}),
    ],
)
def test_wrong_arguments_are_told_in_the_words_of_keras(name, kwargs):
    messages = []
    for room in (addax.layers, keras.layers):
        with pytest.raises(ValueError) as caught:
            getattr(room, name)(**kwargs)
        messages.append(str(caught.value))
    assert messages[0].startswith(messages[1])


# FeatureSpace and files


def without_order(config):
    """A config whose dicts compare whatever the order of their keys was when they were serialized."""
    if isinstance(config, dict):
        # Keras builds a `Normalization` for the batch size of the data that it adapts to, addax for any.
        left_out = ("shared_object_id", "build_config")
        return {k: without_order(v) for k, v in sorted(config.items()) if k not in left_out}
    return [without_order(v) for v in config] if isinstance(config, list) else config


def same_features(ours, theirs):
    assert ours["shapes"] == theirs["shapes"] and ours["inputs"] == theirs["inputs"]
    for kind in ("batch", "one"):
        assert list(ours[kind]) == list(theirs[kind])
        for name, (dtype, values) in theirs[kind].items():
            assert ours[kind][name][0] == dtype
            np.testing.assert_allclose(ours[kind][name][1], values, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("index", range(len(SPACES)))
def test_a_feature_space_does_what_keras_does(index):
    space = make_space(addax.utils, addax.layers, SPACES[index])
    space.adapt(space_data())
    ours, theirs = json.loads(json.dumps(run_space(space, space_data()))), KNOWN[f"space {index}"]
    same_features(ours, theirs)
    assert without_order(json.loads(json.dumps(space.get_config()))) == without_order(theirs["config"])


def test_a_feature_space_in_a_file_of_keras():
    loaded = addax.models.load_model(SPACE)
    same_features(json.loads(json.dumps(run_space(loaded, space_data()))), KNOWN[f"space {len(SPACES) - 1}"])


def test_a_model_in_a_file_of_keras():
    loaded = addax.models.load_model(MODEL)
    for ours, theirs in zip(loaded(model_inputs()), KNOWN["model"]):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def contents(path):
    with zipfile.ZipFile(path) as archive:
        assets = {name: archive.read(name) for name in archive.namelist() if name.startswith("assets/")}
        config = json.loads(archive.read("config.json"))
        with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as weights:
            arrays: dict = {}
            weights.visititems(lambda k, v: arrays.update({k: v[()].tolist()}) if hasattr(v, "dtype") else None)
    return assets, arrays, config


@pytest.mark.parametrize("path", [MODEL, SPACE], ids=["model", "space"])
def test_a_file_of_addax_is_like_one_of_keras(path, tmp_path):
    if path == MODEL:
        made = make_model(addax)
    else:
        made = make_space(addax.utils, addax.layers, SPACES[-1])
        made.adapt(space_data())
    made.save(tmp_path / "ours.keras")
    ours, theirs = contents(tmp_path / "ours.keras"), contents(path)
    assert ours[0] == theirs[0]
    assert ours[1].keys() == theirs[1].keys()
    for name, values in theirs[1].items():
        np.testing.assert_allclose(ours[1][name], values, rtol=1e-6)
    layers = [layer["config"] for layer in ours[2]["config"].get("layers", [])][3:]
    known = [layer["config"] for layer in theirs[2]["config"].get("layers", [])][3:]
    assert without_order(layers) == without_order(known)
    for a, b in zip(ours[2]["config"].get("layers", []), theirs[2]["config"].get("layers", [])):
        assert a.get("build_config") == b.get("build_config")


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="needs tensorflow")
def test_keras_loads_a_file_of_addax(tmp_path):
    made = make_model(addax)
    made.save(tmp_path / "ours.keras")
    loaded = keras.models.load_model(tmp_path / "ours.keras")
    for i, x in enumerate(by_layer(model_inputs())):
        np.testing.assert_allclose(loaded.get_layer(f"layer_{i}")(x), KNOWN["model"][i], rtol=1e-6)
