"""Large sparse matrices as data: each batch is made dense as it is taken, never the whole."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core import tree
from ..core.sparse import is_sparse
from ..core.types import Tree
from .batches import ArrayBatches, Batch, to_host
from .prepared import Preparation, PreparedBatches

_WHOLE = 64 << 20  # bytes of the dense array up to which it is made once: the device then holds all rows


class SparseRows:
    """A sparse matrix of which rows are taken as a dense array.

    Args:
        matrix: A matrix or two-dimensional array of SciPy in compressed rows.
    """

    ndim = 2

    def __init__(self, matrix: Any):
        self.matrix = matrix
        self.shape: tuple[int, int] = tuple(matrix.shape)
        self.dtype = to_host(np.zeros(0, matrix.dtype)).dtype

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Size of the dense array in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __getitem__(self, index: slice | np.ndarray) -> np.ndarray:
        return to_host(self.matrix[index].toarray())

    def part(self, index: slice) -> SparseRows:
        """Returns some rows, still sparse.

        Args:
            index: The rows.
        """
        return SparseRows(self.matrix[index])


class SparseBatches(PreparedBatches):
    """Batches of arrays among which are sparse matrices.

    Args:
        source: The arrays.
        prepare: Prepares the inputs of a batch; None to take them as they are.
    """

    def __init__(self, source: ArrayBatches, prepare: Preparation | None):
        super().__init__(source, prepare or _unchanged)


def _unchanged(x: Tree) -> Tree:
    return x


def sparse_rows(matrix: Any, whole: bool) -> Any:
    """Returns a sparse matrix as an array, or as `SparseRows` where that would be large.

    Args:
        matrix: A sparse tensor of JAX, or a sparse matrix or array of SciPy.
        whole: Whether an array is needed in any case.
    """
    of_jax = is_sparse(matrix)
    size = math.prod(matrix.shape) * np.dtype(matrix.dtype).itemsize
    if not whole and size > _WHOLE and len(matrix.shape) == 2:
        if not of_jax:
            return SparseRows(matrix.tocsr())
        if matrix.n_sparse == 2:
            return SparseRows(_of_jax(matrix))
    return matrix.todense() if of_jax else matrix.toarray()


def _of_jax(matrix: Any) -> Any:
    from scipy.sparse import csr_array

    data, (rows, columns) = np.asarray(matrix.data), np.asarray(matrix.indices).T
    real = (rows < matrix.shape[0]) & (columns < matrix.shape[1])  # what fills up to a size points outside
    return csr_array((data[real], (rows[real], columns[real])), shape=matrix.shape)


def has_sparse_rows(arrays: Batch) -> bool:
    """Tests whether `SparseRows` are in a structure."""
    return any(isinstance(a, SparseRows) for a in tree.flatten(arrays))


def dense_rows(arrays: Tree) -> Tree:
    """Makes the `SparseRows` in a structure dense."""
    return tree.map_structure(lambda a: a[:] if isinstance(a, SparseRows) else a, arrays)
