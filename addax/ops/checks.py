"""Checks of the ops' arguments. A size that is unknown is a symbol of JAX, and fits anything."""

from __future__ import annotations

from collections.abc import Collection

from ..core.types import Array


def differ(a: object, b: object) -> bool:
    """Tests whether two sizes are both known and different.

    >>> differ(2, 3), differ(2, 2), differ(2, None)
    (True, False, False)
    """
    return isinstance(a, int) and isinstance(b, int) and a != b


def one_of(argument: str, value: object, accepted: Collection) -> None:
    """Raises ValueError unless `value` is among `accepted`."""
    if value not in accepted:
        raise ValueError(
            f"Invalid value for argument `{argument}`. Expected one of {list(accepted)}. Received: {argument}={value}"
        )


def least_rank(x: Array, rank: int) -> None:
    """Raises ValueError for fewer than `rank` axes, in the words of Keras's linear algebra."""
    if x.ndim < rank:
        raise ValueError(f"Expected input to have rank >= {rank}. Received input with shape {tuple(x.shape)}.")


def input_rank(x: Array, rank: int) -> None:
    """Raises ValueError for fewer than `rank` axes, in the words of Keras's Fourier transforms."""
    if x.ndim < rank:
        raise ValueError(f"Input should have rank >= {rank}. Received: input.shape = {tuple(x.shape)}")


def exact_rank(x: Array, rank: int, what: str = "Input") -> None:
    """Raises ValueError unless `x` has exactly `rank` axes."""
    if x.ndim != rank:
        raise ValueError(f"{what} must be a {rank}D tensor. Received: {what.lower()}.shape={tuple(x.shape)}")


def axis_in(x: Array, axis: int, name: str = "axis") -> int:
    """Returns `axis` counted from the front.

    Raises:
        ValueError: `x` has no such axis.
    """
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"{name} {axis} is out of bounds for array of dimension {x.ndim}")
    return axis % x.ndim


def broadcastable(a: tuple, b: tuple) -> bool:
    """Tests whether two shapes can be broadcast together, as far as their sizes are known."""
    return not any(differ(m, n) and 1 not in (m, n) for m, n in zip(reversed(a), reversed(b)))
