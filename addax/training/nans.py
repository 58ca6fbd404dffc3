"""Where a NaN began: the steps since the last good state run again, and the bad one layer by layer.

While training runs, a `NanFinder` keeps the state of now and then on the host, and which data came since. When the loss
is not finite, it repeats those steps one at a time, bit for bit as far as the data and the state (random generators
included) decide them, until one turns bad. That step is run a third time outside of any compiled program, once forward
and once backward, with every layer's inputs and outputs looked at.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from ..core import tree
from ..core.config import thread
from ..core.engine import is_jax_array, is_tracer, jax, jnp
from ..core.masks import get_mask, set_mask
from ..data.batches import ArrayBatches, packed
from ..layers.layer_errors import made_at
from . import outputs
from .dispatches import Dispatch
from .program import State
from .runner import Observer, Runner

_HUGE = 1e15  # outputs larger than this come of training that has diverged
_LEAST, _MOST = 32, 1024  # dispatches between two copies of the state
_SHARE = 50  # and how much longer than a copy they take together, at least


class Segment:
    """A copy of the state, and the data of the dispatches since."""

    def __init__(self, epoch: int, state: list):
        self.epoch = epoch
        began = time.perf_counter()
        self.state = [[np.array(jax.device_get(v), copy=True) for v in group] for group in state]
        self.cost = time.perf_counter() - began
        self.began = time.perf_counter()
        self.dispatches: list[tuple[int, list]] = []

    @property
    def is_full(self) -> bool:
        """Whether it is time for a new copy."""
        count = len(self.dispatches)
        waited = time.perf_counter() - self.began > _SHARE * self.cost
        return count >= _MOST or (count >= _LEAST and waited)


class NanFinder(Observer):
    """Follows the training steps of a `Runner`.

    Args:
        raises: Whether to raise FloatingPointError after the dispatch whose loss is not finite.
    """

    runner: Runner

    def __init__(self, raises: bool):
        self.raises = raises
        self.epoch = 0
        self._segments: list[Segment] = []  # the present one and the one before

    def before(self, runner: Runner, dispatch: Dispatch, state: State) -> None:
        self.runner = runner
        last = self._segments[-1] if self._segments else None
        if last is None or dispatch.first == 0 or last.is_full:
            self._segments = [*self._segments[-1:], Segment(self.epoch, state)]
        self._segments[-1].dispatches.append((dispatch.first, list(dispatch.data)))

    def after(self, runner: Runner, dispatch: Dispatch, state: State, logs: Any) -> None:
        """Looks at the loss; raises FloatingPointError if it is not finite."""
        loss = logs.get("loss") if isinstance(logs, dict) else None
        if not self.raises or loss is None or np.isfinite(float(loss)):
            return
        text, before, step, epoch = self._search()
        runner.program.settle()
        if before is not None:
            runner.program.write(before)
            text += f"\nThe model has the weights from before step {step + 1} of epoch {epoch + 1}."
        raise FloatingPointError(text)

    def explain(self) -> str:
        """Where the first value that is not finite came from, for a person to read."""
        return self._search()[0]

    def _search(self) -> tuple[str, Any, int, int]:
        """The report, and the state before the bad step, its number and its epoch."""
        program = self.runner.program
        for segment in self._segments:
            state = _on_device(segment.state)
            for first, data in segment.dispatches:
                for step, one in enumerate(data, first):
                    batch, rows = self._batch(one)
                    before = jax.tree.map(jnp.copy, state)
                    state, logs = program.replay(state, batch)
                    loss = float(logs["loss"])
                    if np.isfinite(loss) and all(_all_finite(v) for v in state[0]):
                        continue
                    where = f"in epoch {segment.epoch + 1}, step {step + 1}"
                    if rows is not None:
                        where += f" (rows {_some(rows)} of the data)"
                    found = diagnose(self.runner.model, before, batch, state, rows)
                    return f"The first value that is not finite came {where}: {found}", before, step, segment.epoch
        return (
            "The steps since the last copy of the state were run again, and every loss was finite: what made the "
            "difference (a callback, a generator of the user's) was not there to be repeated.",
            None,
            0,
            0,
        )

    def _batch(self, one: Any) -> tuple[tuple, Any]:
        source = self.runner.source
        if isinstance(source, ArrayBatches) and isinstance(one, np.ndarray):
            one, rows = source.rows_of(one), one
        else:
            rows = None
        return packed(one), rows


def _on_device(state: list) -> list:
    return [[jnp.array(v, copy=True) for v in group] for group in state]


def _some(rows: np.ndarray) -> str:
    shown = ", ".join(str(int(r)) for r in rows[:8])
    return f"{shown}, ..." if len(rows) > 8 else shown


def _all_finite(value: Any) -> bool:
    return not jnp.issubdtype(value.dtype, jnp.floating) or bool(jnp.isfinite(value).all())


def _floats(structure: Any) -> list:
    return [x for x in tree.flatten(structure) if is_jax_array(x) and jnp.issubdtype(x.dtype, jnp.floating)]


# The bad step, layer by layer


class Call:
    """One call of a layer or op: what went in and came out, by number, and which of it was finite."""

    def __init__(self, operation: Any, path: str, depth: int):
        self.operation = operation
        self.path = path
        self.depth = depth
        self.entered: list[int] = []
        self.left: list[int] = []
        self.ins: list = []
        self.outs: list = []

    @property
    def called(self) -> str:
        kind = getattr(self.operation, "definition", None)
        kind = f"op {kind.name}" if kind is not None else type(self.operation).__name__
        return f"layer '{self.path}' ({kind}{made_at(self.operation)})"


class Probe:
    """Sees what goes in and out of every call, and adds a number's zeros to each array where they are given.

    Args:
        zeros: For each array that goes in or out, in order, zeros of its shape, whose gradients are the array's; None
            to only look.
    """

    def __init__(self, zeros: list | None = None):
        self.zeros = zeros
        self.shapes: list[tuple] = []
        self.calls: list[Call] = []  # in the order in which they ended: what is inside a layer before the layer
        self._open: list[Call] = []

    def enter(self, operation: Any, structure: Any) -> Any:
        outer = self._open[-1].path + "/" if self._open else ""
        call = Call(operation, outer + operation.name, len(self._open))
        self._open.append(call)
        call.ins = _floats(structure)
        return self._pass(structure, call.entered)

    def leave(self, structure: Any) -> Any:
        call = self._open.pop()
        self.calls.append(call)
        call.outs = _floats(structure)
        return self._pass(structure, call.left)

    def _pass(self, structure: Any, numbers: list[int]) -> Any:
        def one(x: Any) -> Any:
            if not is_jax_array(x) or not jnp.issubdtype(x.dtype, jnp.floating):
                return x
            number = len(self.shapes)
            numbers.append(number)
            self.shapes.append((x.shape, x.dtype))
            if self.zeros is None or number >= len(self.zeros) or self.zeros[number].shape != x.shape:
                return x
            mask = get_mask(x)
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


def diagnose(model: Any, state: list, data: tuple, after: list, rows: Any = None) -> str:
    """The layer, and the direction, in which a training step first has a value that is not finite.

    Args:
        model: The model.
        state: Values of its variables before the step, in the groups of a training program.
        data: The batch.
        after: Values after the step.
        rows: Which rows of the data the batch is, where that is known.
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
        if not all(_all_finite(jnp.asarray(a)) for a in tree.flatten(part) if a is not None):
            return f"the batch itself has such values, in `{role}`. Leave those rows out, or fill them."
    bad = [v.path for v, value in zip(variables, trainable) if not _all_finite(value)]
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
        cotangents = []  # the layers were not called alike: the weights' gradients are what there is to go by
    return _backward(looking.calls, cotangents, variables, gradients, loss) or _update(model, variables, after)


