"""What Masking, Lambda, Rescaling and Normalization promise."""

from __future__ import annotations

import json

import numpy as np
import pytest

import addax as keras
from addax import layers
from addax.core.serialization import deserialize_keras_object, serialize_keras_object

X = np.random.default_rng(0).standard_normal((12, 3)).astype("float32") * 3 + 1


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return X[4 * index : 4 * index + 4], np.zeros(4)


@pytest.mark.parametrize(
    "data",
    [X, X.tolist(), [X[:5], X[5:]], (b for b in (X[:7], X[7:])), Batches()],
    ids=["array", "nested list", "list of batches", "generator", "PyDataset"],
)
def test_adapt_takes_any_kind_of_data(data):
    layer = layers.Normalization()
    layer.adapt(X + 5)  # forgotten
    layer.adapt(data)
    np.testing.assert_allclose(layer(X).mean(0), np.zeros(3), atol=1e-5)
    np.testing.assert_allclose(layer(X).std(0), np.ones(3), rtol=1e-5)


def test_inverting_undoes_normalizing():
    there, back = layers.Normalization(), layers.Normalization(invert=True)
    there.adapt(X), back.adapt(X)
    np.testing.assert_allclose(back(there(X)), X, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: layers.Normalization(mean=1.0), "both `mean` and `variance` must be set"),
        (lambda: layers.Normalization(mean=[1.0], variance=1.0), "must have the same shape"),
        (lambda: layers.Normalization(axis=5)(X), r"range \[-ndim, ndim\)"),
        (lambda: layers.Normalization()(keras.Input((None,))), "must have a known shape"),
        (lambda: layers.Normalization(mean=[1.0, 2.0], variance=[1.0, 1.0])(X), "don't fit inputs of shape"),
        (lambda: layers.Normalization().adapt(iter([])), "Received none"),
    ],
)
def test_errors_of_normalization(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_rescaling_turns_bytes_into_floats():
    inputs = keras.Input((2,), dtype="uint8")
    assert layers.Rescaling(1 / 255)(inputs).dtype == "float32"
    found = layers.Rescaling(1 / 255, offset=-0.5)(np.array([[0, 255]], "uint8"))
    np.testing.assert_allclose(found, [[-0.5, 0.5]], rtol=1e-6)


def test_lambda_shapes():
    inputs = keras.Input((3,))
    assert layers.Lambda(lambda x: x[:, :2])(inputs).shape == (None, 2)
    assert layers.Lambda(lambda x: x, output_shape=(7,))(inputs).shape == (None, 7)
    assert layers.Lambda(lambda x: x, output_shape=lambda s: (s[0], 9))(inputs).shape == (None, 9)
    assert layers.Lambda(lambda ab: ab[0] + ab[1])([inputs, inputs]).shape == (None, 3)


def test_lambda_is_told_of_training_and_masks():
    layer = layers.Lambda(lambda x, training=None: x if training else 0 * x)
    assert float(layer(np.ones(1), training=True)[0]) == 1.0 and float(layer(np.ones(1))[0]) == 0.0
    masked = layers.Lambda(lambda x: x, mask=lambda x, mask: x > 0)(np.array([[1.0, -1.0]]))
    np.testing.assert_array_equal(masked._keras_mask, [[True, False]])


@pytest.mark.filterwarnings("ignore:The object being serialized")
def test_bytecode_is_refused():
    config = json.loads(json.dumps(serialize_keras_object(layers.Lambda(lambda x: x + 1))))
    with pytest.raises(ValueError, match="arbitrary code execution"):
        deserialize_keras_object(config)
    with pytest.raises(ValueError, match="never runs code from a file"):
        deserialize_keras_object(config, safe_mode=False)
    again = deserialize_keras_object(config, {config["config"]["name"]: lambda x: x + 1})
    np.testing.assert_allclose(again(np.ones(2)), [2.0, 2.0])


@pytest.mark.parametrize("arguments", [{"function": 3}, {"function": abs, "output_shape": "a"}])
def test_lambda_takes_functions(arguments):
    with pytest.raises(TypeError, match=f"`{list(arguments)[-1]}`"):
        layers.Lambda(**arguments)
