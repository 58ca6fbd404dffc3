"""Masking, Lambda, Rescaling and Normalization against Keras."""

from __future__ import annotations

import numpy as np
import pytest

import addax
from addax import layers
from addax.core.serialization import deserialize_keras_object, serialize_keras_object
from tests.layers.contract import Case
from tests.parity.layer_check import check_parity, plain

keras = pytest.importorskip("keras")

X = np.random.default_rng(0).standard_normal((6, 4, 3)).astype("float32")


@keras.saving.register_keras_serializable("tests")
@addax.saving.register_keras_serializable("tests")
def double(x, by=2.0):
    return by * x


CASES = [
    Case("Masking", {"mask_value": 0.5}, (2, 4, 3)),
    Case("Lambda", {"function": double, "arguments": {"by": 3.0}}, (2, 3)),
    Case("Lambda", {"function": double, "output_shape": (3,)}, (2, 3)),
    Case("Rescaling", {"scale": 0.1, "offset": -1}, (2, 4, 3), parity=("config", "shape", "grad")),
    Case("Rescaling", {"scale": [0.1, 2.0, 3.0]}, (2, 3), "int32", high=9, parity=("config", "shape")),
    Case("Normalization", {"mean": [1.0, 2.0, 3.0], "variance": [1.0, 4.0, 0.0]}, (2, 3)),
    Case("Normalization", {"mean": 1.0, "variance": 4.0, "axis": None, "invert": True}, (2, 3)),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_parity(case):
    check_parity(case)


@pytest.mark.parametrize("axis", [-1, 1, (1, 2), None])
@pytest.mark.parametrize("invert", [False, True])
def test_adapt(axis, invert):
    theirs, ours = (room.Normalization(axis=axis, invert=invert, name="n") for room in (keras.layers, layers))
    for layer in (theirs, ours):
        layer.adapt(X)
    assert [(v.path, v.shape, v.dtype) for v in ours.weights] == [(v.path, v.shape, v.dtype) for v in theirs.weights]
    for a, b in zip(ours.get_weights(), theirs.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours(X), theirs(X), rtol=1e-5, atol=1e-5)
    # Keras builds it for the batch size of the data, addax for any.
    mine, other = (plain(c) for c in (serialize_keras_object(ours), keras.saving.serialize_keras_object(theirs)))
    assert mine["config"] == other["config"]


def test_masks_are_the_same():
    x = np.where(np.arange(12).reshape(2, 6, 1) % 3 == 0, 0.0, 1.0) * np.ones((2, 6, 2))
    theirs, ours = keras.layers.Masking()(x), layers.Masking()(x)
    np.testing.assert_array_equal(ours._keras_mask, theirs._keras_mask)


def test_a_lambda_goes_to_keras_and_back():
    mine = plain(serialize_keras_object(layers.Lambda(lambda x: x * 2 + 1, name="f")))
    theirs = keras.saving.deserialize_keras_object(plain(mine), safe_mode=False)  # which changes its argument
    again = plain(keras.saving.serialize_keras_object(theirs))
    assert again["config"]["function"]["config"].keys() == mine["config"]["function"]["config"].keys()
    ours = deserialize_keras_object(again, {"f": lambda x: x * 2 + 1})
    np.testing.assert_allclose(ours(X), theirs(X))
    np.testing.assert_allclose(ours(X), X * 2 + 1)
