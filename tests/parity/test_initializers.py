"""Every initializer against the real one: configs, names, values where they are determined, distributions where not."""

import json

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from scipy import stats  # noqa: E402

from addax import initializers as ours  # noqa: E402
from addax.core.serialization import deserialize_keras_object, serialize_keras_object  # noqa: E402

theirs = keras.initializers

CASES = [
    ("Zeros", {}),
    ("Ones", {}),
    ("Constant", {"value": 2.5}),
    ("Constant", {"value": [1, 2, 3]}),
    ("Identity", {}),
    ("STFT", {}),
    ("STFT", {"side": "imag", "window": "hamming", "scaling": "spectrum", "periodic": True}),
    ("STFT", {"window": None, "scaling": None}),
    ("RandomNormal", {}),
    ("RandomNormal", {"mean": 1.0, "stddev": 2.0, "seed": 3}),
    ("RandomUniform", {}),
    ("RandomUniform", {"minval": 1.0, "maxval": 3.0, "seed": 3}),
    ("TruncatedNormal", {}),
    ("TruncatedNormal", {"mean": -1.0, "stddev": 2.0, "seed": 3}),
    ("VarianceScaling", {}),
    ("VarianceScaling", {"scale": 2.0, "mode": "fan_out", "distribution": "uniform", "seed": 3}),
    ("VarianceScaling", {"mode": "fan_avg", "distribution": "untruncated_normal"}),
    ("VarianceScaling", {"distribution": "normal", "input_axes": [0], "output_axes": [1, 2]}),
    *[(name, {}) for name in ("GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal", "LecunUniform", "LecunNormal")],
    ("GlorotUniform", {"seed": 1, "input_axes": [0, 1], "output_axes": [2]}),
    ("Orthogonal", {}),
    ("Orthogonal", {"gain": 2.0, "seed": 3}),
]


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_config(name, settings):
    mine, real = getattr(ours, name)(**settings), getattr(theirs, name)(**settings)
    config = serialize_keras_object(mine)
    assert config == keras.saving.serialize_keras_object(real)
    assert serialize_keras_object(deserialize_keras_object(json.loads(json.dumps(config)))) == config
    assert serialize_keras_object(mine.clone()) == config


def test_public_names_and_aliases():
    public = {n for n in dir(theirs) if not n.startswith("_")}
    assert set(ours.__all__) == public
    # Keras's own `get("constant")` fails for want of a value.
    names = public - {"Initializer", "get", "serialize", "deserialize", "constant", "Constant"}
    for name in [*names, "normal", "uniform", "zero", "one"]:
        assert type(ours.get(name)).__name__ == type(theirs.get(name)).__name__, name


@pytest.mark.parametrize(("name", "settings"), [c for c in CASES if c[0] in ("Zeros", "Ones", "Constant", "Identity")])
def test_determined_values(name, settings):
    for dtype in ("float32", "int32", "bfloat16"):
        mine, real = getattr(ours, name)(**settings)((4, 3), dtype), getattr(theirs, name)(**settings)((4, 3), dtype)
        assert isinstance(mine, np.ndarray) and str(mine.dtype) == dtype
        np.testing.assert_array_equal(mine.astype("float32"), np.asarray(real, "float32"))


@pytest.mark.parametrize(("name", "settings"), [c for c in CASES if c[0] == "STFT"])
@pytest.mark.parametrize("shape", [(8, 1, 5), (6, 1, 5), (7, 1, 9)])
def test_stft(name, settings, shape):
    np.testing.assert_allclose(ours.STFT(**settings)(shape), np.asarray(theirs.STFT(**settings)(shape)), atol=1e-6)


DETERMINED = ("Zeros", "Ones", "Constant", "Identity", "STFT")


@pytest.mark.parametrize("shape", [(60, 90), (3, 3, 20, 30), (5000,), (20, 10, 25)])
@pytest.mark.parametrize(("name", "settings"), [c for c in CASES if c[0] not in (*DETERMINED, "Orthogonal")])
def test_same_distribution(name, settings, shape):
    """Two samples of some 5,000 values; with fixed seeds, so the outcome never changes."""
    if settings.get("input_axes") and len(shape) != 3:
        pytest.skip("the axes are those of a shape of three dimensions")
    settings = {**settings, "seed": 11}
    mine = getattr(ours, name)(**settings)(shape)
    real = np.asarray(getattr(theirs, name)(**settings)(shape))
    assert mine.shape == shape and mine.dtype == np.float32
    assert stats.ks_2samp(mine.ravel(), real.ravel()).pvalue > 1e-3
    np.testing.assert_allclose(mine.std(), real.std(), rtol=0.05)
    np.testing.assert_allclose(np.abs(mine - mine.mean()).max(), np.abs(real - real.mean()).max(), rtol=0.25)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (3, 2, 4), (3, 4, 20)])
def test_orthogonal(shape):
    mine, real = ours.Orthogonal(2.0, seed=1)(shape), np.asarray(theirs.Orthogonal(2.0, seed=1)(shape))
    for values in (mine, real):
        q = values.reshape(-1, shape[-1])
        gram = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
        np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-5)


@pytest.mark.parametrize(
    "mistake",
    [
        lambda i: i.Identity()((2, 2, 2)),
        lambda i: i.Orthogonal()((2,)),
        lambda i: i.VarianceScaling(scale=0),
        lambda i: i.VarianceScaling(mode="x"),
        lambda i: i.VarianceScaling(distribution="x"),
        lambda i: i.RandomNormal(seed="a"),
        lambda i: i.STFT("x"),
        lambda i: i.STFT(scaling="x"),
        lambda i: i.RandomNormal()((2,), dtype="int32"),
        lambda i: i.get("foo"),
        lambda i: i.get(3),
    ],
)
def test_same_mistakes_are_errors(mistake):
    texts = []
    for library in (ours, theirs):
        with pytest.raises(ValueError) as error:
            mistake(library)
        texts.append(str(error.value))
    start = texts[1][:12]
    assert texts[0].startswith(start) or "Unknown initializer" in texts[0] or "makes floats" in texts[0]
