"""What happens to gradients before they move anything, and conditions on functions that assign."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core.engine import is_tracer, jnp, lax
from ..core.state import StateScope
from ..core.variable import Variable


def clip(grads: list, norm: float | None, value: float | None, global_norm_limit: float | None) -> list:
    """`grads` with each one's norm, each element, or the norm of all together limited.

    >>> np.round(np.asarray(clip([jnp.array([3.0, 4.0])], norm=1.0, value=None, global_norm_limit=None)), 4)
    array([[0.6, 0.8]], dtype=float32)
    """
    if value is not None and value > 0:
        return [jnp.clip(g, -value, value) for g in grads]
    if norm is not None and norm > 0:
        return [_shrink(g, _norm(g), norm) for g in grads]
    if global_norm_limit is not None and global_norm_limit > 0:
        total = global_norm(grads)
        return [_shrink(g, total, global_norm_limit) for g in grads]
    return grads


def global_norm(grads: Sequence[Any]) -> Any:
    """The Euclidean norm of all gradients together, in float32 at least."""
    return jnp.sqrt(sum(jnp.sum(jnp.square(_wide(g))) for g in grads))


def all_finite(grads: Sequence[Any]) -> Any:
    """Whether no gradient has an infinity or a NaN."""
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(g)) for g in grads]))


def conditional(
    condition: Any, on_true: Callable[[], Any], on_false: Callable[[], Any], variables: Sequence[Variable]
) -> None:
    """`if` on a value that may be traced, between two functions that assign variables.

    Args:
        condition: A scalar bool.
        on_true, on_false: Called without arguments, both when tracing; each may read and assign `variables`.
        variables: All that either of them reads or assigns.

    >>> v = keras.Variable(1.0)
    >>> conditional(jnp.array(True), lambda: v.assign_add(1.0), lambda: v.assign(0.0), [v])
    >>> float(v)
    2.0
    """
    if not is_tracer(condition):
        (on_true if bool(condition) else on_false)()
        return

    def branch(fn: Callable[[], Any]) -> Callable[[list], list]:
        def pure(values: list) -> list:
            with StateScope(zip(variables, values)) as scope:
                fn()
            return [scope.get_current_value(v) for v in variables]

        return pure

    before = [v.value for v in variables]
    after = lax.cond(condition, branch(on_true), branch(on_false), before)
    for variable, value in zip(variables, after):
        variable.assign(value)


def _wide(x: Any) -> Any:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def _norm(x: Any) -> Any:
    return jnp.sqrt(jnp.sum(jnp.square(_wide(x))))


def _shrink(x: Any, norm: Any, limit: float) -> Any:
    return (x * (limit / jnp.maximum(norm, limit))).astype(x.dtype)
