"""Functions that rearrange elements: reshaping, joining, splitting, repeating, padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.convert import unwrap
from ...core.engine import jnp
from ...core.op import Argument, Axis, Tensor, TensorLike, op
from .reductions import _axes

Sizes = Any  # an int, or a sequence of ints in which one may be unknown (None) or -1


def _sizes(shape: Sizes) -> Any:
    return shape if isinstance(shape, (list, tuple)) else (shape,)


@op
def append(x1: TensorLike, x2: TensorLike, axis: int | None = None) -> Tensor:
    """`x2` after `x1` along `axis`; both flattened first when it is None.

    >>> append([1, 2], [[3], [4]])
    Array([1, 2, 3, 4], dtype=int32)
    """
    return jnp.append(x1, x2, axis)


@op
def array_split(x: TensorLike, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """Parts of `x` along `axis`, of sizes as equal as possible.

    Args:
        x: Tensor.
        indices_or_sections: The number of parts, or the positions where to split.
        axis: Axis to split.

    >>> [p.shape for p in array_split(jnp.zeros(5), 2)]
    [(3,), (2,)]
    """
    return jnp.array_split(x, indices_or_sections, axis)


@op
def broadcast_to(x: TensorLike, shape: Sequence[int]) -> Tensor:
    """`x` repeated to `shape` along missing axes and axes of size 1.

    >>> broadcast_to([1, 2], (2, 2)).tolist()
    [[1, 2], [1, 2]]
    """
    if not all(isinstance(n, int) for n in x.shape):  # an unknown size can only be that of `shape`, or 1
        x = x[tuple(slice(None) if isinstance(n, int) else slice(0, 1) for n in x.shape)]
    return jnp.broadcast_to(x, tuple(shape))


@op
def concatenate(xs: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """Joins tensors along an axis they have.

    Args:
        xs: Tensors whose shapes agree except along `axis`.
        axis: Axis to join.

    >>> concatenate([[1, 2], [3]])
    Array([1, 2, 3], dtype=int32)
    """
    return jnp.concatenate([jnp.asarray(x) for x in xs], axis)


@op
def diag(x: TensorLike, k: int = 0) -> Tensor:
    """The `k`-th diagonal of a matrix, or the matrix that has a vector on it.

    >>> diag([1, 2]).tolist()
    [[1, 0], [0, 2]]
    """
    return jnp.diag(x, k)


@op
def diagflat(x: TensorLike, k: int = 0) -> Tensor:
    """The matrix with the elements of `x`, flattened, on its `k`-th diagonal.

    >>> diagflat([[1], [2]]).tolist()
    [[1, 0], [0, 2]]
    """
    return jnp.diagflat(x, k)


@op
def diagonal(x: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The diagonals of the matrices that `axis1` and `axis2` span, as the last axis.

    >>> diagonal([[1, 2], [3, 4]])
    Array([1, 4], dtype=int32)
    """
    return jnp.diagonal(x, offset, axis1, axis2)


@op
def dsplit(x: TensorLike, indices_or_sections: Any) -> list[Tensor]:
    """`split` along axis 2."""
    return jnp.dsplit(x, indices_or_sections)


@op
def dstack(xs: Sequence[TensorLike]) -> Tensor:
    """Joins tensors along axis 2, which vectors and matrices get."""
    return jnp.dstack(xs)


@op
def expand_dims(x: TensorLike, axis: Axis) -> Tensor:
    """`x` with new axes of size 1.

    Args:
        x: Tensor.
        axis: Where they stand in the result.

    >>> expand_dims([1, 2], 0).shape
    (1, 2)
    """
    return jnp.expand_dims(x, _axes(axis))


@op
def flip(x: TensorLike, axis: Axis = None) -> Tensor:
    """Reverses the order along `axis`, along all axes when None.

    >>> flip([1, 2])
    Array([2, 1], dtype=int32)
    """
    return jnp.flip(x, _axes(axis))


@op(keras_class="Fliplr")
def fliplr(x: TensorLike) -> Tensor:
    """Reverses the order along axis 1."""
    return jnp.fliplr(x)


@op(keras_class="Flipud")
def flipud(x: TensorLike) -> Tensor:
    """Reverses the order along axis 0."""
    return jnp.flipud(x)


@op
def hsplit(x: TensorLike, indices_or_sections: Any) -> list[Tensor]:
    """`split` along axis 1, axis 0 for vectors."""
    return jnp.hsplit(x, indices_or_sections)


@op
def hstack(xs: Sequence[TensorLike]) -> Tensor:
    """Joins tensors along axis 1, axis 0 for vectors."""
    return jnp.hstack(xs)


