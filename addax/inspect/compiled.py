"""Operations and memory of a model's forward pass, as XLA counts them in the compiled program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ..core import tree
from ..core.dtypes import numpy_dtype
from ..core.engine import is_jax_array, jax
from ..core.state import StateScope
from ..core.tracing import lock
from ..models.model import Model
from .costs import UNKNOWN_SIZES, has_unknown, inputs_of, takes_text
from .rows import readable_bytes


class Compiled(NamedTuple):
    """XLA's counts for the forward pass of one sample.

    Attributes:
        flops: Floating point operations; None where XLA doesn't count them.
        working: Bytes of intermediate results, at most at a time; None where XLA doesn't say.
        outputs: Bytes of the outputs; None where XLA doesn't say.
        unknown: The size taken for axes of unknown size; None where there are none.
    """

    flops: float | None
    working: int | None
    outputs: int | None
    unknown: int | None


def compiled_costs(model: Model) -> Compiled:
    """Compiles the forward pass of one sample and returns what XLA says of it. It is not run.

    Args:
        model: A built model.

    Raises:
        ValueError: The shapes of its inputs aren't known, or it takes text.
    """
    given = inputs_of(model)
    leaves = tree.flatten(given)
    if takes_text(leaves):
        raise ValueError(f"XLA counts nothing of model '{model.name}': it takes text.")
    unknown = UNKNOWN_SIZES[0] if has_unknown(leaves) else None
    variables = list(model.variables)

    def spec(shape: Any, dtype: str) -> Any:
        return jax.ShapeDtypeStruct(shape, numpy_dtype(dtype))

    def forward(values: list, *flat: Any) -> list[Any]:
        with StateScope(zip(variables, values)):
            outputs = model(*tree.pack_sequence_as(given, list(flat)), training=False)
        return [x for x in tree.flatten(outputs) if is_jax_array(x)]

    specs = [spec((1, *(unknown if n is None else n for n in x.shape[1:])), x.dtype) for x in leaves]
    with lock:
        lowered = jax.jit(forward).lower([spec(v.shape, v.dtype) for v in variables], *specs)
    program = lowered.compile()
    counted, memory = program.cost_analysis(), program.memory_analysis()
    counted = counted[0] if isinstance(counted, list) and counted else counted or {}
    working, outputs = (getattr(memory, f"{n}_size_in_bytes", None) for n in ("temp", "output"))
    return Compiled(counted.get("flops"), working, outputs, unknown)


def cost_lines(model: Model, flops: bool, memory: bool) -> Iterator[tuple[str, str, str]]:
    """Yields label, amount and explanation of each line of a summary about costs.

    Args:
        model: The model.
        flops: Whether operations are wanted.
        memory: Whether memory is wanted.
    """
    if not (flops or memory):
        return
    if not model.built:
        raise ValueError(
            f"`flops` and `memory` are counted in the compiled model, and model '{model.name}' is not built. Call it "
            "on data, or `build` it, first."
        )
    found = compiled_costs(model)
    of = "one sample, forward" + (f", axes of unknown size taken as {found.unknown}" if found.unknown else "")
    if flops:
        yield "FLOPs", "unknown" if found.flops is None else f"{round(found.flops):,}", of
    if memory:
        for label, size in (("Working memory", found.working), ("Outputs", found.outputs)):
            yield label, "unknown" if size is None else readable_bytes(size), of


__all__ = ["Compiled", "compiled_costs", "cost_lines"]
