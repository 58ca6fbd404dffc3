"""Linear algebra on matrices in the last two axes; all axes before them are batch axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import tree
from ..core.convert import to_tensor
from ..core.dtypes import floatx
from ..core.engine import is_tracer, jax, jnp
from ..core.op import Argument, Axis, Tensor, TensorLike, op
from ..core.types import Array, Tree
from .checks import input_rank, least_rank


def _float(x: Array) -> Array:
    return x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(floatx())


def _matrices(x: Array, square: bool = False) -> None:
    least_rank(x, 2)
    if square and x.shape[-1] != x.shape[-2]:
        raise ValueError(f"Expected a square matrix. Received non-square input with shape {tuple(x.shape)}")


@op
def cholesky(x: TensorLike, upper: bool = False) -> Tensor:
    """Computes the Cholesky factor `L`, with `L @ L.T = x`, of a positive definite matrix.

    Args:
        x: Symmetric positive definite tensor, `(..., n, n)`.
        upper: Whether to return the upper triangular factor `U`, with `U.T @ U = x`.

    Returns:
        Triangular tensor, `(..., n, n)`.

    Raises:
        ValueError: `x` is not square, or not positive definite. In compiled code the latter results in NaN instead.

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
    """Computes the inverse of a matrix from its Cholesky factor.

    Args:
        x: Cholesky factor, `(..., n, n)`.
        upper: Whether the factor is upper triangular.

    Returns:
        Tensor, `(..., n, n)`.

    Raises:
        ValueError: `x` is not square.

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
    """Computes determinants.

    Args:
        x: Tensor, `(..., n, n)`.

    Returns:
        Tensor, `(...)`.

    Raises:
        ValueError: `x` is not square.

    >>> det([[2.0, 0.0], [0.0, 3.0]])
    Array(6., dtype=float32)
    """
    _matrices(x, square=True)
    return jnp.linalg.det(x)


@op
def eig(x: TensorLike) -> tuple[Tensor, Tensor]:
    """Computes eigenvalues and eigenvectors of square matrices. Runs on the CPU only.

    Args:
        x: Tensor, `(..., n, n)`.

    Returns:
        Complex eigenvalues, `(..., n)`, and eigenvectors in columns, `(..., n, n)`.

    Raises:
        ValueError: `x` is not square.

    >>> [v.shape for v in eig([[2.0, 0.0], [0.0, 3.0]])]
    [(2,), (2, 2)]
    """
    _matrices(x, square=True)
    values, vectors = jnp.linalg.eig(x)
    return values, vectors


@op
def eigh(x: TensorLike) -> tuple[Tensor, Tensor]:
    """Computes eigenvalues and eigenvectors of symmetric (Hermitian) matrices.

    Args:
        x: Symmetric tensor, `(..., n, n)`.

    Returns:
        Real eigenvalues in ascending order, `(..., n)`, and eigenvectors in columns, `(..., n, n)`.

    Raises:
        ValueError: `x` is not square.

    >>> eigh([[3.0, 0.0], [0.0, 2.0]])[0]
    Array([2., 3.], dtype=float32)
    """
    _matrices(x, square=True)
    values, vectors = jnp.linalg.eigh(x)
    return values, vectors


@op
def inv(x: TensorLike) -> Tensor:
    """Computes inverse matrices.

    Args:
        x: Tensor, `(..., n, n)`.

    Returns:
        Tensor, `(..., n, n)`; infinite or NaN for singular matrices.

    Raises:
        ValueError: `x` is not square.

    >>> inv([[2.0, 0.0], [0.0, 4.0]]).tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    _matrices(x, square=True)
    return jnp.linalg.inv(x)


@op
def lu_factor(x: TensorLike) -> tuple[Tensor, Tensor]:
    """Computes the LU decomposition with partial pivoting.

    Args:
        x: Tensor, `(..., m, n)`.

    Returns:
        Both triangular factors in one tensor, `(..., m, n)`, and the pivots, int32 `(..., min(m, n))`: row `i` was
        exchanged with row `pivots[i]`.

    Raises:
        ValueError: `x` has fewer than two axes.

    >>> lu_factor([[2.0, 0.0], [0.0, 4.0]])[1]
    Array([0, 1], dtype=int32)
    """
    _matrices(x)
    factors, rows = jax.scipy.linalg.lu_factor(x)
    return factors, rows


@op
def lstsq(a: TensorLike, b: TensorLike, rcond: float | None = None) -> Tensor:
    """Solves `a @ x = b` in the least-squares sense.

    Args:
        a: Tensor, `(m, n)`.
        b: Tensor, `(m,)` or `(m, k)`.
        rcond: Singular values below this fraction of the largest one count as zero; None for machine precision.

    Returns:
        Tensor, `(n,)` or `(n, k)`.

    >>> lstsq([[1.0], [1.0]], [1.0, 3.0]).round(3)
    Array([2.], dtype=float32)
    """
    return jnp.linalg.lstsq(a, b, rcond)[0]


