"""Ops of sparse tensors.

Ops whose results are sparse compute on them as they are, where JAX has a rule for that; all others make them dense.
A symbolic tensor says so, too (`KerasTensor.sparse`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from .convert import unwrap
from .engine import import_jax, is_tracer
from .sparse import any_sparse as any_sparse
from .sparse import as_sparse, dense, is_sparse
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


class Definition(Protocol):
    """The part of an op's definition (`core.op.OpDefinition`) that a call with sparse tensors needs."""

    name: str
    fn: Callable

    @property
    def signature(self) -> inspect.Signature: ...

    @property
    def tensors(self) -> Mapping[str, Callable]: ...


def call(op: Definition, args: tuple, kwargs: dict[str, Any]) -> Any:
    """Computes an op of arguments among which are sparse tensors.

    Args:
        op: Its definition.
        args, kwargs: The arguments.
    """
    bound = op.signature.bind(*args, **kwargs)
    tensors = {k: v for k, v in bound.arguments.items() if k in op.tensors and v is not None}

    def function(tensors: Any) -> Any:
        bound.arguments.update(tensors)
        return op.fn(*bound.args, **bound.kwargs)

    converted = map_structure(lambda x: x if is_sparse(x) else unwrap(x), tensors)
    if bound.arguments.get("sparse") is False:
        converted = dense(converted)
    return compute(op.name, function, converted)


def marked(op: str, tensors: Tree, outputs: Tree) -> Tree:
    """Returns the results of a symbolic call, marked as sparse where they are.

    Args:
        op: Name of the op.
        tensors: Its tensors, numbers among them.
        outputs: The results.
    """
    flags = [getattr(x, "sparse", False) for x in flatten(tensors)]
    if any(flags) and keeps(op, flags):
        for output in flatten(outputs):
            output.sparse = True
    return outputs


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
