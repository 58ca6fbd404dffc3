"""The parts of an optimizer's step, as pure functions of lists of arrays: one entry for each trainable variable.

In lists of gradients None stands for a variable that is left alone; in lists of averages for one that has none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from ..core.engine import is_tracer, jnp, lax

T = TypeVar("T")


class OptimizerState(NamedTuple):
    """The state of an optimizer between steps: Variables, or their values.

    Attributes:
        iterations: Number of steps done, those that only accumulate gradients included.
        learning_rate: The rate; None where a schedule or function gives it.
        averages: Moving averages of the parameters.
        accumulators: Sums of the gradients since the last update.
        slots: For each parameter a dict of what its rule keeps.
        shared: Scalars kept once for all parameters, by name.
        own: Whatever else an optimizer keeps.
    """

    iterations: Any
    learning_rate: Any
    averages: list
    accumulators: list
    slots: list[dict[str, Any]]
    shared: dict[str, Any]
    own: Any


def divide(grads: list, factor: Any, kept: Sequence[bool]) -> list:
    """`grads` divided by `factor`, but for those that `kept` marks."""
    return [g if g is None or k else g / jnp.asarray(factor, g.dtype) for g, k in zip(grads, kept)]


def clip(grads: list, norm: float | None, value: float | None, global_norm_limit: float | None) -> list:
    """`grads` with each one's norm, each element, or the norm of all together limited.

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


def decay(params: list, fractions: Sequence[float | None], rate: Any) -> list:
    """`params` less a fraction of themselves, times the learning rate.

    Args:
        params: The parameters.
        fractions: Weight decay of each; None leaves it.
        rate: Learning rate.
    """
    return [
        p if f is None else p - p * (jnp.asarray(f, p.dtype) * jnp.asarray(rate, p.dtype))
        for p, f in zip(params, fractions)
    ]


def accumulate(accumulators: list, grads: list, largest: Sequence[bool]) -> list:
    """The sums of `accumulators` and `grads`, or, where `largest` marks it, the larger of both."""

    def add(a: Any, g: Any, by_size: bool) -> Any:
        if g is None:
            return a
        g = g.astype(a.dtype)
        return jnp.maximum(a, g) if by_size else a + g

    return [add(a, g, by_size) for a, g, by_size in zip(accumulators, grads, largest)]


def average(averages: list, params: list, momentum: float, updates: Any) -> list:
    """Exponential moving averages of `params`; the first value, of update 0, is taken whole: an average that began at
    zero would be too small."""
    share = jnp.where(updates == 0, 0.0, momentum)

    def mix(a: Any, p: Any) -> Any:
        if a is None:
            return None
        kept = share.astype(p.dtype)
        return (kept * a + (1 - kept) * p).astype(a.dtype)

    return [mix(a, p) for a, p in zip(averages, params)]


def choose(condition: Any, values: list, others: list) -> list:
    """`values` where a scalar condition holds, else `others`; None among `values` is no value."""
    return [o if v is None else jnp.where(condition, v, o).astype(o.dtype) for v, o in zip(values, others)]


def conditional(condition: Any, on_true: Callable[[], T], on_false: Callable[[], T]) -> T:
    """`if` on a scalar that may be traced, between two functions that return arrays of the same structure.

    >>> print(conditional(jnp.array(True), lambda: jnp.ones(2), lambda: jnp.zeros(2)))
    [1. 1.]
    """
    if not is_tracer(condition):
        return on_true() if bool(condition) else on_false()
    return lax.cond(condition, on_true, on_false)


def present(grads: list) -> list:
    """The gradients that there are."""
    return [g for g in grads if g is not None]


def global_norm(grads: Sequence[Any]) -> Any:
    """The Euclidean norm of all gradients together, in float32 at least."""
    return jnp.sqrt(sum(jnp.sum(jnp.square(_wide(g))) for g in grads))


def all_finite(grads: Sequence[Any]) -> Any:
    """Whether no gradient has an infinity or a NaN."""
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(g)) for g in grads]))


def _wide(x: Any) -> Any:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def _norm(x: Any) -> Any:
    return jnp.sqrt(jnp.sum(jnp.square(_wide(x))))


def _shrink(x: Any, norm: Any, limit: float) -> Any:
    return (x * (limit / jnp.maximum(norm, limit))).astype(x.dtype)
