"""Functions that select, search and sort elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core import tree
from ...core.convert import unwrap
from ...core.dtypes import static_shape
from ...core.engine import jnp
from ...core.op import Argument, Tensor, TensorLike, op
from ...core.types import Array
from ...core.variable import Variable


@op
def argpartition(x: TensorLike, kth: int, axis: int = -1) -> Tensor:
    """Returns indices that move the `kth` smallest element to its sorted position, with smaller ones before it.

    Args:
        x: Tensor.
        kth: Position, an int.
        axis: Axis to partition along.

    Returns:
        Integer tensor of the shape of `x`.

    Raises:
        ValueError: `kth` or `axis` is out of bounds.

    >>> argpartition([3, 1, 2], 0)[0]
    Array(1, dtype=int32)
    """
    return jnp.argpartition(x, kth, axis)


@op
def argsort(x: TensorLike, axis: int | None = -1) -> Tensor:
    """Returns the indices that sort `x` along `axis`. The sort is stable.

    Args:
        x: Tensor.
        axis: Axis to sort along; None flattens `x` first.

    Returns:
        Integer tensor of the shape of `x`.

    Raises:
        ValueError: `axis` is out of bounds.

    >>> argsort([3, 1, 2])
    Array([1, 2, 0], dtype=int32)
    """
    return jnp.argsort(x, axis)


@op
def bincount(x: TensorLike, weights: TensorLike | None = None, minlength: int = 0, sparse: bool = False) -> Tensor:
    """Counts the occurrences of each integer.

    Args:
        x: Non-negative integer tensor, `(n,)` or `(batch, n)`.
        weights: Weight of each element, of the shape of `x`; None for 1.
        minlength: Minimum length of the result.
        sparse: Kept for compatibility; only False is supported.

    Returns:
        Tensor, `(length,)` or `(batch, length)`, with `length = max(max(x) + 1, minlength)`.

    Raises:
        ValueError: `sparse` is true, or the rank of `x` is neither 1 nor 2.
        TypeError: `x` is not an integer tensor.

    >>> bincount([0, 2, 2])
    Array([1, 0, 2], dtype=int32)
    """
    if sparse:
        raise ValueError("addax has dense tensors only: `sparse=True` is not supported.")
    if x.ndim == 2:
        length = max(minlength, int(jnp.max(x)) + 1)
        rows = jnp.arange(x.shape[0])[:, None]
        counts = jnp.ones_like(x) if weights is None else weights
        return jnp.zeros((x.shape[0], length), counts.dtype).at[rows, x].add(counts)
    return jnp.bincount(x, weights, minlength)


@op
def digitize(x: TensorLike, bins: TensorLike) -> Tensor:
    """Returns the index of the bin that each element belongs to.

    Args:
        x: Tensor.
        bins: Vector of increasing bin edges. Elements below the first edge belong to bin 0.

    Returns:
        Integer tensor of the shape of `x`.

    Raises:
        ValueError: `bins` is not a vector.

    >>> digitize([0.5, 3.0], [1.0, 2.0])
    Array([0, 2], dtype=int32)
    """
    return jnp.digitize(x, bins)


def get_item(x: TensorLike, key: Argument) -> Tensor:
    """Indexes a tensor: `x[key]`.

    Args:
        x: Tensor.
        key: Int, slice, `...`, None, list or tensor of indices or bools, or a tuple of these.

    Returns:
        Tensor of the selected elements.

    Raises:
        IndexError: An int in `key` is out of bounds, or there are more indices than axes.

    >>> get_item([[1, 2], [3, 4]], (slice(None), 1))
    Array([2, 4], dtype=int32)
    """
    # A list is a tensor of indices. As an array it differs from a tuple that JSON has made a list.
    return _get_item(x, np.asarray(key) if isinstance(key, list) else key)


@op(keras_class="GetItem")
def _get_item(x: TensorLike, key: Argument) -> Tensor:
    key = tuple(key) if isinstance(key, list) else key
    _check_key(x, key)
    return x[tree.map_structure(lambda k: unwrap(k) if isinstance(k, Variable) else k, key)]


def _check_key(x: Array, key: object) -> None:
    """Raises IndexError for an int that is out of bounds. JAX would clip it."""
    keys = key if isinstance(key, tuple) else (key,)
    axis = 0
    for i, k in enumerate(keys):
        if k is None:
            continue
        if k is Ellipsis:
            axis = x.ndim - sum(later is not None for later in keys[i + 1 :])
            continue
        if isinstance(k, bool) or not isinstance(k, (int, slice)):
            return  # a tensor of indices or bools, which may stand for several axes
        size = x.shape[axis] if axis < x.ndim else None
        if isinstance(k, int) and isinstance(size, int) and not -size <= k < size:
            raise IndexError(f"Array has shape {static_shape(x)} but out-of-bounds index {key} was requested.")
        axis += 1


get_item.definition = _get_item.definition  # type: ignore[attr-defined]


@op
def histogram(x: TensorLike, bins: int = 10, range: tuple[float, float] | None = None) -> tuple[Tensor, Tensor]:
    """Computes a histogram with bins of equal width.

    Args:
        x: Tensor.
        bins: Number of bins.
        range: Lower edge of the first bin and upper edge of the last; None for the minimum and maximum of `x`.

    Returns:
        Counts, `(bins,)`, and bin edges, `(bins + 1,)`.

    Raises:
        ValueError: The upper end of `range` is below the lower one.

    >>> histogram([1.0, 2.0, 2.0], bins=2)[0]
    Array([1., 2.], dtype=float32)
    """
    if range and range[1] < range[0]:
        raise ValueError(f"The second element of `range` must be greater than the first. Received: range={range}")
    return jnp.histogram(x, bins, tuple(range) if range else None)


@op(keras_class="IsIn")
def isin(x1: TensorLike, x2: TensorLike, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Tests elementwise whether elements of `x1` occur in `x2`.

    Args:
        x1: Tensor.
        x2: Tensor of the values to look for.
        assume_unique: Whether the elements of each tensor are known to be distinct, which is faster.
        invert: Whether to test for absence instead.

    Returns:
        Bool tensor of the shape of `x1`.

    >>> isin([1, 2, 3], [2])
    Array([False,  True, False], dtype=bool)
    """
    return jnp.isin(x1, x2, assume_unique=assume_unique, invert=invert)


