"""XLA's options and loops: what suits a program on this device, as read off its jaxpr."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any

from ..core import config as settings
from ..core.engine import jax
from ..core.placement import platform

CONVOLUTIONS = ("conv_general_dilated", "conv_transpose")

# By default XLA:CPU gives single products, sums and convolutions to a library (YNNPACK). Its sums are several times as
# fast as XLA's and its convolutions half as fast; which products are faster depends on their size.
_LIBRARY = "xla_cpu_experimental_ynn_fusion_type"
_SUMS = "LIBRARY_FUSION_TYPE_REDUCE"
_PRODUCTS_AND_SUMS = f"LIBRARY_FUSION_TYPE_DOT,{_SUMS}"
_MANY_ROWS = 128  # rows from which XLA shares products between cores that its library does not


def compiler_options(jaxpr: Any, kind: str, rows: int) -> dict[str, Any]:
    """The options with which XLA makes the best of a program on this device; measured in docs/PERFORMANCE.md.

    Args:
        jaxpr: The program.
        kind: "train", "test", "predict" or "call".
        rows: Rows of its batches.
    """
    if platform() != "cpu" or not settings.get("compiler_options") or not options_are_known():
        return {}
    if has_primitive(jaxpr, *CONVOLUTIONS):
        return {_LIBRARY: _PRODUCTS_AND_SUMS if kind == "train" else _SUMS}
    if kind != "train" and has_primitive(jaxpr, "depthwise_conv"):
        # Where no gradient needs what is summed, the library would take shifted products into its sums.
        return {_LIBRARY: ""}
    return {_LIBRARY: _SUMS} if rows >= _MANY_ROWS and _products_suit_xla(jaxpr) else {}


@functools.cache
def options_are_known() -> bool:
    """Returns whether this version of XLA knows the option of `compiler_options`: it may drop it."""
    try:
        jax.jit(lambda: 0, compiler_options={_LIBRARY: _PRODUCTS_AND_SUMS}).lower().compile()
    except jax.errors.JaxRuntimeError:  # no such option
        return False
    return True


_LARGE = 1e9  # operations of matrix products in a pass, beside which its dispatch costs next to nothing on a CPU


def no_loop(jaxpr: Any, passes: int) -> str:
    """Why steps of a program had better not run in a loop on this device; empty where they do.

    In a loop a CPU runs XLA's convolutions on a path of its own, many times slower. Large steps gain nothing, and the
    loop takes XLA longer to compile.

    Args:
        jaxpr: The step.
        passes: How many forward passes the step is worth: 3 for training.
    """
    if platform() != "cpu":
        return ""
    if has_primitive(jaxpr, *CONVOLUTIONS):
        return "convolutions don't run well in loops on CPUs"
    return "large steps gain nothing from a loop on CPUs" if operations(jaxpr) > passes * _LARGE else ""


_SPEEDS = {"cpu": (2e10, 1e9, 1e-6)}  # operations of products and elements of results a second, seconds an equation
_OF_ACCELERATORS = (1e13, 1e11, 5e-6)


def seconds(jaxpr: Any) -> float:
    """Returns about how long a step takes on this kind of device, within a factor of a few."""
    return sum(overhead_and_work(jaxpr))


def overhead_and_work(jaxpr: Any) -> tuple[float, float]:
    """Returns about how many seconds of a step are spent on starting operations, and how many on computing.

    Args:
        jaxpr: The step.
    """
    products, elements, overhead = _SPEEDS.get(platform(), _OF_ACCELERATORS)
    started, work = 0.0, operations(jaxpr) / products
    for eqn, times in equations(jaxpr):
        started += times * overhead
        work += times * sum(math.prod(v.aval.shape) for v in eqn.outvars) / elements
    return started, work


def has_primitive(jaxpr: Any, *names: str) -> bool:
    """Returns whether one of these primitives is anywhere in a jaxpr."""
    return any(eqn.primitive.name in names for eqn, _ in equations(jaxpr))


def operations(jaxpr: Any) -> float:
    """Floating point operations of the matrix products in a jaxpr."""
    return sum(2.0 * times * math.prod(sizes) for sizes, _, times in _products(jaxpr))


def _products_suit_xla(jaxpr: Any) -> bool:
    """Returns whether most multiplications are in products that XLA:CPU, unlike its library, shares between cores.

    Those of 1.5 to 16 million multiplications, of at least 128 rows and not many more columns: nets of four square
    layers take 0.7 to 0.85 of the time with XLA's; smaller, larger and wider ones up to twice as long.
    """
    here = all_ = 0
    for (batch, rows, inner, columns), transposed, times in _products(jaxpr):
        if batch == 1 and not transposed:  # others are XLA's in any case
            work = rows * inner * columns
            all_ += work * times
            here += work * times * (1.5e6 <= work <= 1.6e7 and rows >= _MANY_ROWS and columns < 2 * rows)
    return here > all_ / 2


def _products(jaxpr: Any) -> Iterator[tuple[tuple[int, int, int, int], bool, int]]:
    """Of each matrix product in a jaxpr batch, rows, inner size and columns, whether rows come last, and how often."""
    for eqn, times in equations(jaxpr):
        if eqn.primitive.name == "dot_general":
            (inner_axes, _), (batch_axes, _) = eqn.params["dimension_numbers"]
            left, right = (v.aval.shape for v in eqn.invars)
            batch, inner = (math.prod(left[i] for i in axes) for axes in (batch_axes, inner_axes))
            whole = max(batch * inner, 1)
            transposed = tuple(inner_axes) != (len(left) - 1,)
            yield (batch, math.prod(left) // whole, inner, math.prod(right) // whole), transposed, times


def equations(jaxpr: Any, times: int = 1) -> Iterator[tuple[Any, int]]:
    """The equations of a jaxpr, those of its loops and branches included, and how often each runs (at least)."""
    for eqn in getattr(jaxpr, "jaxpr", jaxpr).eqns:
        yield eqn, times
        inside = times * eqn.params.get("length", 1) if eqn.primitive.name == "scan" else times
        for value in eqn.params.values():
            for part in value if isinstance(value, (list, tuple)) else [value]:
                if hasattr(part, "eqns") or hasattr(part, "jaxpr"):
                    yield from equations(part, inside)
