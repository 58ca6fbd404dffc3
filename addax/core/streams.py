"""The process's global random streams: Python's, NumPy's, torch's where it is loaded, and the engine's own."""

from __future__ import annotations

import random
import sys
from typing import Any

import numpy as np

from . import seeds


def streams() -> dict[str, Any]:
    """Returns the state of the global random streams, made of numbers and arrays, for `set_streams`.

    >>> before = streams(); a = np.random.rand(); set_streams(before); bool(a == np.random.rand())
    True
    """
    version, words, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state(legacy=True)  # type: ignore[misc]
    default = seeds._default
    found: dict[str, Any] = {
        "python": [version, np.array(words[:-1], "uint32"), int(words[-1]), gauss],
        "numpy": [str(kind), np.array(keys), int(position), int(has_gauss), float(cached)],
        "addax": None if default is None else default.state.numpy(),
    }
    if (torch := sys.modules.get("torch")) is not None:
        found["torch"] = np.array(torch.get_rng_state())
    return found


def set_streams(state: dict[str, Any]) -> None:
    """Sets the global random streams to what `streams` returned, in this process or another.

    Args:
        state: Their state.
    """
    if state["addax"] is None:
        seeds._default = None
    else:
        seeds.global_seed_generator().state.assign(state["addax"])
    version, words, last, gauss = state["python"]
    random.setstate((version, (*map(int, words), last), gauss))
    np.random.set_state(tuple(state["numpy"]))
    if "torch" in state and (torch := sys.modules.get("torch")) is not None:
        torch.set_rng_state(torch.from_numpy(np.array(state["torch"])))


def as_json(state: Any) -> Any:
    """Returns a result of `streams` as values that JSON has.

    Args:
        state: Their state.

    >>> from_json(as_json({"a": np.arange(2, dtype="uint8")}))
    {'a': array([0, 1], dtype=uint8)}
    """
    if isinstance(state, dict):
        return {key: as_json(value) for key, value in state.items()}
    if isinstance(state, list):
        return [as_json(value) for value in state]
    if state is None or isinstance(state, (bool, int, float, str)):
        return state
    array = np.asarray(state)
    return {"dtype": array.dtype.name, "values": array.tolist()}


def from_json(data: Any) -> Any:
    """Returns the result of `streams` that `as_json` was given.

    Args:
        data: What it returned.
    """
    if isinstance(data, list):
        return [from_json(value) for value in data]
    if not isinstance(data, dict):
        return data
    if "values" in data:
        return np.array(data["values"], data["dtype"])
    return {key: from_json(value) for key, value in data.items()}


def same_streams(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Returns whether two results of `streams` are equal."""
    return all(np.array_equal(x, y) for key in a for x, y in zip(_parts(a[key]), _parts(b.get(key))))


def _parts(state: Any) -> list[Any]:
    return [None if part is None else np.asarray(part) for part in (state if isinstance(state, list) else [state])]


__all__ = ["as_json", "from_json", "same_streams", "set_streams", "streams"]
