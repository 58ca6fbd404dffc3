"""Configs of initializers, regularizers and constraints in Keras 2's form (a class's name, no module), and names."""

from __future__ import annotations

import numpy as np
import pytest

import addax

keras = pytest.importorskip("keras")

CONFIGS = {
    "initializers": [
        {"class_name": "Zeros", "config": {}},
        {"class_name": "zeros", "config": {}},
        {"class_name": "Zeros"},
        {"class_name": "Constant", "config": {"value": 3.0}},
        {"class_name": "GlorotUniform", "config": {"seed": 1}},
        {"class_name": "VarianceScaling", "config": {"scale": 2.0, "mode": "fan_out"}},
        "zeros",
        "he_normal",
    ],
    "regularizers": [{"class_name": "L1", "config": {"l1": 0.25}}, {"class_name": "l2", "config": {}}, "l1", "L1L2"],
    "constraints": [
        {"class_name": "MaxNorm", "config": {"max_value": 3, "axis": 1}},
        {"class_name": "non_neg", "config": {}},
        "unit_norm",
    ],
}


@pytest.mark.parametrize("function", ["get", "deserialize"])
@pytest.mark.parametrize("family", CONFIGS)
def test_without_a_module(family, function):
    for config in CONFIGS[family]:
        found, expected = (getattr(getattr(lib, family), function)(config) for lib in (addax, keras))
        assert type(found).__name__ == type(expected).__name__
        assert found.get_config() == expected.get_config()


def test_in_a_layer():
    config = {
        "units": 2,
        "kernel_initializer": {"class_name": "Constant", "config": {"value": 2.0}},
        "kernel_regularizer": {"class_name": "L2", "config": {"l2": 0.5}},
        "bias_constraint": {"class_name": "NonNeg", "config": {}},
    }
    outputs = [np.asarray(lib.layers.Dense.from_config(config)(np.ones((1, 3), "float32"))) for lib in (addax, keras)]
    np.testing.assert_array_equal(*outputs)


def test_the_users_own_come_first():
    class Zeros(addax.initializers.Initializer):
        def __call__(self, shape, dtype=None):
            return np.full(shape, 7.0, dtype)

    config = {"class_name": "Zeros", "config": {}}
    mine = addax.initializers.deserialize(config, custom_objects={"Zeros": Zeros})
    assert isinstance(mine, Zeros)
    assert isinstance(addax.initializers.get(config), addax.initializers.Zeros)


@pytest.mark.parametrize("family", CONFIGS)
def test_unknown_names(family):
    for given in ({"class_name": "Foo", "config": {}}, {"class_name": "Dense", "config": {"units": 1}}):
        for library in (addax, keras):
            with pytest.raises(ValueError):
                getattr(library, family).get(given)


def test_shapes_that_are_ints_and_constants_that_are_none():
    assert addax.random.normal(3, seed=1).shape == tuple(keras.random.normal(3, seed=1).shape)
    for library in (addax, keras):
        with pytest.raises(ValueError, match="None"):
            library.initializers.Constant(None)((2,), "float32")
    found, expected = (lib.activations.hard_shrink(np.array([-1, 0, 8])) for lib in (addax, keras))
    assert str(found.dtype) == str(expected.dtype)
