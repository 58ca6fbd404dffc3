"""Sequences of different lengths as one array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.dtypes import ALLOWED, numpy_dtype
from ..core.types import ArrayLike, DTypeLike


def pad_sequences(
    sequences: Sequence[ArrayLike],
    maxlen: int | None = None,
    dtype: DTypeLike = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: float | str = 0.0,
) -> np.ndarray:
    """Pads and truncates sequences to one length.

    Args:
        sequences: Lists of numbers (or of vectors of one size), or of strings with `dtype=object`.
        maxlen: Length of the result; that of the longest sequence when None.
        dtype: Dtype of the result.
        padding: "pre" or "post": where `value` is added.
        truncating: "pre" or "post": where elements are left out.
        value: Element that pads.

    Returns:
        Array, `(len(sequences), maxlen, ...)`.

    Raises:
        ValueError: `sequences` has no sequences, elements of different shapes, or strings with a dtype of numbers.

    >>> pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2)
    array([[0, 1], [2, 3], [5, 6]], dtype=int32)
    """
    _check_lengths(sequences)
    for name, side in (("Padding", padding), ("Truncating", truncating)):
        if side not in ("pre", "post"):
            raise ValueError(f'{name} type "{side}" not understood')
    known = numpy_dtype(dtype) if isinstance(dtype, str) and dtype in ALLOWED - {"string"} else np.dtype(dtype)
    if isinstance(value, str) and known.kind not in "OU":
        raise ValueError(
            f"`dtype` {dtype} is not compatible with `value`'s type: {type(value)}\nYou should set `dtype=object` for "
            "variable length strings."
        )
    if maxlen is None:
        maxlen = max((len(sequence) for sequence in sequences), default=0)
    inner = next((np.asarray(sequence).shape[1:] for sequence in sequences if len(sequence)), ())
    result = np.full((len(sequences), maxlen, *inner), value, dtype=known)
    for i, sequence in enumerate(sequences):
        length = min(len(sequence), maxlen)
        if not length:
            continue
        kept = np.asarray(sequence[len(sequence) - length :] if truncating == "pre" else sequence[:length], dtype=known)
        if kept.shape[1:] != inner:
            raise ValueError(
                f"Shape of sample {kept.shape[1:]} of sequence at position {i} is different from expected shape {inner}"
            )
        result[i, maxlen - length :] = kept if padding == "pre" else result[i, maxlen - length :]
        if padding == "post":
            result[i, :length] = kept
    return result


def _check_lengths(sequences: Sequence[ArrayLike]) -> None:
    if not hasattr(sequences, "__len__"):
        raise ValueError("`sequences` must be iterable.")
    for sequence in sequences:
        if not hasattr(sequence, "__len__"):
            raise ValueError(f"`sequences` must be a list of iterables. Found non-iterable: {sequence}")
