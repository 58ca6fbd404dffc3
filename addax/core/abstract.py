"""Abstract evaluation: infers the shapes and dtypes that a function would return, without data."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from . import tracing, tree
from .dtypes import numpy_dtype, standardize_dtype, static_shape
from .engine import jax, lazy
from .keras_tensor import KerasTensor
from .state import StateScope
from .types import Shape, Tree

export = lazy("jax.export")
_UNKNOWN: Any = None
# Trial sizes for functions that can't be run on a symbol: sizes of the result that differ between them are unknown.
_TRIALS = (24, 48)
_MOST_PLACES, _MOST_SIZES = 3, 4  # limit the guesses after an error: each takes two runs of a few milliseconds


def unknown_size() -> Any:
    """Returns the symbol that stands for every unknown size."""
    global _UNKNOWN
    if _UNKNOWN is None:
        (_UNKNOWN,) = export.symbolic_shape("n")
    return _UNKNOWN


def is_unknown(size: Any) -> bool:
    """Tests whether a size stands for any, while shapes are inferred. Symbols of exported programs do not.

    Args:
        size: An int, or a symbol.
    """
    return not isinstance(size, int) and getattr(size, "scope", None) is unknown_size().scope


Specs = list[tuple[tuple, Any]]  # shape and dtype of each array


class _Call:
    """A call whose arguments hold KerasTensors, to be evaluated abstractly for one choice of sizes or another."""

    def __init__(self, fn: Callable, args: tuple, kwargs: dict[str, Any]):
        self.fn = fn
        self.arguments = (args, kwargs)
        self.leaves = tree.flatten(self.arguments)
        self.symbolic = [i for i, leaf in enumerate(self.leaves) if isinstance(leaf, KerasTensor)]
        self.shapes: list[tuple] = [self.leaves[i].shape for i in self.symbolic]

    @property
    def other_shapes(self) -> list[tuple]:
        """The shapes of the arguments that are arrays already."""
        return [tuple(leaf.shape) for leaf in self.leaves if _has_static_shape(leaf)]

    def run(self, shapes: list[tuple]) -> tuple[Any, Specs]:
        """Evaluates with `shapes` in place of the KerasTensors; returns the result and the specs of its arrays."""
        specs = [
            jax.ShapeDtypeStruct(shape, numpy_dtype(self.leaves[i].dtype)) for i, shape in zip(self.symbolic, shapes)
        ]
        structure: list = []  # `eval_shape` returns arrays alone: the rest of the result is kept here

        def pure(arrays: list) -> list:
            filled = list(self.leaves)
            for i, array in zip(self.symbolic, arrays):
                filled[i] = array
            args, kwargs = tree.pack_sequence_as(self.arguments, filled)
            with StateScope(abstract=True):
                out = self.fn(*args, **kwargs)
            structure.append(out)
            return [leaf for leaf in tree.flatten(out) if _is_arraylike(leaf)]

        with tracing.lock:
            results = jax.eval_shape(pure, specs)
        return structure[-1], [(static_shape(r), r.dtype) for r in results]

    def run_twice(self, shapes: list[tuple]) -> tuple[Any, Specs]:
        """Evaluates for two trial sizes of what is unknown; the sizes of the result that differ are unknown."""
        (out, first), (_, second) = (self.run([_with(shape, size) for shape in shapes]) for size in _TRIALS)
        if len(first) != len(second):
            raise ValueError(
                f"The number of tensors in the result depends on an unknown size. Received shapes: {shapes}"
            )
        return out, [
            (tuple(m if m == n else None for m, n in zip(a, b)), dtype) for (a, dtype), (b, _) in zip(first, second)
        ]


def abstract_call(fn: Callable, args: tuple, kwargs: dict[str, Any]) -> Any:
    """Evaluates `fn(*args, **kwargs)` abstractly: returns its result as KerasTensors.

    Args:
        fn: Function of arrays. Variables it reads need no values, and its assignments are dropped.
        args: Positional arguments; KerasTensors anywhere in them stand for arrays.
        kwargs: Keyword arguments, likewise.

    Returns:
        The structure that `fn` returns, with a KerasTensor for each array.

    >>> abstract_call(lambda x: x[:, :2].sum(axis=1), (KerasTensor((None, 4)),), {}).shape
    (None,)
    """
    try:
        return _evaluated(_Call(fn, args, kwargs))
    except Exception as error:
        if _about_computed_size(error):
            error.add_note(_COMPUTED_SIZE)
        raise


def _evaluated(call: _Call) -> Any:
    shapes = call.shapes
    if not any(None in shape for shape in shapes):
        return _to_keras_tensors(*call.run(shapes))
    try:
        return _to_keras_tensors(*call.run([_with(shape, unknown_size()) for shape in shapes]))
    except Exception as error:
        # Code that needs an integer (`int(x.shape[0])`, a split in two) fails on the symbol.
        failed = error
    try:
        return _to_keras_tensors(*call.run_twice(shapes))
    except Exception as error:
        failed = error if _about_symbol(failed) else failed
    # An unknown size that meets a known one can only be equal to it.
    for guess in _guesses(shapes, call.other_shapes):
        with contextlib.suppress(Exception):
            return _to_keras_tensors(*call.run_twice(guess))
    raise failed from None


def _with(shape: Shape, size: Any) -> tuple:
    """Replaces the unknown sizes of a shape by `size`, an int or a symbol."""
    return tuple(size if d is None else d for d in shape)


def _has_static_shape(leaf: object) -> bool:
    return hasattr(leaf, "shape") and not isinstance(leaf, KerasTensor)


def _guesses(shapes: list[tuple], others: list[tuple]) -> Iterator[list[tuple]]:
    """Yields `shapes` with unknown sizes replaced by known sizes of other arguments, which may make them fit together.

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
    """Tests whether an error may come from the symbol for an unknown size, which has no value and is no number."""
    names = ("InconclusiveDimensionOperation", "TypeError", "ConcretizationTypeError")
    return type(error).__name__ in names or "value of dtype object to a tensor" in str(error)


_COMPUTED_SIZE = (
    "If this is a shape: results of `ops` functions have no values while shapes are inferred and programs are traced. "
    "Take sizes from `ops.shape(x)` and compute with Python's operators, as in `(ops.shape(x)[0], 1, 1)`."
)


def _about_computed_size(error: Exception) -> bool:
    """Tests whether an error may come from a size that is the result of a traced computation."""
    if isinstance(error, (jax.errors.TracerArrayConversionError, jax.errors.TracerIntegerConversionError)):
        return True
    return isinstance(error, TypeError) and "1D sequences of concrete values" in str(error)


def _is_arraylike(value: object) -> bool:
    return isinstance(value, jax.Array) or hasattr(value, "__array__")


def _to_keras_tensors(structure: Tree, found: Specs) -> Tree:
    specs = iter(found)

    def convert(leaf: object) -> object:
        if not _is_arraylike(leaf):
            return leaf
        shape, dtype = next(specs)
        return KerasTensor(shape, standardize_dtype(dtype))

    return tree.map_structure(convert, structure)
