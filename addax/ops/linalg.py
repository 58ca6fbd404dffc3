"""Linear algebra on matrices in the last two axes; the axes before them are batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import tree
from ..core.convert import to_tensor
from ..core.dtypes import floatx
from ..core.engine import is_tracer, jax, jnp
from ..core.op import Argument, Axis, Tensor, TensorLike, op
from .checks import input_rank, least_rank


def _float(x: Any) -> Any:
    return x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(floatx())


def _matrices(x: Any, square: bool = False) -> None:
    least_rank(x, 2)
    if square and x.shape[-1] != x.shape[-2]:
        raise ValueError(f"Expected a square matrix. Received non-square input with shape {tuple(x.shape)}")


@op
def cholesky(x: TensorLike, upper: bool = False) -> Tensor:
    """The triangular `L` with `L @ L.T = x` (`L.T @ L` with `upper`), for positive definite `x`.

    Raises:
        ValueError: `x` is not positive definite. In compiled code the result is NaN instead.

    >>> cholesky([[4.0, 0.0], [0.0, 9.0]]).tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    _matrices(x, square=True)
    lower = jnp.linalg.cholesky(_float(x))
    if not is_tracer(lower) and np.isnan(lower).any():
        raise ValueError(
            "Cholesky decomposition failed: Cholesky decomposition failed. The input might not be a valid positive "
            f"definite matrix. Received a matrix of shape {tuple(x.shape)}."
        )
    return jnp.swapaxes(lower, -1, -2) if upper else lower


@op
def cholesky_inverse(x: TensorLike, upper: bool = False) -> Tensor:
    """The inverse of the matrix whose Cholesky factor is `x`.

    >>> cholesky_inverse([[2.0, 0.0], [0.0, 1.0]]).tolist()
    [[0.25, 0.0], [0.0, 1.0]]
    """
    _matrices(x, square=True)
    x = _float(x)
    identity = jnp.broadcast_to(jnp.eye(x.shape[-1], dtype=x.dtype), x.shape)
    inverse = jax.scipy.linalg.solve_triangular(x, identity, lower=not upper)
    transposed = jnp.swapaxes(inverse, -1, -2)
    return inverse @ transposed if upper else transposed @ inverse


@op
def det(x: TensorLike) -> Tensor:
    """Determinant.

    >>> det([[2.0, 0.0], [0.0, 3.0]])
    Array(6., dtype=float32)
    """
    _matrices(x, square=True)
    return jnp.linalg.det(x)


@op
def eig(x: TensorLike) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors (in columns), both complex. On the CPU only.

    >>> [v.shape for v in eig([[2.0, 0.0], [0.0, 3.0]])]
    [(2,), (2, 2)]
    """
    _matrices(x, square=True)
    values, vectors = jnp.linalg.eig(x)
    return values, vectors


@op
def eigh(x: TensorLike) -> tuple[Tensor, Tensor]:
    """Eigenvalues, smallest first, and eigenvectors (in columns) of a symmetric matrix.

    >>> eigh([[3.0, 0.0], [0.0, 2.0]])[0]
    Array([2., 3.], dtype=float32)
    """
    _matrices(x, square=True)
    values, vectors = jnp.linalg.eigh(x)
    return values, vectors


@op
def inv(x: TensorLike) -> Tensor:
    """Inverse.

    >>> inv([[2.0, 0.0], [0.0, 4.0]]).tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    _matrices(x, square=True)
    return jnp.linalg.inv(x)


@op
def lu_factor(x: TensorLike) -> tuple[Tensor, Tensor]:
    """Both triangular factors of `x` in one matrix, and the rows that were exchanged.

    >>> lu_factor([[2.0, 0.0], [0.0, 4.0]])[1]
    Array([0, 1], dtype=int32)
    """
    _matrices(x)
    factors, rows = jax.scipy.linalg.lu_factor(x)
    return factors, rows


@op
def lstsq(a: TensorLike, b: TensorLike, rcond: float | None = None) -> Tensor:
    """The `x` for which `a @ x` is nearest to `b`.

    Args:
        a: Tensor, `(m, n)`.
        b: Tensor, `(m,)` or `(m, k)`.
        rcond: Singular values below this share of the greatest count as zero; None for the dtype's precision.

    >>> lstsq([[1.0], [1.0]], [1.0, 3.0]).round(3)
    Array([2.], dtype=float32)
    """
    return jnp.linalg.lstsq(a, b, rcond)[0]


@op
def matrix_rank(x: TensorLike, tol: float | None = None) -> Tensor:
    """Number of singular values above `tol`; None for the dtype's precision.

    >>> matrix_rank([[1.0, 1.0], [1.0, 1.0]])
    Array(1, dtype=int32)
    """
    _matrices(x)
    return jnp.linalg.matrix_rank(x, tol)


