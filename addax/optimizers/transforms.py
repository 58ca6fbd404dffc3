"""Parts of an optimizer's step, as pure functions of lists of arrays with one entry per trainable variable.

In lists of gradients None stands for a variable that is not updated; in lists of averages for one without average.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from ..core.engine import is_tracer, jnp, lax, promoted
from ..core.types import Array

T = TypeVar("T")


class OptimizerState(NamedTuple):
    """The state of an optimizer between steps: Variables, or their values.

    Attributes:
        iterations: Number of steps done, including those that only accumulate gradients.
        learning_rate: The rate; None if a schedule or function gives it.
        averages: Moving averages of the parameters.
        accumulators: Sums of the gradients since the last update.
        slots: For each parameter a dict of its slots by name.
        shared: Scalars kept once for all parameters, by name.
        own: Other variables of the optimizer.
    """

    iterations: Any
    learning_rate: Any
    averages: list
    accumulators: list
    slots: list[dict[str, Any]]
    shared: dict[str, Any]
    own: Any


def divide(grads: list, factor: float | Array, kept: Sequence[bool]) -> list:
    """Divides gradients by a factor.

    Args:
        grads: Gradients.
        factor: The factor, a scalar.
        kept: True for gradients that are not divided.
    """
    return [g if g is None or k else g / jnp.asarray(factor, g.dtype) for g, k in zip(grads, kept)]


def clip(grads: list, norm: float | None, value: float | None, global_norm_limit: float | None) -> list:
    """Clips gradients by value, by norm or by their global norm; at most one limit is set.

    Args:
        grads: Gradients.
        norm: Largest Euclidean norm of each gradient.
        value: Largest absolute value of an element.
        global_norm_limit: Largest Euclidean norm of all gradients together.

    >>> np.round(np.asarray(clip([jnp.array([3.0, 4.0])], norm=1.0, value=None, global_norm_limit=None)), 4)
    array([[0.6, 0.8]], dtype=float32)
    """
    if value is not None and value > 0:
        return [None if g is None else jnp.clip(g, -value, value) for g in grads]
    if norm is not None and norm > 0:
        return [None if g is None else _shrink(g, _norm(g), norm) for g in grads]
    if global_norm_limit is not None and global_norm_limit > 0 and present(grads):
        total = global_norm(present(grads))
        return [None if g is None else _shrink(g, total, global_norm_limit) for g in grads]
    return grads


def decay(params: list, fractions: Sequence[float | None], rate: float | Array) -> list:
    """Subtracts from each parameter a fraction of itself, times the learning rate.

    Args:
        params: The parameters.
        fractions: Weight decay of each; None for none.
        rate: Learning rate.
    """
    return [
        p if f is None else p - p * (jnp.asarray(f, p.dtype) * jnp.asarray(rate, p.dtype))
        for p, f in zip(params, fractions)
    ]


def accumulate(accumulators: list, grads: list, largest: Sequence[bool]) -> list:
    """Adds gradients to accumulators.

    Args:
        accumulators: Sums so far.
        grads: Gradients.
        largest: True for gradients of which the maximum is kept instead of the sum.
    """

    def add(a: Array, g: Array | None, by_size: bool) -> Array:
        if g is None:
            return a
        g = g.astype(a.dtype)
        return jnp.maximum(a, g) if by_size else a + g

    return [add(a, g, by_size) for a, g, by_size in zip(accumulators, grads, largest)]


def average(averages: list, params: list, momentum: float, updates: Array) -> list:
    """Updates exponential moving averages. At update 0 they become the parameters, as zero would bias them.

    Args:
        averages: Averages so far.
        params: New values of the parameters.
        momentum: Decay rate of the averages, in [0, 1].
        updates: Number of updates before this one.
    """
    share = jnp.where(updates == 0, 0.0, momentum)

    def mix(a: Array | None, p: Array) -> Array | None:
        if a is None:
            return None
        kept = share.astype(p.dtype)
        return (kept * a + (1 - kept) * p).astype(a.dtype)

    return [mix(a, p) for a, p in zip(averages, params)]


def choose(condition: bool | Array, values: list, others: list) -> list:
    """Selects between two lists of arrays.

    Args:
        condition: A bool scalar that may be traced.
        values: Arrays for true; None for the one in `others`.
        others: Arrays for false.
    """
    return [o if v is None else jnp.where(condition, v, o).astype(o.dtype) for v, o in zip(values, others)]


def conditional(condition: bool | Array, on_true: Callable[[], T], on_false: Callable[[], T]) -> T:
    """Calls one of two functions, depending on a scalar that may be traced.

    Args:
        condition: A bool scalar.
        on_true, on_false: Functions that return arrays of the same structure.

    >>> print(conditional(jnp.array(True), lambda: jnp.ones(2), lambda: jnp.zeros(2)))
    [1. 1.]
    """
    if not is_tracer(condition):
        return on_true() if bool(condition) else on_false()
    return lax.cond(condition, on_true, on_false)


def present(grads: list) -> list:
    """Returns the gradients that are not None."""
    return [g for g in grads if g is not None]


def global_norm(grads: Sequence[Array]) -> Array:
    """Computes the Euclidean norm of all gradients together, in at least float32."""
    return jnp.sqrt(sum(jnp.sum(jnp.square(_wide(g))) for g in grads))


def all_finite(grads: Sequence[Array]) -> Array:
    """Returns whether all gradients are finite, as a bool scalar."""
    return jnp.all(jnp.asarray([True, *(jnp.all(jnp.isfinite(g)) for g in grads)]))


def _wide(x: Array) -> Array:
    return x.astype(promoted(x.dtype, jnp.float32))


def _norm(x: Array) -> Array:
    return jnp.sqrt(jnp.sum(jnp.square(_wide(x))))


def _shrink(x: Array, norm: Array, limit: float) -> Array:
    return (x * (limit / jnp.maximum(norm, limit))).astype(x.dtype)
