"""`Discretization`: numbers as the bins that they fall in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.op import Tensor
from ..core.sparse import as_sparse
from ..core.types import ArrayLike, Config, Data, PolicyLike
from ..ops import digitize
from . import adapting
from .data_layer import DataLayer
from .encoding import check_mode, encode, encoded_shape, mixes_rows
from .host import host_array
from .layer import Shape


class Discretization(DataLayer):
    """Maps numbers to the indices of the bins that they fall in.

    Args:
        bin_boundaries: Boundaries between the bins, increasing: `[0.0, 1.0]` makes the bins below 0, [0, 1) and from 1.
        num_bins: Number of bins that `adapt` computes boundaries of, instead of `bin_boundaries`.
        epsilon: Error of the quantiles that `adapt` computes: the data are summarized by about `1 / epsilon` numbers.
        output_mode: "int"; "one_hot", a vector for each number; or a vector for those along the last axis, with 1 for
            the bins that occur ("multi_hot") or their counts ("count").
        sparse: Whether encodings are sparse: arrays of `jax.experimental.sparse.BCOO`.
            Dense where a model is compiled.
        dtype: Dtype of the encodings; indices are int32.
        name: Name; automatic when None.

    Raises:
        ValueError: Both or none of `bin_boundaries` and `num_bins` are given, or an argument is wrong.

    >>> keras.layers.Discretization([0.0, 1.0, 2.0])(np.array([[-1.5, 1.0, 3.4, 0.5]]))
    Array([[0, 2, 3, 1]], dtype=int32)
    """

    rowwise = "always"
    _takes_lists = True

    def __init__(
        self,
        bin_boundaries: Sequence[float] | None = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: PolicyLike = None,
        name: str | None = None,
    ):
        super().__init__(name=name, dtype=dtype)
        check_mode(self, output_mode)
        if sparse and output_mode == "int":
            raise ValueError(
                "`sparse=True` may only be used if `output_mode` is `'one_hot'`, `'multi_hot'`, or `'count'`. "
                f"Received: sparse={sparse} and output_mode={output_mode}"
            )
        if num_bins is not None and num_bins < 0:
            raise ValueError(f"`num_bins` must be greater than or equal to 0. Received: `num_bins={num_bins}`")
        if num_bins is not None and bin_boundaries is not None:
            raise ValueError(
                "Both `num_bins` and `bin_boundaries` should not be set. Received: "
                f"`num_bins={num_bins}` and `bin_boundaries={bin_boundaries}`"
            )
        if num_bins is None and bin_boundaries is None:
            raise ValueError("You need to set either `num_bins` or `bin_boundaries`.")
        self.autocast = False  # boundaries may be further apart than 16-bit floats are exact
        self.input_bin_boundaries = None if bin_boundaries is None else _floats(bin_boundaries)
        self.bin_boundaries: Any = self.input_bin_boundaries or []
        self.num_bins = num_bins
        self.epsilon = epsilon
        self.output_mode = output_mode
        self.sparse = sparse
        self._keeps_sparse = "always" if sparse else None
        self.output_dtype = "int32" if output_mode == "int" else self.compute_dtype
        self._summary = np.zeros((2, 0), "float32")

    @property
    def input_dtype(self) -> str:
        """The dtype of the inputs."""
        return self.compute_dtype

    def adapt(self, data: Data, steps: int | None = None) -> None:
        """Computes boundaries between which there are about as many numbers of data in each bin.

        Args:
            data: An array or nested lists of numbers, or an iterable of batches of them.
            steps: Number of batches to read of an iterable; None for all.

        Raises:
            ValueError: The layer was constructed with `bin_boundaries`.
        """
        if self.input_bin_boundaries is not None:
            raise ValueError(
                "Cannot adapt a Discretization layer that has been initialized with `bin_boundaries`, use `num_bins` "
                "instead."
            )
        adapting.adapt(self, data, steps)

    def reset_state(self) -> None:
        """Forgets the data that `update_state` has seen."""
        if self.input_bin_boundaries is None:
            self._summary = np.zeros((2, 0), "float32")

    def update_state(self, data: ArrayLike) -> None:
        """Takes a batch of numbers into account.

        Args:
            data: Array of numbers.
        """
        values = np.sort(np.asarray(host_array(data), "float32"), axis=None)
        merged = np.concatenate([self._summary, summary_of(values, self.epsilon)], axis=1)
        self._summary = compressed(merged[:, np.argsort(merged[0], kind="stable")], self.epsilon)

    def finalize_state(self) -> None:
        """Computes the boundaries from the data that `update_state` has seen."""
        if self.input_bin_boundaries is None and self.num_bins:
            quantiles = compressed(self._summary, 1 / self.num_bins)[0, :-1]
            self.bin_boundaries = quantiles.tolist()

    def _mixes_rows(self, training: bool) -> bool:
        return mixes_rows(self, self.output_mode)

    def call(self, inputs: Tensor) -> Any:
        if not len(self.bin_boundaries):
            raise ValueError(
                "You need to either pass the `bin_boundaries` argument at construction time or call `adapt(dataset)` "
                f"before you can start using the `Discretization` layer. (Layer '{self.path}')"
            )
        bins = digitize(inputs, np.asarray(self.bin_boundaries, "float32"))
        dtype = "int32" if self.output_mode == "int" else self.compute_dtype
        found = encode(bins, self._size, self.output_mode, dtype)
        return as_sparse(found) if self.sparse else found

    @property
    def _size(self) -> int:
        return len(self.bin_boundaries) + 1

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        size = self._size if len(self.bin_boundaries) else self.num_bins
        return encoded_shape(tuple(input_shape), size, self.output_mode)

    def _output_dtype(self, inputs: Any) -> str:
        return "int32" if self.output_mode == "int" else self.compute_dtype

    def load_own_variables(self, store: Any) -> None:
        del store  # the boundaries are in the config

    def get_config(self) -> Config:
        return {
            "bin_boundaries": list(self.bin_boundaries) or None,
            "num_bins": self.num_bins,
            "epsilon": self.epsilon,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "name": self.name,
            "dtype": self.dtype_policy.name,
        }

    @classmethod
    def from_config(cls, config: Config) -> Discretization:
        if config.get("bin_boundaries") is not None and config.get("num_bins") is not None:
            # The boundaries that `adapt` computed.
            layer = cls(**{**config, "bin_boundaries": None})
            layer.bin_boundaries = list(config["bin_boundaries"])
            return layer
        return cls(**config)


def _floats(values: Any) -> tuple[float, ...]:
    try:
        return tuple(float(v) for v in values)
    except (TypeError, ValueError):
        raise ValueError(f"`bin_boundaries` must be a list of numbers. Received: bin_boundaries={values}") from None


def summary_of(values: np.ndarray, epsilon: float) -> np.ndarray:
    """Returns about `1 / epsilon` of sorted values, evenly spaced, with the number of values that each stands for.

    Args:
        values: The values, sorted.
        epsilon: Reciprocal of the number to keep.

    Returns:
        Array of shape `(2, count)`: values and weights.
    """
    step = max(len(values) / (1.0 / epsilon), 1.0)
    kept = values[int(step) - 1 :: int(step)]
    return np.stack([kept, np.full(len(kept), step, "float32")])


def compressed(summary: np.ndarray, epsilon: float) -> np.ndarray:
    """Returns a summary of weighted, sorted values by their quantiles at multiples of `epsilon`.

    Args:
        summary: Values and weights, `(2, count)`; returned as it is where there are fewer than `1 / epsilon`.
        epsilon: Distance of the quantiles, as a fraction of the total weight.
    """
    if summary.shape[1] * epsilon < 1:
        return summary
    at = epsilon + np.arange(0.0, 1.0, epsilon)
    total = np.cumsum(summary[1])
    fractions = total / total[-1]
    values = np.interp(at, fractions, summary[0])
    weights = np.diff(np.interp(at, fractions, total), prepend=0.0)
    return np.stack([values, weights]).astype("float32")
