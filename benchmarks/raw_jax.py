"""Training by hand in JAX: the step jitted, its state donated, data on the device, Adam with Keras's constants."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

RATE, BETA_1, BETA_2, EPSILON = 0.001, 0.9, 0.999, 1e-7


def cross_entropy(outputs: Any, labels: Any) -> Any:
    """The mean cross-entropy of integer labels and logits."""
    return -jnp.take_along_axis(jax.nn.log_softmax(outputs), labels[..., None], axis=-1).mean()


def binary_cross_entropy(outputs: Any, labels: Any) -> Any:
    """The mean cross-entropy of labels 0 and 1 and logits."""
    return (jnp.maximum(outputs, 0) - outputs * labels + jnp.log1p(jnp.exp(-jnp.abs(outputs)))).mean()


def adam(params: Any, m: Any, v: Any, t: Any, grads: Any) -> tuple[Any, Any, Any, Any]:
    t = t + 1
    rate = RATE * jnp.sqrt(1 - BETA_2**t) / (1 - BETA_1**t)
    m = jax.tree.map(lambda m, g: m + (g - m) * (1 - BETA_1), m, grads)
    v = jax.tree.map(lambda v, g: v + (g * g - v) * (1 - BETA_2), v, grads)
    params = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + EPSILON), params, m, v)
    return params, m, v, t


class Training:
    """A training loop.

    Args:
        apply: `(params, statistics, x, key) -> (outputs, statistics)`; `key` is None outside training.
        loss: `(outputs, y) -> scalar`, the mean over the batch.
        params: What is trained, a tree of arrays.
        statistics: What training changes otherwise, such as moving averages.
        x, y: The data.
        batch_size: Rows a batch.
        scan: Whether an epoch is one program (a scan over its batches), or one program a step. The first is faster
            except where XLA's convolutions on the CPU are slow inside loops.
    """

    def __init__(
        self,
        apply: Callable,
        loss: Callable,
        params: Any,
        statistics: Any,
        x: Any,
        y: Any,
        batch_size: int,
        *,
        scan: bool,
    ):
        self.x, self.y = jax.tree.map(jnp.asarray, (x, y))
        self.rows, self.size, self.scan = len(x), batch_size, scan
        params, statistics = jax.tree.map(jnp.asarray, (params, statistics))
        zeros = jax.tree.map(jnp.zeros_like, (params, params))
        self.state = (params, *zeros, jnp.float32(0), statistics, jax.random.key(0, impl="rbg"))
        full, tail = divmod(self.rows, batch_size)

        def batch(start: Any, size: int, x: Any, y: Any) -> Any:
            return jax.tree.map(lambda a: lax.dynamic_slice_in_dim(a, start, size), (x, y))

        def step(state: Any, x: Any, y: Any) -> Any:
            params, m, v, t, statistics, key = state
            key, now = jax.random.split(key)

            def objective(params: Any) -> Any:
                outputs, new = apply(params, statistics, x, now)
                return loss(outputs, y), new

            (value, statistics), grads = jax.value_and_grad(objective, has_aux=True)(params)
            return (*adam(params, m, v, t, grads), statistics, key), value

        @partial(jax.jit, donate_argnums=0)
        def epoch(state: Any, x: Any, y: Any) -> Any:
            state, losses = lax.scan(
                lambda s, i: step(s, *batch(i * batch_size, batch_size, x, y)), state, jnp.arange(full)
            )
            total = losses.sum() * batch_size
            if tail:
                state, last = step(state, *batch(full * batch_size, tail, x, y))
                total += last * tail
            return state, total / self.rows

        @partial(jax.jit, donate_argnums=(0, 1), static_argnums=3)
        def one(state: Any, total: Any, start: Any, size: int, x: Any, y: Any) -> Any:
            state, value = step(state, *batch(start, size, x, y))
            return state, total + value * size

        @partial(jax.jit, static_argnums=3)
        def test(params: Any, statistics: Any, start: Any, size: int, x: Any, y: Any) -> Any:
            x, y = batch(start, size, x, y)
            return loss(apply(params, statistics, x, None)[0], y) * size

        self._epoch, self._one, self._test = epoch, one, test
        self._predict = jax.jit(lambda params, statistics, x: apply(params, statistics, x, None)[0])

    def _batches(self, rows: int) -> list[tuple[int, int]]:
        return [(start, min(self.size, rows - start)) for start in range(0, rows, self.size)]

    def epoch(self) -> float:
        """Trains one epoch; returns the mean loss."""
        if self.scan:
            self.state, loss = self._epoch(self.state, self.x, self.y)
            return float(loss)
        total = jnp.float32(0)
        for start, size in self._batches(self.rows):
            self.state, total = self._one(self.state, total, start, size, self.x, self.y)
        return float(total) / self.rows

    def evaluate(self) -> float:
        """The mean loss over the data."""
        params, *_, statistics, _ = self.state
        parts = [self._test(params, statistics, *b, self.x, self.y) for b in self._batches(self.rows)]
        return float(sum(parts)) / self.rows

    def predict(self, x: Any) -> np.ndarray:
        """The outputs for `x`."""
        params, *_, statistics, _ = self.state
        if len(x) <= self.size:
            return np.asarray(self._predict(params, statistics, x))
        parts = [self._predict(params, statistics, x[start : start + size]) for start, size in self._batches(len(x))]
        return np.concatenate([np.asarray(p) for p in parts])


# Layers


def conv(x: Any, kernel: Any, bias: Any, stride: int = 1, groups: int = 1) -> Any:
    out = lax.conv_general_dilated(
        x, kernel, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=groups
    )
    return out + bias


def max_pool(x: Any) -> Any:
    """The maximum over windows of 2x2, without select-and-scatter in its gradient."""
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))


def dropout(x: Any, rate: float, key: Any) -> Any:
    if key is None:
        return x
    return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0)


def batch_norm(x: Any, gamma: Any, beta: Any, moving: Any, training: bool) -> tuple[Any, Any]:
    """Returns the normalised batch and the new `(moving mean, moving variance)`."""
    if training:
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
        moving = (moving[0] * 0.9 + mean * 0.1, moving[1] * 0.9 + variance * 0.1)
    else:
        mean, variance = moving
    return (x - mean) * (lax.rsqrt(variance + 1e-3) * gamma) + beta, moving


def layer_norm(x: Any, gamma: Any, beta: Any) -> Any:
    mean = x.mean(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(x.var(-1, keepdims=True) + 1e-3) * gamma + beta
