"""Reductions along axes: sums, means, extremes, quantiles; also cumulative sums and products.

`axis` is an int, a tuple of ints, or None for all; with `keepdims` the reduced axes stay with size 1.

>>> mean([[1, 2], [3, 4]], axis=0)
Array([2., 3.], dtype=float32)
>>> max([[1, 2], [3, 4]], axis=-1, keepdims=True).shape
(2, 1)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core.convert import unwrap
from ...core.dtypes import numpy_dtype
from ...core.engine import jnp
from ...core.op import Axis, DTypeLike, Tensor, TensorLike, op
from ...core.types import ArrayLike
from ..families import named_op

_OUT_OF_BOUNDS = {"ValueError": "`axis` is out of bounds."}
_ARGS = {
    "x": "Tensor.",
    "axis": "Axis or axes to reduce; None for all.",
    "keepdims": "Whether to keep the reduced axes with size 1.",
}
_REDUCED = "Tensor without the reduced axes."


def _axes(axis: Axis) -> Any:
    return tuple(axis) if isinstance(axis, (list, tuple)) else axis


def _reduction(
    name: str,
    what: str,
    keras_class: str | None = None,
    args: dict[str, str] = _ARGS,
    raises: dict[str, str] = _OUT_OF_BOUNDS,
) -> Callable[..., Tensor]:
    def function(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return getattr(jnp, name)(x, axis=_axes(axis), keepdims=keepdims)

    return named_op(function, name, what, args, _REDUCED, raises, keras_class=keras_class)


def _index(name: str, what: str, keras_class: str | None = None) -> Callable[..., Tensor]:
    args = {**_ARGS, "axis": "Axis to reduce, an int; None for the index into `x` flattened."}
    raises = {
        "IndexError": "`axis` is out of bounds. For symbolic tensors this is a ValueError.",
        "ValueError": "There are no elements.",
    }
    return _reduction(name, what, keras_class, args, raises)


all = _reduction("all", "Tests whether all elements are true.")
amax = _reduction("amax", "Computes the maximum.")
amin = _reduction("amin", "Computes the minimum.")
any = _reduction("any", "Tests whether any element is true.")
argmax = _index("argmax", "Returns the index of the maximum, the first one of equal elements.")
argmin = _index("argmin", "Returns the index of the minimum, the first one of equal elements.")
mean = _reduction("mean", "Computes the arithmetic mean, a float also for integers.")
median = _reduction("median", "Computes the median; the mean of the middle two for an even number of elements.")
nanargmax = _index("nanargmax", "Returns the index of the maximum, ignoring NaN; -1 if all are NaN.", "Nanargmax")
nanargmin = _index("nanargmin", "Returns the index of the minimum, ignoring NaN; -1 if all are NaN.", "Nanargmin")
nanmax = _reduction("nanmax", "Computes the maximum, ignoring NaN.")
nanmean = _reduction("nanmean", "Computes the arithmetic mean, ignoring NaN.")
nanmedian = _reduction("nanmedian", "Computes the median, ignoring NaN.")
nanmin = _reduction("nanmin", "Computes the minimum, ignoring NaN.")
nanprod = _reduction("nanprod", "Computes the product, ignoring NaN.")
nanstd = _reduction("nanstd", "Computes the standard deviation, ignoring NaN.")
nansum = _reduction("nansum", "Computes the sum, ignoring NaN.")
nanvar = _reduction("nanvar", "Computes the variance, ignoring NaN.")
ptp = _reduction("ptp", "Computes the range of the elements, maximum minus minimum.")
std = _reduction("std", "Computes the population standard deviation (divided by the number of elements).")
sum = _reduction("sum", "Computes the sum.")
var = _reduction("var", "Computes the population variance (divided by the number of elements).")


@op
def max(x: TensorLike, axis: Axis = None, keepdims: bool = False, initial: float | None = None) -> Tensor:
    """Computes the maximum.

    Args:
        x: Tensor.
        axis: Axis or axes to reduce; None for all.
        keepdims: Whether to keep the reduced axes with size 1.
        initial: Lower bound of the result; required if there are no elements.

    Returns:
        Tensor without the reduced axes.

    Raises:
        ValueError: `axis` is out of bounds, or there are no elements and no `initial`.

    >>> max([[1, 5], [3, 4]], axis=0)
    Array([3, 5], dtype=int32)
    """
    return jnp.max(x, axis=_axes(axis), keepdims=keepdims, initial=initial)


@op
def min(x: TensorLike, axis: Axis = None, keepdims: bool = False, initial: float | None = None) -> Tensor:
    """Computes the minimum.

    Args:
        x: Tensor.
        axis: Axis or axes to reduce; None for all.
        keepdims: Whether to keep the reduced axes with size 1.
        initial: Upper bound of the result; required if there are no elements.

    Returns:
        Tensor without the reduced axes.

    Raises:
        ValueError: `axis` is out of bounds, or there are no elements and no `initial`.

    >>> min([[1, 5], [3, 4]], axis=0)
    Array([1, 4], dtype=int32)
    """
    return jnp.min(x, axis=_axes(axis), keepdims=keepdims, initial=initial)


@op
def prod(x: TensorLike, axis: Axis = None, keepdims: bool = False, dtype: DTypeLike = None) -> Tensor:
    """Computes the product.

    Args:
        x: Tensor.
        axis: Axis or axes to reduce; None for all.
        keepdims: Whether to keep the reduced axes with size 1.
        dtype: Dtype of the result; None for that of `x` (small integers become int32).

    Returns:
        Tensor without the reduced axes.

    Raises:
        ValueError: `axis` is out of bounds.

    >>> prod([[1, 5], [3, 4]], axis=0)
    Array([ 3, 20], dtype=int32)
    """
    return jnp.prod(x, axis=_axes(axis), keepdims=keepdims, dtype=None if dtype is None else numpy_dtype(dtype))


@op
def average(x: TensorLike, axis: Axis = None, weights: TensorLike | None = None) -> Tensor:
    """Computes the weighted mean.

    Args:
        x: Tensor.
        axis: Axis or axes to reduce; None for all.
        weights: Weights, of the shape of `x` or a vector of the size of `axis`; None for equal weights.

    Returns:
        Tensor without the reduced axes.

    Raises:
        ValueError: The shape of `weights` doesn't fit, or `axis` is out of bounds.

    >>> average([1.0, 2.0], weights=[3.0, 1.0])
    Array(1.25, dtype=float32)
    """
    return jnp.average(x, axis=_axes(axis), weights=weights)


@op
def count_nonzero(x: TensorLike, axis: Axis = None) -> Tensor:
    """Counts the non-zero elements.

    Args:
        x: Tensor.
        axis: Axis or axes to reduce; None for all.

    Returns:
        Integer tensor without the reduced axes.

    Raises:
        ValueError: `axis` is out of bounds.

    >>> count_nonzero([[0, 1], [2, 3]], axis=0)
    Array([1, 2], dtype=int32)
    """
    return jnp.count_nonzero(x, axis=_axes(axis))


def _running(name: str, what: str) -> Callable[..., Tensor]:
    def function(x: TensorLike, axis: int | None = None, dtype: DTypeLike = None) -> Tensor:
        return getattr(jnp, name)(x, axis=axis, dtype=None if dtype is None else numpy_dtype(dtype))

    args = {
        "x": "Tensor.",
        "axis": "Axis to accumulate along; None to flatten `x` first.",
        "dtype": "Dtype of the result; None for that of `x`.",
    }
    return named_op(function, name, what, args, "Tensor of the shape of `x`.", _OUT_OF_BOUNDS)


cumprod = _running("cumprod", "Computes the cumulative product.")
cumsum = _running("cumsum", "Computes the cumulative sum.")
nancumprod = _running("nancumprod", "Computes the cumulative product, counting NaN as 1.")
nancumsum = _running("nancumsum", "Computes the cumulative sum, counting NaN as 0.")


def _quantile(name: str, what: str, q: str) -> Callable[..., Tensor]:
    def function(
        x: TensorLike, q: TensorLike, axis: Axis = None, method: str = "linear", keepdims: bool = False
    ) -> Tensor:
        return getattr(jnp, name)(x, q, axis=_axes(axis), method=method, keepdims=keepdims)

    args = {
        "x": "Tensor.",
        "q": f"{q}; a number or a vector of them.",
        "axis": _ARGS["axis"],
        "method": 'Interpolation between two elements: "linear", "lower", "higher", "midpoint" or "nearest".',
        "keepdims": _ARGS["keepdims"],
    }
    returns = f"{_REDUCED[:-1]}; the axis of a vector `q` comes first."
    return named_op(
        function, name, what, args, returns, {"ValueError": "`axis` is out of bounds, or `method` is unknown."}
    )


nanpercentile = _quantile("nanpercentile", "Computes percentiles, ignoring NaN.", "In [0, 100]")
nanquantile = _quantile("nanquantile", "Computes quantiles, ignoring NaN.", "In [0, 1]")
percentile = _quantile(
    "percentile", "Computes percentiles: the values below which `q` percent of the elements lie.", "In [0, 100]"
)
quantile = _quantile(
    "quantile", "Computes quantiles: the values below which the fraction `q` of the elements lies.", "In [0, 1]"
)


@op
def trapezoid(y: TensorLike, x: ArrayLike = None, dx: float = 1.0, axis: int = -1) -> Tensor:
    """Integrates by the trapezoidal rule.

    Args:
        y: Values of the function.
        x: Positions of the values, of the shape of `y` or a vector of the size of `axis`; None for a spacing of `dx`.
        dx: Spacing, if `x` is None.
        axis: Axis to integrate along.

    Returns:
        Tensor without `axis`.

    >>> trapezoid([1.0, 2.0, 3.0])
    Array(4., dtype=float32)
    """
    return jnp.trapezoid(y, unwrap(x), dx, axis)
