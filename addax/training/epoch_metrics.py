"""Protection of the metrics that accumulate over an epoch from what a callback evaluates in the middle of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from .steps import StepModel

_accumulating: Counter[int] = Counter()  # ids of models whose metrics accumulate over an epoch at the moment


@contextmanager
def accumulating(model: StepModel) -> Iterator[None]:
    """Marks, while it is open, the metrics of `model` as accumulating over an epoch."""
    _accumulating[id(model)] += 1
    try:
        yield
    finally:
        _accumulating[id(model)] -= 1
        if not _accumulating[id(model)]:
            del _accumulating[id(model)]


@contextmanager
def set_aside(model: StepModel) -> Iterator[None]:
    """Restores at its end the metrics of an epoch in which a callback evaluates or trains the model."""
    kept = []
    if id(model) in _accumulating:  # copies, as a step may take over the buffers
        kept = [(v, np.array(v.stored_value())) for v in model.metrics_variables]
    try:
        yield
    finally:
        for variable, value in kept:
            variable.assign(value)
