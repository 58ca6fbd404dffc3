"""Attention: cuDNN's fused kernel where it fits, matrix products with heads in the batch on CPUs, else JAX's own form.

Milliseconds of CPU time, forward and backward, 32 x 64 positions, 4 heads of 32: `jax.nn.dot_product_attention` 9.0,
an einsum of four axes 7.2, here 6.1 (forward alone 3.5 -> 2.7 against the einsum). XLA:CPU runs products with one
leading batch axis best.
"""

from __future__ import annotations

from ..core.engine import jax, jnp, lax, promoted
from ..core.placement import platform, spreads_heads
from ..core.types import Array


def use_cudnn(query: Array, key: Array, value: Array, bias: Array | None = None) -> bool:
    """Tests whether cuDNN's kernel is used.

    It is used on NVIDIA GPUs from compute capability 8.0, in 16 bits, for heads of at most 128 in multiples of 8, for
    known and even lengths, and without a bias, whose gradient it restricts.
    """
    if platform() != "gpu" or bias is not None:
        return False
    try:
        capable = float(jax.devices()[0].compute_capability) >= 8.0
    except (AttributeError, TypeError, ValueError):  # another maker's
        return False
    sizes = (*query.shape[1:], *key.shape[1:], *value.shape[1:])
    return (
        capable
        and all(isinstance(n, int) for n in sizes)
        and query.dtype == key.dtype == value.dtype
        and query.dtype in (jnp.float16, jnp.bfloat16)
        and query.shape[-1] == key.shape[-1] == value.shape[-1] <= 128
        and query.shape[-1] % 8 == 0
        and query.shape[1] % 2 == key.shape[1] % 2 == 0
    )


def attend(
    query: Array,
    key: Array,
    value: Array,
    bias: Array | None = None,
    mask: Array | None = None,
    scale: float | None = None,
    is_causal: bool = False,
    cap: float | None = None,
    flash: bool | None = None,
) -> Array:
    """Computes scaled dot-product attention.

    Args:
        query: `(batch, queries, heads, dim)`.
        key, value: `(batch, keys, key_heads, dim)`; `key_heads` divides `heads`.
        bias: Added to the logits; broadcasts to `(batch, heads, queries, keys)`.
        mask: Bools that broadcast likewise; True for positions to attend to.
        scale: Factor of the logits; None for `1 / sqrt(dim)`.
        is_causal: Whether each query attends only to keys up to its own position.
        cap: Bound of the logits' absolute value, applied by `tanh`; None for no bound.
        flash: True for cuDNN's kernel, False for another, None to choose by `use_cudnn`.

    Returns:
        `(batch, queries, heads, dim)`.
    """
    cudnn = flash or (flash is None and use_cudnn(query, key, value, bias))
    # Products with heads in the batch would gather heads that are spread over devices.
    if cap is not None or (not cudnn and platform() == "cpu" and not spreads_heads()):
        return by_products(query, key, value, bias, mask, scale, is_causal, cap)
    return jax.nn.dot_product_attention(
        query, key, value, bias, mask, scale=scale, is_causal=is_causal, implementation="cudnn" if cudnn else "xla"
    )


def by_products(
    query: Array,
    key: Array,
    value: Array,
    bias: Array | None = None,
    mask: Array | None = None,
    scale: float | None = None,
    is_causal: bool = False,
    cap: float | None = None,
) -> Array:
    """Computes `attend` as two matrix products with a leading axis of batch and key heads, the softmax in float32."""
    batch, queries, heads, dim = query.shape
    keys, key_heads = key.shape[1:3]
    groups = heads // key_heads
    scale = dim**-0.5 if scale is None else scale
    # The queries of all heads that share a key head are concatenated: one product per key head.
    q = query.reshape((batch, queries, key_heads, groups, dim)).transpose(0, 2, 3, 1, 4)
    q = q.reshape((batch * key_heads, groups * queries, dim))
    k, v = (x.transpose(0, 2, 1, 3).reshape((batch * key_heads, keys, x.shape[-1])) for x in (key, value))
    wide = promoted(query.dtype, "float32")
    logits = lax.dot_general(q, k, (((2,), (2,)), ((0,), (0,))), preferred_element_type=wide)
    logits = logits.reshape((batch, heads, queries, keys)) * jnp.asarray(scale, wide)
    if cap is not None:
        logits = cap * jnp.tanh(logits / cap)
    if bias is not None:
        logits = logits + bias
    if is_causal:
        before = jnp.tril(jnp.ones((queries, keys), bool))
        mask = before if mask is None else jnp.logical_and(mask, before)
    if mask is not None:
        logits = jnp.where(mask, logits, jnp.finfo(logits.dtype).min)
    weights = jax.nn.softmax(logits, -1).astype(query.dtype).reshape((batch * key_heads, groups * queries, keys))
    y = lax.dot_general(weights, v, (((2,), (1,)), ((0,), (0,))))
    y = y.reshape((batch, key_heads, groups, queries, v.shape[-1])).transpose(0, 3, 1, 2, 4)
    return y.reshape((batch, queries, heads, v.shape[-1]))
