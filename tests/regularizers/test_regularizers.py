"""Regularizers where Keras is no oracle: closed forms, user classes."""

import jax
import numpy as np
import pytest

from addax import regularizers
from addax.core.serialization import serialize_keras_object

X = np.random.default_rng(0).normal(size=(3, 5))


def test_closed_forms():
    np.testing.assert_allclose(regularizers.L1(0.5)(X), 0.5 * abs(X).sum(), rtol=1e-6)
    np.testing.assert_allclose(regularizers.L2(0.5)(X), 0.5 * (X**2).sum(), rtol=1e-6)
    np.testing.assert_allclose(regularizers.L1L2(0.1, 0.2)(X), 0.1 * abs(X).sum() + 0.2 * (X**2).sum(), rtol=1e-6)
    assert float(regularizers.L1L2()(X)) == 0


@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_orthogonal_is_the_mean_cosine(mode):
    """Of matrices that are not square, too, where Keras fails for columns."""
    vectors = X if mode == "rows" else X.T
    cosines = [
        abs(a @ b) / np.linalg.norm(a) / np.linalg.norm(b)
        for i, a in enumerate(vectors)
        for j, b in enumerate(vectors)
        if i < j
    ]
    found = regularizers.OrthogonalRegularizer(0.25, mode)(X)
    np.testing.assert_allclose(found, 0.25 * np.mean(cosines), rtol=1e-5)


def test_orthogonal_of_zeros_has_a_finite_gradient():
    grad = jax.grad(regularizers.OrthogonalRegularizer())(np.zeros((2, 3), "float32"))
    assert np.isfinite(grad).all()


def test_user_class():
    class Huberized(regularizers.Regularizer):
        def __init__(self, factor=0.1):
            self.factor = factor

        def __call__(self, x):
            return self.factor * abs(x).sum()

    assert regularizers.get(Huberized).get_config() == {"factor": 0.1}
    assert serialize_keras_object(Huberized(2.0))["config"] == {"factor": 2.0}
    assert regularizers.get(abs) is abs and regularizers.get(None) is None
    with pytest.raises(ValueError, match=r"Unknown regularizer: 'l1_l3'. Did you mean 'l1_l2'"):
        regularizers.get("l1_l3")
