"""The arguments of `fit`, `evaluate` and `predict`, checked before anything is computed."""

from __future__ import annotations

import operator
import os
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, SupportsIndex

from ..callbacks import Callback, CallbackList
from ..checkpoints import Checkpoints
from ..core import config as settings
from ..core.errors import describe
from ..core.placement import is_main
from .limits import NO_LIMITS, Limits
from .steps import StepModel


def integer(name: str, value: SupportsIndex, least: int = 1, remedy: str = "") -> int:
    """Returns an argument as an int.

    Args:
        name: The argument, for errors.
        value: A whole number of Python, NumPy or JAX.
        least: The smallest allowed number.
        remedy: A sentence that says what to pass instead.

    Raises:
        ValueError: It is no whole number, or less than `least`.

    >>> integer("epochs", np.int64(3))
    3
    """
    try:
        found = operator.index(value)
    except TypeError:
        found = None
    if found is None or found < least:
        kind = {0: "a non-negative integer", 1: "a positive integer"}[least]
        received = f"{name}={value!r}" if isinstance(value, (int, float, str)) else describe(value)
        raise ValueError(f"`{name}` must be {kind}. Received: {received}{remedy and f'. {remedy}'}")
    return int(found)


def step_count(name: str, value: SupportsIndex | None) -> int | None:
    """Returns a number of steps, or None for as many as the data have."""
    remedy = f"Leave `{name}` out, or give None, to run all the batches that the data have."
    return None if value is None else integer(name, value, remedy=remedy)


def verbosity(verbose: int | str) -> int:
    """Returns `verbose` as a number: 0 silent, 1 a progress bar, 2 a line per epoch."""
    if isinstance(verbose, str) and verbose == "auto":
        return 1 if settings.is_interactive_logging_enabled() else 2
    try:
        known = verbose in (0, 1, 2)
    except ValueError:  # an array
        known = False
    if not known:
        raise ValueError(f"`verbose` must be 'auto', 0, 1 or 2. Received: verbose={verbose!r}")
    return int(verbose)


def _split(value: float | None) -> float:
    """Returns `validation_split` as a float; 0.0 for None."""
    if value is None:
        return 0.0
    try:
        found = None if isinstance(value, str) else float(value)
    except (TypeError, ValueError):
        found = None
    if found is None or not (found == 0 or 0 < found < 1):
        raise ValueError(
            "`validation_split` must be between 0 and 1, the fraction of the rows that is kept for validation. "
            f"Received: validation_split={value!r}"
        )
    return found


def _frequency(value: Any) -> int | Collection[int] | dict[str, int]:
    """Returns `validation_freq`: the epochs or steps between validations, or the epochs to validate after."""
    if isinstance(value, dict):
        if set(value) != {"steps"}:
            raise ValueError(
                "`validation_freq` as a dict has one key, 'steps', with the number of steps between validations, an "
                f"integer. Received: validation_freq={value!r}"
            )
        return {"steps": integer("validation_freq", value["steps"])}
    if isinstance(value, (list, tuple, set, frozenset, range)):
        return [integer("validation_freq", epoch, remedy="Epochs are counted from 1.") for epoch in value]
    try:
        return integer("validation_freq", value)
    except ValueError:
        raise ValueError(
            f"`validation_freq` must be an integer or a list of epochs. Received: {value!r}; expected 1 or more: "
            "`validation_freq=2` validates every second epoch, `validation_freq=[1, 5]` after the first and the fifth."
        ) from None


def shuffling(value: bool | str | None) -> bool | str:
    """Returns `shuffle`: whether the rows are shuffled before each epoch, or "batch"."""
    if value is None:
        return False
    if isinstance(value, str) and value == "batch":
        return value
    if isinstance(value, str) or value not in (True, False):
        raise ValueError(f"`shuffle` must be True, False or 'batch'. Received: shuffle={value!r}")
    return bool(value)


@dataclass(frozen=True)
class LoopArguments:
    """The checked arguments of `evaluate` and `predict` besides the data; see `Trainer.evaluate`."""

    batch_size: int | None
    verbose: int
    steps: int | None
    callbacks: Callback | list[Callback] | None

    @classmethod
    def checked(
        cls,
        *,
        batch_size: int | None,
        verbose: int | str,
        steps: int | None,
        callbacks: Callback | list[Callback] | None,
    ) -> LoopArguments:
        """Returns the arguments as the types of the attributes.

        Raises:
            ValueError: One of them is of the wrong kind or out of range; it is named.
        """
        return cls(_batch_size("batch_size", batch_size), verbosity(verbose), step_count("steps", steps), callbacks)


