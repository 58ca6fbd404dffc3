"""The hash behind dropout: known values, and the tests that a poor one fails."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from addax import layers
from addax.kernels import noise

N = 1 << 18


def key(seed, step=0):
    return jnp.array([seed, step], "uint32")


def bits(k, n=N):
    return np.asarray(noise.random_bits(k, (n,)))


def steps(n):
    return jnp.arange(n, dtype="uint32")


def mix(h):
    """The mixer again, on Python's integers."""
    h = (h ^ h >> 16) * 0x21F0AAAD & 0xFFFFFFFF
    h = (h ^ h >> 15) * 0x735A2D97 & 0xFFFFFFFF
    return h ^ h >> 15


def test_values_are_fixed():
    a, b = 0x9E3779B9, 0x9E3779B9
    for word in (5, 7):
        a, b = b, mix((b ^ word) + a & 0xFFFFFFFF)
    expected = [mix(mix(i ^ a) + b & 0xFFFFFFFF) for i in range(24)]
    assert noise.random_bits(key(5, 7), (2, 3, 4)).ravel().tolist() == expected
    assert jax.jit(noise.random_bits, static_argnums=1)(key(5, 7), (24,)).tolist() == expected


# Streams in which a weak generator shows structure: neighbours in position, steps and seeds, and strides.
STREAMS = {
    "positions": lambda: bits(key(1)),
    "steps": lambda: np.asarray(jax.vmap(lambda t: noise.random_bits(key(1).at[1].set(t), (4,)))(steps(N // 4))),
    "seeds": lambda: np.asarray(jax.vmap(lambda s: noise.random_bits(key(0).at[0].set(s), (4,)))(steps(N // 4))),
    "one position of many steps": lambda: np.asarray(
        jax.vmap(lambda t: noise.random_bits(key(3).at[1].set(t), (1,)))(steps(N))
    ),
    "stride 64": lambda: bits(key(2), N * 16)[::16],
}


@pytest.mark.parametrize("name", STREAMS)
def test_streams(name):
    x = STREAMS[name]().ravel()
    n = len(x)
    # Each bit is set half of the time, within five standard deviations.
    ones = (x[:, None] >> np.arange(32, dtype="uint32") & 1).sum(0)
    assert np.abs(ones - n / 2).max() < 5 * np.sqrt(n) / 2
    # Pairs of neighbours fill 64 x 64 cells evenly, by high bits and by low ones (chi-square: 4095 +- 90.5).
    for part in (x >> 26, x & 63):
        for lag in (1, 2, 32):
            cells = np.bincount(part[:-lag].astype(int) * 64 + part[lag:], minlength=4096)
            expected = (n - lag) / 4096
            assert abs(((cells - expected) ** 2).sum() / expected - 4095) < 5 * np.sqrt(2 * 4095)
    # As numbers, they are not correlated with those that follow.
    u = x / 2**32 - 0.5
    for lag in (1, 2, 3, 4, 31, 32, 64, 1024):
        assert abs((u[:-lag] * u[lag:]).mean() * 12) < 5 / np.sqrt(n)


@pytest.mark.parametrize("other", [key(8, 4), key(7, 5), key(4, 7), key(8, 3), key(7 + 2**31, 4)])
def test_streams_of_close_keys_are_unrelated(other):
    x, y = bits(key(7, 4)), bits(other)
    ones = (np.bitwise_xor(x, y)[:, None] >> np.arange(32, dtype="uint32") & 1).sum(0)
    assert np.abs(ones - N / 2).max() < 5 * np.sqrt(N) / 2
    assert (x == y).sum() < 5
    # Nor are they one stream shifted by some distance.
    u, v = x / 2**32 - 0.5, y / 2**32 - 0.5
    across = np.fft.irfft(np.fft.rfft(u) * np.conj(np.fft.rfft(v))) * 12 / np.sqrt(N)
    assert np.abs(across).max() < 6.5  # the greatest of 2**18 standard normals


def test_masks():
    rates = [0.0, 0.01, 0.1, 0.5, 0.9, 0.999]
    for rate in rates:
        dropped = N - int(noise.keep_mask(key(1), rate, (N,)).sum())
        assert abs(dropped - N * rate) <= 5 * np.sqrt(N * rate * (1 - rate))
    assert not noise.keep_mask(key(1), 1.0, (8,)).any()
    # Rows and columns of one mask, and masks of consecutive steps, agree as often as independent ones.
    masks = np.stack([noise.keep_mask(key(1, t), 0.25, (512, 512)) for t in range(3)])
    close = 5 * np.sqrt(0.625 * 0.375 / 512**2)
    for a, b in ((masks[0, 1:], masks[0, :-1]), (masks[0, :, 1:], masks[0, :, :-1]), (masks[0], masks[1]), masks[1:]):
        assert abs((a == b).mean() - 0.625) < close * 1.01


def test_dropout_and_its_gradient():
    x = jnp.arange(1.0, 25.0).reshape(4, 6)
    keep = np.asarray(noise.keep_mask(key(2), 0.3, (4, 1)))
    y, pull = jax.vjp(lambda x: noise.dropout(x, key(2), 0.3, (4, 1)), x)
    np.testing.assert_allclose(y, np.where(keep, x / 0.7, 0), rtol=1e-6)
    np.testing.assert_allclose(pull(x)[0], np.where(keep, x / 0.7, 0), rtol=1e-6)
    # What is dropped is gone, also where it was not finite.
    assert np.isfinite(noise.dropout(jnp.full((9,), jnp.inf), key(2), 1.0, (9,))).all()
    assert noise.dropout(x.astype("bfloat16"), key(2), 0.3, (4, 6)).dtype == "bfloat16"


def test_normal():
    x = np.asarray(noise.normal(key(3), (N,), "float32"), "float64")
    moments = [(x**p).mean() for p in (1, 2, 3, 4)]
    spread = np.sqrt(np.array([1, 2, 15, 96]) / N)
    assert (np.abs(np.array(moments) - [0, 1, 0, 3]) < 5 * spread).all()
    # Equal parts of probability hold equally many.
    edges = [-1.2815516, -0.8416212, -0.5244005, -0.2533471, 0.0, 0.2533471, 0.5244005, 0.8416212, 1.2815516]
    counts = np.histogram(x, [-np.inf, *edges, np.inf])[0]
    assert ((counts - N / 10) ** 2).sum() / (N / 10) < 9 + 5 * np.sqrt(18)
    assert np.abs(x).max() < 6
    assert noise.normal(key(3), (3,), "bfloat16").dtype == "bfloat16"


def test_typed_keys_and_unknown_sizes():
    raw = jax.random.key_data(jax.random.key(11))
    np.testing.assert_array_equal(noise.random_bits(jax.random.key(11), (5,)), noise.random_bits(raw, (5,)))
    (n,) = jax.export.symbolic_shape("n")
    x = jax.ShapeDtypeStruct((n, 3), "float32")
    assert jax.eval_shape(lambda x: noise.dropout(x, key(1), 0.5, x.shape), x).shape == (n, 3)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Dropout(0.3, seed=3),
        layers.Dropout(0.3, noise_shape=(None, 1, None), seed=3),
        layers.SpatialDropout1D(0.3, seed=3),
        layers.AlphaDropout(0.3, seed=3),
        layers.GaussianDropout(0.3, seed=3),
        layers.GaussianNoise(0.3, seed=3),
    ],
    ids=lambda layer: layer.name,
)
def test_layers_draw_anew_at_each_step_and_repeat_from_a_seed(layer):
    x = np.ones((8, 4, 64), "float32")
    again = type(layer).from_config(layer.get_config())
    first, second = (np.asarray(layer(x, training=True)) for _ in range(2))
    np.testing.assert_array_equal(first, again(x, training=True))
    np.testing.assert_array_equal(second, again(x, training=True))
    assert (first != second).mean() > 0.2
    np.testing.assert_array_equal(layer(x), x)
