"""Rematerialization: intermediate values are computed again in the backward pass instead of kept for it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar

from . import tree
from .engine import is_jax_array, jax
from .state import StateScope, current_scope

F = TypeVar("F", bound=Callable)


def rematerialized(fn: F) -> F:
    """Returns `fn` with its intermediate values computed again when gradients are.

    Variables that `fn` assigns and losses that it adds are as without it.

    Args:
        fn: A function of arrays and settings, which may read and assign variables.

    >>> rematerialized(lambda x: jnp.sin(x) * 2)(jnp.zeros(2))
    Array([0., 0.], dtype=float32)
    """

    @functools.wraps(fn)
    def wrapper(*args: object, **kwargs: object) -> object:
        leaves = tree.flatten((args, kwargs))
        arrays = {i: x for i, x in enumerate(leaves) if is_jax_array(x)}  # the others are settings
        effects: list = []

        def pure(arrays: dict) -> tuple:
            given, options = tree.pack_sequence_as((args, kwargs), [arrays.get(i, x) for i, x in enumerate(leaves)])
            with StateScope() as scope:
                out = fn(*given, **options)
            variables = list(scope.written.values())
            effects[:] = variables, [owner for owner, _ in scope.losses]
            return out, [scope.values[id(v)] for v in variables], [loss for _, loss in scope.losses]

        out, values, losses = jax.checkpoint(pure)(arrays)
        variables, owners = effects
        for variable, value in zip(variables, values):
            variable.assign(value)
        outer = current_scope()
        for owner, loss in zip(owners, losses):
            (owner._losses.append(loss) if outer is None else outer.losses.append((owner, loss)))
        return out

    return wrapper  # type: ignore[return-value]
