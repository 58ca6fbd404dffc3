"""Dtypes of results: every op, for every pair of dtypes and Python numbers, as Keras computes it. Nothing is compiled.

Calls that Keras refuses may work in addax.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import pytest

import addax

from . import test_ops as table

keras = pytest.importorskip("keras")

DTYPES = "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 bfloat16 float32 float64".split()
NUMBERS = {"True": True, "2": 2, "2.5": 2.5}
SAMPLE = [("bool", "int8"), ("int32", "float16"), ("bfloat16", "2.5")]


def cases() -> dict[str, table.Case]:
    """A case of each op with one tensor, and one with several, by name."""
    found: dict[str, table.Case] = {}
    for case in (*table.NUMPY, *table.CORE, *table.NN, *table.LINALG, *table.MATH, *table.IMAGES):
        tensors = len(table.tensors(case))
        if tensors:
            found.setdefault(case.op if tensors == 1 else f"{case.op} of {tensors}", case)
    return found


CASES = cases()


def result(lib: Any, case: table.Case, kinds: tuple[str, ...]) -> Any:
    """Dtypes of the results where the first tensors are of these kinds; the error where there is one."""
    tensors = table.tensors(case)
    kinds = (*kinds, *(x.dtype for x in tensors[len(kinds) :]))
    specs = [jax.ShapeDtypeStruct(x.shape, kind) for x, kind in zip(tensors, kinds) if kind not in NUMBERS]

    def call(arrays: list[Any]) -> list[Any]:
        rest = iter(arrays)
        found = table.call(lib.ops, case, [NUMBERS[kind] if kind in NUMBERS else next(rest) for kind in kinds])
        return [x if hasattr(x, "dtype") else np.asarray(x) for x in found]

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of casts that lose something
            return [str(x.dtype) for x in jax.eval_shape(call, specs)]
    except Exception as error:
        return error


def check(case: table.Case, pairs: Any) -> None:
    wrong = {}
    for kinds in pairs:
        expected, found = (result(lib, case, kinds) for lib in (keras, addax))
        if found != expected and not isinstance(expected, Exception):
            wrong[kinds] = f"{found!r} rather than {expected}"
    assert wrong == {}


def pairs(case: table.Case, dtypes: list[str]) -> Iterator[tuple[str, ...]]:
    """All kinds of the first tensor, or of the first two."""
    if len(table.tensors(case)) == 1:
        yield from ((dtype,) for dtype in dtypes)
    else:
        both = itertools.product([*dtypes, *NUMBERS], repeat=2)
        yield from (kinds for kinds in both if not set(kinds) <= set(NUMBERS))


@pytest.mark.parametrize("name", CASES)
def test_dtypes(name: str) -> None:
    case = CASES[name]
    check(case, SAMPLE if len(table.tensors(case)) > 1 else [("int8",)])


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_all_dtypes(name: str) -> None:
    check(CASES[name], pairs(CASES[name], DTYPES))
