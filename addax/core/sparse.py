"""Sparse tensors: arrays of `jax.experimental.sparse.BCOO`, of which only the elements other than zero are kept.

Ops whose results are sparse compute on them as they are, where JAX has a rule for that; all others make them dense.
A symbolic tensor says so, too (`KerasTensor.sparse`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from .engine import import_jax, is_tracer, jnp
from .tree import flatten, map_structure
from .types import Tree

# Ops that are zero at zero, or move elements: sparse if their tensor is.
_OF_ONE = frozenset(
    "abs absolute arcsin arcsinh arctan arctanh cast ceil conj conjugate convert_to_tensor copy expand_dims expm1 fabs "
    "floor get_item imag log1p mean negative real reshape round sign sin sinh sqrt square squeeze sum tan tanh "
    "transpose".split()
)
_OF_ALL = frozenset("add concatenate matmul maximum minimum subtract".split())  # sparse if all of their tensors are
_OF_ANY = frozenset(["multiply"])  # sparse if one of its tensors is
_OF_FIRST = frozenset(["divide", "true_divide"])  # sparse if the first tensor is, and only that


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


def keeps(op: str, sparse: Sequence[bool]) -> bool:
    """Tests whether the result of an op is sparse.

    Args:
        op: Name of the op.
        sparse: Whether each of its tensors is sparse, numbers among them.
    """
    if op in _OF_ONE:
        return sparse[0]
    if op in _OF_ALL:
        return len(sparse) > 0 and all(sparse)
    if op in _OF_ANY:
        return any(sparse)
    return op in _OF_FIRST and list(sparse) == [True, False]


def compute(op: str, function: Callable, tensors: Tree) -> Any:
    """Computes an op of tensors among which are sparse ones.

    Args:
        op: Its name.
        function: Computes it from `tensors`, or from dense ones of the same structure.
        tensors: The tensors.

    Returns:
        The result: a sparse tensor where `keeps` says so, an array elsewhere.
    """
    is_kept = keeps(op, [is_sparse(x) for x in flatten(tensors)])
    if not is_kept and op != "matmul":
        return function(dense(tensors))
    try:
        # Products of a sparse and a dense matrix are dense, and yet computed without the zeros.
        found = import_jax("jax.experimental.sparse").sparsify(function)(tensors)
    except (NotImplementedError, TypeError, ValueError):  # JAX has no rule; wrong arguments raise again
        return as_sparse(function(dense(tensors)))
    if is_sparse(found) and op in ("add", "subtract") and not is_tracer(found.data):
        return found.sum_duplicates(remove_zeros=False)  # elements of both are in it twice
    return as_sparse(found) if is_kept and not is_sparse(found) else found
