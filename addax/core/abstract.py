"""Abstract evaluation: the shapes and dtypes a function would return, found by running it on no data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import tree
from .dtypes import numpy_dtype, standardize_dtype, static_shape
from .engine import jax
from .keras_tensor import KerasTensor
from .state import StateScope

_UNKNOWN: Any = None
# What unknown sizes become where a function can't be run on a symbol: two runs, and what differs is unknown.
_TRIALS = (24, 48)


def unknown_size() -> Any:
    """The symbol that stands for every unknown size."""
    global _UNKNOWN
    if _UNKNOWN is None:
        import jax.export

        (_UNKNOWN,) = jax.export.symbolic_shape("n")
    return _UNKNOWN


def abstract_call(fn: Callable, args: tuple, kwargs: dict[str, Any]) -> Any:
    """What `fn(*args, **kwargs)` would return, as KerasTensors.

    Args:
        fn: A function of arrays. Variables it reads need no values, and its assignments are dropped.
        args: Positional arguments; KerasTensors anywhere in them stand for arrays.
        kwargs: Keyword arguments, likewise.

    Returns:
        The structure that `fn` returns, with a KerasTensor for each array.

    >>> abstract_call(lambda x: x[:, :2].sum(axis=1), (KerasTensor((None, 4)),), {}).shape
    (None,)
    """
    leaves = tree.flatten((args, kwargs))
    dynamic = [i for i, leaf in enumerate(leaves) if isinstance(leaf, KerasTensor)]
    has_unknown = any(None in leaves[i].shape for i in dynamic)

    def run(size: Any) -> Any:
        specs = [
            jax.ShapeDtypeStruct(tuple(size if d is None else d for d in leaves[i].shape), numpy_dtype(leaves[i].dtype))
            for i in dynamic
        ]

        def pure(arrays: list) -> Any:
            filled = list(leaves)
            for i, array in zip(dynamic, arrays):
                filled[i] = array
            new_args, new_kwargs = tree.pack_sequence_as((args, kwargs), filled)
            with StateScope(abstract=True):
                out = fn(*new_args, **new_kwargs)
            structure.append(out)
            return [leaf for leaf in tree.flatten(out) if _is_arraylike(leaf)]

        structure: list = []
        shapes = jax.eval_shape(pure, specs)
        return structure[-1], shapes

    if not has_unknown:
        out, results = run(None)
        return _to_keras_tensors(out, [(r.shape, r.dtype) for r in results])
    try:
        out, results = run(unknown_size())
        found = [(static_shape(r), r.dtype) for r in results]
    except Exception as error:
        # Code that needs an integer (`int(x.shape[0])`, a split in two) fails on the symbol.
        try:
            (out, first), (_, second) = (run(size) for size in _TRIALS)
        except Exception as concrete:
            raise (concrete if _about_symbol(error) else error) from None
        found = [
            (tuple(a if a == b else None for a, b in zip(r.shape, s.shape)), r.dtype) for r, s in zip(first, second)
        ]
    return _to_keras_tensors(out, found)


def _about_symbol(error: Exception) -> bool:
    return type(error).__name__ in ("InconclusiveDimensionOperation", "TypeError", "ConcretizationTypeError")


def _is_arraylike(value: Any) -> bool:
    return isinstance(value, jax.Array) or hasattr(value, "__array__")


def _to_keras_tensors(structure: Any, found: list) -> Any:
    specs = iter(found)

    def convert(leaf: Any) -> Any:
        if not _is_arraylike(leaf):
            return leaf
        shape, dtype = next(specs)
        return KerasTensor(shape, standardize_dtype(dtype))

    return tree.map_structure(convert, structure)
