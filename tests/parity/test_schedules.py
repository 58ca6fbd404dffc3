"""Every learning-rate schedule against the real one: values at many steps, configs."""

import json

import numpy as np
import pytest

keras = pytest.importorskip("keras")

import jax  # noqa: E402

from addax.core.serialization import deserialize_keras_object, serialize_keras_object  # noqa: E402
from addax.optimizers import schedules as ours  # noqa: E402

theirs = keras.optimizers.schedules

CASES = [
    ("ExponentialDecay", (0.1, 10, 0.5), {}),
    ("ExponentialDecay", (0.1, 10, 0.5), {"staircase": True, "name": "mine"}),
    ("InverseTimeDecay", (0.1, 10, 0.5), {}),
    ("InverseTimeDecay", (0.1, 10, 0.5), {"staircase": True}),
    ("PiecewiseConstantDecay", ([5, 10], [1.0, 0.5, 0.1]), {}),
    ("PolynomialDecay", (0.1, 10), {}),
    ("PolynomialDecay", (0.1, 10, 0.01, 2.0), {}),
    ("PolynomialDecay", (0.1, 10, 0.01, 0.5), {"cycle": True}),
    ("CosineDecay", (0.1, 10), {}),
    ("CosineDecay", (0.1, 10), {"alpha": 0.2}),
    ("CosineDecay", (0.01, 10), {"alpha": 0.1, "warmup_target": 0.1, "warmup_steps": 5}),
    ("CosineDecay", (0.01, 10), {"warmup_target": 0.1}),
    ("CosineDecayRestarts", (0.1, 4), {}),
    ("CosineDecayRestarts", (0.1, 4, 1.0, 0.5, 0.1), {}),
    ("CosineDecayRestarts", (0.1, 4, 1.5, 0.9), {}),
]


@pytest.mark.parametrize(("name", "args", "kwargs"), CASES)
def test_schedule(name, args, kwargs):
    mine, real = getattr(ours, name)(*args, **kwargs), getattr(theirs, name)(*args, **kwargs)
    steps = [0, 1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 25, 30, 1000]
    expected = [float(real(step)) for step in steps]
    np.testing.assert_allclose([float(mine(step)) for step in steps], expected, rtol=1e-5, atol=1e-8)
    # The step is traced inside a training program.
    traced = jax.jit(lambda step: mine(step))
    np.testing.assert_allclose([float(traced(step)) for step in steps], expected, rtol=1e-5, atol=1e-7)
    config = serialize_keras_object(mine)
    assert json.dumps(config) == json.dumps(keras.saving.serialize_keras_object(real))
    assert serialize_keras_object(deserialize_keras_object(config)) == config


@pytest.mark.parametrize(
    ("name", "args"),
    [("ExponentialDecay", (0.1, 0, 0.5)), ("PiecewiseConstantDecay", ([1], [1.0])), ("CosineDecay", (0.1, -1))],
)
def test_same_mistakes_are_errors(name, args):
    for library in (ours, theirs):
        with pytest.raises(ValueError):
            getattr(library, name)(*args)