def _forward(model: Any, probe: Probe, loss: Any, y_pred: Any, y: Any, sample_weight: Any, rows: Any) -> str | None:
    size = next((int(a.shape[0]) for a in tree.flatten(y_pred) if getattr(a, "ndim", 0)), 0)
    for call in probe.calls:
        outs = [o for o in call.outs if not is_tracer(o)]
        ins = [i for i in call.ins if not is_tracer(i)]
        if all(_all_finite(o) for o in outs) or not all(_all_finite(i) for i in ins):
            continue
        bad = next(o for o in outs if not _all_finite(o))
        return (
            f"forward, in {call.called}: its output has {_count(bad)}{_in_rows(bad, size, rows)}, its inputs "
            f"{_range(ins)} are finite and so are its weights. Look for a division by 0, the logarithm or root of a "
            "number that is 0 or less, or an exponential or sum that is too large."
        )
    if not _all_finite(loss):
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


def _in_rows(value: Any, size: int, rows: Any) -> str:
    """Which rows of the batch, and so of the data, have values that are not finite."""
    if value.ndim == 0 or value.shape[0] != size:
        return ""
    bad = np.flatnonzero(~np.isfinite(np.asarray(value, "float32")).reshape(size, -1).all(axis=1))
    return f", in rows {_some(bad)} of the batch" if rows is None else f", in rows {_some(rows[bad])} of the data"


