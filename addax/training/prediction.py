"""`predict`: the outputs for data, many batches in one dispatch where that is fast."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..callbacks import Callback, CallbackList
from ..core import tree
from ..core.buffers import own_copy
from ..core.changes import changes
from ..core.engine import fetch
from ..core.types import Data, Tree
from ..data.adapt import adapt
from ..data.batches import ArrayBatches, Batches, EpochSteps, count_rows, packed, to_host
from ..data.lockstep import all_or_none, batches_of, check_length
from . import guards
from .arguments import LoopArguments, callback_list, limit_steps
from .device_loops import can_predict, run_predictions
from .dispatches import Run
from .padding import pad
from .prepare import build_for
from .program import Program
from .programs import program_of
from .specs import merged
from .steps import StepModel

_IN_FLIGHT = 2  # dispatches whose outputs may still be on the device
_CHUNK = 16 << 20  # bytes of data for one dispatch of many batches
_MANY = 8  # batches for which a program for many of them is worth compiling


def predict(
    model: StepModel,
    x: Data,
    batch_size: int | None,
    verbose: int | str,
    steps: int | None,
    callbacks: Callback | list[Callback] | None,
) -> Tree:
    """See `Trainer.predict`."""
    if not verbose and callbacks is None and steps is None and (batch_size is None or type(batch_size) is int):
        quick = _predict_quickly(model, x, 32 if batch_size is None else batch_size)
        if quick is not None:
            return quick
    given = LoopArguments.checked(batch_size=batch_size, verbose=verbose, steps=steps, callbacks=callbacks)
    options = model._data_options()
    with all_or_none():
        source = adapt(x, batch_size=given.batch_size, **options)
        first = source.peek()
        guards.check_batch(model, first, labels=False)
        if not model.built:
            build_for(model, first[0])
    steps = limit_steps(given.steps, source.steps)
    check_length(source, steps)
    known = steps if steps is not None else source.steps
    run_by = callback_list(given.callbacks, model, given.verbose, add_history=False, epochs=1, steps=known)
    program = program_of(model, "predict")
    if options["prepare"] is None:
        program.checked.update(_spec(x))
    return _run(program, source, steps, run_by, shown=given.verbose != 0)


def _run(program: Program, source: Batches, steps: int | None, callbacks: CallbackList, shown: bool) -> Tree:
    """Runs the steps of a prediction; returns its outputs."""
    model = program.model
    batch_hooks = callbacks.has_predict_batch_hooks
    outputs = _Outputs()
    step, fresh = -1, 0  # the last step, and the number of dispatches since the last call of the callbacks
    model.stop_predicting = False
    callbacks.on_predict_begin()
    source.on_epoch_begin()

    def tell() -> None:
        if batch_hooks:
            callbacks.on_predict_batch_end(step, {"outputs": outputs.joined(fresh)})
        elif shown:
            callbacks.on_predict_batch_end(step, None)

    try:
        state = program.read()  # now, as a callback may have changed it
        for part in _plan(program, source, steps, batch_hooks).dispatches():
            if batch_hooks and not fresh:
                callbacks.on_predict_batch_begin(step + 1)
            new, out = part.run(state)
            state = [state[0], merged(state[1], new[1])]
            outputs.add(out, part.rows)
            looped, step, fresh = part.last - step > 1, part.last, fresh + 1
            if looped or fresh == model.steps_per_execution:
                tell()
                fresh = 0
            if model.stop_predicting:
                break
        if fresh:
            tell()
    finally:
        program.write_back()
    source.on_epoch_end()
    callbacks.on_predict_end()
    return outputs.joined()


class _Outputs:
    """The outputs of the dispatches so far, in order; those of the last few may still be on the device."""

    def __init__(self) -> None:
        self._parts: list[tuple[Tree, int | None]] = []

    def add(self, out: Tree, rows: int | None) -> None:
        """Adds the outputs of a dispatch, of which `rows` rows are real (None for all)."""
        self._parts.append((out, rows))
        if len(self._parts) >= _IN_FLIGHT:  # copied to the host while the next steps run
            self._parts[-_IN_FLIGHT] = (_fetch(*self._parts[-_IN_FLIGHT]), None)

    def joined(self, last: int = 0) -> Tree:
        """Returns the outputs of the `last` dispatches, or of all, along the axis of rows."""
        if not self._parts:
            raise ValueError("The data to predict gave no batch.")
        parts = [_fetch(*part) for part in self._parts[-last:]]
        return tree.map_structure(
            lambda *arrays: np.concatenate(arrays) if np.ndim(arrays[0]) else np.asarray(arrays), *parts
        )


# Plans, as in `plans.py`: small values that yield dispatches


class _Part(NamedTuple):
    """A dispatch of a prediction.

    Attributes:
        last: Number of its last step.
        rows: Number of real rows of its outputs; None for all.
        run: Runs it: from the state before to the state after and the outputs.
    """

    last: int
    rows: int | None
    run: Run


@dataclass
class _InLoops:
    """Many batches of arrays a dispatch, in a loop on the device.

    Attributes:
        program: The program of the steps.
        source: The batches.
        count: Batches a dispatch.
    """

    program: Program
    source: ArrayBatches
    count: int

    def dispatches(self) -> Iterator[_Part]:
        """Yields the dispatches; a last batch that isn't full is padded, or else has a dispatch of its own."""
        x, size, rows = self.source.arrays[0], self.source.batch_size, self.source.rows
        rest = rows % size
        end = rows if self.program.may_pad else rows - rest
        step = 0
        for begin in range(0, end, self.count * size):
            stop = min(begin + self.count * size, end)
            batches = -(-(stop - begin) // size)
            part = pad(tree.map_structure(lambda a, begin=begin, stop=stop: a[begin:stop], x), self.count * size)
            step += batches
            real = None if stop - begin == self.count * size else stop - begin
            yield _Part(step - 1, real, self._run(part, batches))
        if end < rows:
            batch = self.source.rows_of(slice(end, None))[0]
            yield _Part(step, None, _bound(self.program.on_batch, packed((batch, None, None))))

    def _run(self, part: Tree, batches: int) -> Run:
        return lambda state: run_predictions(self.program, state, part, batches, self.source.batch_size)


@dataclass
class _OneByOne:
    """One batch a dispatch.

    Attributes:
        program: The program of the steps.
        source: The batches.
        steps: Number of steps; None for what the source has.
    """

    program: Program
    source: Batches
    steps: int | None

    def dispatches(self) -> Iterator[_Part]:
        """Yields the dispatches."""
        for step, (x, _, _) in enumerate(batches_of(EpochSteps(self.source, self.steps), each=True)):
            rows, data = _sized(self.program, x, exact=step == 0 and self.source.steps != 1)
            if rows is None and not isinstance(self.source, ArrayBatches):
                data = own_copy(data)  # an iterable may write its next batch into the same memory
            yield _Part(step, rows, _bound(self.program.on_batch, packed((data, None, None))))


def _plan(program: Program, source: Batches, steps: int | None, batch_hooks: bool) -> _InLoops | _OneByOne:
    """Chooses how the steps run: in loops where there are many and no callback looks between them."""
    if isinstance(source, ArrayBatches) and steps in (None, source.steps) and not batch_hooks:
        full, rest = divmod(source.rows, source.batch_size)
        if full >= _MANY:
            batches = full + (rest > 0 and program.may_pad)
            row_bytes = max(source.nbytes // source.rows, 1)
            most = max(_CHUNK // (row_bytes * source.batch_size), 1)
            # A power of two, so that there are few programs for data of all lengths.
            count = min(1 << (batches - 1).bit_length(), 1 << most.bit_length() - 1)
            if count > 1 and can_predict(program, source.arrays[0], source.batch_size):
                return _InLoops(program, source, count)
    return _OneByOne(program, source, steps)


def _bound(method: Callable, *args: object) -> Run:
    return lambda state: method(state, *args)


def _sized(program: Program, x: Tree, exact: bool) -> tuple[int | None, Tree]:
    """Returns a batch as the program takes it, and the number of its real rows where it was padded."""
    if not program.may_pad:
        return None, x
    rows = count_rows(x)
    size = program.sizes.for_rows(rows, exact)
    return (None, x) if size == rows else (rows, pad(x, size))


def _fetch(out: Tree, rows: int | None) -> Tree:
    """Returns outputs on the host, without the rows that are not real."""
    found = fetch(out)
    return found if rows is None else tree.map_structure(lambda a: a[:rows], found)


def own(out: Tree, rows: int | None = None) -> Tree:
    """Returns outputs as NumPy arrays that the user may write to.

    Args:
        out: Arrays on the device.
        rows: Number of real rows; None for all.
    """
    return tree.map_structure(np.array, _fetch(out, rows))


def _spec(x: Data) -> list:
    """Returns shape and dtype of an array, by which another one is known to need no checks."""
    return [(x.shape[1:], x.dtype)] if isinstance(x, np.ndarray) and x.ndim else []


def _predict_quickly(model: StepModel, x: Data, most: int) -> Tree:
    """Returns predictions for one batch of at most `most` rows, like one that was checked before; None for others."""
    program = model._programs.get("predict")
    if type(x) is not np.ndarray or program is None or program.checked_at != changes.count or program.eager:
        return None
    rows = x.shape[0] if x.ndim else 0
    if not 0 < rows <= most or (x.shape[1:], x.dtype) not in program.checked:
        return None
    rows_or_none, data = _sized(program, to_host(x), False)
    try:
        _, out = program.on_batch(program.read(), packed((data, None, None)))
    finally:
        program.write_back()
    return own(out, rows_or_none)
