"""Products of tensors: matrix, inner, outer and general products, and functions built on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.engine import jnp, promoted
from ...core.op import Argument, Tensor, TensorLike, op
from ...core.types import Array, ArrayLike
from ..families import named_op


def _integer_products(x1: Array, x2: Array) -> str | None:
    # A sum of int8 products overflows int8; int32 holds it.
    return "int32" if x1.dtype == x2.dtype == "int8" else None


@op
def matmul(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Computes matrix products over the last two axes; the axes before them are broadcast.

    Args:
        x1: Tensor, `(..., m, k)` or `(k,)`.
        x2: Tensor, `(..., k, n)` or `(k,)`.

    Returns:
        Tensor, `(..., m, n)`; int32 for two int8 tensors.

    Raises:
        TypeError: The sizes `k` differ. For symbolic tensors this is a ValueError.

    >>> matmul([[1, 2]], [[3], [4]])
    Array([[11]], dtype=int32)
    """
    return jnp.matmul(x1, x2, preferred_element_type=_integer_products(x1, x2))


@op
def dot(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Computes the sum product over the last axis of `x1` and the second to last (or only) axis of `x2`.

    Args:
        x1: Tensor, `(..., k)`, or a number.
        x2: Tensor, `(..., k, n)` or `(k,)`, or a number.

    Returns:
        Tensor with the remaining axes of `x1`, then those of `x2`.

    Raises:
        TypeError: The sizes `k` differ. For symbolic tensors this is a ValueError.

    >>> dot([1, 2], [3, 4])
    Array(11, dtype=int32)
    """
    return jnp.dot(x1, x2)


@op
def einsum(subscripts: str, *operands: TensorLike, **kwargs: Any) -> Tensor:
    """Computes sums of products in Einstein notation.

    Args:
        subscripts: Letters for the axes of each operand and of the result, such as "bij,bjk->bik".
        operands: Tensors, one for each group of letters.
        kwargs: Further arguments of `jax.numpy.einsum`.

    Returns:
        Tensor with the axes to the right of "->"; int32 for int8 tensors.

    Raises:
        ValueError: The subscripts don't fit the operands' shapes.

    >>> einsum("ij,j->i", [[1, 2], [3, 4]], [1, 1])
    Array([3, 7], dtype=int32)
    """
    if all(x.dtype == jnp.int8 for x in operands):
        kwargs.setdefault("preferred_element_type", jnp.int32)
    return jnp.einsum(subscripts, *operands, **kwargs)


@op
def tensordot(x1: TensorLike, x2: TensorLike, axes: int | Sequence = 2) -> Tensor:
    """Computes a sum product over pairs of axes.

    Args:
        x1, x2: Tensors.
        axes: Number of last axes of `x1` and first axes of `x2`, or two lists of axes to pair.

    Returns:
        Tensor with the remaining axes of `x1`, then those of `x2`.

    Raises:
        TypeError: Paired axes differ in size, or there are fewer axes. For symbolic tensors this is a ValueError.

    >>> tensordot([[1, 2], [3, 4]], [1, 1], axes=1)
    Array([3, 7], dtype=int32)
    """
    if isinstance(axes, (list, tuple)):
        axes = tuple(tuple(a) if isinstance(a, (list, tuple)) else a for a in axes)
    return jnp.tensordot(x1, x2, axes)


def _product(
    name: str, what: str, returns: str, raises: dict[str, str] | None = None
) -> Callable[[TensorLike, TensorLike], Tensor]:
    def function(x1: TensorLike, x2: TensorLike) -> Tensor:
        return getattr(jnp, name)(x1, x2)

    args = {"x1, x2": "Tensors, numbers or nested lists; their dtypes are promoted."}
    return named_op(function, name, what, args, returns, raises)


_SIZES = {"TypeError": "The sizes differ. For symbolic tensors this is a ValueError."}
inner = _product(
    "inner",
    "Computes the sum product over the last axes of both tensors.",
    "Tensor with the remaining axes of `x1`, then those of `x2`.",
    _SIZES,
)
kron = _product(
    "kron",
    "Computes the Kronecker product: `x2` times each element of `x1`.",
    "Tensor whose sizes are the products of the sizes of both.",
)
outer = _product(
    "outer",
    "Computes the product of each element of `x1` with each element of `x2`, both flattened.",
    "Tensor, `(x1.size, x2.size)`.",
)
vdot = _product(
    "vdot",
    "Computes the dot product of both tensors, flattened, with the first one conjugated.",
    "Tensor, `()`.",
    _SIZES,
)


@op
def cross(
    x1: TensorLike, x2: TensorLike, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Tensor:
    """Computes cross products of vectors of 3 (or 2) components.

    Args:
        x1, x2: Tensors, broadcast together except along the components.
        axisa, axisb, axisc: Axis of the components in `x1`, `x2` and the result.
        axis: Overrides all three of them, if given.

    Returns:
        Tensor of the broadcast shape; without the axis of components for two vectors of 2 components.

    Raises:
        ValueError: There are neither 2 nor 3 components.

    >>> cross([1, 0, 0], [0, 1, 0])
    Array([0, 0, 1], dtype=int32)
    """
    return jnp.cross(x1, x2, axisa, axisb, axisc, axis)


@op
def correlate(x1: TensorLike, x2: TensorLike, mode: str = "valid") -> Tensor:
    """Computes the cross-correlation of two vectors.

    Args:
        x1: Vector, `(m,)`.
        x2: Vector, `(n,)`.
        mode: "valid" for positions of full overlap, "same" for the length of the longer vector, "full" for all
            positions of any overlap.

    Returns:
        Float vector of length `max(m, n) - min(m, n) + 1`, `max(m, n)` or `m + n - 1`.

    Raises:
        ValueError: `x1` or `x2` is not a vector, or `mode` is none of these.

    >>> correlate([1.0, 2.0, 3.0], [0.0, 1.0])
    Array([2., 3.], dtype=float32)
    """
    if not jnp.issubdtype(promoted(x1, x2), jnp.floating):
        x1, x2 = jnp.asarray(x1, "float32"), jnp.asarray(x2, "float32")
    return jnp.correlate(x1, x2, mode)


@op
def corrcoef(x: TensorLike) -> Tensor:
    """Computes Pearson correlation coefficients of the rows of `x`.

    Args:
        x: Tensor, `(variables, observations)`.

    Returns:
        Tensor, `(variables, variables)`.

    Raises:
        ValueError: `x` has more than two axes.

    >>> corrcoef([[1.0, 2.0], [2.0, 1.0]])[0, 1]
    Array(-0.999..., dtype=float32)
    """
    return jnp.corrcoef(x)


@op
def diff(a: TensorLike, n: int = 1, axis: int = -1) -> Tensor:
    """Computes differences of consecutive elements along `axis`, `n` times.

    Args:
        a: Tensor.
        n: Number of times to take differences.
        axis: Axis to take differences along.

    Returns:
        Tensor of the shape of `a` with `axis` shorter by `n`.

    Raises:
        ValueError: `n` is negative, or `axis` is out of bounds.

    >>> diff([1, 4, 9])
    Array([3, 5], dtype=int32)
    """
    return jnp.diff(a, n, axis)


@op
def trace(x: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Computes sums along diagonals.

    Args:
        x: Tensor of at least two axes.
        offset: Index of the diagonal: 0 for the main one, positive above it, negative below.
        axis1, axis2: Axes of the matrices' rows and columns.

    Returns:
        Tensor without these axes.

    Raises:
        ValueError: `axis1` or `axis2` is out of bounds.

    >>> trace([[1, 2], [3, 4]])
    Array(5, dtype=int32)
    """
    return jnp.trace(x, offset, axis1, axis2)


@op
def slogdet(x: TensorLike) -> tuple[Tensor, Tensor]:
    """Computes the sign and the logarithm of the absolute value of determinants.

    Args:
        x: Tensor, `(..., n, n)`.

    Returns:
        Signs, `(...)`, and logarithms, `(...)`.

    Raises:
        ValueError: `x` is not square.

    >>> [float(v) for v in slogdet([[2.0, 0.0], [0.0, 0.5]])]
    [1.0, 0.0]
    """
    return tuple(jnp.linalg.slogdet(x))


def vectorize(pyfunc: Callable, *, excluded: set | None = None, signature: str | None = None) -> Callable[..., Tensor]:
    """Vectorizes a function of numbers (or of small tensors): applies it to tensors with broadcasting.

    Args:
        pyfunc: Function to vectorize.
        excluded: Positions of the arguments that are passed as they are.
        signature: Axes that the function works on, such as "(m,n),(n)->(m)"; None for numbers.

    Returns:
        Function of tensors.

    Raises:
        ValueError: `signature` is malformed.

    >>> vectorize(lambda a, b: a + b)(jnp.array([1, 2]), 1)
    Array([2, 3], dtype=int32)
    """
    return jnp.vectorize(pyfunc, excluded=excluded or frozenset(), signature=signature)


def ndim(x: Argument) -> int:
    """Returns the number of axes of a tensor.

    Args:
        x: Array, Variable, KerasTensor, number or nested list.

    Returns:
        Int.

    >>> ndim([[1, 2], [3, 4]])
    2
    """
    return len(_shape(x))


def size(x: Argument) -> Any:
    """Returns the number of elements of a tensor.

    Args:
        x: Array, Variable, KerasTensor, number or nested list.

    Returns:
        Int; None if the size of an axis is unknown.

    >>> size([[1, 2], [3, 4]])
    4
    """
    count = 1
    for n in _shape(x):
        if n is None:
            return None
        count *= n
    return count


def _shape(x: ArrayLike) -> tuple:
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)
