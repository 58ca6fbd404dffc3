"""Regularizers and constraints against the real ones: values, gradients, configs, names."""

import json

import jax
import numpy as np
import pytest

keras = pytest.importorskip("keras")

from addax import constraints, regularizers  # noqa: E402
from addax.core.serialization import deserialize_keras_object, serialize_keras_object  # noqa: E402

PAIRS = {"regularizers": (regularizers, keras.regularizers), "constraints": (constraints, keras.constraints)}
CASES = [
    ("regularizers", "L1", {}),
    ("regularizers", "L1", {"l1": 0.3}),
    ("regularizers", "L2", {}),
    ("regularizers", "L2", {"l2": 0.3}),
    ("regularizers", "L1L2", {}),
    ("regularizers", "L1L2", {"l1": 0.1, "l2": 0.2}),
    ("regularizers", "OrthogonalRegularizer", {}),
    # Not mode="columns": Keras divides each row by the norm of the column of that number.
    ("regularizers", "OrthogonalRegularizer", {"factor": 0.5}),
    ("constraints", "MaxNorm", {}),
    ("constraints", "MaxNorm", {"max_value": 1.0, "axis": 1}),
    ("constraints", "MaxNorm", {"max_value": 1.0, "axis": [0, 1]}),
    ("constraints", "MinMaxNorm", {}),
    ("constraints", "MinMaxNorm", {"min_value": 1.5, "max_value": 2.0, "rate": 0.5, "axis": 1}),
    ("constraints", "NonNeg", {}),
    ("constraints", "UnitNorm", {}),
    ("constraints", "UnitNorm", {"axis": 1}),
]


@pytest.mark.parametrize(("family", "name", "settings"), CASES)
def test_same(family, name, settings):
    mine, real = (getattr(m, name)(**settings) for m in PAIRS[family])
    x = np.random.default_rng(0).normal(size=(4, 5)).astype("float32")
    np.testing.assert_allclose(mine(x), real(x), rtol=1e-5, atol=1e-6)
    grads = [jax.grad(lambda v, f=f: (f(v) ** 2).sum())(x) for f in (mine, real)]
    np.testing.assert_allclose(*grads, rtol=1e-5, atol=1e-6)
    config = serialize_keras_object(mine)
    assert config == keras.saving.serialize_keras_object(real)
    again = deserialize_keras_object(json.loads(json.dumps(config)))
    assert serialize_keras_object(again) == config
    np.testing.assert_array_equal(again(x), mine(x))


@pytest.mark.parametrize("family", PAIRS)
def test_names(family):
    ours, theirs = PAIRS[family]
    public = {n for n in dir(theirs) if not n.startswith("_")}
    assert set(ours.__all__) == public
    for name in [*public, "l1l2"]:
        try:
            expected = type(theirs.get(name)).__name__
        except ValueError:
            continue
        if isinstance(getattr(theirs, name, None), type) or name == "l1l2":
            assert type(ours.get(name)).__name__ == expected


MISTAKES = [
    ("regularizers", lambda r: r.L1(-1.0)),
    ("regularizers", lambda r: r.L1("a")),
    ("regularizers", lambda r: r.L2(float("nan"))),
    ("regularizers", lambda r: r.OrthogonalRegularizer(mode="x")),
    ("regularizers", lambda r: r.OrthogonalRegularizer()(np.ones(3))),
    ("regularizers", lambda r: r.get("foo")),
    ("regularizers", lambda r: r.get(3)),
    ("constraints", lambda c: c.get("foo")),
    ("constraints", lambda c: c.get(3)),
]


@pytest.mark.parametrize(("family", "mistake"), MISTAKES)
def test_same_mistakes_are_errors(family, mistake):
    texts = []
    for library in PAIRS[family]:
        with pytest.raises(ValueError) as error:
            mistake(library)
        texts.append(str(error.value))
    assert texts[0][:20] == texts[1][:20] or texts[0].startswith("Unknown ")