@op
def nonzero(x: TensorLike) -> tuple[Tensor, ...]:
    """Returns the indices of the non-zero elements. Not for compiled functions, where sizes can't depend on values.

    Args:
        x: Tensor.

    Returns:
        Tuple of integer vectors, one per axis.

    >>> nonzero([0, 3, 5])
    (Array([1, 2], dtype=int32),)
    """
    return jnp.nonzero(x)


@op(keras_class="SearchSorted")
def searchsorted(sorted_sequence: TensorLike, values: TensorLike, side: str = "left") -> Tensor:
    """Returns the indices at which to insert `values` so that the sequence stays sorted.

    Args:
        sorted_sequence: Increasing vector.
        values: Tensor.
        side: "left" to insert before equal elements, "right" to insert after them.

    Returns:
        Integer tensor of the shape of `values`.

    Raises:
        ValueError: `sorted_sequence` is not a vector, or `side` is neither of these.

    >>> searchsorted([1, 2, 3], [2, 5])
    Array([1, 3], dtype=int32)
    """
    if jnp.ndim(sorted_sequence) != 1:
        raise ValueError(
            "`searchsorted` only supports 1-D sorted sequences. You can use `keras.ops.vectorized_map` to extend it "
            f"to N-D sequences. Received: sorted_sequence.shape={jnp.shape(sorted_sequence)}"
        )
    return jnp.searchsorted(sorted_sequence, values, side)


@op
def select(condlist: Sequence[TensorLike], choicelist: Sequence[TensorLike], default: TensorLike = 0) -> Tensor:
    """Selects each element from the first of several tensors whose condition is true.

    Args:
        condlist: Bool tensors, in order of precedence.
        choicelist: Tensors, as many as conditions.
        default: Value where no condition is true.

    Returns:
        Tensor of the broadcast shape.

    Raises:
        ValueError: The lists are empty or differ in length.

    >>> x = jnp.arange(4); select([x < 1, x > 2], [x, x * 10], -1)
    Array([ 0, -1, -1, 30], dtype=int32)
    """
    return jnp.select(condlist, choicelist, default)


@op
def sort(x: TensorLike, axis: int | None = -1) -> Tensor:
    """Sorts a tensor along `axis` in ascending order.

    Args:
        x: Tensor.
        axis: Axis to sort along; None flattens `x` first.

    Returns:
        Tensor of the shape of `x`.

    Raises:
        ValueError: `axis` is out of bounds.

    >>> sort([3, 1, 2])
    Array([1, 2, 3], dtype=int32)
    """
    return jnp.sort(x, axis)


