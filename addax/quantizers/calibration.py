"""Quantization of weight matrices by the statistics of their inputs: GPTQ and AWQ, in float64 on the host.

Matrices are `(outputs, inputs)`. The error to minimize is that of the products with the inputs of the calibration
data; it depends on them only through their Gram matrix `sum(x x^T)`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .configs import AWQConfig, GPTQConfig

Matrix = np.ndarray


class Rounded(NamedTuple):
    """A quantized matrix: integers, their scales and zero points `(outputs, groups)`, and the group of each input."""

    values: Matrix
    scale: Matrix
    zero: Matrix
    groups: Matrix

    def dequantize(self) -> Matrix:
        """Returns the dequantized matrix."""
        return (self.values - self.zero[:, self.groups]) * self.scale[:, self.groups]


class Statistics:
    """Statistics of the inputs of a layer.

    Args:
        size: Number of inputs.

    Attributes:
        gram: Sum of the outer products of the inputs.
        magnitude: Sum of the absolute values of each input.
        count: Number of input vectors.
    """

    def __init__(self, size: int):
        self.gram = np.zeros((size, size))
        self.magnitude = np.zeros(size)
        self.count = 0

    def add(self, inputs: Matrix) -> None:
        """Adds input vectors, `(vectors, inputs)`."""
        inputs = np.asarray(inputs, np.float64)
        self.gram += inputs.T @ inputs
        self.magnitude += np.abs(inputs).sum(axis=0)
        self.count += len(inputs)


def output_error(matrix: Matrix, other: Matrix, gram: Matrix) -> float:
    """Returns the sum of the squared differences of the products of two matrices with the inputs."""
    difference = np.asarray(matrix, np.float64) - other
    return float(np.einsum("oi,ij,oj->", difference, gram, difference, optimize=True))


def grid(matrix: Matrix, bits: int, symmetric: bool = False, per_channel: bool = True) -> tuple[Matrix, Matrix]:
    """Returns scale and zero point of each row of a matrix, whose range is widened to contain zero.

    Args:
        matrix: A matrix; all of its columns share a scale.
        bits: Number of bits of the integers.
        symmetric: Whether the zero point is in the middle.
        per_channel: Whether each row has a scale of its own.

    >>> scale, zero = grid(np.array([[-1.0, 2.0], [0.0, 3.0]]), bits=2)
    >>> scale.tolist(), abs(zero).tolist()
    ([1.0, 1.0], [1.0, 0.0])
    """
    axis = 1 if per_channel else None
    low = np.broadcast_to(np.minimum(matrix.min(axis=axis), 0), len(matrix))
    high = np.broadcast_to(np.maximum(matrix.max(axis=axis), 0), len(matrix))
    most = 2**bits - 1
    if symmetric:
        high = np.maximum(-low, high)
        low = -high
    scale = np.where(high > low, high - low, 1.0) / most
    zero = np.full(len(matrix), (most + 1) / 2) if symmetric else np.clip(np.round(-low / scale), 0, most)
    return scale, zero


def _round(column: Matrix, scale: Matrix, zero: Matrix, bits: int) -> Matrix:
    return np.clip(np.round(column / scale) + zero, 0, 2**bits - 1)


def round_to_nearest(matrix: Matrix, bits: int, group_size: int) -> Rounded:
    """Rounds each weight to the nearest value.

    Args:
        matrix: The matrix.
        bits: Number of bits of the integers.
        group_size: Number of inputs that share a scale; -1 for all of them.
    """
    size = matrix.shape[1]
    group_size = size if group_size == -1 else group_size
    groups = np.arange(size) // group_size
    parts = [grid(matrix[:, i : i + group_size], bits) for i in range(0, size, group_size)]
    scale, zero = (np.stack(p, axis=1) for p in zip(*parts))
    return Rounded(_round(matrix, scale[:, groups], zero[:, groups], bits), scale, zero, groups)


def gptq(matrix: Matrix, statistics: Statistics, config: GPTQConfig) -> Rounded:
    """Rounds the weights of one input after the other, and corrects those of later inputs for the error.

    Args:
        matrix: The matrix.
        statistics: Those of the inputs.
        config: Bits, group size and other options.
    """
    weights = np.array(matrix, np.float64)
    size = weights.shape[1]
    hessian = 2 * statistics.gram / max(statistics.count, 1)
    unused = np.diag(hessian) == 0
    hessian[unused, unused] = 1
    weights[:, unused] = 0
    order = np.argsort(-np.diag(hessian), kind="stable") if config.activation_order else np.arange(size)
    weights, hessian = weights[:, order], hessian[np.ix_(order, order)]
    # Without some damping, linearly dependent inputs make the matrix singular.
    damping = max(config.hessian_damping, 1e-8) * np.mean(np.diag(hessian))
    hessian[np.diag_indices(size)] += damping
    # Row i is that of the inverse for the inputs from i on, divided by the square root of its first entry.
    inverse = np.linalg.cholesky(np.linalg.inv(hessian)).T
    group_size = size if config.group_size == -1 else config.group_size
    values = np.zeros_like(weights)
    scales: list[Matrix] = []
    zeros: list[Matrix] = []
    for i in range(size):
        if i % group_size == 0:
            scale, zero = grid(weights[:, i : i + group_size], config.weight_bits, config.symmetric, config.per_channel)
            scales.append(scale)
            zeros.append(zero)
        values[:, i] = _round(weights[:, i], scale, zero, config.weight_bits)
        error = (weights[:, i] - (values[:, i] - zero) * scale) / inverse[i, i]
        weights[:, i:] -= np.outer(error, inverse[i, i:])
    back = np.argsort(order)
    groups = (np.arange(size) // group_size)[back]
    return Rounded(values[:, back], np.stack(scales, axis=1), np.stack(zeros, axis=1), groups)


def awq(matrix: Matrix, statistics: Statistics, config: AWQConfig) -> tuple[Rounded, Matrix]:
    """Rounds a matrix whose inputs are scaled by a power of their magnitude; the power with the least error is chosen.

    Args:
        matrix: The matrix.
        statistics: Those of the inputs.
        config: Bits, group size and the number of powers to try.

    Returns:
        The rounded matrix of the weights times the factors, and the factor of each input.
    """
    matrix = np.asarray(matrix, np.float64)
    magnitude = np.maximum(statistics.magnitude / max(statistics.count, 1), 1e-4)
    best: tuple[float, Rounded, Matrix] | None = None
    for i in range(config.num_grid_points):
        factors = magnitude ** (i / config.num_grid_points)
        factors = factors / np.sqrt(factors.max() * factors.min())
        rounded = round_to_nearest(matrix * factors, config.weight_bits, config.group_size)
        error = output_error(rounded.dequantize() / factors, matrix, statistics.gram)
        if best is None or error < best[0]:
            best = error, rounded, factors
    assert best is not None, "the config has at least one grid point"
    return best[1], best[2]
