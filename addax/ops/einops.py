"""Rearrangement of axes by a pattern."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from ..core.op import Tensor, TensorLike
from .core import convert_to_tensor
from .numpy.shaping import reshape, transpose


def _groups(side: str) -> list[list[str]]:
    """Parses one side of a pattern into groups of axes: `"(a b) c"` -> [["a", "b"], ["c"]].

    >>> _groups("(a b) c 1")
    [['a', 'b'], ['c'], []]
    """
    groups = []
    for match in re.finditer(r"\(([^()]*)\)|(\S+)", side):
        grouped, single = match.groups()
        names = grouped.split() if grouped is not None else [single]
        groups.append([n for n in names if n != "1"])
    return groups


def _names(groups: list[list[str]]) -> list[str]:
    return [name for group in groups for name in group]


def _parse(pattern: str) -> tuple[list[list[str]], list[list[str]]]:
    """Returns the groups of both sides of a pattern, which must name the same axes."""
    sides = pattern.split("->")
    if len(sides) != 2:
        raise ValueError(f"Argument `pattern` must have the form 'before -> after'. Received: pattern={pattern!r}")
    left, right = (_groups(side) for side in sides)
    before, after = _names(left), _names(right)
    if sorted(before) != sorted(after) or len(set(before)) != len(before):
        raise ValueError(
            "Both sides of `pattern` must name the same axes, each once. "
            f"Received: pattern={pattern!r} with axes {before} and {after}"
        )
    return left, right


def _axis_sizes(
    groups: list[list[str]], shape: Sequence[int | None], given: dict[str, int], pattern: str
) -> dict[str, int | None]:
    """Returns the size of each named axis; None where it is unknown.

    At most one axis of a group may be without a given size: it gets what the others leave of the tensor's axis.
    """
    sizes: dict[str, int | None] = dict(given)
    for group, size in zip(groups, shape):
        open_names = [n for n in group if n not in sizes]
        if len(open_names) > 1:
            raise ValueError(
                f"The sizes of {open_names} in {pattern!r} can't be inferred: pass all but one as keyword arguments."
            )
        for n in group:
            if n in given and size is not None:
                size = size // given[n]
        for n in open_names:
            sizes[n] = size
    return sizes


def rearrange(tensor: TensorLike, pattern: str, **axes_lengths: int) -> Tensor:
    """Transposes, splits and merges axes according to a pattern.

    Args:
        tensor: Tensor.
        pattern: "axes before -> axes after": each axis is a name, a group such as "(h p)" of names that form one axis,
            or 1.
        axes_lengths: Sizes of the named axes that can't be inferred from a group on the left.

    Returns:
        Tensor with the axes of the right side.

    Raises:
        ValueError: The pattern is malformed, its sides name different axes, its left side doesn't have the rank of
            `tensor`, or sizes are missing.

    >>> rearrange(jnp.zeros((4, 6)), "(a b) c -> a c b", b=2).shape
    (2, 6, 2)
    """
    left, right = _parse(pattern)
    before, after = _names(left), _names(right)
    if not hasattr(tensor, "shape"):
        tensor = convert_to_tensor(tensor)
    if len(left) != len(tensor.shape):
        raise ValueError(
            f"The left side of `pattern` has {len(left)} axes, the tensor {len(tensor.shape)}. "
            f"Received: pattern={pattern!r}, tensor.shape={tensor.shape}"
        )
    sizes = _axis_sizes(left, tensor.shape, axes_lengths, pattern)

    def merged(group: list[str]) -> int:
        """Returns the size of an axis made of `group`; -1 if one of them is unknown."""
        known = [n for n in (sizes[name] for name in group) if n is not None]
        return math.prod(known) if len(known) == len(group) else -1

    x = reshape(tensor, tuple(merged([n]) for n in before)) if len(before) != len(left) else tensor
    if before != after:
        x = transpose(x, tuple(before.index(n) for n in after))
    return reshape(x, tuple(map(merged, right))) if len(after) != len(right) else x