@op
def take(x: TensorLike, indices: TensorLike, axis: int | None = None) -> Tensor:
    """Selects slices of `x` along `axis` by index.

    Args:
        x: Tensor.
        indices: Integer tensor; negative indices count from the end.
        axis: Axis to select along; None flattens `x` first.

    Returns:
        Tensor with `axis` replaced by the axes of `indices`. Slices at indices out of bounds are NaN, or the lowest
        number of an integer dtype.

    >>> take([10, 20, 30], [2, -3])
    Array([30, 10], dtype=int32)
    """
    return jnp.take(x, indices, axis)


@op
def take_along_axis(x: TensorLike, indices: TensorLike, axis: int | None = None) -> Tensor:
    """Selects elements of `x` along `axis` by index, separately at each position of the other axes.

    Args:
        x: Tensor.
        indices: Integer tensor of the rank of `x`, whose other axes broadcast with those of `x`.
        axis: Axis to select along; None flattens `x` first.

    Returns:
        Tensor of the shape of `indices`, broadcast.

    Raises:
        ValueError: The ranks of `x` and `indices` differ.

    >>> take_along_axis([[1, 2], [3, 4]], [[1], [0]], axis=1).tolist()
    [[2], [3]]
    """
    return jnp.take_along_axis(x, indices, axis)


@op
def tril(x: TensorLike, k: int = 0) -> Tensor:
    """Returns the lower triangle of matrices: sets elements above the `k`-th diagonal to zero.

    Args:
        x: Tensor, `(..., m, n)`.
        k: Index of the diagonal: 0 for the main one, positive above it, negative below.

    Returns:
        Tensor of the shape of `x`.

    Raises:
        ValueError: `x` has fewer than two axes.

    >>> tril([[1, 2], [3, 4]]).tolist()
    [[1, 0], [3, 4]]
    """
    return jnp.tril(x, k)


@op
def triu(x: TensorLike, k: int = 0) -> Tensor:
    """Returns the upper triangle of matrices: sets elements below the `k`-th diagonal to zero.

    Args:
        x: Tensor, `(..., m, n)`.
        k: Index of the diagonal: 0 for the main one, positive above it, negative below.

    Returns:
        Tensor of the shape of `x`.

    Raises:
        ValueError: `x` has fewer than two axes.

    >>> triu([[1, 2], [3, 4]]).tolist()
    [[1, 2], [0, 4]]
    """
    return jnp.triu(x, k)


@op
def unique(
    x: TensorLike,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: float | None = None,
) -> Any:
    """Returns the distinct elements in ascending order.

    Args:
        x: Tensor.
        sorted: Kept for compatibility: the elements are always sorted.
        return_index: Whether to return the index of each element's first occurrence.
        return_inverse: Whether to return the indices that reconstruct `x` from the distinct elements.
        return_counts: Whether to return the number of occurrences of each element.
        axis: Axis whose slices are compared; None compares elements.
        size: Length of the result; required in compiled functions.
        fill_value: Padding up to `size`; None for the smallest element.

    Returns:
        Tensor, or a tuple of it and what was asked for.

    Raises:
        ValueError: `axis` is out of bounds.

    >>> unique([3, 1, 3])
    Array([1, 3], dtype=int32)
    """
    return jnp.unique(
        x, return_index, return_inverse, return_counts, axis=axis, size=size, fill_value=fill_value, sorted=sorted
    )


@op
def unravel_index(indices: TensorLike, shape: Sequence[int]) -> tuple[Tensor, ...]:
    """Converts indices into a flattened tensor to indices along each axis.

    Args:
        indices: Integer tensor.
        shape: Shape of the tensor before flattening.

    Returns:
        Tuple of integer tensors of the shape of `indices`, one per axis.

    >>> [int(i) for i in unravel_index(5, (2, 3))]
    [1, 2]
    """
    return jnp.unravel_index(indices, tuple(shape))


@op
def where(condition: TensorLike, x1: TensorLike | None = None, x2: TensorLike | None = None) -> Any:
    """Selects from `x1` where `condition` is true, else from `x2`.

    Args:
        condition: Bool tensor.
        x1, x2: Tensors or numbers that broadcast with it; or both None.

    Returns:
        Tensor of the broadcast shape. Without `x1` and `x2`, the indices of true elements as a tuple of vectors.

    Raises:
        ValueError: Only one of `x1` and `x2` is given.

    >>> where([True, False], [1, 2], 0)
    Array([1, 0], dtype=int32)
    """
    if (x1 is None) != (x2 is None):
        raise ValueError("`x1` and `x2` either both should be `None` or both should have non-None value.")
    return jnp.where(condition) if x1 is None and x2 is None else jnp.where(condition, x1, x2)  # type: ignore[arg-type]
