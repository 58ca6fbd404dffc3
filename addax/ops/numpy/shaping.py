"""Functions that rearrange elements: reshaping, joining, splitting, repeating, padding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core.abstract import is_unknown
from ...core.convert import unwrap
from ...core.engine import jnp
from ...core.op import Argument, Axis, Tensor, TensorLike, op
from ...core.types import ArrayLike
from .reductions import _axes

Sizes = int | Sequence[int | None]  # one size may be unknown (None) or -1
Sections = int | Sequence[int]


def _sizes(shape: Sizes) -> Sequence[int | None]:
    return shape if isinstance(shape, (list, tuple)) else (shape,)


def _check_counts(repeats: object) -> None:
    """Raises ValueError for negative numbers of repetitions."""
    counts = repeats if isinstance(repeats, (list, tuple, np.ndarray)) else (repeats,)
    if any(isinstance(n, (int, np.integer)) and n < 0 for n in np.ravel(np.asarray(counts, object))):
        raise ValueError(f"`repeats` must not be negative. Received: repeats={repeats}")


@op
def append(x1: TensorLike, x2: TensorLike, axis: int | None = None) -> Tensor:
    """Appends `x2` to `x1` along `axis`.

    Args:
        x1, x2: Tensors whose shapes agree except along `axis`.
        axis: Axis to join along; None flattens both first.

    Returns:
        Tensor.

    Raises:
        TypeError: The shapes differ in other axes. For symbolic tensors this is a ValueError.

    >>> append([1, 2], [[3], [4]])
    Array([1, 2, 3, 4], dtype=int32)
    """
    return jnp.append(x1, x2, axis)


@op
def array_split(x: TensorLike, indices_or_sections: Sections, axis: int = 0) -> list[Tensor]:
    """Splits a tensor along `axis` into parts of sizes as equal as possible.

    Args:
        x: Tensor.
        indices_or_sections: Number of parts, or the positions to split at.
        axis: Axis to split.

    Returns:
        List of tensors.

    >>> [p.shape for p in array_split(jnp.zeros(5), 2)]
    [(3,), (2,)]
    """
    return jnp.array_split(x, indices_or_sections, axis)


@op
def broadcast_to(x: TensorLike, shape: Sequence[int]) -> Tensor:
    """Broadcasts a tensor to a shape.

    Args:
        x: Tensor.
        shape: Shape of the result, whose last axes agree with those of `x` or meet a size of 1.

    Returns:
        Tensor of shape `shape`.

    Raises:
        ValueError: `x` can't be broadcast to `shape`.

    >>> broadcast_to([1, 2], (2, 2)).tolist()
    [[1, 2], [1, 2]]
    """
    target = (None,) * (x.ndim - len(shape)) + tuple(shape)[max(len(shape) - x.ndim, 0) :]
    # While shapes are inferred, an unknown size may be 1 as well as that of `shape`. In exported programs it is a size
    # like others.
    open_sizes = [is_unknown(n) and n != t for n, t in zip(x.shape, target)]
    if any(open_sizes):
        x = x[tuple(slice(0, 1) if is_open else slice(None) for is_open in open_sizes)]
    return jnp.broadcast_to(x, tuple(shape))


@op
def concatenate(xs: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """Joins tensors along an existing axis.

    Args:
        xs: Tensors whose shapes agree except along `axis`.
        axis: Axis to join along.

    Returns:
        Tensor.

    Raises:
        TypeError: The shapes differ in other axes. For symbolic tensors this is a ValueError.

    >>> concatenate([[1, 2], [3]])
    Array([1, 2, 3], dtype=int32)
    """
    return jnp.concatenate([jnp.asarray(x) for x in xs], axis)


@op
def diag(x: TensorLike, k: int = 0) -> Tensor:
    """Extracts the `k`-th diagonal of a matrix, or builds the matrix with a vector on its `k`-th diagonal.

    Args:
        x: Tensor, `(m, n)` or `(n,)`.
        k: Index of the diagonal: 0 for the main one, positive above it, negative below.

    Returns:
        Vector, or square matrix.

    Raises:
        ValueError: `x` is neither a vector nor a matrix.

    >>> diag([1, 2]).tolist()
    [[1, 0], [0, 2]]
    """
    return jnp.diag(x, k)


@op
def diagflat(x: TensorLike, k: int = 0) -> Tensor:
    """Builds the matrix with the elements of `x`, flattened, on its `k`-th diagonal.

    Args:
        x: Tensor.
        k: Index of the diagonal: 0 for the main one, positive above it, negative below.

    Returns:
        Square matrix.

    >>> diagflat([[1], [2]]).tolist()
    [[1, 0], [0, 2]]
    """
    return jnp.diagflat(x, k)


@op
def diagonal(x: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Extracts diagonals.

    Args:
        x: Tensor of at least two axes.
        offset: Index of the diagonal: 0 for the main one, positive above it, negative below.
        axis1, axis2: Axes of the matrices' rows and columns.

    Returns:
        Tensor without these axes, with the diagonals in a new last axis.

    Raises:
        ValueError: `x` has fewer than two axes.

    >>> diagonal([[1, 2], [3, 4]])
    Array([1, 4], dtype=int32)
    """
    return jnp.diagonal(x, offset, axis1, axis2)