@op
def moveaxis(x: TensorLike, source: Axis, destination: Axis) -> Tensor:
    """Moves axes to other positions; the others keep their order.

    >>> moveaxis(jnp.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    return jnp.moveaxis(x, _axes(source), _axes(destination))


@op
def pad(x: TensorLike, pad_width: Any, mode: str = "constant", constant_values: Argument = None) -> Tensor:
    """Adds elements before and after along each axis.

    Args:
        x: Tensor.
        pad_width: An int, a pair (before, after), or one pair an axis.
        mode: "constant", or one of `numpy.pad`'s: "edge", "reflect", "symmetric", "wrap", ...
        constant_values: The new elements in mode "constant"; None for 0.

    >>> pad([1, 2], (1, 0), constant_values=9)
    Array([9, 1, 2], dtype=int32)
    """
    if constant_values is None:
        return jnp.pad(x, pad_width, mode)
    if mode != "constant":
        raise ValueError(
            "Argument `constant_values` can only be provided when `mode == 'constant'`. "
            f"Received: mode={mode}, constant_values={constant_values}"
        )
    return jnp.pad(x, pad_width, mode, constant_values=constant_values)


@op
def ravel(x: TensorLike) -> Tensor:
    """`x` as a vector."""
    return jnp.ravel(x)


@op
def repeat(x: TensorLike, repeats: Any, axis: int | None = None) -> Tensor:
    """Repeats each element along `axis`; flattens first when it is None.

    Args:
        x: Tensor.
        repeats: How often: an int, or one for each element of the axis.
        axis: Axis to lengthen.

    >>> repeat([1, 2], 2)
    Array([1, 1, 2, 2], dtype=int32)
    """
    return jnp.repeat(x, np.asarray(repeats) if isinstance(repeats, (list, tuple)) else unwrap(repeats), axis)


@op(recorded={"newshape": _sizes})
def reshape(x: TensorLike, newshape: Sizes) -> Tensor:
    """The same elements in another shape.

    Args:
        x: Tensor.
        newshape: The shape; one size may be -1 (or None), which is then worked out. Where several are unknown, None is
            the size that `x` has at that place: `reshape(x, (shape(x)[0], -1))`.

    >>> reshape([1, 2, 3, 4], (2, -1)).shape
    (2, 2)
    >>> reshape(np.zeros((5, 2, 3)), (None, -1)).shape
    (5, 6)
    """
    sizes = _sizes(newshape)
    if sum(n is None or n == -1 for n in sizes) > 1:  # those that `shape` gave for a symbolic tensor come from the data
        sizes = [x.shape[i] if n is None and i < x.ndim else n for i, n in enumerate(sizes)]
    if sum(n is None or n == -1 for n in sizes) > 1:
        raise ValueError(
            f"There must be at most one unknown dimension (-1) in `newshape`. Received: newshape={newshape}."
        )
    if any(isinstance(n, int) and n < -1 for n in sizes):
        raise ValueError(
            "Each dimension in `newshape` must be a non-negative integer, or `-1` for a single unknown dimension. "
            f"Received: newshape={newshape}."
        )
    return jnp.reshape(x, tuple(-1 if n is None else n for n in sizes))


@op
def roll(x: TensorLike, shift: Axis, axis: Axis = None) -> Tensor:
    """Moves elements along `axis`; those that fall off one end come in at the other.

    >>> roll([1, 2, 3], 1)
    Array([3, 1, 2], dtype=int32)
    """
    return jnp.roll(x, _axes(shift), _axes(axis))


@op
def rot90(array: TensorLike, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Tensor:
    """Turns `k` times by 90 degrees, from the first of `axes` towards the second.

    >>> rot90([[1, 2], [3, 4]]).tolist()
    [[2, 4], [1, 3]]
    """
    return jnp.rot90(array, k, (axes[0], axes[1]))


@op
def split(x: TensorLike, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """Parts of `x` along `axis`.

    Args:
        x: Tensor.
        indices_or_sections: The number of equal parts, or the positions where to split.
        axis: Axis to split.

    >>> split([1, 2, 3], [1])
    [Array([1], dtype=int32), Array([2, 3], dtype=int32)]
    """
    return jnp.split(x, indices_or_sections, axis)


@op
def squeeze(x: TensorLike, axis: Axis = None) -> Tensor:
    """`x` without axes of size 1: those named by `axis`, or all.

    >>> squeeze([[1, 2]], 0).shape
    (2,)
    """
    return jnp.squeeze(x, _axes(axis))


@op
def stack(x: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """Joins tensors of one shape along a new axis.

    >>> stack([[1, 2], [3, 4]], axis=1).tolist()
    [[1, 3], [2, 4]]
    """
    return jnp.stack([jnp.asarray(e) for e in x], axis)


@op(keras_class="Swapaxes")
def swapaxes(x: TensorLike, axis1: int, axis2: int) -> Tensor:
    """Exchanges two axes.

    >>> swapaxes(jnp.zeros((2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """
    return jnp.swapaxes(x, axis1, axis2)


@op
def tile(x: TensorLike, repeats: Any) -> Tensor:
    """`x` side by side with itself, `repeats` times along each axis.

    >>> tile([1, 2], 2)
    Array([1, 2, 1, 2], dtype=int32)
    """
    return jnp.tile(x, _axes(repeats))


@op
def transpose(x: TensorLike, axes: Sequence[int] | None = None) -> Tensor:
    """Puts the axes in the order `axes`; reverses them when it is None.

    >>> transpose(jnp.zeros((2, 3, 4)), (0, 2, 1)).shape
    (2, 4, 3)
    """
    return jnp.transpose(x, axes)


@op
def vsplit(x: TensorLike, indices_or_sections: Any) -> list[Tensor]:
    """`split` along axis 0."""
    return jnp.vsplit(x, indices_or_sections)


@op
def vstack(xs: Sequence[TensorLike]) -> Tensor:
    """Joins tensors along axis 0; vectors become rows."""
    return jnp.vstack(xs)
