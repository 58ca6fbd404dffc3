"""Learning rates: a number in a Variable, a schedule, or a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from ..core.naming import name_scope, path_matches
from ..core.op import TensorLike
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..core.types import Config
from ..core.variable import Variable
from .options import check_number
from .schedules import LearningRateSchedule

LearningRate: TypeAlias = float | Variable | LearningRateSchedule | Callable


def as_learning_rate(value: LearningRate | Config, scope: str) -> Variable | LearningRateSchedule | Callable:
    """Converts the argument `learning_rate` to the form in which an optimizer keeps it.

    Args:
        value: A float, a Variable, a schedule or its config, or a function.
        scope: Name of the optimizer, the first part of the path of the Variable that holds a float.

    Raises:
        ValueError: It is none of these, or a number out of range.
    """
    if isinstance(value, dict):
        value = deserialize_keras_object(value)
    if isinstance(value, (LearningRateSchedule, Variable)):
        return value
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
        check_number("learning_rate", value)
        with name_scope(scope):
            return Variable(
                np.asarray(value, np.float64),
                trainable=False,
                aggregation="only_first_replica",
                name="learning_rate",
            )
    if callable(value):
        return value
    raise ValueError(
        "Argument `learning_rate` should be float, or an instance of LearningRateSchedule, or a callable (that "
        "takes in the current iteration value and returns the corresponding learning rate value). Received "
        f"instead: learning_rate={value}"
    )


def replaces_rate(value: LearningRate) -> bool:
    """Returns whether assigning `value` to `learning_rate` replaces the Variable there, rather than its value."""
    return isinstance(value, LearningRateSchedule) or (callable(value) and not hasattr(value, "shape"))


def assign_rate(rate: Variable | LearningRateSchedule | Callable, value: LearningRate | None) -> None:
    """Assigns a number to the Variable that holds a learning rate.

    Args:
        rate: What the optimizer keeps.
        value: The number.

    Raises:
        TypeError: The learning rate is a schedule or a function.
        ValueError: The number is out of range.
    """
    if not isinstance(rate, Variable):
        raise TypeError(
            "This optimizer was created with a `LearningRateSchedule` object as its `learning_rate` constructor "
            "argument, hence its learning rate is not settable. If you need the learning rate to be settable, you "
            "should instantiate the optimizer with a float `learning_rate` argument."
        )
    if value is None:
        raise ValueError("Argument `learning_rate` must be a finite number >= 0. Received: learning_rate=None")
    check_number("learning_rate", value)
    rate.assign(value)


def rate_of(schedule: LearningRateSchedule | Callable, updates: TensorLike) -> Any:
    """Returns the rate that a schedule or a function gives after a number of updates.

    Args:
        schedule: The schedule, or a function of the number of updates or of nothing.
        updates: Number of updates, a scalar.
    """
    if isinstance(schedule, LearningRateSchedule):
        return schedule(updates)
    takes_step = any(p.default is p.empty for p in inspect.signature(schedule).parameters.values())
    return schedule(updates) if takes_step else schedule()


def multipliers_of(paths: Sequence[str], multipliers: Mapping[str, float]) -> tuple[float, ...]:
    """Returns the factor of the learning rate for each variable: that of the first pattern that matches its path, or 1.

    A pattern matches a path as a whole or from any name in it on: "encoder/*" is every variable of the layers named
    "encoder", wherever they are.

    Args:
        paths: The paths of the variables.
        multipliers: Factors by pattern.

    Raises:
        ValueError: A pattern matches no variable.

    >>> multipliers_of(["net/encoder/kernel", "net/top/kernel"], {"encoder/*": 0.1})
    (0.1, 1.0)
    """
    for pattern in multipliers:
        if not any(path_matches(path, pattern) for path in paths):
            raise ValueError(
                f"`learning_rate_multipliers` has the pattern '{pattern}', which matches the path of no trainable "
                f"variable. The paths are: {', '.join(paths[:20])}{', ...' if len(paths) > 20 else ''}."
            )
    return tuple(next((f for p, f in multipliers.items() if path_matches(path, p)), 1.0) for path in paths)


def check_multipliers(value: Any) -> dict[str, float]:
    """Returns the argument `learning_rate_multipliers` of `compile`; an empty dict for None.

    Raises:
        ValueError: It is no dict from text to numbers of 0 or more.
    """
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(pattern, str) for pattern in value):
        raise ValueError(
            "`learning_rate_multipliers` must be a dict from patterns of variables' paths to numbers, e.g. "
            f"`{{'encoder/*': 0.1}}`. Received: {value!r}"
        )
    for pattern, factor in value.items():
        check_number(f"learning_rate_multipliers['{pattern}']", factor)
    return {pattern: float(factor) for pattern, factor in value.items()}


def rate_config(rate: Variable | LearningRateSchedule | Callable) -> Any:
    """Returns a learning rate for the config: the current value of a Variable, else the description of the object."""
    return float(rate.numpy()) if isinstance(rate, Variable) else serialize_keras_object(rate)
