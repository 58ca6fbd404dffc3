"""What is random in training, by its statistics; and that it repeats when it should."""

import math

import numpy as np
import pytest

from addax import layers
from addax.core.seeds import set_random_seed

ONES = np.ones((200, 100), "float32")
COUNT = ONES.size


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_drops_its_rate_and_keeps_the_mean(rate):
    out = np.asarray(layers.Dropout(rate, seed=1)(ONES, training=True))
    kept = out != 0
    # Five standard deviations of a binomial count.
    assert abs(kept.mean() - (1 - rate)) < 5 * math.sqrt(rate * (1 - rate) / COUNT)
    np.testing.assert_allclose(out[kept], 1 / (1 - rate), rtol=1e-6)


def test_dropout_of_everything_is_zero():
    assert not np.asarray(layers.Dropout(1.0)(ONES, training=True)).any()


def test_noise_shape_is_what_is_drawn():
    out = np.asarray(layers.Dropout(0.5, noise_shape=(None, 1, 4), seed=2)(np.ones((3, 50, 4)), training=True))
    assert (out == out[:, :1]).all()
    assert 0 < (out[:, 0] == 0).sum() < 12


@pytest.mark.parametrize(
    ("layer", "shape", "axes"),
    [
        (layers.SpatialDropout1D(0.5, seed=1), (4, 6, 30), (1,)),
        (layers.SpatialDropout2D(0.5, seed=1), (4, 3, 3, 30), (1, 2)),
        (layers.SpatialDropout2D(0.5, seed=1, data_format="channels_first"), (4, 30, 3, 3), (2, 3)),
        (layers.SpatialDropout3D(0.5, seed=1), (4, 2, 3, 2, 30), (1, 2, 3)),
    ],
)
def test_spatial_dropout_drops_whole_channels(layer, shape, axes):
    out = np.asarray(layer(np.ones(shape), training=True))
    dropped = (out == 0).mean(axis=axes)
    assert set(np.unique(dropped)) == {0.0, 1.0}
    assert 0.3 < dropped.mean() < 0.7


def test_alpha_dropout_keeps_mean_and_variance():
    x = np.random.default_rng(0).standard_normal((400, 200)).astype("float32")
    out = np.asarray(layers.AlphaDropout(0.3, seed=1)(x, training=True))
    assert abs(out.mean()) < 0.02 and abs(out.std() - 1) < 0.02
    # 30% have the one value that dropped elements get.
    _, counts = np.unique(out, return_counts=True)
    assert abs(counts.max() / out.size - 0.3) < 0.01


def test_gaussian_noise_has_its_deviation():
    noise = np.asarray(layers.GaussianNoise(0.3, seed=1)(ONES, training=True)) - 1
    assert abs(noise.mean()) < 5 * 0.3 / math.sqrt(COUNT) and abs(noise.std() - 0.3) < 0.01


def test_gaussian_dropout_has_the_deviation_of_dropout():
    factor = np.asarray(layers.GaussianDropout(0.2, seed=1)(ONES, training=True))
    assert abs(factor.mean() - 1) < 0.02 and abs(factor.std() - 0.5) < 0.02


NOISES = [
    lambda **k: layers.Dropout(0.5, **k),
    lambda **k: layers.AlphaDropout(0.5, **k),
    lambda **k: layers.SpatialDropout1D(0.5, **k),
    lambda **k: layers.GaussianNoise(0.5, **k),
    lambda **k: layers.GaussianDropout(0.5, **k),
]


@pytest.mark.parametrize("make", NOISES)
def test_calls_differ_and_seeds_repeat(make):
    x = np.ones((4, 5, 6), "float32")

    def draws(layer):
        return [np.asarray(layer(x, training=True)) for _ in range(2)]

    first, second = draws(make(seed=7))
    assert (first != second).any(), "two calls drew the same"
    assert (draws(make(seed=7))[0] == first).all(), "the seed does not fix the draws"
    assert (draws(make(seed=8))[0] != first).any(), "the seed does not matter"
    set_random_seed(3)
    one = draws(make())
    set_random_seed(3)
    assert all((a == b).all() for a, b in zip(one, draws(make()))), "the global seed does not fix the draws"


@pytest.mark.parametrize("make", NOISES)
def test_nothing_happens_outside_of_training(make):
    x = np.ones((4, 5, 6), "float32")
    layer = make()
    assert (np.asarray(layer(x)) == 1).all() and (np.asarray(layer(x, training=False)) == 1).all()
    assert [v.path.split("/")[-1] for v in layer.variables] == ["seed_generator_state"]
    assert not layer.weights


def test_half_precision_stays_half():
    out = layers.Dropout(0.5, dtype="mixed_bfloat16")(ONES, training=True)
    assert str(out.dtype) == "bfloat16"
    out = layers.AlphaDropout(0.5, dtype="mixed_bfloat16")(ONES, training=True)
    assert str(out.dtype) == "bfloat16"
