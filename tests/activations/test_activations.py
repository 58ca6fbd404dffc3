"""What is special about the activations; tests/parity holds them against Keras."""

import numpy as np
import pytest

from addax import activations
from addax.core.keras_tensor import KerasTensor
from addax.core.registry import custom_object_scope


def nearest_on_simplex(x):
    """Euclid's projection of a vector, by bisection on the shift."""
    low, high = x.min() - 1, x.max()
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if np.maximum(x - middle, 0).sum() > 1 else (low, middle)
    return np.maximum(x - low, 0)


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_sparsemax_projects_on_the_simplex(axis):
    # Keras 3.15.1 returns vectors that do not sum to 1.
    x = np.random.default_rng(0).normal(size=(3, 4, 5))
    expected = np.apply_along_axis(nearest_on_simplex, axis, x)
    np.testing.assert_allclose(activations.sparsemax(x, axis=axis), expected, atol=1e-6)


def test_a_misspelt_name_gets_a_suggestion():
    with pytest.raises(ValueError, match=r"activation function identifier: rleu. Did you mean 'relu'"):
        activations.get("rleu")


@pytest.mark.parametrize("identifier", [3, 1.5, ["relu"]])
def test_what_is_no_identifier_is_named(identifier):
    with pytest.raises(ValueError, match="Could not interpret activation function identifier"):
        activations.get(identifier)


def test_a_users_function():
    def mine(x):
        return x

    assert activations.get(mine) is mine
    with custom_object_scope({"mine": mine}):
        assert activations.get("mine") is mine
        assert activations.deserialize(activations.serialize(mine)) is mine


def test_none_is_linear():
    assert activations.get(None) is activations.linear
    x = KerasTensor((None, 3))
    assert activations.linear(x) is x


def test_odd_glu_is_refused():
    with pytest.raises(ValueError, match="axis size must be divisible by 2"):
        activations.glu(np.ones((2, 3)))
