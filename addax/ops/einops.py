"""Rearranging axes by a pattern."""

from __future__ import annotations

import math
import re

from ..core.op import Tensor, TensorLike
from .core import convert_to_tensor
from .numpy.shaping import reshape, transpose


def _groups(side: str) -> list[list[str]]:
    """The axes of one side of a pattern, `"(a b) c"` -> [["a", "b"], ["c"]].

    >>> _groups("(a b) c 1")
    [['a', 'b'], ['c'], []]
    """
    groups = []
    for match in re.finditer(r"\(([^()]*)\)|(\S+)", side):
        grouped, single = match.groups()
        names = grouped.split() if grouped is not None else [single]
        groups.append([n for n in names if n != "1"])
    return groups


def rearrange(tensor: TensorLike, pattern: str, **axes_lengths: int) -> Tensor:
    """Transposes, splits and merges axes as a pattern says.

    Args:
        tensor: Tensor.
        pattern: "axes before -> axes after": each a name, a group "(h p)" that is one axis, or 1.
        axes_lengths: Sizes of axes that a group on the left does not determine.

    >>> rearrange(jnp.zeros((4, 6)), "(a b) c -> a c b", b=2).shape
    (2, 6, 2)
    """
    sides = pattern.split("->")
    if len(sides) != 2:
        raise ValueError(f"Argument `pattern` must have the form 'before -> after'. Received: pattern={pattern!r}")
    left, right = (_groups(side) for side in sides)
    before, after = ([name for group in side for name in group] for side in (left, right))
    if sorted(before) != sorted(after) or len(set(before)) != len(before):
        raise ValueError(
            "Both sides of `pattern` must name the same axes, each once. "
            f"Received: pattern={pattern!r} with axes {before} and {after}"
        )
    if not hasattr(tensor, "shape"):
        tensor = convert_to_tensor(tensor)
    if len(left) != len(tensor.shape):
        raise ValueError(
            f"The left side of `pattern` has {len(left)} axes, the tensor {len(tensor.shape)}. "
            f"Received: pattern={pattern!r}, tensor.shape={tensor.shape}"
        )
    sizes: dict[str, int | None] = dict(axes_lengths)
    for group, size in zip(left, tensor.shape):
        open_names = [n for n in group if n not in sizes]
        if len(open_names) > 1:
            raise ValueError(
                f"The sizes of {open_names} in {pattern!r} can't be worked out: give all but one as keyword arguments."
            )
        for n in group:
            if n in axes_lengths and size is not None:
                size = size // sizes[n]
        for n in open_names:
            sizes[n] = size

    def merged(group: list[str]) -> int:
        """The size of an axis made of `group`; -1 where one of them is unknown."""
        known = [n for n in (sizes[name] for name in group) if n is not None]
        return math.prod(known) if len(known) == len(group) else -1

    x = reshape(tensor, tuple(merged([n]) for n in before)) if len(before) != len(left) else tensor
    if before != after:
        x = transpose(x, tuple(before.index(n) for n in after))
    return reshape(x, tuple(map(merged, right))) if len(after) != len(right) else x