def _which_loss(model: Any, y_pred: Any, y: Any, sample_weight: Any) -> str:
    """Which of the compiled losses it is, where there are several or it has a name."""
    compiled = model._compile_loss
    if compiled is None:
        return ""
    true = outputs.flatten_labels(y, y_pred, compiled.names, compiled.alternatives)
    weight = outputs.flatten_labels(sample_weight, y_pred, compiled.names, compiled.alternatives, "sample_weight")
    for i, label, loss, _ in compiled.entries:
        if true[i] is not None:
            value = loss(true[i], tree.flatten(y_pred)[i], sample_weight=weight[i])
            if not _all_finite(jnp.asarray(value)):
                name = getattr(getattr(loss, "fn", None), "__name__", loss.name)
                return f" It is '{name}' of {outputs.called(compiled.names, i) if compiled.names[i] else label}."
    return " The compiled losses are finite: it is one added by a layer or a regularizer."


def _backward(calls: list[Call], cotangents: list, variables: list, gradients: list, loss: Any) -> str | None:
    finite = [_all_finite(c) for c in cotangents]
    bad = {id(v): v for v, g in zip(variables, gradients) if not _all_finite(g)}
    if not bad and all(finite):
        return None
    start = f"backward (the loss, {float(loss):.6g}, is finite), in "
    suspects = []
    for call in reversed(calls) if cotangents else ():
        own = [v for v in getattr(call.operation, "_trainable_variables", ()) if id(v) in bad]
        if all(finite[n] for n in call.left) and (own or not all(finite[n] for n in call.entered)):
            suspects.append((call, own))
    if suspects:
        # What is inside a layer says more than the layer.
        call, own = max(suspects, key=lambda s: s[0].depth)
        what = "of its inputs" if not all(finite[n] for n in call.entered) else f"of {', '.join(v.path for v in own)}"
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


def _update(model: Any, variables: list, after: list) -> str:
    bad = [v.path for v, value in zip(variables, after[0]) if not _all_finite(value)]
    if not bad:
        return "run outside of the compiled program, the step has only finite values."
    rate = model.optimizer.learning_rate
    return (
        f"in the optimizer's update ({type(model.optimizer).__name__}, learning_rate={float(rate):.3g}): the loss and "
        f"all gradients are finite, the new values of {', '.join(bad[:3])} are not. Try a smaller learning rate, or "
        "`clipnorm=1.0`."
    )


def _count(value: Any) -> str:
    nans, infs = int(jnp.isnan(value).sum()), int(jnp.isinf(value).sum())
    found = " and ".join(f"{n} {label}" for n, label in ((nans, "NaN"), (infs, "infinite")) if n)
    return f"{found} of {value.size} values"


def _range(values: list) -> str:
    values = [v for v in values if v.size]
    if not values:
        return ""
    low, high = min(float(v.min()) for v in values), max(float(v.max()) for v in values)
    return f"(from {low:.4g} to {high:.4g})"


__all__ = ["NanFinder", "diagnose"]
