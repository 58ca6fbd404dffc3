"""Abstract evaluation: the shapes and dtypes a function would return, found by running it on no data."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from . import tracing, tree
from .dtypes import numpy_dtype, standardize_dtype, static_shape
from .engine import jax, lazy
from .keras_tensor import KerasTensor
from .state import StateScope

export = lazy("jax.export")
_UNKNOWN: Any = None
# What unknown sizes become where a function can't be run on a symbol: two runs, and what differs is unknown.
_TRIALS = (24, 48)
_MOST_PLACES, _MOST_SIZES = 3, 4  # how many guesses an error may cost: each takes two runs of a few milliseconds


def unknown_size() -> Any:
    """The symbol that stands for every unknown size."""
    global _UNKNOWN
    if _UNKNOWN is None:
        (_UNKNOWN,) = export.symbolic_shape("n")
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
    shapes = [leaves[i].shape for i in dynamic]

    def run(sizes: list[tuple]) -> tuple[Any, list]:
        specs = [jax.ShapeDtypeStruct(size, numpy_dtype(leaves[i].dtype)) for i, size in zip(dynamic, sizes)]

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
        with tracing.lock:
            results = jax.eval_shape(pure, specs)
        return structure[-1], results

    def run_twice(shapes: list[tuple]) -> tuple[Any, list]:
        (out, first), (_, second) = (run([_with(shape, size) for shape in shapes]) for size in _TRIALS)
        if len(first) != len(second):
            raise ValueError(f"How many tensors come out depends on a size that is unknown. Received shapes: {shapes}")
        return out, [
            (tuple(a if a == b else None for a, b in zip(r.shape, s.shape)), r.dtype) for r, s in zip(first, second)
        ]

    if not any(None in shape for shape in shapes):
        out, results = run(shapes)
        return _to_keras_tensors(out, [(r.shape, r.dtype) for r in results])
    try:
        out, results = run([_with(shape, unknown_size()) for shape in shapes])
        return _to_keras_tensors(out, [(static_shape(r), r.dtype) for r in results])
    except Exception as error:
        # Code that needs an integer (`int(x.shape[0])`, a split in two) fails on the symbol.
        failed = error
    try:
        return _to_keras_tensors(*run_twice(shapes))
    except Exception as error:
        failed = error if _about_symbol(failed) else failed
    # Where an unknown size meets a known one, it can only be that.
    for guess in _guesses(shapes, [tuple(leaf.shape) for leaf in leaves if _has_static_shape(leaf)]):
        with contextlib.suppress(Exception):
            return _to_keras_tensors(*run_twice(guess))
    raise failed from None


def _with(shape: tuple, size: Any) -> tuple:
    """`shape` with `size` for what is unknown."""
    return tuple(size if d is None else d for d in shape)


def _has_static_shape(leaf: Any) -> bool:
    return hasattr(leaf, "shape") and not isinstance(leaf, KerasTensor)


def _guesses(shapes: list[tuple], others: list[tuple]) -> Iterator[list[tuple]]:
    """`shapes` with known sizes of other arguments in place of unknown ones: what may make them fit together.

    Tensors are aligned at their last axes, as for broadcasting; then each unknown size alone is tried with each known
    one, as for products.
    """
    arguments = [*shapes, *others]
    by_axis: dict[int, int] = {}
    for shape in arguments:
        for i, size in enumerate(reversed(shape)):
            if size not in (None, 1):
                by_axis.setdefault(i, size)
    aligned = [
        tuple(by_axis.get(len(shape) - 1 - i) if d is None else d for i, d in enumerate(shape)) for shape in shapes
    ]
    if aligned != shapes and len(arguments) > 1:
        yield aligned
    places = [(i, j) for i, shape in enumerate(shapes) for j, d in enumerate(shape) if d is None]
    for i, j in places[:_MOST_PLACES]:
        known = {d for k, shape in enumerate(arguments) if k != i for d in shape if d not in (None, 1)}
        for size in sorted(known)[:_MOST_SIZES]:
            yield [(*s[:j], size, *s[j + 1 :]) if k == i else s for k, s in enumerate(shapes)]


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