@op
def dsplit(x: TensorLike, indices_or_sections: ArrayLike) -> list[Tensor]:
    """Splits a tensor along axis 2.

    Args:
        x: Tensor of at least three axes.
        indices_or_sections: Number of equal parts, or the positions to split at.

    Returns:
        List of tensors.

    Raises:
        ValueError: The axis can't be divided into equal parts.

    >>> [p.shape for p in dsplit(jnp.zeros((1, 2, 4)), 2)]
    [(1, 2, 2), (1, 2, 2)]
    """
    return jnp.dsplit(x, indices_or_sections)


@op
def dstack(xs: Sequence[TensorLike]) -> Tensor:
    """Stacks tensors along axis 2. Vectors and matrices get new axes first.

    Args:
        xs: Tensors whose shapes agree except along axis 2.

    Returns:
        Tensor of at least three axes.

    Raises:
        TypeError: The shapes differ in other axes. For symbolic tensors this is a ValueError.

    >>> dstack([[1, 2], [3, 4]]).shape
    (1, 2, 2)
    """
    return jnp.dstack(xs)


@op
def expand_dims(x: TensorLike, axis: Axis) -> Tensor:
    """Inserts new axes of size 1.

    Args:
        x: Tensor.
        axis: Position or positions of the new axes in the result.

    Returns:
        Tensor of the same elements.

    Raises:
        ValueError: `axis` is out of bounds.

    >>> expand_dims([1, 2], 0).shape
    (1, 2)
    """
    return jnp.expand_dims(x, _axes(axis))


@op
def flip(x: TensorLike, axis: Axis = None) -> Tensor:
    """Reverses the order of elements along `axis`.

    Args:
        x: Tensor.
        axis: Axis or axes to reverse; None for all.

    Returns:
        Tensor of the shape of `x`.

    Raises:
        ValueError: `axis` is out of bounds.

    >>> flip([1, 2])
    Array([2, 1], dtype=int32)
    """
    return jnp.flip(x, _axes(axis))


@op(keras_class="Fliplr")
def fliplr(x: TensorLike) -> Tensor:
    """Reverses the order of elements along axis 1.

    Args:
        x: Tensor of at least two axes.

    Returns:
        Tensor of the shape of `x`.

    Raises:
        ValueError: `x` has fewer than two axes.

    >>> fliplr([[1, 2]]).tolist()
    [[2, 1]]
    """
    return jnp.fliplr(x)


@op(keras_class="Flipud")
def flipud(x: TensorLike) -> Tensor:
    """Reverses the order of elements along axis 0.

    Args:
        x: Tensor of at least one axis.

    Returns:
        Tensor of the shape of `x`.

    Raises:
        ValueError: `x` has no axis.

    >>> flipud([1, 2])
    Array([2, 1], dtype=int32)
    """
    return jnp.flipud(x)


@op
def hsplit(x: TensorLike, indices_or_sections: ArrayLike) -> list[Tensor]:
    """Splits a tensor along axis 1, or a vector along axis 0.

    Args:
        x: Tensor of at least one axis.
        indices_or_sections: Number of equal parts, or the positions to split at.

    Returns:
        List of tensors.

    Raises:
        ValueError: The axis can't be divided into equal parts.

    >>> [p.shape for p in hsplit(jnp.zeros((2, 4)), 2)]
    [(2, 2), (2, 2)]
    """
    return jnp.hsplit(x, indices_or_sections)


