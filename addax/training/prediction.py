"""`predict`: the outputs for data, many batches in one dispatch where that runs well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..core import tree
from ..core.buffers import own_copy
from ..core.engine import fetch
from ..core.fingerprint import changes
from ..data.adapt import adapt
from ..data.batches import ArrayBatches, Batches, EpochSteps, count_rows, packed, to_host
from . import guards
from .arguments import LoopArguments
from .padding import pad
from .prepare import build_for
from .program import Program, merged, program_of
from .runner import callback_list, limit_steps

_IN_FLIGHT = 2  # dispatches whose outputs may still be on the device
_CHUNK = 16 << 20  # bytes of data for one dispatch of many batches
_MANY = 8  # batches for which a program for many of them is worth compiling


def predict(model: Any, x: Any, batch_size: int | None, verbose: Any, steps: int | None, callbacks: Any) -> Any:
    """See `Trainer.predict`."""
    if not verbose and callbacks is None and steps is None and (batch_size is None or type(batch_size) is int):
        quick = _predict_quickly(model, x, 32 if batch_size is None else batch_size)
        if quick is not None:
            return quick
    given = LoopArguments.checked(batch_size=batch_size, verbose=verbose, steps=steps, callbacks=callbacks)
    verbose = given.verbose
    source = adapt(x, batch_size=given.batch_size)
    first = source.peek()
    guards.check_batch(model, first, labels=False)
    if not model.built:
        build_for(model, first[0])
    steps = limit_steps(given.steps, source.steps)
    callbacks = callback_list(
        callbacks, model, verbose, add_history=False, epochs=1, steps=steps if steps is not None else source.steps
    )
    program = program_of(model, "predict")
    program.checked.update(_spec(x))
    state = program.read()
    found: list = []
    group: list = []  # the outputs of the steps between two calls of the callbacks
    watched = callbacks.has_predict_batch_hooks
    model.stop_predicting = False
    callbacks.on_predict_begin()
    source.on_epoch_begin()

    def finish_group(step: int) -> None:
        if watched:
            callbacks.on_predict_batch_end(step, {"outputs": _concatenate([_fetch(*one) for one in group])})
        elif verbose:
            callbacks.on_predict_batch_end(step, None)
        found.extend(group)
        group.clear()

    step = -1
    try:
        for last, rows, run in _dispatches(program, state, source, steps, one_by_one=watched):
            if watched and not group:
                callbacks.on_predict_batch_begin(step + 1)
            new, out = run(state)
            state = [state[0], merged(state[1], new[1])]
            group.append((out, rows))
            done, step = last - step, last
            if len(group) == model.steps_per_execution or done > 1:
                finish_group(step)
            if len(found) > _IN_FLIGHT:  # outputs leave the device while the next steps run
                found[-_IN_FLIGHT] = (_fetch(*found[-_IN_FLIGHT]), None)
            if model.stop_predicting:
                break
        if group:
            finish_group(step)
    finally:
        program.settle()
    source.on_epoch_end()
    callbacks.on_predict_end()
    if not found:
        raise ValueError("The data to predict gave no batch.")
    return _concatenate([_fetch(*one) for one in found])


def _dispatches(
    program: Program, state: Any, source: Batches, steps: int | None, one_by_one: bool
) -> Iterator[tuple[int, int | None, Callable]]:
    """For each dispatch the number of its last step, how many rows are real (None for all), and what runs it."""
    step = 0
    if isinstance(source, ArrayBatches) and steps in (None, source.steps) and not one_by_one:
        x, size = source.arrays[0], source.batch_size
        full = source.rows // size
        # A last batch that isn't full is one of the many where rows can be added to it.
        ragged = bool(source.rows % size) and program.may_pad
        batches = full + ragged
        row_bytes = max(source.nbytes // source.rows, 1)
        # A power of two, so that there are few programs for data of all lengths.
        count = min(1 << (batches - 1).bit_length(), 1 << max(_CHUNK // (row_bytes * size), 1).bit_length() - 1)
        if full >= _MANY and count > 1 and program.can_sweep(state, x, size):
            for start in range(0, batches, count):
                begin, now = start * size, min(count, batches - start)
                end = min(begin + now * size, source.rows if ragged else full * size)
                part = tree.map_structure(lambda a, begin=begin, end=end: a[begin:end], x)
                run = _bound(program.sweep, pad(part, count * size), now, size)
                step = start + now
                yield step - 1, None if end - begin == count * size else end - begin, run
            if source.rows % size and not ragged:
                rows, data = _sized(program, source.rows_of(slice(full * size, None))[0], exact=False)
                yield step, rows, _bound(program.on_batch, packed((data, None, None)))
            return
    for step, batch in enumerate(EpochSteps(source, steps).epoch()):
        rows, data = _sized(program, batch[0], exact=step == 0 and source.steps != 1)
        if rows is None and not isinstance(source, ArrayBatches):
            data = own_copy(data)
        yield step, rows, _bound(program.on_batch, packed((data, None, None)))


def _bound(method: Callable, *args: Any) -> Callable:
    return lambda state: method(state, *args)


def _sized(program: Program, x: Any, exact: bool) -> tuple[int | None, Any]:
    """A batch as the program takes it, and how many of its rows are real where that isn't all of them."""
    if not program.may_pad:
        return None, x
    rows = count_rows(x)
    size = program.sizes.for_rows(rows, exact)
    return (None, x) if size == rows else (rows, pad(x, size))


def _fetch(out: Any, rows: int | None) -> Any:
    """Outputs on the host, without the rows that are not real."""
    found = fetch(out)
    return found if rows is None else tree.map_structure(lambda a: a[:rows], found)


def own(out: Any, rows: int | None = None) -> Any:
    """Outputs as arrays of the user's own, which may be written to."""
    return tree.map_structure(np.array, _fetch(out, rows))


def _spec(x: Any) -> list:
    """What is known of `x` when another array has been found to be right: no more than shape and dtype."""
    return [(x.shape[1:], x.dtype)] if isinstance(x, np.ndarray) and x.ndim else []


def _predict_quickly(model: Any, x: Any, most: int) -> Any:
    """Predictions for one batch, like one that was looked at before; None for any other."""
    program = model._programs.get("predict")
    if type(x) is not np.ndarray or program is None or program.stamp != changes.count or program.eager:
        return None
    rows = x.shape[0] if x.ndim else 0
    if not 0 < rows <= most or (x.shape[1:], x.dtype) not in program.checked:
        return None
    rows_or_none, data = _sized(program, to_host(x), False)
    try:
        _, out = program.on_batch(program.read(), packed((data, None, None)))
    finally:
        program.settle()
    return own(out, rows_or_none)


def _concatenate(found: list) -> Any:
    return tree.map_structure(lambda *parts: np.concatenate(parts) if np.ndim(parts[0]) else np.asarray(parts), *found)
