"""Functions that create tensors: constants, ranges, windows, grids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...core import dtypes
from ...core.convert import to_tensor
from ...core.engine import jnp
from ...core.op import Argument, DTypeLike, Tensor, TensorLike, op
from ...core.variable import Variable
from ..families import named_op


def _float(dtype: DTypeLike) -> Any:
    return dtypes.numpy_dtype(dtype)  # None stands for the default float


def _maybe(dtype: DTypeLike) -> Any:
    return None if dtype is None else dtypes.numpy_dtype(dtype)


@op
def arange(start: Argument, stop: Argument = None, step: Argument = None, dtype: DTypeLike = None) -> Tensor:
    """Returns evenly spaced numbers from `start` to `stop`, exclusive.

    Args:
        start: First number; if `stop` is None, the end of a range that begins at 0.
        stop: End of the range, exclusive.
        step: Difference of consecutive numbers; None for 1.
        dtype: Dtype; None for int32, or the default float if an argument is a float.

    Returns:
        Tensor, `(ceil((stop - start) / step),)`.

    Raises:
        ZeroDivisionError: `step` is 0.

    >>> arange(1, 3, 0.5)
    Array([1. , 1.5, 2. , 2.5], dtype=float32)
    """
    if dtype is None:
        given = [v for v in (start, stop, step) if v is not None]
        floats = any(isinstance(v, float) or "float" in str(getattr(v, "dtype", "")) for v in given)
        dtype = dtypes.floatx() if floats else "int32"
    start, stop, step = (v.value if isinstance(v, Variable) else v for v in (start, stop, step))
    return jnp.arange(start, stop, step, dtypes.numpy_dtype(dtype))


@op
def array(x: TensorLike, dtype: DTypeLike = None) -> Tensor:
    """Converts a value to a tensor.

    Args:
        x: Array, Variable, number or nested list.
        dtype: Dtype; None keeps that of `x`, with 64-bit values of Python and NumPy in the default precision.

    Returns:
        Tensor.

    Raises:
        ValueError: `dtype` is not a dtype.

    >>> array([1, 2], "float32")
    Array([1., 2.], dtype=float32)
    """
    return to_tensor(x, dtype)


def _window(name: str, what: str) -> Callable[[TensorLike], Tensor]:
    def function(x: Argument) -> Tensor:
        return getattr(jnp, name)(int(x)).astype(dtypes.floatx())

    return named_op(
        function, name, what, {"x": "Number of points, an int."}, "Tensor, `(x,)`, of the default float dtype."
    )


bartlett = _window("bartlett", "Returns the Bartlett window, a triangle.")
blackman = _window("blackman", "Returns the Blackman window.")
hamming = _window("hamming", "Returns the Hamming window.")
hanning = _window("hanning", "Returns the Hann window.")


@op
def kaiser(x: Argument, beta: Argument) -> Tensor:
    """Returns the Kaiser window.

    Args:
        x: Number of points, an int.
        beta: Shape parameter, a float: 0 gives a rectangle, larger values a narrower window.

    Returns:
        Tensor, `(x,)`, of the default float dtype.

    >>> kaiser(3, 2.0).round(2)
    Array([0.44, 1.  , 0.44], dtype=float32)
    """
    return jnp.kaiser(int(x), beta).astype(dtypes.floatx())


def empty(shape: Sequence[int] | int, dtype: DTypeLike = None) -> Tensor:
    """Returns a tensor whose values are arbitrary.

    Args:
        shape: Shape of the result.
        dtype: Dtype; None for the default float.

    Returns:
        Tensor of shape `shape`.

    >>> empty((2, 3)).shape
    (2, 3)
    """
    return jnp.empty(shape, _float(dtype))


@op
def empty_like(x: TensorLike, dtype: DTypeLike = None) -> Tensor:
    """Returns a tensor of the shape of `x` whose values are arbitrary.

    Args:
        x: Tensor.
        dtype: Dtype; None for that of `x`.

    Returns:
        Tensor of the shape of `x`.

    >>> empty_like([1, 2]).shape
    (2,)
    """
    return jnp.empty_like(x, _maybe(dtype))


def eye(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike = None) -> Tensor:
    """Returns a matrix with ones on its `k`-th diagonal and zeros elsewhere.

    Args:
        N: Number of rows.
        M: Number of columns; None for `N`.
        k: Index of the diagonal: 0 for the main one, positive above it, negative below.
        dtype: Dtype; None for the default float.

    Returns:
        Tensor, `(N, M)`.

    >>> eye(2, 3).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    return jnp.eye(N, M, k, _float(dtype))


