"""Layouts that follow from the shapes of variables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

SMALL = 1 << 16  # bytes of a weight below which a transfer costs more than the memory is worth
TENSOR = "model"  # axis of meshes over which the products of a layer are spread


class Choice(NamedTuple):
    """Layout of a variable, and why it has that one.

    Attributes:
        axes: For each axis of the variable the axis of the mesh that it is spread over, or None.
        why: The reason, for `explain`.
    """

    axes: tuple[str | None, ...]
    why: str


def chosen(
    shape: tuple[int, ...],
    rows: tuple[str, int] | None,
    tensor: tuple[str, int] = (TENSOR, 1),
    heads: int | None = None,
    small: int = SMALL,
) -> Choice:
    """Returns the layout of an array by its shape, and the reason.

    Args:
        shape: The shape.
        rows: Axis of the mesh whose devices share the array, and their number; None for none.
        tensor: Axis of the mesh whose devices share a layer's products, and their number.
        heads: Axis of the array along which heads of attention lie.
        small: Bytes of a float32 array below which it is whole.

    >>> chosen((1024, 4096), rows=("batch", 8))
    Choice(axes=(None, 'batch'), why='largest axis')
    >>> chosen((1024, 1000), rows=("batch", 8), tensor=("model", 4)).axes
    ('model', 'batch')
    >>> chosen((30, 7), rows=("batch", 8), small=0)
    Choice(axes=(None, None), why='no axis is a multiple of 8')
    """
    axes: list[str | None] = [None] * len(shape)
    name, count = tensor
    reasons = []
    if heads is not None and count > 1 and shape[heads] % count == 0:
        axes[heads] = name
        reasons.append("heads of attention")
    if 4 * math.prod(shape) < small:
        return Choice(tuple(axes), reasons[0] if reasons else "small")
    if heads is None and count > 1 and len(shape) > 1:
        axis = _largest(shape, count, axes, first=False)
        if axis is not None:
            axes[axis] = name
            reasons.append(f"larger axis over {count} devices")
    if rows is not None and rows[1] > 1:
        axis = _largest(shape, rows[1], axes)
        if axis is None:
            reasons.append(f"no axis is a multiple of {rows[1]}")
        else:
            axes[axis] = rows[0]
            reasons.append("largest axis")
    elif rows is None and not reasons:
        reasons.append("weights are whole")
    return Choice(tuple(axes), ", ".join(reasons) or "one device")


def _largest(shape: tuple[int, ...], count: int, taken: Sequence[str | None], first: bool = True) -> int | None:
    """Returns the largest axis that is free and a multiple of `count`.

    With `first`, axis 0 is taken where it is at least half as large: its parts are contiguous in memory.
    """
    free = [i for i, n in enumerate(shape) if taken[i] is None and n and n % count == 0]
    if not free:
        return None
    best = max(free, key=lambda i: (shape[i], i if not first else -i))
    return 0 if first and 0 in free and 2 * shape[0] >= shape[best] else best


__all__ = ["SMALL", "TENSOR", "Choice", "chosen"]