@op
def norm(x: TensorLike, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Norm of vectors or matrices.

    Args:
        x: Tensor.
        ord: An int, `inf`, "fro" or "nuc"; None for the root of the sum of squares.
        axis: One axis for vectors, two for matrices; None for `x` as a whole.
        keepdims: Whether reduced axes stay with size 1.

    >>> norm([3.0, 4.0])
    Array(5., dtype=float32)
    """
    axis = tuple(axis) if isinstance(axis, list) else axis
    return jnp.linalg.norm(_float(x), ord, axis, keepdims)


@op
def pinv(x: TensorLike, rcond: float | None = None) -> Tensor:
    """Pseudo-inverse (Moore and Penrose's).

    >>> pinv([[2.0, 0.0], [0.0, 0.0]]).round(3).tolist()
    [[0.5, 0.0], [0.0, 0.0]]
    """
    _matrices(x)
    return jnp.linalg.pinv(x, rcond)


@op
def qr(x: TensorLike, mode: str = "reduced") -> tuple[Tensor, Tensor]:
    """`x` as an orthogonal times a triangular matrix.

    Args:
        x: Tensor, `(..., m, n)`.
        mode: "reduced": `(m, k)` and `(k, n)`, `k` the smaller size; "complete": `(m, m)` and `(m, n)`.

    >>> [v.shape for v in qr(jnp.ones((3, 2)))]
    [(3, 2), (2, 2)]
    """
    input_rank(x, 2)
    if mode not in ("reduced", "complete"):
        raise ValueError(
            f"`mode` argument value not supported. Expected one of {{'reduced', 'complete'}}. Received: mode={mode}"
        )
    return tuple(jnp.linalg.qr(x, mode))


@op
def solve(a: TensorLike, b: TensorLike) -> Tensor:
    """The `x` with `a @ x = b`.

    >>> solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0])
    Array([1. , 0.5], dtype=float32)
    """
    _matrices(a, square=True)
    least_rank(b, 1)
    return jnp.linalg.solve(a, b)


@op
def solve_triangular(a: TensorLike, b: TensorLike, lower: bool = False) -> Tensor:
    """The `x` with `a @ x = b`, of `a` only the upper (or `lower`) triangle being looked at.

    >>> solve_triangular([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0])
    Array([1. , 0.5], dtype=float32)
    """
    _matrices(a, square=True)
    if b.ndim == a.ndim - 1:  # vectors
        return jax.scipy.linalg.solve_triangular(a, b[..., None], lower=lower)[..., 0]
    return jax.scipy.linalg.solve_triangular(a, b, lower=lower)


@op(keras_class="SVD")
def svd(x: TensorLike, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Singular values, and the orthogonal matrices on their sides: `x = u @ diag(s) @ vh`.

    Args:
        x: Tensor, `(..., m, n)`.
        full_matrices: Whether `u` and `vh` are square.
        compute_uv: Whether to return them too.

    Returns:
        `(u, s, vh)`, or `s`.

    >>> svd([[3.0, 0.0], [0.0, 2.0]], compute_uv=False)
    Array([3., 2.], dtype=float32)
    """
    _matrices(x)
    out = jnp.linalg.svd(x, full_matrices, compute_uv)
    return tuple(out) if compute_uv else out


@op(keras_class="JVP")
def _jvp(fun: Argument, primals: Argument, tangents: Argument, has_aux: bool = False) -> Any:
    primals, tangents = (tree.map_structure(to_tensor, list(v)) for v in (primals, tangents))
    return jax.jvp(fun, primals, tangents, has_aux=has_aux)


def jvp(fun: Callable, primals: Any, tangents: Any, has_aux: bool = False) -> Any:
    """`fun` at a point, and its derivative there in a direction.

    Args:
        fun: Function of tensors.
        primals: Its arguments, in a tuple or list; symbolic tensors too.
        tangents: The direction, of the same structure.
        has_aux: Whether `fun` returns `(output, other)`, of which only the first is differentiated.

    Returns:
        `(output, derivative)`, and `other`.

    >>> jvp(lambda x: x * x, (3.0,), (1.0,))
    (Array(9., dtype=float32), Array(6., dtype=float32))
    """
    if not all(isinstance(v, (tuple, list)) for v in (primals, tangents)):
        raise TypeError(
            "primal and tangent arguments to jvp must be tuples or lists; "
            f"found {type(primals).__name__} and {type(tangents).__name__}."
        )
    return _jvp(fun, primals, tangents, has_aux)


jvp.definition = _jvp.definition  # type: ignore[attr-defined]
