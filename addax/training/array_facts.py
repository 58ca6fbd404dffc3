"""Facts about arrays that the guards use (finite values, bounds, whole numbers), computed once per array."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from ..core.engine import jax
from ..core.types import Array

_CHUNK = 1 << 24  # elements looked at in one go: no temporary is larger
_SAMPLE = 64

# id of an array -> (weak reference to it, a sample of its values, its facts): later fits on it compute nothing.
_known: dict[int, tuple[Any, bytes, dict[str, Any]]] = {}


class Scan:
    """The facts about one array, computed when they are first read.

    Args:
        array: An array of NumPy or JAX.

    >>> Scan(np.array([1.0, np.nan])).finite, Scan(np.array([3, 9])).bounds
    (False, (3, 9))
    """

    def __init__(self, array: Array | np.ndarray):
        self.array = array
        self._facts = _facts_of(array)

    def _fact(self, name: str, compute: Callable[[np.ndarray], Any]) -> Any:
        if name not in self._facts:
            self._facts[name] = compute(_on_host(self.array))
        return self._facts[name]

    @property
    def finite(self) -> bool:
        """Whether there is no NaN and no infinity."""
        return self.array.dtype.kind not in "fV" or self._fact("finite", _is_finite)

    @property
    def bounds(self) -> tuple[Any, Any]:
        """The smallest and the largest value; zeros for an empty array."""
        return self._fact("bounds", lambda a: (a.min().item(), a.max().item()) if a.size else (0, 0))

    @property
    def whole(self) -> bool:
        """Whether all values are whole numbers."""
        return self.array.dtype.kind not in "fV" or self._fact("whole", lambda a: bool((a == np.floor(a)).all()))

    def bad_rows(self) -> tuple[int, int, int]:
        """Returns how many values are NaN, how many infinite, and the first row with one."""
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


def _on_host(array: Array | np.ndarray) -> np.ndarray:
    return array if isinstance(array, np.ndarray) else np.asarray(jax.device_get(array))


def _forget(known: dict, key: int, _: Any) -> None:
    known.pop(key, None)  # an argument, as module globals are gone when the process ends


def _facts_of(array: Array | np.ndarray) -> dict[str, Any]:
    """Returns the known facts about this very array, none if its sample has changed since."""
    sample = b""
    if isinstance(array, np.ndarray):  # JAX's arrays can't be changed in place
        flat = array.reshape(-1) if array.flags.c_contiguous else array[:_SAMPLE]
        sample = flat[:: max(1, flat.shape[0] // _SAMPLE)].tobytes()
    key = id(array)
    known = _known.get(key)
    if known is not None and known[0]() is array and known[1] == sample:
        return known[2]
    facts: dict[str, Any] = {}
    with suppress(TypeError):  # it takes no weak references
        _known[key] = (weakref.ref(array, functools.partial(_forget, _known, key)), sample, facts)
    return facts


def _is_finite(array: np.ndarray) -> bool:
    if array.dtype.kind == "V" or array.dtype.itemsize < 4 or not array.flags.c_contiguous:
        return all(np.isfinite(part.astype("float32", copy=False)).all() for part in _parts(array))
    # The dot product of an array with itself, which is fast, is finite unless a value isn't, or the sum overflows.
    with np.errstate(all="ignore"):
        return all(np.isfinite(np.dot(part, part)) or np.isfinite(part).all() for part in _parts(array.reshape(-1)))


def _parts(array: np.ndarray) -> Iterator[np.ndarray]:
    rows = max(1, _CHUNK // max(1, array[:1].size))
    return (array[start : start + rows] for start in range(0, array.shape[0], rows))