def full(shape: Sequence[int] | int, fill_value: TensorLike, dtype: DTypeLike = None) -> Tensor:
    """Returns a tensor filled with `fill_value`.

    Args:
        shape: Shape of the result.
        fill_value: Number, or tensor that broadcasts to `shape`.
        dtype: Dtype; None for the default float.

    Returns:
        Tensor of shape `shape`.

    >>> full((2,), 7.0)
    Array([7., 7.], dtype=float32)
    """
    return jnp.full(shape, to_tensor(fill_value), _float(dtype))


@op
def full_like(x: TensorLike, fill_value: TensorLike, dtype: DTypeLike = None) -> Tensor:
    """Returns a tensor of the shape of `x` filled with `fill_value`.

    Args:
        x: Tensor.
        fill_value: Number, or tensor that broadcasts to the shape of `x`.
        dtype: Dtype; None for that of `x`.

    Returns:
        Tensor of the shape of `x`.

    >>> full_like([1, 2], 7)
    Array([7, 7], dtype=int32)
    """
    return jnp.full_like(x, fill_value, _maybe(dtype))


@op
def geomspace(
    start: TensorLike,
    stop: TensorLike,
    num: int = 50,
    endpoint: bool = True,
    dtype: DTypeLike = None,
    axis: int = 0,
) -> Tensor:
    """Returns numbers spaced evenly on a logarithmic scale, from `start` to `stop`.

    Args:
        start, stop: First and last number, or tensors of them.
        num: Number of points.
        endpoint: Whether `stop` is the last point.
        dtype: Dtype; None for a float.
        axis: Axis of the points in the result, if `start` and `stop` are tensors.

    Returns:
        Tensor, `(num,)`, or the broadcast shape of `start` and `stop` with a new axis of size `num`.

    Raises:
        ValueError: `num` is negative.

    >>> geomspace(1.0, 8.0, 4)
    Array([1.       , 2.       , 4.000..., 8.       ], dtype=float32)
    """
    return jnp.geomspace(start, stop, num, endpoint, _maybe(dtype), axis)


