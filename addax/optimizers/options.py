"""The options that every optimizer takes, and checks of the numbers given to optimizers and schedules."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import TypedDict, cast

import numpy as np

from ..core.errors import did_you_mean
from ..core.ours import is_ours
from ..core.signature import Configurable, init_arguments, init_parameters
from ..core.warnings import warn


class CommonOptions(TypedDict, total=False):
    """Keyword arguments of every optimizer, described at `Optimizer`."""

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
    """Keyword arguments of every optimizer, and weight decay."""

    weight_decay: float | None


# The options that a step depends on, besides the learning rate and weight decay: see `step_options`.
STEP_OPTIONS = tuple(option for option in CommonOptions.__annotations__ if option != "name")
_CLIPPING = ("clipnorm", "global_clipnorm", "clipvalue")
# The options of every optimizer in the order of Keras's configs.
CONFIG_ORDER = (
    *("name", "learning_rate", "weight_decay", *_CLIPPING),
    *(option for option in STEP_OPTIONS if option not in _CLIPPING),
)

_RENAMED = {"lr": "learning_rate", "eps": "epsilon"}  # names in earlier versions of Keras -> names now

# Arguments of addax's own optimizers, by their range.
_IN_UNIT_RANGE = frozenset(("beta_1", "beta_2", "adam_beta_1", "adam_beta_2", "rho"))
_NOT_NEGATIVE = frozenset(
    ("epsilon", "epsilon_1", "epsilon_2", "initial_accumulator_value", "clip_threshold", "adam_weight_decay")
)


def step_options(optimizer: object) -> CommonOptions:
    """Returns the options of an optimizer that its step depends on."""
    return cast(CommonOptions, {option: getattr(optimizer, option) for option in STEP_OPTIONS})


def shown_signature(cls: type) -> inspect.Signature | None:
    """Returns the signature that `help` shows for an optimizer's class, with the options in `**kwargs` by name.

    Args:
        cls: The class.

    Returns:
        The signature; None if the constructor has no `**kwargs` of options, so that its own is shown.
    """
    keywords = inspect.signature(cls.__init__).parameters.get("kwargs")  # type: ignore[misc]
    if keywords is None or "Options" not in str(keywords.annotation):
        return None
    passed_on = [p for p in init_parameters(cls).values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    required = [p for p in passed_on if p.default is p.empty]
    optional = [p for p in passed_on if p.default is not p.empty]
    rest = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)
    return inspect.Signature([*required, *optional, rest])


def check_keywords(cls: type, keywords: Mapping[str, object]) -> None:
    """Checks keyword arguments that no parameter of an optimizer's constructor took.

    Args:
        cls: The optimizer's class.
        keywords: The arguments; `decay` is ignored with a warning.

    Raises:
        ValueError: There are others, with suggestions for misspelt ones.
    """
    if "decay" in keywords:
        warn(
            "Argument `decay` is no longer supported and will be ignored. Use a schedule, e.g. "
            "`learning_rate=keras.optimizers.schedules.InverseTimeDecay(...)`."
        )
    unknown = {argument: value for argument, value in keywords.items() if argument != "decay"}
    if unknown:
        raise ValueError(
            f"Argument(s) not recognized: {unknown}. "
            + " ".join(_suggestion(cls, argument) for argument in unknown)
            + f" (in {cls.__name__})"
        )


def _suggestion(cls: type, argument: str) -> str:
    if argument in _RENAMED:
        return f"`{argument}` is called `{_RENAMED[argument]}`."
    return did_you_mean(argument, init_parameters(cls))


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
    """Checks the options of every optimizer.

    Args:
        name, use_ema, ema_momentum, ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps,
            weight_decay: See `Optimizer`.
        **limits: `clipnorm`, `clipvalue` and `global_clipnorm`, of which one may be set.

    Raises:
        ValueError: An option is out of range, or more than one kind of clipping is set.
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


def check_own_arguments(optimizer: Configurable) -> None:
    """Checks the ranges of arguments of addax's own optimizers; in users' classes they may mean something else.

    Raises:
        ValueError: An argument is out of range.
    """
    if not is_ours(type(optimizer)):
        return
    passed = init_arguments(optimizer)
    for argument in _IN_UNIT_RANGE.intersection(passed):
        check_number(argument, passed[argument], 0.0, 1.0)
    for argument in _NOT_NEGATIVE.intersection(passed):
        check_number(argument, passed[argument])


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and value >= least


def check_number(
    name: str, value: object, low: float = 0.0, high: float = math.inf, excluded: float | None = None
) -> None:
    """Checks that a number is finite and in a range.

    Args:
        name: The argument's name.
        value: The argument. None passes, and so do Variables and JAX arrays, whose values may be traced.
        low: Smallest value allowed.
        high: Largest value allowed.
        excluded: A value in the range that is not allowed.

    Raises:
        ValueError: It is a string, or a number that is NaN, infinite or out of range.

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