@op
def hstack(xs: Sequence[TensorLike]) -> Tensor:
    """Joins tensors along axis 1, or vectors along axis 0.

    Args:
        xs: Tensors whose shapes agree except along that axis.

    Returns:
        Tensor.

    Raises:
        TypeError: The shapes differ in other axes. For symbolic tensors this is a ValueError.

    >>> hstack([[1, 2], [3]])
    Array([1, 2, 3], dtype=int32)
    """
    return jnp.hstack(xs)


@op
def moveaxis(x: TensorLike, source: Axis, destination: Axis) -> Tensor:
    """Moves axes to new positions; the other axes keep their order.

    Args:
        x: Tensor.
        source: Axis or axes to move.
        destination: Position of each of them in the result.

    Returns:
        Tensor of the same elements.

    Raises:
        ValueError: An axis is out of bounds, or `source` and `destination` differ in length.

    >>> moveaxis(jnp.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    return jnp.moveaxis(x, _axes(source), _axes(destination))


@op
def pad(x: TensorLike, pad_width: int | Sequence, mode: str = "constant", constant_values: Argument = None) -> Tensor:
    """Pads a tensor along each axis.

    Args:
        x: Tensor.
        pad_width: Numbers of elements to add: an int, a pair (before, after), or one pair per axis.
        mode: Padding mode: "constant", or another mode of `numpy.pad`, such as "edge", "reflect", "symmetric" or
            "wrap".
        constant_values: Value of the padding in mode "constant"; None for 0.

    Returns:
        Tensor of the padded shape.

    Raises:
        ValueError: `constant_values` is given in another mode.
        NotImplementedError: `mode` is unknown.

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
    """Flattens a tensor.

    Args:
        x: Tensor.

    Returns:
        Vector of the same elements.

    >>> ravel([[1, 2], [3, 4]])
    Array([1, 2, 3, 4], dtype=int32)
    """
    return jnp.ravel(x)


@op
def repeat(x: TensorLike, repeats: int | Sequence[int], axis: int | None = None) -> Tensor:
    """Repeats each element along `axis`.

    Args:
        x: Tensor.
        repeats: Number of repetitions: an int, or one int per element of the axis.
        axis: Axis to repeat along; None flattens `x` first.

    Returns:
        Tensor of the shape of `x` except along `axis`.

    Raises:
        ValueError: The length of `repeats` is not the size of the axis, or a number of repetitions is negative.

    >>> repeat([1, 2], 2)
    Array([1, 1, 2, 2], dtype=int32)
    """
    _check_counts(repeats)
    return jnp.repeat(x, np.asarray(repeats) if isinstance(repeats, (list, tuple)) else unwrap(repeats), axis)


@op(recorded={"newshape": _sizes})
def reshape(x: TensorLike, newshape: Sizes) -> Tensor:
    """Changes the shape of a tensor, keeping its elements in order.

    Args:
        x: Tensor.
        newshape: New shape; one size may be -1 (or None) and is inferred. If several sizes are unknown, None stands for
            the size of `x` at the same position: `reshape(x, (shape(x)[0], -1))`.

    Returns:
        Tensor of shape `newshape`.

    Raises:
        ValueError: More than one size is to be inferred, or a size is below -1.
        TypeError: `x` has another number of elements. For symbolic tensors this is a ValueError.

    >>> reshape([1, 2, 3, 4], (2, -1)).shape
    (2, 2)
    >>> reshape(np.zeros((5, 2, 3)), (None, -1)).shape
    (5, 6)
    """
    sizes = _sizes(newshape)
    if (
        sum(n is None or n == -1 for n in sizes) > 1
    ):  # sizes that `shape` didn't know of a symbolic tensor come from the data
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
    """Shifts elements along `axis` cyclically.

    Args:
        x: Tensor.
        shift: Number of positions, an int, or one int per axis.
        axis: Axis or axes to shift along; None flattens `x` for the shift.

    Returns:
        Tensor of the shape of `x`.

    Raises:
        ValueError: `axis` is out of bounds.

    >>> roll([1, 2, 3], 1)
    Array([3, 1, 2], dtype=int32)
    """
    return jnp.roll(x, _axes(shift), _axes(axis))


