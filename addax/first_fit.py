"""A script that is run to its first `fit`, for `addax plan`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .core.types import Data, Tree
from .data.batches import count_rows
from .distribution.planning import Plan, devices_of, plan
from .training import feeding, trainer
from .training.arguments import FitArguments


class Reached(BaseException):
    """Raised by the first `fit` of a script, past what the script does about errors.

    Args:
        plan: The plan; None where there is none.
        error: Why there is none.
    """

    def __init__(self, plan: Plan | None, error: Exception | None = None):
        super().__init__()
        self.plan = plan
        self.error = error


def check_devices(devices: str | None, compile: bool) -> None:
    """Checks the devices to plan for, and makes virtual CPUs stand in for them; before JAX starts.

    Args:
        devices: Argument of `plan`.
        compile: Argument of `plan`.

    Raises:
        ValueError: Their kind isn't known.
    """
    if devices is not None:
        count, _ = devices_of(devices)
        if compile and "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
            flag = f"--xla_force_host_platform_device_count={count}"
            os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}".strip()


@contextmanager
def stopped_at_fit(devices: str | None, memory: float | None, compile: bool) -> Iterator[None]:
    """Within it, `fit` plans the training instead of running it, and raises `Reached` with the plan.

    Args:
        devices, memory, compile: Arguments of `plan`.
    """

    def planned(
        model: Any, x: Data, y: Tree, sample_weight: Tree, validation_data: Data, given: FitArguments, *rest: Any
    ) -> None:
        feeding.check_has_optimizer(model)
        source, first = feeding.training_data(model, x, y, sample_weight, given)
        rows = source.batch_size or count_rows(first)
        try:
            found = plan(model, rows, devices, memory, micro_batches=given.micro_batches, compile=compile)
        except Exception as error:
            raise Reached(None, error) from None
        raise Reached(found)

    vars(trainer.loop)["fit"] = planned
    try:
        yield
    finally:
        del vars(trainer.loop)["fit"]


__all__ = ["Reached", "check_devices", "stopped_at_fit"]
