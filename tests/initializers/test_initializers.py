"""Seeds, dtypes and identifiers of initializers, and that they need no engine."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from addax import initializers
from addax.core.seeds import SeedGenerator, set_random_seed
from addax.core.serialization import serialize_keras_object
from addax.initializers.random import compute_fans

RANDOM = ["RandomNormal", "RandomUniform", "TruncatedNormal", "GlorotUniform", "HeNormal", "Orthogonal"]


@pytest.mark.parametrize("name", RANDOM)
def test_seeds(name):
    make = getattr(initializers, name)
    np.testing.assert_array_equal(make(seed=5)((3, 4)), make(seed=5)((3, 4)))
    assert not np.array_equal(make(seed=5)((3, 4)), make(seed=6)((3, 4)))
    unseeded = make()
    np.testing.assert_array_equal(unseeded((3, 4)), unseeded((3, 4)))
    assert not np.array_equal(unseeded((3, 4)), make()((3, 4)))
    assert not np.array_equal(unseeded((3, 4)), unseeded.clone()((3, 4)))
    set_random_seed(1)
    first = make()((3, 4))
    set_random_seed(1)
    np.testing.assert_array_equal(make()((3, 4)), first)


def test_seed_generator_moves_on_and_is_in_the_config():
    initializer = initializers.RandomNormal(seed=SeedGenerator(7, name="mine"))
    first, second = initializer((4,)), initializer((4,))
    assert not np.array_equal(first, second)
    again = initializers.RandomNormal(seed=SeedGenerator(7, name="mine"))
    np.testing.assert_array_equal(again((4,)), first)
    np.testing.assert_array_equal(again((4,)), second)
    assert serialize_keras_object(initializer)["config"]["seed"] == {
        "module": "keras.random",
        "class_name": "SeedGenerator",
        "config": {"seed": 7, "name": "mine"},
        "registered_name": None,
    }


@pytest.mark.parametrize(
    ("initializer", "cdf"),
    [
        (initializers.RandomNormal(1.0, 2.0, seed=1), stats.norm(1.0, 2.0).cdf),
        (initializers.TruncatedNormal(1.0, 2.0, seed=1), stats.truncnorm(-2, 2, 1.0, 2.0).cdf),
        (initializers.RandomUniform(-1.0, 3.0, seed=1), stats.uniform(-1.0, 4.0).cdf),
        (initializers.GlorotUniform(seed=1), stats.uniform(-0.1, 0.2).cdf),
        (initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal", seed=1), stats.norm(0, 12**-0.5).cdf),
    ],
)
def test_distributions(initializer, cdf):
    values = initializer((24, 576)).ravel()
    assert stats.kstest(values, cdf).pvalue > 1e-3


def test_truncated_variance_is_what_was_asked_for():
    values = initializers.HeNormal(seed=1)((200, 500))
    np.testing.assert_allclose(values.var(), 2 / 200, rtol=0.02)
    assert abs(values).max() <= 2 * (2 / 200) ** 0.5 / 0.8796


def test_orthogonal_signs_are_uniform():
    corners = [initializers.Orthogonal(seed=s)((2, 2))[0, 0] for s in range(300)]
    assert stats.kstest(np.arccos(corners) / np.pi, stats.uniform().cdf).pvalue > 1e-3


def test_fans():
    assert compute_fans(()) == (1, 1)
    assert compute_fans((7,)) == (7, 7)
    assert compute_fans((3, 5)) == (3, 5)
    assert compute_fans((3, 3, 16, 32)) == (144, 288)
    assert compute_fans((8, 4, 16), [-3], [-2, -1]) == (8, 64)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_dtypes(dtype):
    for name in RANDOM:
        assert str(getattr(initializers, name)(seed=1)((3, 4), dtype).dtype) == dtype
    # float64 has more than the digits of float32
    if dtype == "float64":
        values = initializers.RandomNormal(seed=1)((50,), dtype)
        assert (values != values.astype("float32")).all()


def test_identifiers():
    assert initializers.get(None) is None
    assert type(initializers.get("eye")) is initializers.Identity
    assert type(initializers.get(initializers.Ones)) is initializers.Ones
    config = {"class_name": "HeNormal", "config": {"seed": 1}, "module": "keras.initializers"}
    assert type(initializers.get(config)) is initializers.HeNormal
    assert initializers.get(np.zeros) is np.zeros
    array = np.arange(4.0)
    np.testing.assert_array_equal(initializers.get(array)((4,)), array)
    with pytest.raises(ValueError, match=r"Expected `shape` to be \(4,\).*\(5,\)"):
        initializers.get(array)((5,))
    with pytest.raises(ValueError, match=r"Unknown initializer: 'glorot_unifrm'. Did you mean 'glorot_uniform'"):
        initializers.get("glorot_unifrm")
    assert initializers.Identity(gain=3.0).get_config() == {"gain": 3.0}


def test_the_engine_is_not_imported():
    code = (
        "import sys; from addax import initializers as i, regularizers as r, constraints as c, optimizers as o\n"
        "i.GlorotUniform()((3, 4)); i.Orthogonal()((3, 4)); r.L2(); c.MaxNorm()\n"
        "for m in (i, r, c, o): [getattr(m, n) for n in m.__all__]\n"
        "o.Adam(o.schedules.CosineDecay(0.1, 10)).get_config(); o.AdamW().get_config()\n"
        "assert 'jax' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "initializer", ["random_normal", "truncated_normal", "random_uniform", "glorot_uniform", "he_normal"]
)
def test_a_large_value_is_made_of_blocks_that_can_be_made_alone(initializer: str) -> None:
    made = initializers.get({"class_name": initializer, "config": {"seed": 3}})
    shape = (700, 3001)  # blocks are whole rows: 349 of them, 349 and 2
    blocks = made.blocks(shape, "float32")
    whole = made(shape, "float32")
    parts = [blocks.make(i) for i in reversed(range(blocks.parts))][::-1]
    assert [len(p) for p in parts] == [349, 349, 2]
    assert np.concatenate(parts).tobytes() == whole.tobytes()
    assert not np.array_equal(parts[0], parts[1])
    assert whole.std() == pytest.approx(parts[0].std(), rel=0.01)


def test_the_first_block_is_the_stream_of_small_weights() -> None:
    rng = np.random.Generator(np.random.Philox(key=5))
    expected = 0.05 * rng.standard_normal((64, 33), np.float32)
    assert np.array_equal(initializers.RandomNormal(seed=5)((64, 33), "float32"), expected)