@op
def rot90(array: TensorLike, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Tensor:
    """Rotates a tensor by 90 degrees `k` times, from the first of `axes` towards the second.

    Args:
        array: Tensor of at least two axes.
        k: Number of rotations.
        axes: Plane of the rotation.

    Returns:
        Tensor with the sizes of `axes` exchanged if `k` is odd.

    Raises:
        ValueError: `array` has fewer than two axes, or `axes` are equal.

    >>> rot90([[1, 2], [3, 4]]).tolist()
    [[2, 4], [1, 3]]
    """
    return jnp.rot90(array, k, (axes[0], axes[1]))


@op
def split(x: TensorLike, indices_or_sections: Sections, axis: int = 0) -> list[Tensor]:
    """Splits a tensor along `axis`.

    Args:
        x: Tensor.
        indices_or_sections: Number of equal parts, or the positions to split at.
        axis: Axis to split.

    Returns:
        List of tensors.

    Raises:
        ValueError: The axis can't be divided into equal parts.

    >>> split([1, 2, 3], [1])
    [Array([1], dtype=int32), Array([2, 3], dtype=int32)]
    """
    return jnp.split(x, indices_or_sections, axis)


@op
def squeeze(x: TensorLike, axis: Axis = None) -> Tensor:
    """Removes axes of size 1.

    Args:
        x: Tensor.
        axis: Axis or axes to remove; None for all of size 1.

    Returns:
        Tensor of the same elements.

    Raises:
        ValueError: An axis in `axis` is out of bounds or has another size than 1.

    >>> squeeze([[1, 2]], 0).shape
    (2,)
    """
    return jnp.squeeze(x, _axes(axis))


@op
def stack(x: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """Stacks tensors of the same shape along a new axis.

    Args:
        x: Tensors.
        axis: Position of the new axis in the result.

    Returns:
        Tensor of one axis more.

    Raises:
        ValueError: The shapes differ, or `axis` is out of bounds.

    >>> stack([[1, 2], [3, 4]], axis=1).tolist()
    [[1, 3], [2, 4]]
    """
    return jnp.stack([jnp.asarray(e) for e in x], axis)


@op(keras_class="Swapaxes")
def swapaxes(x: TensorLike, axis1: int, axis2: int) -> Tensor:
    """Exchanges two axes.

    Args:
        x: Tensor.
        axis1, axis2: Axes to exchange.

    Returns:
        Tensor of the same elements.

    Raises:
        IndexError: An axis is out of bounds. For symbolic tensors this is a ValueError.

    >>> swapaxes(jnp.zeros((2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """
    return jnp.swapaxes(x, axis1, axis2)


@op
def tile(x: TensorLike, repeats: int | Sequence[int]) -> Tensor:
    """Repeats a whole tensor along each axis.

    Args:
        x: Tensor.
        repeats: Number of repetitions: an int for the last axis, or one int per axis.

    Returns:
        Tensor.

    Raises:
        ValueError: A number of repetitions is negative.

    >>> tile([1, 2], 2)
    Array([1, 2, 1, 2], dtype=int32)
    """
    _check_counts(repeats)
    return jnp.tile(x, _axes(repeats))


@op
def transpose(x: TensorLike, axes: Sequence[int] | None = None) -> Tensor:
    """Permutes the axes of a tensor.

    Args:
        x: Tensor.
        axes: Order of the axes, a permutation; None reverses them.

    Returns:
        Tensor of the same elements.

    Raises:
        TypeError: `axes` is not a permutation. For symbolic tensors this is a ValueError.

    >>> transpose(jnp.zeros((2, 3, 4)), (0, 2, 1)).shape
    (2, 4, 3)
    """
    return jnp.transpose(x, axes)


@op
def vsplit(x: TensorLike, indices_or_sections: ArrayLike) -> list[Tensor]:
    """Splits a tensor along axis 0.

    Args:
        x: Tensor of at least one axis.
        indices_or_sections: Number of equal parts, or the positions to split at.

    Returns:
        List of tensors.

    Raises:
        ValueError: The axis can't be divided into equal parts.

    >>> [p.shape for p in vsplit(jnp.zeros((4, 2)), 2)]
    [(2, 2), (2, 2)]
    """
    return jnp.vsplit(x, indices_or_sections)


@op
def vstack(xs: Sequence[TensorLike]) -> Tensor:
    """Joins tensors along axis 0. Vectors become rows first.

    Args:
        xs: Tensors whose shapes agree except along axis 0.

    Returns:
        Tensor of at least two axes.

    Raises:
        TypeError: The shapes differ in other axes. For symbolic tensors this is a ValueError.

    >>> vstack([[1, 2], [3, 4]]).tolist()
    [[1, 2], [3, 4]]
    """
    return jnp.vstack(xs)
