"""Sparse tensors: arrays of `jax.experimental.sparse.BCOO`, of which only the elements other than zero are kept."""

from __future__ import annotations

import sys
from typing import Any

from .engine import import_jax, is_tracer, jnp
from .tree import map_structure
from .types import Tree


def is_sparse(x: object) -> bool:
    """Tests whether `x` is a sparse tensor. Never imports JAX."""
    module = sys.modules.get("jax.experimental.sparse")
    return module is not None and isinstance(x, module.BCOO)


def any_sparse(values: Tree) -> bool:
    """Tests whether a sparse tensor is in a structure. Costs nothing where the program has none."""
    module = sys.modules.get("jax.experimental.sparse")
    return module is not None and _holds(values, module.BCOO)


def _holds(value: Tree, kind: type) -> bool:
    if isinstance(value, dict):
        return any(_holds(v, kind) for v in value.values())
    if isinstance(value, (list, tuple)):
        return any(_holds(v, kind) for v in value)
    return isinstance(value, kind)


def dense(values: Tree) -> Tree:
    """Makes the sparse tensors of a structure dense."""
    return map_structure(lambda x: x.todense() if is_sparse(x) else x, values)


def as_sparse(x: Any) -> Any:
    """Returns an array of JAX as a sparse one, without its zeros; a traced one, whose zeros aren't known, as it is."""
    return x if is_tracer(x) else import_jax("jax.experimental.sparse").BCOO.fromdense(jnp.asarray(x))
