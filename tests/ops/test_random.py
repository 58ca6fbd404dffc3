"""Random functions: the numbers Keras draws from the same seed, and what seeds mean."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np
import pytest

from addax import random
from addax.core.seeds import set_random_seed

keras = pytest.importorskip("keras")

CASES = [
    ("normal", ((3, 4),), {"mean": 1.0, "stddev": 2.0}),
    ("normal", ((3,),), {"dtype": "bfloat16"}),
    ("truncated_normal", ((3, 4),), {"mean": 1.0, "stddev": 2.0}),
    ("uniform", ((3, 4),), {"minval": -1.0, "maxval": 3.0}),
    ("randint", ((3, 4), 2, 9), {}),
    ("categorical", (np.array([[0.0, 1.0, 2.0], [2.0, 0.0, 0.0]], "float32"), 6), {}),
    pytest.param("gamma", ((3,), 2.0), {}, marks=pytest.mark.slow),  # seconds to compile
    pytest.param("binomial", ((3,), 5.0, 0.4), {}, marks=pytest.mark.slow),
    pytest.param("beta", ((3,), 2.0, 3.0), {}, marks=pytest.mark.slow),
    ("dropout", (np.ones((4, 5), "float32"), 0.4), {}),
    ("dropout", (np.ones((4, 5), "float32"), 0.4), {"noise_shape": (4, 1)}),
    ("shuffle", (np.arange(10),), {}),
    ("shuffle", (np.arange(12).reshape(3, 4),), {"axis": 1}),
]


@pytest.mark.parametrize("name,args,kwargs", CASES)
def test_draws_what_keras_draws(name, args, kwargs):
    expected = getattr(keras.random, name)(*args, **kwargs, seed=1337)
    got = getattr(random, name)(*args, **kwargs, seed=1337)
    assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(np.asarray(got, "float32"), np.asarray(expected, "float32"), rtol=1e-6)


def test_seeds():
    generator = random.SeedGenerator(3)
    first, second = random.uniform((4,), seed=generator), random.uniform((4,), seed=generator)
    assert not np.allclose(first, second)
    np.testing.assert_array_equal(first, random.uniform((4,), seed=random.SeedGenerator(3)))
    set_random_seed(5)
    a, b = random.normal((4,)), random.normal((4,))
    set_random_seed(5)
    assert not np.allclose(a, b)
    np.testing.assert_array_equal(a, random.normal((4,)))


@pytest.mark.parametrize(
    "call,message",
    [
        (lambda: random.normal((2,), dtype="int32"), "floating point `dtype`"),
        (lambda: random.randint((2,), 0, 2, dtype="float32"), "integer `dtype`"),
        (lambda: random.categorical(np.ones(3), 2, seed=1), "2-D tensor"),
        (lambda: random.uniform((2,), seed="a"), "Argument `seed` must be"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
