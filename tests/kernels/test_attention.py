"""Attention by products against JAX's own and against NumPy in float64; and which implementation is chosen."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from addax.kernels import attention

# queries, keys, heads, key heads, dim of values, which options
CASES = [
    (5, 5, 2, 2, 4, {}),
    (5, 7, 4, 2, 4, {"scale": 0.3}),
    (4, 6, 4, 1, 3, {"mask": (2, 1, 4, 6)}),
    (6, 6, 2, 2, 4, {"is_causal": True, "bias": (1, 2, 6, 6)}),
    (6, 6, 4, 2, 4, {"is_causal": True, "mask": (2, 4, 6, 6)}),
    (3, 5, 2, 2, 4, {"cap": 0.7, "bias": (3, 5), "mask": (1, 1, 3, 5)}),
]


def inputs(queries, keys, heads, key_heads, value_dim, options, dtype="float32"):
    rng = np.random.default_rng(0)
    shapes = (2, queries, heads, 4), (2, keys, key_heads, 4), (2, keys, key_heads, value_dim)
    options = dict(options)
    if "bias" in options:
        options["bias"] = jnp.asarray(rng.normal(size=options["bias"]), dtype)
    if "mask" in options:
        options["mask"] = jnp.asarray(rng.random(options["mask"]) > 0.4)
    return [jnp.asarray(rng.normal(size=s), dtype) for s in shapes], options


def by_numpy(q, k, v, bias=None, mask=None, scale=None, is_causal=False, cap=None):
    q, k, v = (np.asarray(x, "float64") for x in (q, k, v))
    k, v = (np.repeat(x, q.shape[2] // k.shape[2], 2) for x in (k, v))
    logits = np.einsum("bqhd,bkhd->bhqk", q, k) * (q.shape[-1] ** -0.5 if scale is None else scale)
    logits = logits if cap is None else cap * np.tanh(logits / cap)
    logits = logits if bias is None else logits + np.asarray(bias)
    allowed = np.ones(logits.shape[-2:], bool)
    allowed = np.tril(allowed) if is_causal else allowed
    allowed = allowed if mask is None else allowed & np.asarray(mask)
    logits = np.where(allowed, logits, -1e30)
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    return np.einsum("bhqk,bkhd->bqhd", weights / weights.sum(-1, keepdims=True), v)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_values_and_gradients(case):
    arrays, options = inputs(*case)
    expected = by_numpy(*arrays, **options)

    def run(fn):
        def both(*arrays):
            y, pull = jax.vjp(lambda *a: fn(*a, **options), *arrays)
            return y, *pull(jnp.cos(jnp.arange(y.size, dtype="float32")).reshape(y.shape))

        return jax.jit(both)(*arrays)

    found = run(attention.by_products)
    np.testing.assert_allclose(found[0], expected, rtol=2e-5, atol=2e-6)
    if "cap" not in options and arrays[2].shape[-1] == 4:
        for a, b in zip(found, run(jax.nn.dot_product_attention)):
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=5e-6)
    # The gradient along a direction is the difference quotient, in float64.
    direction = [np.random.default_rng(i).normal(size=a.shape) for i, a in enumerate(arrays)]
    step = 1e-5
    ahead, behind = (
        by_numpy(*(np.asarray(a, "float64") + s * d for a, d in zip(arrays, direction)), **options)
        for s in (step, -step)
    )
    weights = np.cos(np.arange(expected.size)).reshape(expected.shape)
    slope = ((ahead - behind) / (2 * step) * weights).sum()
    np.testing.assert_allclose(sum((g * d).sum() for g, d in zip(found[1:], direction)), slope, rtol=1e-4)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision(dtype):
    arrays, options = inputs(*CASES[1], dtype=dtype)
    y = attention.attend(*arrays, **options)
    assert y.dtype == dtype
    np.testing.assert_allclose(y.astype("float32"), by_numpy(*arrays, **options), rtol=3e-2, atol=2e-2)


def like(shape, dtype="bfloat16"):
    return jax.ShapeDtypeStruct(shape, dtype)


def test_rule(monkeypatch):
    fitting = like((2, 64, 4, 64)), like((2, 32, 2, 64)), like((2, 32, 2, 64))
    assert not attention.use_cudnn(*fitting) or jax.default_backend() == "gpu"
    monkeypatch.setattr(attention.jax, "default_backend", lambda: "gpu")
    for capability, chosen in (("8.0", True), ("9.0", True), ("7.5", False), ("gfx90a", False)):
        monkeypatch.setattr(attention.jax, "devices", lambda c=capability: [SimpleNamespace(compute_capability=c)])
        assert attention.use_cudnn(*fitting) is chosen
    monkeypatch.setattr(attention.jax, "devices", lambda: [SimpleNamespace(compute_capability="9.0")])
    q, k, v = fitting
    assert not attention.use_cudnn(q, k, v, bias=1.0)
    assert not attention.use_cudnn(*(like(x.shape, "float32") for x in fitting))
    assert not attention.use_cudnn(q, k, like(v.shape, "float16"))
    for shape in ((2, 64, 4, 60), (2, 64, 4, 256), (2, 63, 4, 64)):
        assert not attention.use_cudnn(*(like(shape) for _ in range(3)))
    assert not attention.use_cudnn(like((2, jax.export.symbolic_shape("n")[0], 4, 64)), k, v)
    assert attention.use_cudnn(like((jax.export.symbolic_shape("n")[0], 64, 4, 64)), k, v)


def test_what_the_choice_runs(monkeypatch):
    ran = []

    def spy(*args, implementation, **kwargs):
        ran.append(implementation)

    monkeypatch.setattr(jax.nn, "dot_product_attention", spy)
    monkeypatch.setattr(attention, "by_products", lambda *args: ran.append("products"))
    arrays, _ = inputs(*CASES[0])
    for backend in ("cpu", "gpu", "tpu"):
        monkeypatch.setattr(attention.jax, "default_backend", lambda backend=backend: backend)
        monkeypatch.setattr(attention, "use_cudnn", lambda *args, backend=backend: backend == "gpu")
        for options in ({}, {"flash": False}, {"flash": True}, {"cap": 1.0}):
            attention.attend(*arrays, **options)
    on_cpu, on_gpu, on_tpu = ran[:4], ran[4:8], ran[8:]
    assert on_cpu == ["products", "products", "cudnn", "products"]
    assert on_gpu == ["cudnn", "xla", "cudnn", "products"]
    assert on_tpu == ["xla", "xla", "cudnn", "products"]
