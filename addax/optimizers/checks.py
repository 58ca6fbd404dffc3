"""Checks of the numbers that optimizers and schedules are given."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


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
