"""Functions that combine the elements along axes: sums, means, extremes, orders.

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


def _axes(axis: Axis) -> Any:
    return tuple(axis) if isinstance(axis, (list, tuple)) else axis


def _reduction(name: str, what: str, keras_class: str | None = None) -> Callable[..., Tensor]:
    def function(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return getattr(jnp, name)(x, axis=_axes(axis), keepdims=keepdims)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"{what}\n\nArgs:\n    x: Tensor.\n    axis: Axis or axes to reduce; None for all.\n"
        "    keepdims: Whether reduced axes stay with size 1.\n\nReturns:\n    Tensor without the reduced axes.\n"
    )
    return op(function, keras_class=keras_class)


all = _reduction("all", "Whether all elements are true.")
amax = _reduction("amax", "Greatest element.")
amin = _reduction("amin", "Smallest element.")
any = _reduction("any", "Whether any element is true.")
argmax = _reduction("argmax", "Index of the greatest element, the first of equal ones.")
argmin = _reduction("argmin", "Index of the smallest element, the first of equal ones.")
mean = _reduction("mean", "Arithmetic mean; a float also of integers.")
median = _reduction("median", "Median; the mean of the middle two where the count is even.")
nanargmax = _reduction("nanargmax", "Index of the greatest element that is not NaN.", "Nanargmax")
nanargmin = _reduction("nanargmin", "Index of the smallest element that is not NaN.", "Nanargmin")
nanmax = _reduction("nanmax", "Greatest element that is not NaN.")
nanmean = _reduction("nanmean", "Mean of the elements that are not NaN.")
nanmedian = _reduction("nanmedian", "Median of the elements that are not NaN.")
nanmin = _reduction("nanmin", "Smallest element that is not NaN.")
nanprod = _reduction("nanprod", "Product of the elements that are not NaN.")
nanstd = _reduction("nanstd", "Standard deviation of the elements that are not NaN.")
nansum = _reduction("nansum", "Sum of the elements that are not NaN.")
nanvar = _reduction("nanvar", "Variance of the elements that are not NaN.")
ptp = _reduction("ptp", "Greatest minus smallest element.")
std = _reduction("std", "Standard deviation (the population's: divided by the count).")
sum = _reduction("sum", "Sum.")
var = _reduction("var", "Variance (the population's: divided by the count).")


@op
def max(x: TensorLike, axis: Axis = None, keepdims: bool = False, initial: float | None = None) -> Tensor:
    """Greatest element.

    Args:
        x: Tensor.
        axis: Axis or axes to reduce; None for all.
        keepdims: Whether reduced axes stay with size 1.
        initial: The least the result can be; needed where there are no elements.

    >>> max([[1, 5], [3, 4]], axis=0)
    Array([3, 5], dtype=int32)
    """
    return jnp.max(x, axis=_axes(axis), keepdims=keepdims, initial=initial)


@op
def min(x: TensorLike, axis: Axis = None, keepdims: bool = False, initial: float | None = None) -> Tensor:
    """Smallest element.

    Args:
        x: Tensor.
        axis: Axis or axes to reduce; None for all.
        keepdims: Whether reduced axes stay with size 1.
        initial: The most the result can be; needed where there are no elements.

    >>> min([[1, 5], [3, 4]], axis=0)
    Array([1, 4], dtype=int32)
    """
    return jnp.min(x, axis=_axes(axis), keepdims=keepdims, initial=initial)


@op
def prod(x: TensorLike, axis: Axis = None, keepdims: bool = False, dtype: DTypeLike = None) -> Tensor:
    """Product.

    >>> prod([[1, 5], [3, 4]], axis=0)
    Array([ 3, 20], dtype=int32)
    """
    return jnp.prod(x, axis=_axes(axis), keepdims=keepdims, dtype=None if dtype is None else numpy_dtype(dtype))


@op
def average(x: TensorLike, axis: Axis = None, weights: TensorLike | None = None) -> Tensor:
    """Mean in which each element counts as much as its weight.

    Args:
        x: Tensor.
        axis: Axis or axes to reduce; None for all.
        weights: Tensor of the shape of `x`, or of the size of its `axis`.

    >>> average([1.0, 2.0], weights=[3.0, 1.0])
    Array(1.25, dtype=float32)
    """
    return jnp.average(x, axis=_axes(axis), weights=weights)


@op
def count_nonzero(x: TensorLike, axis: Axis = None) -> Tensor:
    """Number of elements that are not zero.

    >>> count_nonzero([[0, 1], [2, 3]], axis=0)
    Array([1, 2], dtype=int32)
    """
    return jnp.count_nonzero(x, axis=_axes(axis))


def _running(name: str, what: str) -> Callable[..., Tensor]:
    def function(x: TensorLike, axis: int | None = None, dtype: DTypeLike = None) -> Tensor:
        return getattr(jnp, name)(x, axis=axis, dtype=None if dtype is None else numpy_dtype(dtype))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"{what}\n\nArgs:\n    x: Tensor.\n    axis: Axis to run along; None to flatten `x` first.\n"
        "    dtype: Dtype of the result.\n\nReturns:\n    Tensor of the shape of `x`.\n"
    )
    return op(function)


cumprod = _running("cumprod", "Product of each element and all before it.")
cumsum = _running("cumsum", "Sum of each element and all before it.")
nancumprod = _running("nancumprod", "Product of each element and all before it, NaN being 1.")
nancumsum = _running("nancumsum", "Sum of each element and all before it, NaN being 0.")


def _quantile(name: str, what: str, q: str) -> Callable[..., Tensor]:
    def function(
        x: TensorLike, q: TensorLike, axis: Axis = None, method: str = "linear", keepdims: bool = False
    ) -> Tensor:
        return getattr(jnp, name)(x, q, axis=_axes(axis), method=method, keepdims=keepdims)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"{what}\n\nArgs:\n    x: Tensor.\n    q: {q}; a number or a vector of them.\n"
        "    axis: Axis or axes to reduce; None for all.\n"
        '    method: Between two elements: "linear", "lower", "higher", "midpoint" or "nearest".\n'
        "    keepdims: Whether reduced axes stay with size 1.\n\n"
        "Returns:\n    Tensor without the reduced axes; a vector `q` adds its own axis first.\n"
    )
    return op(function)


nanpercentile = _quantile("nanpercentile", "Percentile of the elements that are not NaN.", "In [0, 100]")
nanquantile = _quantile("nanquantile", "Quantile of the elements that are not NaN.", "In [0, 1]")
percentile = _quantile("percentile", "The value below which `q` percent of the elements lie.", "In [0, 100]")
quantile = _quantile("quantile", "The value below which the share `q` of the elements lies.", "In [0, 1]")


@op
def trapezoid(y: TensorLike, x: Any = None, dx: float = 1.0, axis: int = -1) -> Tensor:
    """Integral by the trapezoidal rule.

    Args:
        y: Values of the function.
        x: Where they were taken; None for steps of `dx`.
        dx: The step, when `x` is None.
        axis: Axis along which to integrate.

    >>> trapezoid([1.0, 2.0, 3.0])
    Array(4., dtype=float32)
    """
    return jnp.trapezoid(y, unwrap(x), dx, axis)
