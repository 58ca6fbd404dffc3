"""Windows of a time series."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.types import ArrayLike, Tree
from ..data.dataset import Dataset, ElementSpec, new_seed


def timeseries_dataset_from_array(
    data: ArrayLike,
    targets: ArrayLike | None,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> Dataset:
    """Makes a dataset of the windows of a time series.

    Args:
        data: Values at successive times, along the first axis.
        targets: Target of the window that starts at each time, or None.
        sequence_length: Number of values in a window.
        sequence_stride: Times between the starts of two windows.
        sampling_rate: Times between two values of a window.
        batch_size: Windows per batch; None for single windows.
        shuffle: Whether to shuffle the windows, anew in each pass.
        seed: Seed of their order; drawn when None.
        start_index: First time to use; None for the first one.
        end_index: Time before which the values end; None for all.
        format: "tf" or "grain", which both stand for addax's own `Dataset`.

    Returns:
        `Dataset` of windows, `(batch, sequence_length, ...)`, or of pairs of them and targets.

    Raises:
        ValueError: An argument is out of range.

    >>> dataset = keras.utils.timeseries_dataset_from_array(np.arange(6), np.arange(6) * 10, 3, sequence_stride=2)
    >>> [(x.tolist(), y.tolist()) for x, y in dataset]
    [([[0, 1, 2], [2, 3, 4]], [0, 20])]
    """
    if format not in ("tf", "grain"):
        raise ValueError(f'`format` should be either "tf" or "grain". Received: format={format}')
    values, wanted = _array(data), None if targets is None else _array(targets)
    count = len(values)
    _check_range(start_index, end_index, count)
    for name, number in (
        ("sequence_length", sequence_length),
        ("sampling_rate", sampling_rate),
        ("sequence_stride", sequence_stride),
    ):
        if number <= 0:
            raise ValueError(f"`{name}` must be higher than 0. Received: {name}={number}")
        if name != "sequence_length" and number >= count:
            raise ValueError(
                f"`{name}` must be lower than the length of the data. Received: {name}={number}, for data of length "
                f"{count}"
            )
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"`batch_size` must be a positive integer or None. Received: batch_size={batch_size}")
    start, end = start_index or 0, count if end_index is None else end_index
    windows = end - start - (sequence_length - 1) * sampling_rate
    if wanted is not None:
        windows = min(windows, len(wanted) - start)
    starts = np.arange(start, start + max(0, windows), sequence_stride)
    steps = np.arange(sequence_length) * sampling_rate

    def load(index: int | np.ndarray) -> Any:
        first = starts[index]
        x = values[np.asarray(first)[..., None] + steps]
        return x if wanted is None else (x, wanted[first])

    order = (seed if seed is not None else new_seed()) if shuffle else None
    rest: tuple[int | None, ...] = () if batch_size is None else (None,)
    spec: Tree = ElementSpec((*rest, sequence_length, *values.shape[1:]), values.dtype.name)
    if wanted is not None:
        spec = (spec, ElementSpec((*rest, *wanted.shape[1:]), wanted.dtype.name))
    return Dataset.indexed(len(starts), load, seed=order, spec=spec, batch_size=batch_size)


def _array(data: ArrayLike) -> np.ndarray:
    """Returns an array; lists of numbers are of 32 bits."""
    if hasattr(data, "dtype"):
        return np.asarray(data)
    array = np.asarray(data)
    return array.astype({"i": np.int32, "f": np.float32}.get(array.dtype.kind, array.dtype))


def _check_range(start: int | None, end: int | None, count: int) -> None:
    if start is not None:
        if start < 0:
            raise ValueError(f"`start_index` must be 0 or greater. Received: start_index={start}")
        if start >= count:
            raise ValueError(
                "`start_index` must be lower than the length of the data. Received: start_index="
                f"{start}, for data of length {count}"
            )
    if end is not None:
        if start is not None and end <= start:
            raise ValueError(
                f"`end_index` must be higher than `start_index`. Received: start_index={start}, and end_index={end} "
            )
        if end >= count:
            raise ValueError(
                "`end_index` must be lower than the length of the data. Received: end_index="
                f"{end}, for data of length {count}"
            )
        if end < 0:
            raise ValueError(f"`end_index` must be higher than 0. Received: end_index={end}")
