"""Functions that multiply tensors: matrix, inner, outer and general products, and what is made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.engine import jnp
from ...core.op import Argument, Tensor, TensorLike, op


def _integer_products(x1: Any, x2: Any) -> Any:
    # int8 x int8 sums in int32, where it fits.
    return "int32" if jnp.result_type(x1, x2) == "int8" else None


@op
def matmul(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Matrix product over the last two axes; the others are broadcast.

    Args:
        x1: Tensor, `(..., m, k)` or `(k,)`.
        x2: Tensor, `(..., k, n)` or `(k,)`.

    Returns:
        Tensor, `(..., m, n)`; int32 for two int8 tensors.

    >>> matmul([[1, 2]], [[3], [4]])
    Array([[11]], dtype=int32)
    """
    return jnp.matmul(x1, x2, preferred_element_type=_integer_products(x1, x2))


@op
def dot(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Sum product over the last axis of `x1` and the second to last of `x2` (its only one, for a vector).

    >>> dot([1, 2], [3, 4])
    Array(11, dtype=int32)
    """
    return jnp.dot(x1, x2)


@op
def einsum(subscripts: str, *operands: TensorLike, **kwargs: Any) -> Tensor:
    """Product and sum in Einstein's notation.

    Args:
        subscripts: E.g. "bij,bjk->bik": letters for the axes of each operand and of the result.
        operands: Tensors.

    >>> einsum("ij,j->i", [[1, 2], [3, 4]], [1, 1])
    Array([3, 7], dtype=int32)
    """
    return jnp.einsum(subscripts, *operands, **kwargs)


@op
def tensordot(x1: TensorLike, x2: TensorLike, axes: Any = 2) -> Tensor:
    """Product summed over pairs of axes.

    Args:
        x1, x2: Tensors.
        axes: How many last axes of `x1` and first axes of `x2`; or two lists of axes, paired.

    >>> tensordot([[1, 2], [3, 4]], [1, 1], axes=1)
    Array([3, 7], dtype=int32)
    """
    if isinstance(axes, (list, tuple)):
        axes = tuple(tuple(a) if isinstance(a, (list, tuple)) else a for a in axes)
    return jnp.tensordot(x1, x2, axes)


def _product(name: str, what: str) -> Callable[[TensorLike, TensorLike], Tensor]:
    def function(x1: TensorLike, x2: TensorLike) -> Tensor:
        return getattr(jnp, name)(x1, x2)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{what}\n\nArgs:\n    x1, x2: Tensors, numbers or nested lists.\n"
    return op(function)


inner = _product("inner", "Sum product over the last axes of both.")
kron = _product("kron", "Kronecker product: `x2` times each element of `x1`.")
outer = _product("outer", "Product of each element of `x1` with each of `x2`, both flattened.")
vdot = _product("vdot", "Sum product of both, flattened; the first conjugated.")


@op
def cross(
    x1: TensorLike, x2: TensorLike, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Tensor:
    """Cross product of vectors of 3 (or 2) components.

    Args:
        x1, x2: Tensors.
        axisa, axisb, axisc: Which axis holds the components, in `x1`, `x2` and the result.
        axis: All three of these, where given.

    >>> cross([1, 0, 0], [0, 1, 0])
    Array([0, 0, 1], dtype=int32)
    """
    return jnp.cross(x1, x2, axisa, axisb, axisc, axis)


@op
def correlate(x1: TensorLike, x2: TensorLike, mode: str = "valid") -> Tensor:
    """Cross-correlation of two vectors.

    Args:
        x1, x2: Vectors.
        mode: "valid": where both overlap fully; "same": of the longer one's length; "full": wherever they overlap.

    >>> correlate([1.0, 2.0, 3.0], [0.0, 1.0])
    Array([2., 3.], dtype=float32)
    """
    if not jnp.issubdtype(jnp.result_type(x1, x2), jnp.floating):
        x1, x2 = jnp.asarray(x1, "float32"), jnp.asarray(x2, "float32")
    return jnp.correlate(x1, x2, mode)


@op
def corrcoef(x: TensorLike) -> Tensor:
    """Pearson's correlation of the rows of `x`.

    >>> corrcoef([[1.0, 2.0], [2.0, 1.0]])[0, 1]
    Array(-0.999..., dtype=float32)
    """
    return jnp.corrcoef(x)


@op
def diff(a: TensorLike, n: int = 1, axis: int = -1) -> Tensor:
    """Differences of neighbours along `axis`, taken `n` times.

    >>> diff([1, 4, 9])
    Array([3, 5], dtype=int32)
    """
    return jnp.diff(a, n, axis)


@op
def trace(x: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Sum along the diagonals of the matrices that `axis1` and `axis2` span.

    >>> trace([[1, 2], [3, 4]])
    Array(5, dtype=int32)
    """
    return jnp.trace(x, offset, axis1, axis2)


@op
def slogdet(x: TensorLike) -> tuple[Tensor, Tensor]:
    """Sign and logarithm of the absolute value of the determinant of each matrix.

    >>> [float(v) for v in slogdet([[2.0, 0.0], [0.0, 0.5]])]
    [1.0, 0.0]
    """
    return tuple(jnp.linalg.slogdet(x))


def vectorize(pyfunc: Callable, *, excluded: set | None = None, signature: str | None = None) -> Callable[..., Tensor]:
    """Makes a function of numbers (or of small tensors) one of tensors, by broadcasting.

    Args:
        pyfunc: The function.
        excluded: Positions of the arguments that are passed as they are.
        signature: The axes it works on, "(m,n),(n)->(m)"; None for numbers.

    >>> vectorize(lambda a, b: a + b)(jnp.array([1, 2]), 1)
    Array([2, 3], dtype=int32)
    """
    return jnp.vectorize(pyfunc, excluded=excluded or frozenset(), signature=signature)


def ndim(x: Argument) -> int:
    """Number of axes of `x`."""
    return len(_shape(x))


def size(x: Argument) -> Any:
    """Number of elements of `x`; None where a size is unknown.

    >>> size([[1, 2], [3, 4]])
    4
    """
    count = 1
    for n in _shape(x):
        if n is None:
            return None
        count *= n
    return count


def _shape(x: Any) -> tuple:
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)
