"""Pooling by slices against XLA's own windows and against NumPy, values and gradients."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from addax.kernels import pooling

# shape without batch and channels, window, steps
WINDOWS = [
    ((6,), 2, None),
    ((7,), 3, 2),
    ((6, 6), 2, None),
    ((7, 9), 3, 2),
    ((7, 6), (2, 3), (1, 2)),
    ((5, 5), (2, 2), (3, 3)),
    ((4, 5, 6), 2, None),
]


def data(space, data_format, dtype, ties):
    shape = (2, *space, 3) if data_format == "channels_last" else (2, 3, *space)
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, shape) if ties else rng.normal(size=shape)
    return jnp.asarray(x.astype(dtype))


def of_numpy(x, size, step, padding, reduce):
    """Each window by itself, in float64."""
    x = np.asarray(x, "float64")
    pads = jax.lax.padtype_to_pads(x.shape, size, step, padding.upper())
    x = np.pad(x, pads, constant_values=np.nan)
    counts = [(n - k) // s + 1 for n, k, s in zip(x.shape, size, step)]
    out = np.empty(counts)
    for at in itertools.product(*(range(n) for n in counts)):
        out[at] = reduce(x[tuple(slice(a * s, a * s + k) for a, s, k in zip(at, step, size))])
    return out


@pytest.mark.parametrize("space,size,step", WINDOWS)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_values_and_gradients(space, size, step, data_format, monkeypatch):
    for padding, kind in itertools.product(["valid", "same"], ["max", "average"]):
        ties = padding == "same"
        pool = getattr(pooling, f"{kind}_pool")
        x = data(space, data_format, "float32", ties)

        def run(x, pool=pool, padding=padding):
            y = pool(x, size, step, padding, data_format)
            return jnp.sum(y * jnp.cos(jnp.arange(y.size, dtype="float32")).reshape(y.shape)), y

        results = []
        for slices in (True, False):
            monkeypatch.setattr(pooling, "use_slices", lambda *a, slices=slices, **k: slices)
            results.append(jax.jit(jax.grad(run, has_aux=True))(x))
        (gradient, y), (expected_gradient, expected) = results
        where = f"{kind} {padding} ties={ties}"
        np.testing.assert_allclose(y, expected, rtol=1e-6, atol=1e-6, err_msg=where)
        np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-5, atol=1e-6, err_msg=where)
        full, by = pooling._window(x, size, step, data_format)
        reduce = np.nanmax if kind == "max" else np.nanmean
        np.testing.assert_allclose(y, of_numpy(x, full, by, padding, reduce), rtol=1e-6, atol=1e-6, err_msg=where)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int32", "uint8"])
def test_dtypes(dtype, monkeypatch):
    x = jnp.asarray(np.random.default_rng(1).integers(0, 9, (1, 6, 6, 2))).astype(dtype)
    for pool in (pooling.max_pool, pooling.average_pool):
        y = pool(x, 3, 2, "same")
        monkeypatch.setattr(pooling, "use_slices", lambda *a, **k: False)
        expected = pool(x, 3, 2, "same")
        monkeypatch.undo()
        assert y.dtype == expected.dtype
        np.testing.assert_allclose(y.astype("float32"), expected.astype("float32"), rtol=1e-2)


def test_all_kinds_of_derivatives():
    x = data((6, 6), "channels_last", "float32", False)

    def loss(x):
        return jnp.sum(pooling.max_pool(x, 2) ** 3)

    grad = jax.jit(jax.grad(loss))
    v = jnp.cos(jnp.arange(x.size, dtype="float32")).reshape(x.shape)
    slope = jnp.vdot(grad(x), v)
    np.testing.assert_allclose(jax.jvp(loss, (x,), (v,))[1], slope, rtol=1e-5)
    # Hessian times v, forward over reverse and reverse over reverse: 6 y where the maximum is, 0 elsewhere.
    forward = jax.jvp(grad, (x,), (v,))[1]
    reverse = jax.jit(jax.grad(lambda x: jnp.vdot(grad(x), v)))(x)
    spread = jnp.repeat(jnp.repeat(pooling.max_pool(x, 2), 2, 1), 2, 2)
    np.testing.assert_allclose(forward, jnp.where(spread == x, 6 * x * v, 0), rtol=1e-5)
    np.testing.assert_allclose(reverse, forward, rtol=1e-5)
    np.testing.assert_allclose(jax.vmap(grad)(x[:, None]), grad(x)[:, None], rtol=1e-6)


def test_not_a_number_is_passed_on():
    x = jnp.array([1.0, jnp.nan, 2.0, 3.0]).reshape(1, 4, 1)
    y, pull = jax.vjp(lambda x: pooling.max_pool(x, 2), x)
    assert np.isnan(y[0, 0, 0]) and y[0, 1, 0] == 3
    assert np.isfinite(pull(jnp.ones_like(y))[0]).all()


def test_rule():
    x = jax.ShapeDtypeStruct((8, 32, 32, 4), "float32")
    on_cpu = jax.default_backend() == "cpu"
    assert pooling.use_slices(x, (1, 2, 2, 1), (1, 2, 2, 1)) is on_cpu
    assert pooling.use_slices(x, (1, 3, 3, 1), (1, 2, 2, 1)) is on_cpu
    assert not pooling.use_slices(x, (1, 8, 8, 1), (1, 8, 8, 1))
    assert not pooling.use_slices(x, (1, 1, 3, 3), (1, 1, 2, 2))
    assert not pooling.use_slices(x, (1, 4, 4, 1), (1, 4, 4, 1), summed=True)
    n = jax.export.symbolic_shape("n")[0]
    assert not pooling.use_slices(jax.ShapeDtypeStruct((8, n, 32, 4), "float32"), (1, 2, 2, 1), (1, 2, 2, 1))
    shape = jax.eval_shape(lambda x: pooling.max_pool(x, 2), jax.ShapeDtypeStruct((n, 32, 32, 4), "float32")).shape
    assert shape == (n, 16, 16, 4)


@pytest.mark.parametrize("axis,keepdims", [((1, 2), False), ((2, 3), True), ((1,), False)])
@pytest.mark.parametrize("ties", [False, True])
def test_global_max(axis, keepdims, ties):
    x = data((4, 5), "channels_last", "float32", ties)

    def run(x, reduce):
        y = reduce(x, axis, keepdims=keepdims)
        return jnp.sum(y * jnp.cos(jnp.arange(y.size, dtype="float32")).reshape(y.shape)), y

    gradient, y = jax.jit(jax.grad(lambda x: run(x, pooling.global_max_pool), has_aux=True))(x)
    expected_gradient, expected = jax.grad(lambda x: run(x, jnp.max), has_aux=True)(x)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-6)
    per_row = jax.vmap(jax.grad(lambda x: run(x[None], pooling.global_max_pool)[0]))(x)
    np.testing.assert_allclose(per_row[0], gradient[0], rtol=1e-6)
    integers = (x * 7).astype("int32")
    np.testing.assert_array_equal(
        pooling.global_max_pool(integers, axis, keepdims), jnp.max(integers, axis, keepdims=keepdims)
    )


def test_global_max_where_nothing_equals_the_maximum():
    # What a comparison sees may be rounded otherwise than what the maximum saw; NaN equals nothing either, and shows
    # the way that is taken then: all of the gradient goes to the first.
    x = jnp.array([[[1.0, 4.0], [np.nan, 2.0], [np.nan, 4.0]]])
    y, pull = jax.vjp(lambda x: pooling.global_max_pool(x, (1,)), x)
    np.testing.assert_array_equal(y, [[np.nan, 4.0]])
    np.testing.assert_array_equal(pull(jnp.array([[2.0, 3.0]]))[0], [[[0, 3], [2, 0], [0, 0]]])


def test_gradient_of_a_maximum_of_what_is_computed_twice():
    # Compiled under the flags of these tests JAX's own gradient of this is NaN: no element equals the maximum.
    x = jnp.asarray(np.random.default_rng(0).normal(size=(8, 9, 7, 8)).astype("float32"))

    def loss(x, reduce):
        scale = jax.lax.rsqrt(jnp.var(x, (1, 2), keepdims=True) + 1e-3)
        return jnp.sum(reduce((x - jnp.mean(x, (1, 2), keepdims=True)) * scale * 1.1 + 0.3, (1, 2)) ** 2)

    found = jax.jit(jax.grad(lambda x: loss(x, pooling.global_max_pool)))(x)
    np.testing.assert_allclose(found, jax.grad(lambda x: loss(x, jnp.max))(x), rtol=1e-4, atol=1e-5)
