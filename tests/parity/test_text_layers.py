"""Preprocessing layers of text and categories against Keras: facts from where TensorFlow is, and Keras live."""

from __future__ import annotations

import importlib.util
import json

import jax
import numpy as np
import pytest

import addax
from tests.parity.text_cases import CASES, name_of, run
from tests.parity.text_facts import FACTS

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
    import inspect

    for method in ("__init__", "adapt", "update_state", "set_vocabulary", "get_vocabulary", "vocabulary_size"):
        ours, theirs = (getattr(getattr(room, name), method, None) for room in (addax.layers, keras.layers))
        assert (ours is None) == (theirs is None), method
        if ours is not None:
            a, b = (inspect.signature(f).parameters.values() for f in (ours, theirs))
            assert [(p.name, p.kind, p.default) for p in a] == [(p.name, p.kind, p.default) for p in b], method


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
