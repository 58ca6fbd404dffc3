"""Convolutions as products against XLA's own, and against sums written out in NumPy: values and gradients."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from addax.kernels import conv, depthwise

# sizes, window, channels, multiplier, strides, padding, dilation, data format
DEPTHWISE = [
    ((9,), (3,), 4, 1, 1, "same", 1, "channels_last"),
    ((9,), (3,), 4, 1, 2, "causal", 1, "channels_last"),
    ((9,), (2,), 3, 2, 1, "causal", 2, "channels_last"),
    ((8, 7), (3, 3), 4, 1, 1, "same", 1, "channels_last"),
    ((8, 7), (3, 3), 4, 1, 2, "same", 1, "channels_first"),
    ((8, 9), (3, 2), 3, 3, (2, 3), "valid", 1, "channels_last"),
    ((8, 9), (3, 2), 3, 2, 1, "same", (1, 2), "channels_first"),
    ((5, 5), (1, 1), 3, 2, 3, "valid", 1, "channels_last"),
    ((4, 5, 6), (3, 2, 1), 2, 2, (1, 2, 1), "same", 1, "channels_last"),
]

# sizes, kernel size 1, strides, padding, data format
POINTWISE = [((7,), 1, "valid"), ((6, 5), 1, "same"), ((7, 6), (2, 3), "same"), ((3, 4, 5), 2, "valid")]


# channels, channels a group, filters, groups merged, data format
GROUPED = [
    (6, 2, 6, 1, "channels_last"),
    (8, 2, 16, 2, "channels_last"),
    (8, 1, 8, 4, "channels_first"),
    (6, 3, 4, 2, "channels_first"),
]


def arrays(*shapes, dtype="float32"):
    rng = np.random.default_rng(0)
    return [jnp.asarray(rng.normal(size=s), dtype) for s in shapes]


def by_numpy(x, k, strides, padding, dilation):
    """Channels last, one sum a tap, in float64; `k` is `(*window, channels, multiplier)`."""
    x, k = np.asarray(x, "float64"), np.asarray(k, "float64")
    rank = k.ndim - 2
    strides, dilation = conv.per_axis(strides, rank, "strides"), conv.per_axis(dilation, rank, "dilation")
    reach = [(n - 1) * d + 1 for n, d in zip(k.shape, dilation)]
    if padding == "causal":
        pads = [(reach[0] - 1, 0)]
    elif padding == "valid":
        pads = [(0, 0)] * rank
    else:
        total = [max((-(-n // s) - 1) * s + r - n, 0) for n, s, r in zip(x.shape[1:], strides, reach)]
        pads = [(t // 2, t - t // 2) for t in total]
    x = np.pad(x, [(0, 0), *pads, (0, 0)])
    counts = [(n - r) // s + 1 for n, r, s in zip(x.shape[1:], reach, strides)]
    y = 0.0
    for at in itertools.product(*(range(n) for n in k.shape[:-2])):
        where = [slice(a * d, a * d + (n - 1) * s + 1, s) for a, d, n, s in zip(at, dilation, counts, strides)]
        y = y + x[(slice(None), *where)][..., None] * k[at]
    return y.reshape((*y.shape[:-2], -1))


def value_and_gradients(fn, x, k):
    def run(x, k):
        y, pull = jax.vjp(fn, x, k)
        return y, *pull(jnp.cos(jnp.arange(y.size, dtype="float32")).reshape(y.shape).astype(y.dtype))

    return jax.jit(run)(x, k)


def check(fn, x, k, monkeypatch, rtol=2e-5):
    """Both sides of the rules give the same; returns the value."""
    found = value_and_gradients(fn, x, k)
    monkeypatch.setattr(conv, "use_shifts", lambda *args: False)
    monkeypatch.setattr(conv, "use_matmul", lambda *args: False)
    expected = value_and_gradients(fn, x, k)
    monkeypatch.undo()
    for what, a, b in zip(("output", "input gradient", "kernel gradient"), found, expected):
        assert (a.shape, a.dtype) == (b.shape, b.dtype), what
        b = np.asarray(b, "float64")
        np.testing.assert_allclose(np.asarray(a, "float64"), b, rtol=rtol, atol=rtol * np.abs(b).max(), err_msg=what)
    return found[0]


@pytest.mark.parametrize("size,window,channels,multiplier,strides,padding,dilation,data_format", DEPTHWISE)
def test_depthwise(size, window, channels, multiplier, strides, padding, dilation, data_format, monkeypatch):
    x, k = arrays((2, *size, channels), (*window, channels, multiplier))
    expected = by_numpy(x, k, strides, padding, dilation)
    if data_format == "channels_first":
        x, expected = jnp.moveaxis(x, -1, 1), np.moveaxis(expected, -1, 1)
    for least in (0, 10**9):  # the kernel gradient sample by sample, and at once
        monkeypatch.setattr(depthwise, "_LEAST_SAMPLE", least)
        y = check(lambda x, k: conv.depthwise_conv(x, k, strides, padding, data_format, dilation), x, k, monkeypatch)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)
    # The same as a convolution in as many groups as there are channels.
    flat = k.reshape((*window, 1, channels * multiplier))
    np.testing.assert_allclose(conv.conv(x, flat, strides, padding, data_format, dilation), y, rtol=1e-6)


@pytest.mark.parametrize("size,strides,padding", POINTWISE)
def test_pointwise(size, strides, padding, monkeypatch):
    x, k = arrays((2, *size, 3), (*(1 for _ in size), 3, 5))
    y = check(lambda x, k: conv.conv(x, k, strides, padding), x, k, monkeypatch)
    steps = conv.per_axis(strides, len(size), "strides")
    taken = np.asarray(x, "float64")[(slice(None), *(slice(None, None, s) for s in steps))]
    np.testing.assert_allclose(y, taken @ np.asarray(k, "float64").reshape(3, 5), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("channels,per_group,filters,merged,data_format", GROUPED)
def test_grouped(channels, per_group, filters, merged, data_format, monkeypatch):
    x, k = arrays((2, 5, 6, channels), (3, 2, per_group, filters))
    groups = channels // per_group
    expected = np.concatenate(
        [
            sum(
                by_numpy(x[..., g * per_group + i, None], k[:, :, i, None, a:b], (2, 1), "same", 1)
                for i in range(per_group)
            )
            for g in range(groups)
            for a, b in [(g * filters // groups, (g + 1) * filters // groups)]
        ],
        -1,
    )
    if data_format == "channels_first":
        x, expected = jnp.moveaxis(x, -1, 1), np.moveaxis(expected, -1, 1)

    def run(x, k):
        return conv.conv(x, k, (2, 1), "same", data_format)

    results = []
    monkeypatch.setattr(conv, "use_shifts", lambda *args: False)
    for number in (merged, None):
        monkeypatch.setattr(conv, "merged_groups", lambda *args, number=number: number)
        results.append(value_and_gradients(run, x, k))
    for a, b in zip(*results):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(results[0][0], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(dtype, monkeypatch):
    x, k = arrays((2, 6, 6, 4), (3, 3, 4, 1), dtype=dtype)
    check(lambda x, k: conv.depthwise_conv(x, k, 1, "same"), x, k, monkeypatch, rtol=2e-2)
    check(lambda x, k: conv.conv(x, k), *arrays((2, 6, 6, 4), (1, 1, 4, 3), dtype=dtype), monkeypatch, rtol=2e-2)


@pytest.mark.parametrize("least", [0, 10**9])
def test_all_kinds_of_derivatives(least, monkeypatch):
    monkeypatch.setattr(depthwise, "_LEAST_SAMPLE", least)
    x, k, v, w = arrays((2, 5, 6, 2), (3, 2, 2, 1), (2, 5, 6, 2), (3, 2, 2, 1))
    geometry = depthwise.Geometry((5, 6), (3, 2), (2, 1), ((1, 1), (0, 1)), (1, 2))

    def results(fn):
        def loss(x, k):
            return jnp.sum(jnp.sin(fn(x, k, geometry)))

        def all_of_them(x, k):
            grad = jax.grad(loss, (0, 1))
            _, forward = jax.jvp(loss, (x, k), (v, w))
            _, over = jax.jvp(grad, (x, k), (v, w))
            reverse = jax.grad(lambda x, k: sum(jnp.vdot(g, d) for g, d in zip(grad(x, k), (v, w))), (0, 1))(x, k)
            third = jax.grad(lambda k: jnp.vdot(jax.jvp(lambda k: grad(x, k)[1], (k,), (w,))[1], w))(k)
            return forward, over, reverse, third

        return jax.jit(all_of_them)(x, k)

    found, expected = results(depthwise.depthwise), results(depthwise.reference)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected)):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
    # Second derivatives do not depend on the order.
    for a, b in zip(found[1], found[2]):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0), (2, 1)])
def test_mapped_over(axes):
    geometry = depthwise.Geometry((5,), (3,), (2,), ((1, 1),), (1,))
    x, k = arrays((2, 5, 3), (3, 3, 2))
    x, k = (a if d is None else jnp.stack([a, 2 * a, -a], d) for a, d in zip((x, k), axes))

    def both(fn):
        def run(x, k):
            y, pull = jax.vjp(lambda x, k: fn(x, k, geometry), x, k)
            return y, *pull(jnp.sin(y))

        return jax.jit(jax.vmap(run, axes))(x, k)

    for a, b in zip(both(depthwise.depthwise), both(depthwise.reference)):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_elsewhere_the_primitives_are_convolutions():
    geometry = depthwise.Geometry((5, 5), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))
    shapes = jax.ShapeDtypeStruct((2, 5, 5, 4), "float32"), jax.ShapeDtypeStruct((3, 3, 4, 1), "float32")
    grad = jax.jit(jax.grad(lambda x, k: depthwise.depthwise(x, k, geometry).sum(), (0, 1)))
    for platform, convolutions in (("cpu", False), ("cuda", True)):
        exported = jax.export.export(grad, platforms=[platform])(*shapes)
        assert ("stablehlo.convolution" in exported.mlir_module()) is convolutions


def test_rules():
    on_cpu = jax.default_backend() == "cpu"
    assert depthwise.use_shifts((8, 32, 32, 4), (3, 3, 4, 1), "float32") is on_cpu
    assert not depthwise.use_shifts((8, 32, 32, 4), (3, 3, 4, 16), "float32")
    assert not depthwise.use_shifts((8, 32, 32, 4), (9, 9, 4, 1), "float32")
    # Channels, channels a group -> groups in one convolution.
    cases = {(64, 64): None, (128, 4): 8, (128, 64): 1, (128, 16): 2, (1024, 32): 4, (6, 2): 3, (64, 1): 32}
    for arguments, merged in cases.items():
        assert conv.merged_groups(*arguments) == (merged if on_cpu else None)
    (n,) = jax.export.symbolic_shape("n")
    assert not depthwise.use_shifts((8, n, 32, 4), (3, 3, 4, 1), "float32")
    k = jnp.ones((1, 1, 4, 2))
    assert conv.use_matmul(jnp.ones((1, 5, 5, 4)), k, "channels_last") is on_cpu
    assert not conv.use_matmul(jnp.ones((1, 4, 5, 5)), k, "channels_first")
    assert not conv.use_matmul(jnp.ones((1, 5, 5, 8)), k, "channels_last")  # two groups
    for size in ((n, 6, 6), (n, n, 6)):
        x = jax.ShapeDtypeStruct((*size, 4), "float32")
        assert jax.eval_shape(conv.conv, x, k).shape == (*size, 2)
        assert jax.eval_shape(lambda x: conv.depthwise_conv(x, jnp.ones((3, 3, 4, 1)), 1, "same"), x).shape == x.shape