@op
def matrix_rank(x: TensorLike, tol: float | None = None) -> Tensor:
    """Computes the ranks of matrices: the number of singular values above `tol`.

    Args:
        x: Tensor, `(..., m, n)`.
        tol: Threshold; None derives it from the largest singular value and machine precision.

    Returns:
        Integer tensor, `(...)`.

    Raises:
        ValueError: `x` has fewer than two axes.

    >>> matrix_rank([[1.0, 1.0], [1.0, 1.0]])
    Array(1, dtype=int32)
    """
    _matrices(x)
    return jnp.linalg.matrix_rank(x, tol)


@op
def norm(x: TensorLike, ord: float | str | None = None, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Computes a norm of vectors or matrices.

    Args:
        x: Tensor.
        ord: Order of the norm: a number, `inf`, `-inf`, "fro" or "nuc"; None for the Euclidean (Frobenius) norm.
        axis: One axis for vector norms, two for matrix norms; None for all axes.
        keepdims: Whether to keep the reduced axes with size 1.

    Returns:
        Tensor without the reduced axes.

    Raises:
        ValueError: `ord` is not an order of such a norm, or `axis` has more than two axes.

    >>> norm([3.0, 4.0])
    Array(5., dtype=float32)
    """
    axis = tuple(axis) if isinstance(axis, list) else axis
    return jnp.linalg.norm(_float(x), ord, axis, keepdims)


@op
def pinv(x: TensorLike, rcond: float | None = None) -> Tensor:
    """Computes the Moore-Penrose pseudo-inverse.

    Args:
        x: Tensor, `(..., m, n)`.
        rcond: Singular values below this fraction of the largest one count as zero; None for machine precision.

    Returns:
        Tensor, `(..., n, m)`.

    Raises:
        ValueError: `x` has fewer than two axes.

    >>> pinv([[2.0, 0.0], [0.0, 0.0]]).round(3).tolist()
    [[0.5, 0.0], [0.0, 0.0]]
    """
    _matrices(x)
    return jnp.linalg.pinv(x, rcond)


@op
def qr(x: TensorLike, mode: str = "reduced") -> tuple[Tensor, Tensor]:
    """Computes the QR decomposition: `x` as an orthogonal matrix times an upper triangular one.

    Args:
        x: Tensor, `(..., m, n)`.
        mode: "reduced" for factors `(..., m, k)` and `(..., k, n)` with `k = min(m, n)`; "complete" for factors
            `(..., m, m)` and `(..., m, n)`.

    Returns:
        Tensors `(q, r)`.

    Raises:
        ValueError: `x` has fewer than two axes, or `mode` is neither of these.

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
    """Solves the linear system `a @ x = b`.

    Args:
        a: Tensor, `(..., n, n)`.
        b: Tensor, `(n,)` or `(..., n, k)`.

    Returns:
        Tensor of the shape of `b`.

    Raises:
        ValueError: `a` is not square.

    >>> solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0])
    Array([1. , 0.5], dtype=float32)
    """
    _matrices(a, square=True)
    least_rank(b, 1)
    return jnp.linalg.solve(a, b)


@op
def solve_triangular(a: TensorLike, b: TensorLike, lower: bool = False) -> Tensor:
    """Solves `a @ x = b` for a triangular `a`, reading only one of its triangles.

    Args:
        a: Tensor, `(..., n, n)`.
        b: Tensor, `(..., n)` or `(..., n, k)`.
        lower: Whether to read the lower rather than the upper triangle.

    Returns:
        Tensor of the shape of `b`.

    Raises:
        ValueError: `a` is not square.

    >>> solve_triangular([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0])
    Array([1. , 0.5], dtype=float32)
    """
    _matrices(a, square=True)
    if b.ndim == a.ndim - 1:  # vectors
        return jax.scipy.linalg.solve_triangular(a, b[..., None], lower=lower)[..., 0]
    return jax.scipy.linalg.solve_triangular(a, b, lower=lower)


@op(keras_class="SVD")
def svd(x: TensorLike, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Computes the singular value decomposition, `x = u @ diag(s) @ vh`.

    Args:
        x: Tensor, `(..., m, n)`.
        full_matrices: Whether `u` and `vh` are square.
        compute_uv: Whether to return `u` and `vh` besides `s`.

    Returns:
        `(u, s, vh)`, or only `s`, `(..., min(m, n))`, in descending order.

    Raises:
        ValueError: `x` has fewer than two axes.

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


def jvp(fun: Callable, primals: Sequence[Tree], tangents: Sequence[Tree], has_aux: bool = False) -> Any:
    """Computes a function and its directional derivative (Jacobian-vector product) at a point.

    Args:
        fun: Function of tensors.
        primals: Arguments of `fun` as a tuple or list of tensors, symbolic ones too.
        tangents: Direction, of the structure of `primals`.
        has_aux: Whether `fun` returns `(output, aux)`, of which only `output` is differentiated.

    Returns:
        `(output, derivative)`, or `(output, derivative, aux)` with `has_aux`.

    Raises:
        TypeError: `primals` or `tangents` is no tuple or list.

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
