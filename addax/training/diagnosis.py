"""Examination of a training step with a value that is not finite: the layer and the direction in which it began."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import tree
from ..core.config import thread
from ..core.engine import is_jax_array, is_tracer, jax, jnp
from ..core.graph import Operation
from ..core.masks import get_mask, set_mask
from ..core.types import Array, Tree
from ..core.variable import Variable
from ..layers.layer_errors import made_at
from . import outputs
from .program import State
from .steps import StepModel

_HUGE = 1e15  # larger outputs mean that training has diverged


def all_finite(value: Array) -> bool:
    """Returns whether an array has no NaN and no infinity; True for integers."""
    return not jnp.issubdtype(value.dtype, jnp.floating) or bool(jnp.isfinite(value).all())


def row_list(rows: np.ndarray) -> str:
    """Returns the numbers of the first few rows, as a text."""
    shown = ", ".join(str(int(r)) for r in rows[:8])
    return f"{shown}, ..." if len(rows) > 8 else shown


def _floats(structure: Tree) -> list[Array]:
    return [x for x in tree.flatten(structure) if is_jax_array(x) and jnp.issubdtype(x.dtype, jnp.floating)]


class Call:
    """One call of a layer or op, its inputs and its outputs.

    Args:
        operation: The layer or op.
        path: Its name, after those of the layers that it is called in.
        depth: Number of layers that it is called in.

    Attributes:
        entered, left: Numbers of the arrays that went in and came out, counted over all calls.
        ins, outs: The arrays.
    """

    def __init__(self, operation: Operation, path: str, depth: int):
        self.operation = operation
        self.path = path
        self.depth = depth
        self.entered: list[int] = []
        self.left: list[int] = []
        self.ins: list = []
        self.outs: list = []

    @property
    def called(self) -> str:
        """The name of the layer or op in reports."""
        kind = getattr(self.operation, "definition", None)
        kind = f"op {kind.name}" if kind is not None else type(self.operation).__name__
        return f"layer '{self.path}' ({kind}{made_at(self.operation)})"


class Probe:
    """Records the inputs and outputs of every call, and makes their gradients available.

    Args:
        zeros: For each array that goes in or out, in order, zeros of its shape, which are added to it: the gradient
            with respect to them is the array's. None to only record.
    """

    def __init__(self, zeros: list[Array] | None = None):
        self.zeros = zeros
        self.shapes: list[tuple] = []
        self.calls: list[Call] = []  # in the order of their ends: a layer comes after the calls inside it
        self._open: list[Call] = []

    def enter(self, operation: Operation, structure: Tree) -> Tree:
        """Records the inputs of a call; returns them."""
        outer = self._open[-1].path + "/" if self._open else ""
        call = Call(operation, outer + operation.name, len(self._open))
        self._open.append(call)
        call.ins = _floats(structure)
        return self._pass(structure, call.entered)

    def leave(self, structure: Tree) -> Tree:
        """Records the outputs of the innermost call; returns them."""
        call = self._open.pop()
        self.calls.append(call)
        call.outs = _floats(structure)
        return self._pass(structure, call.left)

    def _pass(self, structure: Tree, numbers: list[int]) -> Tree:
        def one(x: Any) -> Any:
            if not is_jax_array(x) or not jnp.issubdtype(x.dtype, jnp.floating):
                return x
            number = len(self.shapes)
            numbers.append(number)
            self.shapes.append((x.shape, x.dtype))
            if self.zeros is None or number >= len(self.zeros) or self.zeros[number].shape != x.shape:
                return x
            mask = get_mask(x)  # the sum is a new array, without it
            x = x + self.zeros[number].astype(x.dtype)
            if mask is not None:
                set_mask(x, mask)
            return x

        return tree.map_structure(one, structure)

    def __enter__(self) -> Probe:
        thread.probe = self
        return self

    def __exit__(self, *exc: object) -> None:
        thread.probe = None


def diagnose(model: StepModel, state: State, data: tuple, after: State, rows: np.ndarray | None = None) -> str:
    """Returns the place where a training step first has a value that is not finite, as a text.

    The step is run outside of any compiled program, forward and then backward, and the inputs and outputs of every
    layer are recorded.

    Args:
        model: The model.
        state: Values of its variables before the step, in the groups of a training program.
        data: The batch.
        after: Values after the step.
        rows: Numbers of the batch's rows in the data, where they are known.
    """
    trainable, non_trainable, optimizer, metrics = state
    x, y, sample_weight = (*data, None, None)[:3]
    variables = model.trainable_variables

    def loss_of(trainable: list, probe: Probe) -> tuple:
        with probe:
            return model.compute_loss_and_updates(
                trainable, non_trainable, metrics, x, y, sample_weight, training=True, optimizer_variables=optimizer
            )

    for role, part in (("x", x), ("y", y), ("sample_weight", sample_weight)):
        if not all(all_finite(jnp.asarray(a)) for a in tree.flatten(part) if a is not None):
            return f"the batch itself has such values, in `{role}`. Leave those rows out, or fill them."
    bad = [v.path for v, value in zip(variables, trainable) if not all_finite(value)]
    if bad:
        return f"the weights had such values before it: {', '.join(bad[:3])}."
    looking = Probe()
    _, (loss, y_pred, _, _) = loss_of(trainable, looking)
    found = _forward(model, looking, loss, y_pred, y, sample_weight, rows)
    if found is not None:
        return found
    zeros = [jnp.zeros(shape, dtype) for shape, dtype in looking.shapes]

    def scaled(trainable: list, zeros: list) -> Any:
        adding.append(Probe(zeros))
        return loss_of(trainable, adding[-1])[0]

    adding: list[Probe] = []
    gradients, cotangents = jax.grad(scaled, argnums=(0, 1))(trainable, zeros)
    if [c.path for c in adding[-1].calls] != [c.path for c in looking.calls]:
        cotangents = []  # other layers were called (by a random choice), so that only the weights' gradients count
    return _backward(looking.calls, cotangents, variables, gradients, loss) or _update(model, variables, after)


def _forward(
    model: StepModel, probe: Probe, loss: Array, y_pred: Tree, y: Tree, sample_weight: Tree, rows: np.ndarray | None
) -> str | None:
    """Returns the first layer whose inputs are finite and whose outputs are not, or the loss, as a text."""
    size = next((int(a.shape[0]) for a in tree.flatten(y_pred) if getattr(a, "ndim", 0)), 0)
    for call in probe.calls:
        outs = [o for o in call.outs if not is_tracer(o)]
        ins = [i for i in call.ins if not is_tracer(i)]
        if all(all_finite(o) for o in outs) or not all(all_finite(i) for i in ins):
            continue
        bad = next(o for o in outs if not all_finite(o))
        return (
            f"forward, in {call.called}: its output has {_count(bad)}{_in_rows(bad, size, rows)}, its inputs "
            f"{_range(ins)} are finite and so are its weights. Look for a division by 0, the logarithm or root of a "
            "number that is 0 or less, or an exponential or sum that is too large."
        )
    if not all_finite(loss):
        outs = _floats(y_pred)
        huge = any(float(jnp.abs(o).max()) > _HUGE for o in outs if o.size)
        return (
            f"forward, in the loss: it is {float(loss)}, while the model's outputs {_range(outs)} are finite."
            f"{_which_loss(model, y_pred, y, sample_weight)} "
            + (
                "The outputs have grown out of all measure: try a smaller learning rate, or `clipnorm=1.0`."
                if huge
                else "Look for a logarithm of 0 or a division by 0 in it."
            )
        )
    return None


def _in_rows(value: Array, size: int, rows: np.ndarray | None) -> str:
    """Names the rows of the batch, or of the data if known, with values that are not finite."""
    if value.ndim == 0 or value.shape[0] != size:
        return ""
    bad = np.flatnonzero(~np.isfinite(np.asarray(value, "float32")).reshape(size, -1).all(axis=1))
    return f", in rows {row_list(bad)} of the batch" if rows is None else f", in rows {row_list(rows[bad])} of the data"


def _which_loss(model: StepModel, y_pred: Tree, y: Tree, sample_weight: Tree) -> str:
    """Names the compiled loss that is not finite."""
    compiled = model._compile_loss
    if compiled is None:
        return ""
    true = outputs.flatten_labels(y, y_pred, compiled.names, compiled.alternatives)
    weight = outputs.flatten_labels(sample_weight, y_pred, compiled.names, compiled.alternatives, "sample_weight")
    for i, label, loss, _ in compiled.entries:
        if true[i] is not None:
            value = loss(true[i], tree.flatten(y_pred)[i], sample_weight=weight[i])
            if not all_finite(jnp.asarray(value)):
                name = getattr(getattr(loss, "fn", None), "__name__", loss.name)
                return f" It is '{name}' of {outputs.called(compiled.names, i) if compiled.names[i] else label}."
    return " The compiled losses are finite: it is one added by a layer or a regularizer."


def _backward(calls: list[Call], cotangents: list, variables: list, gradients: list, loss: Array) -> str | None:
    """Returns the last layer through which the gradient stays finite up to its output only, as a text.

    Args:
        calls: The calls of the step.
        cotangents: Gradients of the loss with respect to the numbered inputs and outputs; empty if not known.
        variables: The trainable variables.
        gradients: Their gradients.
        loss: The loss, finite.
    """
    finite = [all_finite(c) for c in cotangents]
    bad = {id(v): v for v, g in zip(variables, gradients) if not all_finite(g)}
    if not bad and all(finite):
        return None
    start = f"backward (the loss, {float(loss):.6g}, is finite), in "
    found = _first_backward(calls, finite, bad) if cotangents else None
    if found is not None:
        call, what = found
        return (
            f"{start}{call.called}: the gradient of its output is finite, the gradient {what} is not. Look for a "
            "square root, norm, power or logarithm at 0, or a `where` that only hides such a value."
        )
    ends = [call for call in calls if call.depth == 0]
    if cotangents and ends and not all(finite[n] for n in ends[-1].left):
        return (
            f"{start}the loss: its gradient with respect to the model's output is not finite. Look for a square root, "
            "norm or logarithm at 0 in it."
        )
    return f"{start}the weights {', '.join(v.path for v in bad.values())}: their gradients are not finite."


def _first_backward(calls: list[Call], finite: list[bool], bad: dict[int, Variable]) -> tuple[Call, str] | None:
    """Returns the call in which the backward pass stops being finite, and the gradient that isn't.

    Args:
        calls: The calls of the step.
        finite: Whether the gradient of each numbered input and output is finite.
        bad: Variables by id whose gradients are not finite.
    """
    suspects = []
    for call in reversed(calls):
        own = [v for v in getattr(call.operation, "_trainable_variables", ()) if id(v) in bad]
        enters = all(finite[n] for n in call.left)
        inputs = all(finite[n] for n in call.entered)
        if enters and not inputs:
            suspects.append((call, "of its inputs"))
        elif enters and own:
            suspects.append((call, f"of {', '.join(v.path for v in own)}"))
    # The innermost one tells most: the layers around it are suspects, too.
    return max(suspects, key=lambda s: s[0].depth, default=None)


def _update(model: StepModel, variables: list[Variable], after: State) -> str:
    """Returns the weights that the optimizer's update made not finite, as a text."""
    bad = [v.path for v, value in zip(variables, after[0]) if not all_finite(value)]
    if not bad:
        return "run outside of the compiled program, the step has only finite values."
    rate = model.optimizer.learning_rate
    return (
        f"in the optimizer's update ({type(model.optimizer).__name__}, learning_rate={float(rate):.3g}): the loss and "
        f"all gradients are finite, the new values of {', '.join(bad[:3])} are not. Try a smaller learning rate, or "
        "`clipnorm=1.0`."
    )


def _count(value: Array) -> str:
    nans, infs = int(jnp.isnan(value).sum()), int(jnp.isinf(value).sum())
    found = " and ".join(f"{n} {label}" for n, label in ((nans, "NaN"), (infs, "infinite")) if n)
    return f"{found} of {value.size} values"


def _range(values: list[Array]) -> str:
    values = [v for v in values if v.size]
    if not values:
        return ""
    low, high = min(float(v.min()) for v in values), max(float(v.max()) for v in values)
    return f"(from {low:.4g} to {high:.4g})"


__all__ = ["diagnose"]
