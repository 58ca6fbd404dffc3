"""What ops check of their arguments: sizes that JAX stands a symbol for, as they are unknown, fit anything."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any


def differ(a: Any, b: Any) -> bool:
    """Whether two sizes are both known and not the same.

    >>> differ(2, 3), differ(2, 2), differ(2, None)
    (True, False, False)
    """
    return isinstance(a, int) and isinstance(b, int) and a != b


def one_of(argument: str, value: Any, accepted: Collection) -> None:
    """Raises ValueError unless `value` is among `accepted`."""
    if value not in accepted:
        raise ValueError(
            f"Invalid value for argument `{argument}`. Expected one of {list(accepted)}. Received: {argument}={value}"
        )


def least_rank(x: Any, rank: int) -> None:
    """Raises ValueError for fewer than `rank` axes, as Keras's linear algebra says it."""
    if x.ndim < rank:
        raise ValueError(f"Expected input to have rank >= {rank}. Received input with shape {tuple(x.shape)}.")


def input_rank(x: Any, rank: int) -> None:
    """The same, as Keras's spectra say it."""
    if x.ndim < rank:
        raise ValueError(f"Input should have rank >= {rank}. Received: input.shape = {tuple(x.shape)}")


def exact_rank(x: Any, rank: int, what: str = "Input") -> None:
    """Raises ValueError unless there are `rank` axes."""
    if x.ndim != rank:
        raise ValueError(f"{what} must be a {rank}D tensor. Received: {what.lower()}.shape={tuple(x.shape)}")


def axis_in(x: Any, axis: int, name: str = "axis") -> int:
    """`axis` counted from the front; raises ValueError where `x` has no such axis."""
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"{name} {axis} is out of bounds for array of dimension {x.ndim}")
    return axis % x.ndim


def broadcastable(a: tuple, b: tuple) -> bool:
    """Whether two shapes can be broadcast to one, as far as their sizes are known."""
    return not any(differ(m, n) and 1 not in (m, n) for m, n in zip(reversed(a), reversed(b)))
