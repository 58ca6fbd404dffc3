"""Costs of a model's step, found by tracing it: nothing is computed."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ..core import tracing, tree
from ..core.config import thread
from ..core.engine import jax
from ..core.types import Tree
from .blocks import recomputed
from .steps import StepModel
from .xla import equations, operations

_REMAT = ("remat2", "checkpoint")  # names of the primitive of `jax.checkpoint`


class StepCosts(NamedTuple):
    """Costs of a training step.

    Attributes:
        products: Floating point operations of its matrix products, forward and backward.
        convolutions: Those of its convolutions.
        saved: Bytes of what the forward pass keeps for the backward pass.
        blocks: Number of the blocks that the backward pass computes again.
    """

    products: float
    convolutions: float
    saved: float
    blocks: int = 0


def costs_of_a_step(model: StepModel, rows: int) -> StepCosts | None:
    """Returns the costs of a training step; None where the shapes of the model's inputs aren't known.

    Args:
        model: The model, built.
        rows: Rows of the batch.
    """
    inputs = getattr(model, "inputs", None)
    if not inputs or any(None in t.shape[1:] for t in tree.flatten(inputs)):
        return None
    x = tree.map_structure(lambda t: jax.ShapeDtypeStruct((rows, *t.shape[1:]), t.dtype), _as_given(model))
    weights, others = ([jax.ShapeDtypeStruct(v.shape, v._dtype) for v in group] for group in model._groups()[:2])

    def forward(weights: list, others: list, x: Tree) -> Any:
        return model.stateless_call(weights, others, x, training=True)[0]

    def kept(weights: list, others: list, x: Tree) -> Any:
        return jax.vjp(lambda weights: forward(weights, others, x), weights)[1]

    with tracing.lock, recomputed(model):
        blocks = len(thread.recomputed)
        jaxpr = jax.make_jaxpr(forward)(weights, others, x)
        leaves = jax.tree.leaves(jax.eval_shape(kept, weights, others, x))
    of_weights = {(v.shape, v.dtype) for v in weights}
    saved = sum(a.size * a.dtype.itemsize for a in leaves if (a.shape, a.dtype) not in of_weights)
    again = [eqn.params["jaxpr"] for eqn, _ in equations(jaxpr) if eqn.primitive.name in _REMAT]
    products, convolutions = (3 * f(jaxpr) + sum(map(f, again)) for f in (operations, _of_convolutions))
    return StepCosts(products, convolutions, saved, blocks)


def _as_given(model: Any) -> Tree:
    structure = getattr(model, "input", None)
    return model.inputs[0] if structure is None and len(model.inputs) == 1 else structure


def _of_convolutions(jaxpr: Any) -> float:
    total = 0.0
    for eqn, times in equations(jaxpr):
        if eqn.primitive.name == "conv_general_dilated":
            out, kernel = eqn.outvars[0].aval.shape, eqn.invars[1].aval.shape
            channels = kernel[eqn.params["dimension_numbers"].rhs_spec[0]]
            total += 2.0 * times * math.prod(out) * math.prod(kernel) / channels
    return total


__all__ = ["StepCosts", "costs_of_a_step"]