@dataclass(frozen=True)
class FitArguments:
    """The checked arguments of `fit` besides the data; see `Trainer.fit`."""

    batch_size: int | None
    epochs: int
    verbose: int
    callbacks: Callback | list[Callback] | None
    validation_split: float
    shuffle: bool | str
    class_weight: dict | None
    initial_epoch: int
    steps_per_epoch: int | None
    validation_steps: int | None
    validation_batch_size: int | None
    validation_freq: int | Collection[int] | dict[str, int]
    debug_nans: bool
    resume: Checkpoints | None = None
    limits: Limits = NO_LIMITS
    micro_batches: int | None = None

    @classmethod
    def checked(
        cls,
        *,
        batch_size: int | None,
        epochs: int,
        verbose: int | str,
        callbacks: Callback | list[Callback] | None,
        validation_split: float | None,
        shuffle: bool | str | None,
        class_weight: dict | None,
        initial_epoch: int,
        steps_per_epoch: int | None,
        validation_steps: int | None,
        validation_batch_size: int | None,
        validation_freq: int | Collection[int] | dict[str, int],
        debug_nans: bool,
        resume: str | os.PathLike | Checkpoints | None = None,
        limits: Limits = NO_LIMITS,
        micro_batches: int | None = None,
    ) -> FitArguments:
        """Returns the arguments as the types of the attributes.

        Raises:
            ValueError: One of them is of the wrong kind or out of range; it is named.
        """
        epochs = integer("epochs", epochs, least=0)
        initial_epoch = integer("initial_epoch", initial_epoch, least=0)
        if limits.dev_run:
            epochs, resume = min(epochs, initial_epoch + 1), None
        return cls(
            batch_size=_batch_size("batch_size", batch_size),
            epochs=min(epochs, settings.max_epochs() or epochs),
            verbose=verbosity(verbose),
            callbacks=callbacks,
            validation_split=_split(validation_split),
            shuffle=shuffling(shuffle),
            class_weight=class_weight,
            initial_epoch=initial_epoch,
            steps_per_epoch=limits.steps(step_count("steps_per_epoch", steps_per_epoch)),
            validation_steps=limits.steps(step_count("validation_steps", validation_steps)),
            validation_batch_size=_batch_size("validation_batch_size", validation_batch_size),
            validation_freq=_frequency(validation_freq),
            debug_nans=bool(debug_nans),
            resume=None if resume is None else Checkpoints.of(resume),
            limits=limits,
            micro_batches=None if micro_batches is None else integer("micro_batches", micro_batches),
        )

    def validates(self, epoch: int) -> bool:
        """Returns whether to validate after epoch number `epoch`, counted from 0."""
        if isinstance(self.validation_freq, dict):
            return False
        if isinstance(self.validation_freq, int):
            return (epoch + 1) % self.validation_freq == 0
        return epoch + 1 in self.validation_freq

    @property
    def validation_steps_between(self) -> int | None:
        """Number of steps between validations, where it was given as steps."""
        return self.validation_freq["steps"] if isinstance(self.validation_freq, dict) else None


def _batch_size(name: str, value: SupportsIndex | None) -> int | None:
    return None if value is None else integer(name, value)


def limit_steps(steps: int | None, available: int | None) -> int | None:
    """Returns `steps`, but no more than the setting `max_steps_per_epoch`; `available` is what the data have."""
    limit = settings.max_steps_per_epoch()
    if limit is None:
        return steps
    known = steps if steps is not None else available
    return limit if known is None else min(known, limit)


def callback_list(
    callbacks: Callback | list[Callback] | None,
    model: StepModel,
    verbose: int,
    *,
    add_history: bool,
    epochs: int,
    steps: int | None,
) -> CallbackList:
    """Returns the callbacks of a run, with a progress bar and, where wanted, a `History`."""
    if isinstance(callbacks, CallbackList):
        return callbacks
    verbose = verbose if is_main() else 0
    return CallbackList(
        callbacks,
        add_history=add_history,
        add_progbar=verbose != 0,
        model=model,
        verbose=verbose,
        epochs=epochs,
        steps=steps,
    )
