"""`adapt` of preprocessing layers: reading of data of every kind, batch by batch, on the host."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from ..core.errors import describe
from ..core.types import ArrayLike, Data
from .host import host_array, is_one_array


class Adaptable(Protocol):
    """Methods of layers that compute a state from data."""

    name: str

    def reset_state(self) -> None:
        """Forgets the data seen so far."""

    def update_state(self, data: ArrayLike) -> None:
        """Takes a batch into account."""

    def finalize_state(self) -> None:
        """Computes the state from the data seen so far."""


def adapt(layer: Adaptable, data: Data, steps: int | None = None) -> None:
    """Computes the state of a layer from data, in place of an earlier one.

    Args:
        layer: The layer.
        data: See `batches`.
        steps: Number of batches to read of an iterable; None for all.
    """
    layer.reset_state()
    for batch in batches(data, steps):
        layer.update_state(batch)
    layer.finalize_state()


def batches(data: Data, steps: int | None = None) -> Iterator[np.ndarray]:
    """Yields the batches of data as NumPy arrays.

    Args:
        data: An array, a string, or (nested) lists of numbers or strings, which are one batch; or an iterable of
            batches: arrays, or tuples whose first element is used, such as `(x, y)`.
        steps: Number of batches to read of an iterable; None for all.

    Raises:
        ValueError: The data are of another kind.
    """
    if isinstance(data, (str, bytes)) or hasattr(data, "shape") or is_one_array(data):
        yield host_array(data)
        return
    if isinstance(data, dict) or (not hasattr(data, "__iter__") and not hasattr(type(data), "__getitem__")):
        raise ValueError(f"`adapt` takes an array, nested lists, or an iterable of batches. Received: {describe(data)}")
    # Iterating over a PyDataset doesn't end.
    is_sequence = hasattr(type(data), "__getitem__") and hasattr(type(data), "__len__")
    found = (data[i] for i in range(len(data))) if is_sequence else data
    for batch in itertools.islice(found, steps):
        first = isinstance(batch, (tuple, list)) and len(batch) and hasattr(batch[0], "shape")
        yield host_array(batch[0] if first else batch)
