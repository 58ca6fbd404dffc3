"""Encoding of states: nested Python values as JSON text, with their arrays taken out.

Only data can be written and read: numbers, text, bytes, lists, tuples, dicts, and arrays. Floats are exact.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.engine import is_jax_array
from ..core.variable import Variable

_TAG = "__is__"  # key that marks a dict as standing for a value that JSON lacks
_DEPTH = 100


def encode(state: Any, arrays: list[Any], where: str = "state") -> Any:
    """Returns `state` as values that JSON has; its arrays are appended to `arrays`.

    NumPy arrays are copied, as their owner may go on writing to them; those of JAX can't be written to.

    Args:
        state: Nested values.
        arrays: List that takes the arrays, in order.
        where: Name of the value, for errors.

    Raises:
        TypeError: There is a value of another type, which is named.

    >>> arrays = []; text = encode({"best": 0.5, "weights": (np.ones(2), None)}, arrays)
    >>> decode(text, arrays)
    {'best': 0.5, 'weights': (array([1., 1.]), None)}
    """
    if where.count("/") > _DEPTH:
        raise TypeError(f"{where.partition('/')[0]} is nested more than {_DEPTH} levels deep, or contains itself.")
    kind = type(state)
    if state is None or kind in (bool, int, float, str):
        return state
    if kind is list:
        return [encode(v, arrays, f"{where}/{i}") for i, v in enumerate(state)]
    if kind is tuple:
        return {_TAG: "tuple", "values": encode(list(state), arrays, where)}
    if isinstance(state, dict):
        if all(type(k) is str for k in state) and _TAG not in state:
            return {k: encode(v, arrays, f"{where}/{k}") for k, v in state.items()}
        return {_TAG: "dict", "values": [encode(list(pair), arrays, f"{where}/{pair[0]}") for pair in state.items()]}
    if kind in (bytes, bytearray):
        return {_TAG: "bytes", "text": base64.b64encode(state).decode()}
    if (found := _array(state)) is not None:
        arrays.append(found[1])
        return {_TAG: found[0], "at": len(arrays) - 1}
    for base in (bool, int, float, str):  # subclasses, such as members of an enum
        if isinstance(state, base):
            return base(state)
    raise TypeError(
        f"{where} has a value of type {type(state).__name__}, which a checkpoint can't have: return numbers, text, "
        "bytes, arrays, and lists, tuples and dicts of them."
    )


def _array(value: Any) -> tuple[str, Any] | None:
    """Returns the kind of an array and the array, or None for anything else."""
    if isinstance(value, Variable):
        value = value.stored_value()
    if is_jax_array(value):
        return "array", value
    if hasattr(value, "detach"):  # torch
        return "torch", np.array(value.detach().cpu().numpy())
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biufcV" and value.dtype.names is None:
        return "scalar" if isinstance(value, np.generic) else "array", np.array(value)
    return None


def decode(text: Any, arrays: Sequence[Any]) -> Any:
    """Returns the state that `encode` was given.

    Args:
        text: What `encode` returned.
        arrays: The arrays that it took out.

    Raises:
        ValueError: `text` is not of this form.
    """
    if isinstance(text, list):
        return [decode(v, arrays) for v in text]
    if not isinstance(text, dict):
        return text
    kind = text.get(_TAG)
    if kind is None:
        return {k: decode(v, arrays) for k, v in text.items()}
    if kind == "tuple":
        return tuple(decode(text["values"], arrays))
    if kind == "dict":
        return dict(decode(text["values"], arrays))
    if kind == "bytes":
        return base64.b64decode(text["text"])
    if kind == "array":
        return arrays[text["at"]]
    if kind == "scalar":
        return arrays[text["at"]][()]
    if kind == "torch":
        torch = sys.modules.get("torch")
        return arrays[text["at"]] if torch is None else torch.from_numpy(arrays[text["at"]])
    raise ValueError(f"A value of kind {kind!r} is unknown.")


def dumps(text: Any) -> str:
    """Returns JSON text; what is read from it gives the same text again."""
    return json.dumps(text, separators=(",", ":"))


__all__ = ["decode", "dumps", "encode"]
