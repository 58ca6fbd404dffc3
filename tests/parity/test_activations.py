"""Activations against Keras: values and gradients, also at the points where they bend; names and configs."""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from addax import activations
from addax.core.keras_tensor import KerasTensor
from addax.core.serialization import deserialize_keras_object, serialize_keras_object

keras = pytest.importorskip("keras")

X = np.concatenate([[[0.0, -0.0, 1.0, -1.0, 6.0, 3.0]], np.random.default_rng(0).normal(0, 2, (3, 6))]).astype(
    "float32"
)
WEIGHTS = np.cos(np.arange(24)).reshape(4, 6).astype("float32")
NAMES = sorted(set(activations.__all__) - {"get", "serialize", "deserialize"})
CASES = [
    *((name, {}) for name in NAMES if name not in ("threshold", "sparsemax")),
    ("threshold", {"threshold": 1.0, "default_value": -2.0}),
    ("elu", {"alpha": 0.5}),
    ("celu", {"alpha": 0.5}),
    ("gelu", {"approximate": True}),
    ("leaky_relu", {"negative_slope": 0.1}),
    ("hard_shrink", {"threshold": 1.0}),
    ("soft_shrink", {"threshold": 1.0}),
    ("squareplus", {"b": 2.0}),
    ("softmax", {"axis": 0}),
    ("log_softmax", {"axis": 0}),
    ("glu", {"axis": 0}),
    ("relu", {"negative_slope": 0.1}),
    ("relu", {"max_value": 6.0}),
    ("relu", {"max_value": 2.0}),
    ("relu", {"threshold": 1.0}),
    ("relu", {"negative_slope": 0.1, "max_value": 2.0, "threshold": 0.5}),
    ("relu", {"negative_slope": 0.1, "max_value": 6.0}),
]


@pytest.mark.parametrize("name,kwargs", CASES, ids=str)
def test_value_and_gradient(name, kwargs):
    def run(module):
        fn = getattr(module, name)

        def loss(x):
            y = fn(x, **kwargs)
            return jnp.sum(y * WEIGHTS[: y.shape[0], : y.shape[1]])

        return lambda x: (fn(x, **kwargs), jax.grad(loss)(x))

    expected, got = jax.jit(lambda x: (run(keras.activations)(x), run(activations)(x)))(X)
    assert got[0].dtype == expected[0].dtype
    np.testing.assert_allclose(got[0], expected[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(got[1], expected[1], rtol=1e-5, atol=1e-6)


def test_names_are_keras_names():
    assert set(activations.__all__) == {n for n in dir(keras.activations) if not n.startswith("_")}


@pytest.mark.parametrize("name", NAMES)
def test_names_and_configs_go_both_ways(name):
    fn = activations.get(name)
    assert activations.serialize(fn) == keras.activations.serialize(keras.activations.get(name))
    assert activations.deserialize(activations.serialize(fn)) is fn
    config = serialize_keras_object(fn)
    assert config == keras.saving.serialize_keras_object(keras.activations.get(name))
    assert deserialize_keras_object(config) is fn


# Keras's own fail on symbolic tensors, or return their argument.
SYMBOLIC = sorted(set(NAMES) - {"hard_silu", "hard_swish", "mish", "sparsemax", "linear"})


@pytest.mark.parametrize("name", SYMBOLIC)
def test_recorded_as_keras_records_it(name):
    args = (1.0, 2.0) if name == "threshold" else ()
    ours = getattr(activations, name)(KerasTensor((None, 4)), *args)
    theirs = getattr(keras.activations, name)(keras.KerasTensor((None, 4)), *args)
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    config = serialize_keras_object(ours._keras_history.operation)
    expected = keras.saving.serialize_keras_object(theirs._keras_history.operation)
    expected["config"]["name"] = config["config"]["name"]
    assert config == expected
    x = X[:, :4]
    np.testing.assert_allclose(deserialize_keras_object(config)(x), getattr(activations, name)(x, *args), rtol=1e-6)
