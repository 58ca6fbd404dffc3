"""Functions that make tensors: constants, ranges, windows, grids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...core import dtypes
from ...core.convert import to_tensor
from ...core.engine import jnp
from ...core.op import Argument, DTypeLike, Tensor, TensorLike, op
from ...core.variable import Variable


def _float(dtype: DTypeLike) -> Any:
    return dtypes.numpy_dtype(dtype)  # None stands for the default float


def _maybe(dtype: DTypeLike) -> Any:
    return None if dtype is None else dtypes.numpy_dtype(dtype)


@op
def arange(start: Argument, stop: Argument = None, step: Argument = None, dtype: DTypeLike = None) -> Tensor:
    """Numbers from `start` up to, not including, `stop` in steps of `step`.

    Args:
        start: First number; the end of numbers from 0 when `stop` is None.
        stop: Where to end.
        step: Step; None for 1.
        dtype: Dtype; None for that of the arguments.

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
    """`x` as a tensor.

    >>> array([1, 2], "float32")
    Array([1., 2.], dtype=float32)
    """
    return to_tensor(x, dtype)


def _window(name: str, what: str) -> Callable[[TensorLike], Tensor]:
    def function(x: Argument) -> Tensor:
        return getattr(jnp, name)(int(x)).astype(dtypes.floatx())

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{what}\n\nArgs:\n    x: Number of points, an int.\n\nReturns:\n    Vector of `x` floats.\n"
    return op(function)


bartlett = _window("bartlett", "The Bartlett window: a triangle.")
blackman = _window("blackman", "The Blackman window.")
hamming = _window("hamming", "The Hamming window.")
hanning = _window("hanning", "The Hann window.")


@op
def kaiser(x: Argument, beta: Argument) -> Tensor:
    """The Kaiser window.

    Args:
        x: Number of points, an int.
        beta: Its shape: 0 is a rectangle, greater is narrower.

    >>> kaiser(3, 2.0).round(2)
    Array([0.44, 1.  , 0.44], dtype=float32)
    """
    return jnp.kaiser(int(x), beta).astype(dtypes.floatx())


def empty(shape: Sequence[int] | int, dtype: DTypeLike = None) -> Tensor:
    """A tensor of `shape` whose values don't matter."""
    return jnp.empty(shape, _float(dtype))


@op
def empty_like(x: TensorLike, dtype: DTypeLike = None) -> Tensor:
    """A tensor of the shape (and dtype, when None) of `x` whose values don't matter."""
    return jnp.empty_like(x, _maybe(dtype))


def eye(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike = None) -> Tensor:
    """A matrix with ones on its `k`-th diagonal and zeros elsewhere.

    Args:
        N: Number of rows.
        M: Number of columns; None for `N`.
        k: Which diagonal; above the main one if positive.
        dtype: Dtype; None for the default float.

    >>> eye(2, 3).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    return jnp.eye(N, M, k, _float(dtype))


def full(shape: Sequence[int] | int, fill_value: TensorLike, dtype: DTypeLike = None) -> Tensor:
    """A tensor of `shape` filled with `fill_value`.

    >>> full((2,), 7.0)
    Array([7., 7.], dtype=float32)
    """
    return jnp.full(shape, to_tensor(fill_value), _float(dtype))


@op
def full_like(x: TensorLike, fill_value: TensorLike, dtype: DTypeLike = None) -> Tensor:
    """A tensor of the shape (and dtype, when None) of `x` filled with `fill_value`.

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
    """`num` numbers from `start` to `stop`, each the same multiple of the one before.

    >>> geomspace(1.0, 8.0, 4)
    Array([1.       , 2.       , 4.000..., 8.       ], dtype=float32)
    """
    return jnp.geomspace(start, stop, num, endpoint, _maybe(dtype), axis)


def identity(n: int, dtype: DTypeLike = None) -> Tensor:
    """The identity matrix of `n` rows.

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
    """`num` numbers from `start` to `stop` at equal distances.

    Args:
        start, stop: First and last number.
        num: How many.
        endpoint: Whether `stop` is one of them.
        retstep: Whether to return the distance too.
        dtype: Dtype; None for a float.
        axis: Axis of the numbers in the result, where `start` and `stop` are tensors.

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
    """`base` to the power of `linspace(start, stop, num)`.

    >>> logspace(0, 2, 3)
    Array([  1.,  10., 100.], dtype=float32)
    """
    return jnp.logspace(start, stop, num, endpoint, base, _maybe(dtype), axis)


@op
def meshgrid(*x: TensorLike, indexing: str = "xy") -> list[Tensor]:
    """The coordinates of a grid.

    Args:
        x: Vectors of coordinates along each axis.
        indexing: "xy": the first vector runs along axis 1; "ij": along axis 0.

    >>> [g.tolist() for g in meshgrid([1, 2], [3, 4])]
    [[[1, 2], [1, 2]], [[3, 3], [4, 4]]]
    """
    return jnp.meshgrid(*x, indexing=indexing)


def ones(shape: Sequence[int] | int, dtype: DTypeLike = None) -> Tensor:
    """A tensor of ones.

    >>> ones((2,), "int32")
    Array([1, 1], dtype=int32)
    """
    return jnp.ones(shape, _float(dtype))


@op
def ones_like(x: TensorLike, dtype: DTypeLike = None) -> Tensor:
    """Ones in the shape (and dtype, when None) of `x`."""
    return jnp.ones_like(x, _maybe(dtype))


def tri(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike = None) -> Tensor:
    """A matrix with ones on and below its `k`-th diagonal.

    >>> tri(2).tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    return jnp.tri(N, M, k, _float(dtype))


@op
def vander(x: TensorLike, N: int | None = None, increasing: bool = False) -> Tensor:
    """The matrix whose columns are powers of `x`.

    >>> vander([2, 3], 3).tolist()
    [[4, 2, 1], [9, 3, 1]]
    """
    return jnp.vander(x, N, increasing)


def zeros(shape: Sequence[int] | int, dtype: DTypeLike = None) -> Tensor:
    """A tensor of zeros.

    >>> zeros((2,))
    Array([0., 0.], dtype=float32)
    """
    return jnp.zeros(shape, _float(dtype))


@op
def zeros_like(x: TensorLike, dtype: DTypeLike = None) -> Tensor:
    """Zeros in the shape (and dtype, when None) of `x`."""
    return jnp.zeros_like(x, _maybe(dtype))
