"""Limits of a training that are no part of Keras: fewer batches, a time, a trial of one step."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from ..core.streams import set_streams, streams
from ..data.batches import Batches
from ..data.limited import limited, repeated
from .stateful import optimizers_of
from .steps import StepModel


@dataclass(frozen=True)
class Limits:
    """The checked arguments of `fit` that limit a training; see `Trainer.fit`.

    Attributes:
        batches: Batches of each pass over the data, or as a float the fraction of them; None for all.
        overfit: Number of batches to train on again and again; None for all, once an epoch.
        seconds: Seconds after which the training ends; None for none.
        dev_run: Whether to run one step of everything, and to put the model back as it was.
        log_every: Number of steps between two entries of `History.steps`; None for none.
    """

    batches: int | float | None = None
    overfit: int | None = None
    seconds: float | None = None
    dev_run: bool = False
    log_every: int | None = None

    @classmethod
    def checked(
        cls,
        limit_batches: int | float | None,
        overfit_batches: int | None,
        max_time: float | timedelta | None,
        dev_run: bool,
        log_every: int | None,
    ) -> Limits:
        """Returns the arguments as the types of the attributes.

        Raises:
            ValueError: One of them is of the wrong kind or out of range, or two contradict each other.
        """
        if overfit_batches is not None and limit_batches is not None:
            raise ValueError(
                "`overfit_batches` and `limit_batches` both say how many batches to train on. Pass one of them. "
                f"Received: overfit_batches={overfit_batches!r}, limit_batches={limit_batches!r}"
            )
        return cls(
            batches=1 if dev_run else _batches(limit_batches),
            overfit=_count("overfit_batches", overfit_batches),
            seconds=_seconds(max_time),
            dev_run=bool(dev_run),
            log_every=_count("log_every", log_every),
        )

    def steps(self, steps: int | None) -> int | None:
        """Returns the number of steps an epoch or a validation, where `steps` were given, or None."""
        if self.overfit is not None or self.dev_run:
            return None
        return min(steps, self.batches) if steps is not None and isinstance(self.batches, int) else steps

    def of_training(self, source: Batches) -> Batches:
        """Returns the batches to train on."""
        if self.overfit is not None:
            source = repeated(source, self.overfit)
        return source if self.batches is None else limited(source, self.batches, "limit_batches")

    def of_validation(self, source: Batches, training: Batches) -> Batches:
        """Returns the batches to validate with.

        Args:
            source: The batches of `validation_data`.
            training: Those of the training.
        """
        if self.overfit is not None:
            return repeated(training, self.overfit)
        return source if self.batches is None else limited(source, self.batches, "limit_batches")

    def deadline(self) -> float | None:
        """Returns when a training ends that begins now, by the monotonic clock; None for no limit."""
        return None if self.seconds is None else time.monotonic() + self.seconds


NO_LIMITS = Limits()


def _batches(value: Any) -> int | float | None:
    if isinstance(value, float):
        if not 0 < value <= 1:
            raise ValueError(
                "`limit_batches` as a float is the fraction of the batches to use, in (0, 1]; as an integer it is "
                f"their number. Received: limit_batches={value!r}"
            )
        return value
    return _count("limit_batches", value)


def _count(name: str, value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"`{name}` must be a positive integer. Received: {name}={value!r}")
    return int(value)


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    found = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not found > 0:
        raise ValueError(
            f"`max_time` must be a positive number of seconds, or a `datetime.timedelta`. Received: max_time={value!r}"
        )
    return float(found)


@contextmanager
def put_back(model: StepModel) -> Iterator[None]:
    """Restores at its end the variables of a built model and its optimizer, and the random streams."""
    variables = [*model.variables, *model.metrics_variables]
    variables += [v for optimizer in optimizers_of(model) for v in optimizer.variables]
    # Copies, as the first step takes over the buffers of the values.
    values = [(v, np.array(v.stored_value())) for v in variables]
    before = streams()
    try:
        yield
    finally:
        for variable, value in values:
            variable.assign(value)
        set_streams(before)