def identity(n: int, dtype: DTypeLike = None) -> Tensor:
    """Returns the identity matrix.

    Args:
        n: Number of rows and columns.
        dtype: Dtype; None for the default float.

    Returns:
        Tensor, `(n, n)`.

    >>> identity(2).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return jnp.identity(n, _float(dtype))


@op
def linspace(
    start: TensorLike,
    stop: TensorLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: DTypeLike = None,
    axis: int = 0,
) -> Any:
    """Returns evenly spaced numbers from `start` to `stop`.

    Args:
        start, stop: First and last number, or tensors of them.
        num: Number of points.
        endpoint: Whether `stop` is the last point.
        retstep: Whether to return the spacing besides the points.
        dtype: Dtype; None for a float.
        axis: Axis of the points in the result, if `start` and `stop` are tensors.

    Returns:
        Tensor, `(num,)`, or the broadcast shape of `start` and `stop` with a new axis of size `num`; with `retstep` a
        tuple of this and the spacing.

    Raises:
        ValueError: `num` is negative.

    >>> linspace(0.0, 1.0, 3)
    Array([0. , 0.5, 1. ], dtype=float32)
    """
    return jnp.linspace(start, stop, num, endpoint, retstep, _maybe(dtype), axis)


@op
def logspace(
    start: TensorLike,
    stop: TensorLike,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10,
    dtype: DTypeLike = None,
    axis: int = 0,
) -> Tensor:
    """Returns `base` to the power of evenly spaced exponents, `base ** linspace(start, stop, num)`.

    Args:
        start, stop: First and last exponent, or tensors of them.
        num: Number of points.
        endpoint: Whether `stop` is the last exponent.
        base: Base of the powers.
        dtype: Dtype; None for a float.
        axis: Axis of the points in the result, if `start` and `stop` are tensors.

    Returns:
        Tensor, `(num,)`, or the broadcast shape of `start` and `stop` with a new axis of size `num`.

    Raises:
        ValueError: `num` is negative.

    >>> logspace(0, 2, 3)
    Array([  1.,  10., 100.], dtype=float32)
    """
    return jnp.logspace(start, stop, num, endpoint, base, _maybe(dtype), axis)


@op
def meshgrid(*x: TensorLike, indexing: str = "xy") -> list[Tensor]:
    """Returns the coordinate tensors of a grid.

    Args:
        x: Vectors of coordinates, one per axis.
        indexing: "xy" if the first vector runs along axis 1, "ij" if it runs along axis 0.

    Returns:
        List of tensors, one per vector, all of the shape of the grid.

    Raises:
        ValueError: `indexing` is neither of these.

    >>> [g.tolist() for g in meshgrid([1, 2], [3, 4])]
    [[[1, 2], [1, 2]], [[3, 3], [4, 4]]]
    """
    return jnp.meshgrid(*x, indexing=indexing)


def ones(shape: Sequence[int] | int, dtype: DTypeLike = None) -> Tensor:
    """Returns a tensor of ones.

    Args:
        shape: Shape of the result.
        dtype: Dtype; None for the default float.

    Returns:
        Tensor of shape `shape`.

    >>> ones((2,), "int32")
    Array([1, 1], dtype=int32)
    """
    return jnp.ones(shape, _float(dtype))


@op
def ones_like(x: TensorLike, dtype: DTypeLike = None) -> Tensor:
    """Returns ones in the shape of `x`.

    Args:
        x: Tensor.
        dtype: Dtype; None for that of `x`.

    Returns:
        Tensor of the shape of `x`.

    >>> ones_like([1, 2])
    Array([1, 1], dtype=int32)
    """
    return jnp.ones_like(x, _maybe(dtype))


def tri(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike = None) -> Tensor:
    """Returns a matrix with ones on and below its `k`-th diagonal and zeros elsewhere.

    Args:
        N: Number of rows.
        M: Number of columns; None for `N`.
        k: Index of the diagonal: 0 for the main one, positive above it, negative below.
        dtype: Dtype; None for the default float.

    Returns:
        Tensor, `(N, M)`.

    >>> tri(2).tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    return jnp.tri(N, M, k, _float(dtype))


@op
def vander(x: TensorLike, N: int | None = None, increasing: bool = False) -> Tensor:
    """Returns the Vandermonde matrix, whose columns are powers of `x`.

    Args:
        x: Vector, `(n,)`.
        N: Number of columns; None for `n`.
        increasing: Whether the powers increase from left to right.

    Returns:
        Tensor, `(n, N)`.

    Raises:
        ValueError: `x` is not a vector.

    >>> vander([2, 3], 3).tolist()
    [[4, 2, 1], [9, 3, 1]]
    """
    return jnp.vander(x, N, increasing)


def zeros(shape: Sequence[int] | int, dtype: DTypeLike = None) -> Tensor:
    """Returns a tensor of zeros.

    Args:
        shape: Shape of the result.
        dtype: Dtype; None for the default float.

    Returns:
        Tensor of shape `shape`.

    >>> zeros((2,))
    Array([0., 0.], dtype=float32)
    """
    return jnp.zeros(shape, _float(dtype))


@op
def zeros_like(x: TensorLike, dtype: DTypeLike = None) -> Tensor:
    """Returns zeros in the shape of `x`.

    Args:
        x: Tensor.
        dtype: Dtype; None for that of `x`.

    Returns:
        Tensor of the shape of `x`.

    >>> zeros_like([1, 2])
    Array([0, 0], dtype=int32)
    """
    return jnp.zeros_like(x, _maybe(dtype))
