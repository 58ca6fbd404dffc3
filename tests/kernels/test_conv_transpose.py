"""Transposed convolution: its primitive against XLA's convolution and the transpose of one, values and derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from addax.kernels import conv_transpose as kernels
from addax.kernels.conv import conv

# sizes, window, filters, channels, strides, padding, output padding, dilation, data format
CASES = [
    ((5,), (3,), 2, 3, 2, "same", None, 1, "channels_last"),
    ((5,), (2,), 2, 3, 3, "valid", None, 1, "channels_last"),
    ((4, 5), (3, 3), 2, 3, 2, "same", None, 1, "channels_last"),
    ((4, 5), (3, 2), 4, 2, (2, 3), "valid", None, 1, "channels_first"),
    ((4, 3), (4, 3), 1, 2, (2, 1), "same", (1, 0), 1, "channels_last"),
    ((4, 3), (3, 3), 2, 1, 3, "valid", (2, 1), 1, "channels_last"),
    ((4, 5), (3, 2), 3, 2, 1, "same", None, (1, 2), "channels_last"),
    ((3, 4), (1, 1), 3, 2, 2, "same", None, 1, "channels_first"),
    ((2, 3, 4), (3, 1, 2), 2, 2, (1, 2, 2), "same", None, 1, "channels_last"),
]


def arrays(case, dtype="float32"):
    sizes, window, filters, channels, _, _, _, _, data_format = case
    rng = np.random.default_rng(1)
    shape = (2, *sizes, channels) if data_format == "channels_last" else (2, channels, *sizes)
    return [jnp.asarray(rng.normal(size=s), dtype) for s in (shape, (*window, filters, channels))]


def run(case):
    strides, padding, extra, dilation, data_format = case[4:]
    return lambda x, k: kernels.conv_transpose(x, k, strides, padding, extra, data_format, dilation)


def by_xla(case, monkeypatch):
    def run_plain(x, k):
        with monkeypatch.context() as m:
            m.setattr(kernels, "use_primitive", lambda geometry, dtype: False)
            return run(case)(x, k)

    return run_plain


@pytest.mark.parametrize("case", CASES, ids=str)
def test_values_and_gradients_are_those_of_xla(case, monkeypatch):
    x, k = arrays(case)
    tuned, plain = run(case), by_xla(case, monkeypatch)
    assert "conv_transpose[" in str(jax.make_jaxpr(tuned)(x, k))
    assert "conv_transpose[" not in str(jax.make_jaxpr(plain)(x, k))
    y, pull = jax.vjp(tuned, x, k)
    expected, pull_plain = jax.vjp(plain, x, k)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)
    ct = jnp.asarray(np.random.default_rng(2).normal(size=y.shape), "float32")
    for found, wanted in zip(pull(ct), pull_plain(ct), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", CASES[2:6], ids=str)
def test_derivatives_of_second_order_forward_and_mapped(case):
    x, k = arrays(case)
    tuned = jax.jit(run(case))
    check_grads(tuned, (x, k), order=2, modes=("fwd", "rev"), rtol=2e-2, atol=2e-2)
    xs, ks = jnp.stack([x, 2 * x]), jnp.stack([k, -k])
    for args, axes in (((xs, k), (0, None)), ((x, ks), (None, 0)), ((xs, ks), (0, 0))):
        found = jax.vmap(tuned, axes)(*args)
        each = [tuned(*(a if d is None else a[i] for a, d in zip(args, axes))) for i in range(2)]
        np.testing.assert_allclose(found, jnp.stack(each), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_it_is_the_input_gradient_of_the_convolution(padding):
    rng = np.random.default_rng(3)
    z, k = (jnp.asarray(rng.normal(size=s), "float32") for s in ((2, 8, 6, 3), (3, 3, 3, 4)))
    y, pull = jax.vjp(lambda z: conv(z, k, 2, padding), z)
    x = jnp.asarray(rng.normal(size=y.shape), "float32")
    found = kernels.conv_transpose(x, k, 2, padding)
    expected = pull(x)[0]
    # "valid": what the convolution did not reach at the end is not there in its transpose.
    expected = expected[:, : found.shape[1], : found.shape[2]]
    np.testing.assert_allclose(found[:, : expected.shape[1], : expected.shape[2]], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_smaller_floats(dtype):
    x, k = arrays(CASES[2], dtype)
    y, pull = jax.vjp(run(CASES[2]), x, k)
    exact, pull_exact = jax.vjp(run(CASES[2]), x.astype("float32"), k.astype("float32"))
    assert y.dtype == dtype
    np.testing.assert_allclose(y.astype("float32"), exact, rtol=0.05, atol=0.1)
    for found, wanted in zip(pull(jnp.ones_like(y)), pull_exact(jnp.ones_like(exact)), strict=True):
        assert found.dtype == dtype
        np.testing.assert_allclose(found.astype("float32"), wanted, rtol=0.05, atol=0.3)
