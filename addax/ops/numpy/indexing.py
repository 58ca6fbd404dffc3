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
from ...core.variable import Variable


@op
def argpartition(x: TensorLike, kth: int, axis: int = -1) -> Tensor:
    """Indices that bring the `kth` smallest element to its place, smaller ones before it.

    >>> argpartition([3, 1, 2], 0)[0]
    Array(1, dtype=int32)
    """
    return jnp.argpartition(x, kth, axis)


@op
def argsort(x: TensorLike, axis: int | None = -1) -> Tensor:
    """Indices that sort `x` along `axis`; equal elements keep their order.

    >>> argsort([3, 1, 2])
    Array([1, 2, 0], dtype=int32)
    """
    return jnp.argsort(x, axis)


@op
def bincount(x: TensorLike, weights: TensorLike | None = None, minlength: int = 0, sparse: bool = False) -> Tensor:
    """How often each integer occurs.

    Args:
        x: Integers from 0, shape `(n,)` or `(batch, n)`.
        weights: What each one counts, of the shape of `x`; None for 1.
        minlength: The least length of the result.
        sparse: Kept for compatibility; only False is supported.

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
    """Index of the bin each element falls in.

    Args:
        x: Tensor.
        bins: Increasing edges; below the first is bin 0.

    >>> digitize([0.5, 3.0], [1.0, 2.0])
    Array([0, 2], dtype=int32)
    """
    return jnp.digitize(x, bins)


def get_item(x: TensorLike, key: Argument) -> Tensor:
    """`x[key]`: ints, slices, `...`, None, lists and tensors of indices or bools.

    >>> get_item([[1, 2], [3, 4]], (slice(None), 1))
    Array([2, 4], dtype=int32)
    """
    # A list is a tensor of indices; in the graph it has to be told from the list that a file makes of a tuple.
    return _get_item(x, np.asarray(key) if isinstance(key, list) else key)


@op(keras_class="GetItem")
def _get_item(x: TensorLike, key: Argument) -> Tensor:
    key = tuple(key) if isinstance(key, list) else key
    _check_key(x, key)
    return x[tree.map_structure(lambda k: unwrap(k) if isinstance(k, Variable) else k, key)]


def _check_key(x: Any, key: Any) -> None:
    """Raises IndexError for an int that is out of range, which JAX brings into it."""
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
    """Counts of the elements in bins of equal width.

    Args:
        x: Tensor.
        bins: Number of bins.
        range: Lower and upper edge of them all; None for the extremes of `x`.

    Returns:
        The counts, `(bins,)`, and the edges, `(bins + 1,)`.

    >>> histogram([1.0, 2.0, 2.0], bins=2)[0]
    Array([1., 2.], dtype=float32)
    """
    if range and range[1] < range[0]:
        raise ValueError(f"The second element of `range` must be greater than the first. Received: range={range}")
    return jnp.histogram(x, bins, tuple(range) if range else None)


@op(keras_class="IsIn")
def isin(x1: TensorLike, x2: TensorLike, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether each element of `x1` occurs in `x2` (does not, with `invert`).

    >>> isin([1, 2, 3], [2])
    Array([False,  True, False], dtype=bool)
    """
    return jnp.isin(x1, x2, assume_unique=assume_unique, invert=invert)


@op
def nonzero(x: TensorLike) -> tuple[Tensor, ...]:
    """Indices of the elements that are not zero, one vector an axis. Not for use in compiled functions.

    >>> nonzero([0, 3, 5])
    (Array([1, 2], dtype=int32),)
    """
    return jnp.nonzero(x)


@op(keras_class="SearchSorted")
def searchsorted(sorted_sequence: TensorLike, values: TensorLike, side: str = "left") -> Tensor:
    """Where to insert `values` so that the sequence stays sorted.

    Args:
        sorted_sequence: Increasing vector.
        values: Tensor.
        side: "left" of equal elements or "right" of them.

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
    """From each of several tensors what its condition picks, the first that is true.

    Args:
        condlist: Tensors of bools.
        choicelist: As many tensors.
        default: What is taken where no condition is true.

    >>> x = jnp.arange(4); select([x < 1, x > 2], [x, x * 10], -1)
    Array([ 0, -1, -1, 30], dtype=int32)
    """
    return jnp.select(condlist, choicelist, default)


@op
def sort(x: TensorLike, axis: int | None = -1) -> Tensor:
    """`x` sorted along `axis`, smallest first.

    >>> sort([3, 1, 2])
    Array([1, 2, 3], dtype=int32)
    """
    return jnp.sort(x, axis)


@op
def take(x: TensorLike, indices: TensorLike, axis: int | None = None) -> Tensor:
    """The slices of `x` at `indices` along `axis`; of `x` flattened when it is None. Negative ones count from the end.

    >>> take([10, 20, 30], [2, -3])
    Array([30, 10], dtype=int32)
    """
    return jnp.take(x, indices, axis)


@op
def take_along_axis(x: TensorLike, indices: TensorLike, axis: int | None = None) -> Tensor:
    """Elements of `x` at `indices` along `axis`, position by position in the other axes.

    >>> take_along_axis([[1, 2], [3, 4]], [[1], [0]], axis=1).tolist()
    [[2], [3]]
    """
    return jnp.take_along_axis(x, indices, axis)


@op
def tril(x: TensorLike, k: int = 0) -> Tensor:
    """`x` with zeros above the `k`-th diagonal of its last two axes.

    >>> tril([[1, 2], [3, 4]]).tolist()
    [[1, 0], [3, 4]]
    """
    return jnp.tril(x, k)


@op
def triu(x: TensorLike, k: int = 0) -> Tensor:
    """`x` with zeros below the `k`-th diagonal of its last two axes.

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
    fill_value: Any = None,
) -> Any:
    """The distinct elements, smallest first.

    Args:
        x: Tensor.
        sorted: Kept for compatibility: they are always sorted.
        return_index: Whether to return the index of the first occurrence of each.
        return_inverse: Whether to return, for each element, which of the distinct ones it is.
        return_counts: Whether to return how often each occurs.
        axis: Axis whose slices are compared; None compares elements.
        size: Length of the result: needed in compiled functions.
        fill_value: What fills up to `size`; None for the smallest element.

    Returns:
        A tensor, or a tuple of it and what was asked for.

    >>> unique([3, 1, 3])
    Array([1, 3], dtype=int32)
    """
    return jnp.unique(
        x, return_index, return_inverse, return_counts, axis=axis, size=size, fill_value=fill_value, sorted=sorted
    )


@op
def unravel_index(indices: TensorLike, shape: Sequence[int]) -> tuple[Tensor, ...]:
    """Indices of the elements of a flattened tensor -> indices in its `shape`, one tensor an axis.

    >>> [int(i) for i in unravel_index(5, (2, 3))]
    [1, 2]
    """
    return jnp.unravel_index(indices, tuple(shape))


@op
def where(condition: TensorLike, x1: TensorLike | None = None, x2: TensorLike | None = None) -> Any:
    """`x1` where `condition` is true, else `x2`.

    Args:
        condition: Tensor of bools.
        x1, x2: Tensors or numbers that broadcast with it. Without them the indices of true elements are returned.

    >>> where([True, False], [1, 2], 0)
    Array([1, 0], dtype=int32)
    """
    if (x1 is None) != (x2 is None):
        raise ValueError("`x1` and `x2` either both should be `None` or both should have non-None value.")
    return jnp.where(condition) if x1 is None and x2 is None else jnp.where(condition, x1, x2)  # type: ignore[arg-type]
