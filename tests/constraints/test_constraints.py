"""Constraints: what must be true of their results."""

import numpy as np
import pytest

from addax import constraints

W = 3 * np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")


@pytest.mark.parametrize("axis", [0, 1, -1, [0, 1], (0, 1, 2)])
def test_norms(axis):
    def norms(w):
        return np.sqrt((np.asarray(w) ** 2).sum(tuple(np.atleast_1d(axis))))

    before = norms(W)
    assert (norms(constraints.MaxNorm(2.0, axis)(W)) <= 2.0 + 1e-5).all()
    small = before <= 2.0
    np.testing.assert_allclose(norms(constraints.MaxNorm(2.0, axis)(W))[small], before[small], rtol=1e-5)
    np.testing.assert_allclose(norms(constraints.UnitNorm(axis)(W)), 1.0, rtol=1e-5)
    clipped = norms(constraints.MinMaxNorm(1.0, 2.0, 1.0, axis)(W))
    np.testing.assert_allclose(clipped, np.clip(before, 1, 2), rtol=1e-5)
    halfway = norms(constraints.MinMaxNorm(1.0, 2.0, 0.5, axis)(W))
    np.testing.assert_allclose(halfway, (np.clip(before, 1, 2) + before) / 2, rtol=1e-5)


def test_non_negative_and_zero():
    np.testing.assert_array_equal(constraints.NonNeg()(W), np.maximum(W, 0))
    for constraint in (constraints.UnitNorm(), constraints.MaxNorm(), constraints.MinMaxNorm()):
        np.testing.assert_array_equal(constraint(np.zeros((2, 3), "float32")), 0)


def test_user_class():
    class Bounded(constraints.Constraint):
        def __init__(self, bound=1.0):
            self.bound = bound

        def __call__(self, w):
            return np.clip(w, -self.bound, self.bound)

    assert constraints.get(Bounded).get_config() == {"bound": 1.0}
    assert abs(Bounded(0.5)(W)).max() == 0.5
    with pytest.raises(ValueError, match=r"Unknown constraint: 'max_nrm'. Did you mean 'max_norm'"):
        constraints.get("max_nrm")
