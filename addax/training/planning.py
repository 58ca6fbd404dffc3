"""Costs of a model's step, found by tracing it: nothing is computed."""

from __future__ import annotations

import copy
import math
from contextlib import nullcontext
from typing import Any, NamedTuple

from ..core import tracing, tree
from ..core.config import thread
from ..core.engine import jax
from ..core.graph import Operation
from ..core.placement import Placement, planned
from ..core.types import Tree
from ..data.batches import packed
from ..losses.facts import fact
from .blocks import recomputed
from .compile import as_loss, compiled
from .micro_batches import in_parts
from .outputs import layer_names, output_names
from .prepare import prediction_spec, prepare
from .program import Program, batch_
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
    x = _inputs_of(model, rows)
    if x is None:
        return None
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


class _Marker:
    """Marks what each layer computes by a name scope with its number, from which its path is found again."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self._open: list[tuple[str, Any]] = []

    def enter(self, operation: Operation, structure: Tree) -> Tree:
        path = f"{self._open[-1][0]}/{operation.name}" if self._open else operation.name
        self._open.append((path, jax.named_scope(f"call{len(self.paths)}.")))
        self.paths.append(path)
        self._open[-1][1].__enter__()
        return structure

    def leave(self, structure: Tree) -> Tree:
        self._open.pop()[1].__exit__(None, None, None)
        return structure


def compiled_step(
    model: StepModel, rows: int, spread: Placement | None, parts: int | None = None
) -> tuple[Any, list[str]]:
    """Returns the training step of a model, compiled for devices that needn't be there, and the paths of its calls.

    Nothing is computed, no weight is made, and the model stays as it is. In the names of the program's operations,
    "call3." stands for the call of path number 3.

    Args:
        model: The model, built and compiled.
        rows: Rows of a batch, over all devices.
        spread: The devices, and the layouts of variables; None for the default device.
        parts: Argument `micro_batches` of `fit`.

    Raises:
        ValueError: It can't be compiled before its data are known.
    """
    x = _inputs_of(model, rows)
    if x is None or not model.compiled or model.optimizer is None:
        raise ValueError(
            f"`compile=True` compiles the training step, for which model '{model.name}' must be compiled and the "
            "shapes of its inputs known."
        )
    given = model._compile_arguments or {}
    names = ("loss", "loss_weights", "metrics", "weighted_metrics", "missing_labels")
    outer = dict(vars(model))
    # Losses and metrics of their own: the labels are a guess, by which those of the model may not be built.
    loss, metrics = compiled(**{n: copy.deepcopy(given[n]) for n in names if n in given})
    try:
        vars(model).update(_compile_loss=loss, _compile_metrics=metrics, _prepared_for=None)
        with in_parts(model, parts):
            return _compiled(model, x, _labels_for(model, x), rows, spread)
    finally:
        vars(model).update({name: outer[name] for name in ("_compile_loss", "_compile_metrics", "_prepared_for")})


def _compiled(model: StepModel, x: Tree, y: Tree, rows: int, spread: Placement | None) -> tuple[Any, list[str]]:
    prepare(model, x, y)
    marker = _Marker()
    with nullcontext() if spread is None else planned(spread):
        program = Program(model, "train")
        if program.eager:
            raise ValueError(f"The steps of model '{model.name}' run eagerly, so there is no program to read.")

        def spec(v: Any) -> Any:
            place = None if spread is None else spread.sharding_of(v)
            return jax.ShapeDtypeStruct(v.shape, v._dtype, sharding=place)

        state = [[spec(v) for v in group] for group in program.groups]
        data = packed((x, y, None))
        if spread is not None:
            size = -(-rows // spread.devices) * spread.devices
            place = spread.sharding(spread.row_axes)
            data = jax.tree.map(lambda a: jax.ShapeDtypeStruct((size, *a.shape[1:]), a.dtype, sharding=place), data)
        with thread.setting(probe=marker):
            found = program._find(batch_, None if spread is None else rows, (state, data, None))
        return found.get(), marker.paths


def _labels_for(model: StepModel, x: Tree) -> Tree:
    """Returns specs of the labels that a model's losses take: class numbers, or arrays like the outputs."""
    outputs = prediction_spec(model, x)
    losses = model._compile_loss
    if losses is None:
        return None
    losses.names, losses.alternatives = output_names(model, outputs), layer_names(model, outputs)
    found = [
        None if loss is None else _label(loss, jax.ShapeDtypeStruct(t.shape, t.dtype))
        for loss, t in zip(losses._per_output(), tree.flatten(outputs))
    ]
    return tree.pack_sequence_as(outputs, found)


def _label(loss: Any, output: Any) -> Any:
    known = isinstance(loss, str) and loss.lower() in ("crossentropy", "ce")
    if not known and fact(as_loss(loss), "labels") == "class":
        return jax.ShapeDtypeStruct(output.shape[:-1], "int32")
    return jax.ShapeDtypeStruct(output.shape, "float32")


def _inputs_of(model: StepModel, rows: int) -> Tree | None:
    """Returns specs of a batch of a model's inputs; None where their shapes aren't known."""
    inputs = getattr(model, "inputs", None)
    if not inputs or any(None in t.shape[1:] for t in tree.flatten(inputs)):
        return None
    return tree.map_structure(lambda t: jax.ShapeDtypeStruct((rows, *t.shape[1:]), t.dtype), _as_given(model))


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


__all__ = ["StepCosts", "compiled_step", "costs_of_a_step"]
