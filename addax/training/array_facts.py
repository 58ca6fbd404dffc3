"""What the guards ask of arrays on the host: whether all is finite, and between what bounds. Each array once."""

from __future__ import annotations

import weakref
from contextlib import suppress
from typing import Any

import numpy as np

from ..core.engine import is_jax_array, jax

_CHUNK = 1 << 24  # elements looked at in one go: no temporary is larger
_SAMPLE = 64

# id of an array -> (weak reference to it, some of its values, what was found): later fits on it ask for nothing.
_known: dict[int, tuple[Any, bytes, dict[str, Any]]] = {}


class Scan:
    """What is known of one array.

    Args:
        array: An array of NumPy or JAX.

    >>> Scan(np.array([1.0, np.nan])).finite, Scan(np.array([3, 9])).bounds
    (False, (3, 9))
    """

    def __init__(self, array: Any):
        self.array = array
        self._facts = _facts_of(array)

    def _fact(self, name: str, work_out: Any) -> Any:
        if name not in self._facts:
            self._facts[name] = work_out(_on_host(self.array))
        return self._facts[name]

    @property
    def finite(self) -> bool:
        """Whether there is no NaN and no infinity."""
        return self.array.dtype.kind not in "fV" or self._fact("finite", _is_finite)

    @property
    def bounds(self) -> tuple[Any, Any]:
        """The least and the greatest value."""
        return self._fact("bounds", lambda a: (a.min().item(), a.max().item()) if a.size else (0, 0))

    @property
    def whole(self) -> bool:
        """Whether all values are whole numbers."""
        return self.array.dtype.kind not in "fV" or self._fact("whole", lambda a: bool((a == np.floor(a)).all()))

    def bad_rows(self) -> tuple[int, int, int]:
        """How many values are NaN, how many infinite, and the first row with one."""
        nans = infs = 0
        first = -1
        array = _on_host(self.array)
        rows = max(1, _CHUNK // max(1, array[:1].size))
        for start in range(0, array.shape[0], rows):
            part = array[start : start + rows].astype("float32", copy=False)
            bad = ~np.isfinite(part)
            if bad.any():
                if first < 0:
                    first = start + int(bad.reshape(len(part), -1).any(axis=1).argmax())
                found = int(np.isnan(part).sum())
                nans, infs = nans + found, infs + int(bad.sum()) - found
        return nans, infs, first


def _on_host(array: Any) -> np.ndarray:
    return array if isinstance(array, np.ndarray) else np.asarray(jax.device_get(array))


def _facts_of(array: Any) -> dict[str, Any]:
    """The facts about this very array that an earlier look found, unless some of its values have changed since."""
    sample = b""
    if not is_jax_array(array):  # which nobody can change in place
        flat = array.reshape(-1) if array.flags.c_contiguous else array[:_SAMPLE]
        sample = flat[:: max(1, flat.shape[0] // _SAMPLE)].tobytes()
    key = id(array)
    known = _known.get(key)
    if known is not None and known[0]() is array and known[1] == sample:
        return known[2]
    facts: dict[str, Any] = {}
    with suppress(TypeError):  # it takes no weak references
        _known[key] = (weakref.ref(array, lambda _: _known.pop(key, None)), sample, facts)
    return facts


def _is_finite(array: np.ndarray) -> bool:
    if array.dtype.kind == "V" or array.dtype.itemsize < 4 or not array.flags.c_contiguous:
        return all(np.isfinite(part.astype("float32", copy=False)).all() for part in _parts(array))
    # The product of an array with itself is finite unless a value isn't, or the sum is too large: then look closely.
    with np.errstate(all="ignore"):
        return all(np.isfinite(np.dot(part, part)) or np.isfinite(part).all() for part in _parts(array.reshape(-1)))


def _parts(array: np.ndarray) -> Any:
    rows = max(1, _CHUNK // max(1, array[:1].size))
    return (array[start : start + rows] for start in range(0, array.shape[0], rows))
