"""The options that every optimizer takes, and checks of the numbers given to optimizers and schedules."""

from __future__ import annotations

import math
from typing import Any, TypedDict

import numpy as np

from ..core.ours import is_ours
from ..core.signature import init_arguments


class CommonOptions(TypedDict, total=False):
    """The keyword arguments that every optimizer takes, described at `Optimizer`."""

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None
    name: str | None


class OptimizerOptions(CommonOptions, total=False):
    """The same with weight decay."""

    weight_decay: float | None


# Arguments of addax's own optimizers, by what may be given for them.
_IN_UNIT_RANGE = frozenset(("beta_1", "beta_2", "adam_beta_1", "adam_beta_2", "rho"))
_NOT_NEGATIVE = frozenset(
    ("epsilon", "epsilon_1", "epsilon_2", "initial_accumulator_value", "clip_threshold", "adam_weight_decay")
)


def check_options(
    name: str | None,
    use_ema: bool,
    ema_momentum: float,
    ema_overwrite_frequency: int | None,
    loss_scale_factor: float | None,
    gradient_accumulation_steps: int | None,
    weight_decay: float | None,
    **limits: float | None,
) -> None:
    """Raises an error for options that can't be.

    Args:
        name, use_ema, ema_momentum, ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps,
            weight_decay: See `Optimizer`.
        **limits: `clipnorm`, `clipvalue` and `global_clipnorm`, of which one may be set.

    Raises:
        ValueError: Naming the option, what it was and what it may be.
    """
    if name is not None and (not isinstance(name, str) or "/" in name):
        raise ValueError(f"Argument `name` must be a string and cannot contain character `/`. Received: name={name}")
    if sum(limit is not None for limit in limits.values()) > 1:
        raise ValueError(
            "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. Received: "
            + ", ".join(f"{limit}={value}" for limit, value in limits.items())
        )
    if use_ema:
        if not 0 <= ema_momentum <= 1:
            raise ValueError(f"`ema_momentum` must be in the range [0, 1]. Received: ema_momentum={ema_momentum}")
        if ema_overwrite_frequency is not None and not _is_count(ema_overwrite_frequency, 1):
            raise ValueError(
                "`ema_overwrite_frequency` must be an integer >= 1 or None. Received: "
                f"ema_overwrite_frequency={ema_overwrite_frequency}"
            )
    steps = gradient_accumulation_steps
    if steps is not None and not _is_count(steps, 2):
        raise ValueError(
            f"`gradient_accumulation_steps` must be an integer >= 2. Received: gradient_accumulation_steps={steps}"
        )
    check_number("weight_decay", weight_decay)
    for limit, value in limits.items():
        check_number(limit, value)
    check_number("loss_scale_factor", loss_scale_factor, excluded=0.0)


def check_own_arguments(optimizer: Any) -> None:
    """Raises an error for arguments of one of addax's optimizers (users' may mean something else) out of range."""
    if not is_ours(type(optimizer)):
        return
    passed = init_arguments(optimizer)
    for argument in _IN_UNIT_RANGE.intersection(passed):
        check_number(argument, passed[argument], 0.0, 1.0)
    for argument in _NOT_NEGATIVE.intersection(passed):
        check_number(argument, passed[argument])


def _is_count(value: Any, least: int) -> bool:
    return isinstance(value, int) and value >= least


def check_number(
    name: str, value: Any, low: float = 0.0, high: float = math.inf, excluded: float | None = None
) -> None:
    """Raises an error for a number that could only ruin the weights: NaN, infinite, or out of range.

    Args:
        name: The argument's name.
        value: What was given; None, Variables and arrays of JAX (whose value may not be known yet) pass.
        low: Smallest value allowed.
        high: Largest value allowed.
        excluded: A value in between that is not.

    Raises:
        ValueError: It is a number out of range, or no number at all.

    >>> check_number("clipnorm", -1.0)
    Traceback (most recent call last):
    ValueError: Argument `clipnorm` must be a finite number >= 0. Received: clipnorm=-1.0
    """
    if isinstance(value, str):
        number = math.nan
    elif isinstance(value, (bool, int, float, np.number)):
        number = float(value)
    else:
        return
    if low <= number <= high and math.isfinite(number) and number != excluded:
        return
    if high < math.inf:
        allowed = f"a number in the range [{low:g}, {high:g}]"
    else:
        allowed = f"a finite number {'>' if excluded == low else '>='} {low:g}"
    raise ValueError(f"Argument `{name}` must be {allowed}. Received: {name}={value!r}")
