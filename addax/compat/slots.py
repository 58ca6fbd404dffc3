"""State of optimizers in legacy `.h5` files, whose arrays were named in six ways.

`param_0`, ... (Keras 1); `Variable_104:0` (2.0); `training/RMSprop/Variable:0` (2.1): by position.
`Adam/dense/kernel/m:0` (TensorFlow's up to 2.10) and `Adam/m/dense/kernel:0` (2.11 to 2.15): the slot is in the name.
`adam/dense_kernel_momentum` (Keras 3): the current names.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.variable import Variable
from .weights import Misfit, Origin, Part, trained_places, values

_ITERATIONS = ("iteration", "iterations", "iter")
_SCALARS = (*_ITERATIONS, "learning_rate", "momentum_cache", "m_schedule")
# Names of slots in TensorFlow's Keras, in their order there -> current names, by optimizer.
_MOMENTS = {"m": "momentum", "v": "velocity", "vhat": "velocity_hat"}
_SLOTS: dict[str, dict[str, str]] = {
    "SGD": {"momentum": "momentum", "m": "momentum"},
    "RMSprop": {
        "rms": "velocity",
        "velocity": "velocity",
        "momentum": "momentum",
        "mg": "average_gradient",
        "average_gradient": "average_gradient",
    },
    "Adagrad": {"accumulator": "accumulator"},
    "Adadelta": {
        "accum_grad": "accumulated_grad",
        "accum_var": "accumulated_delta_var",
        "accumulated_grad": "accumulated_grad",
        "accumulated_delta_var": "accumulated_delta_var",
    },
    "Adamax": {"m": "momentum", "v": "norm", "u": "norm"},
    "Ftrl": {"accumulator": "accumulator", "linear": "linear"},
    "Lion": {"m": "momentum"},
    **dict.fromkeys(("Adam", "AdamW", "Nadam"), _MOMENTS),
}


class Group(NamedTuple):
    """The arrays of a layer in the file."""

    parts: list[Part]
    arrays: Sequence[Any]


def restored(
    optimizer: Any, groups: Sequence[Group], names: Sequence[str], arrays: Sequence[Any], origin: Origin
) -> list[tuple[Variable, Any]]:
    """Returns the variables of an optimizer with their values in the file.

    Args:
        optimizer: The optimizer, built.
        groups: The layers' arrays, in the order of the file: an optimizer's follow them.
        names: Names of the optimizer's arrays.
        arrays: The arrays.
        origin: Facts about the file.

    Raises:
        Misfit: They are not those of this optimizer.
    """
    own = optimizer.variables
    if origin.keras >= 3 and [tuple(a.shape) for a in arrays] == [v.shape for v in own]:
        return list(zip(own, arrays))
    scalars, rest = _scalars(names, arrays)
    found: list[tuple[Variable, Any]] = []
    if scalars.get("iterations") is not None:
        found.append((optimizer._iterations, np.asarray(scalars["iterations"]).astype("int32")))
    if "learning_rate" in scalars and isinstance(optimizer._learning_rate, Variable):
        found.append((optimizer._learning_rate, scalars["learning_rate"]))
    if "u_product" in optimizer._shared and "iterations" in scalars:
        steps = np.arange(1, int(np.asarray(scalars["iterations"])) + 1)
        product = np.prod(optimizer._factor(steps)) if len(steps) else 1.0
        found.append((optimizer._shared["u_product"], np.asarray(product, "float32")))
    wanted = [name for name, of_all in optimizer._slots.items() if any(v is not None for v in of_all)]
    places = [(i, p) for i, group in enumerate(groups) for p in trained_places(group.parts)]
    slots = _slots(type(optimizer).__name__, wanted, rest, len(places))
    for name in wanted:
        if name not in slots:
            raise Misfit(f"The file has no '{name}' of optimizer '{optimizer.name}'. It has {sorted(slots)}.")
        found += _values(optimizer, name, groups, places, slots[name], origin)
    return found


def _scalars(names: Sequence[str], arrays: Sequence[Any]) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    """Returns the step counts and rates at the beginning, and the other arrays by name."""
    found: dict[str, Any] = {}
    for i, (name, array) in enumerate(zip(names, arrays)):
        end = name.split(":")[0].rpartition("/")[2]
        known = next((k for k in _SCALARS if re.fullmatch(rf"{k}(_\d+)?", end)), None)
        if tuple(array.shape) or (known is None and i):
            return found, list(zip(names[i:], arrays[i:]))
        found["iterations" if known is None or known in _ITERATIONS else known] = array
    return found, []


def _slots(kind: str, wanted: list[str], rest: list[tuple[str, Any]], count: int) -> dict[str, list[Any]]:
    """Returns the arrays of each slot, one per trained weight."""
    table = _SLOTS.get(kind, {})
    named: dict[str, list[Any]] = {}
    for name, array in rest:
        slot = _slot_in(name, table, wanted)
        if slot is None:
            break
        named.setdefault(slot, []).append(array)
    else:
        if all(len(of_slot) == count for of_slot in named.values()):
            return named
    if count == 0 or len(rest) % count:
        raise Misfit(f"The optimizer's state in the file has {len(rest)} arrays for {count} trained weights.")
    # By position: one slot of all weights, then the next one.
    order = list(dict.fromkeys(table.values())) or wanted
    return {
        slot: [a for _, a in rest[i * count : (i + 1) * count]] for i, slot in zip(range(len(rest) // count), order)
    }


def _slot_in(name: str, table: dict[str, str], wanted: list[str]) -> str | None:
    """Returns the slot that the name of an array contains, or None."""
    parts = name.split(":")[0].split("/")
    end = re.sub(r"_\d+$", "", parts[-1])  # repeated names were numbered
    if len(parts) > 1 and end in table:
        return table[end]
    if len(parts) > 2 and parts[1] in table:
        return table[parts[1]]
    ends = [slot for slot in {*wanted, *table.values()} if parts[-1].endswith(f"_{slot}")]
    return max(ends, key=len) if ends else None


def _values(
    optimizer: Any,
    slot: str,
    groups: Sequence[Group],
    places: list[tuple[int, int]],
    arrays: list[Any],
    origin: Origin,
) -> list[tuple[Variable, Any]]:
    """Returns the variables of a slot with their values, in the layouts of their weights."""
    if len(arrays) != len(places):
        raise Misfit(f"The file has {len(arrays)} arrays '{slot}' for {len(places)} trained weights.")
    filled = [list(group.arrays) for group in groups]
    for (i, place), array in zip(places, arrays):
        filled[i][place] = array
    found = []
    origin = dataclasses.replace(origin, moments=True)
    for group, own in zip(groups, filled):
        for variable, value in values(group.parts, own, origin):
            index = optimizer._index.get(id(variable))
            if index is not None and optimizer._slots[slot][index] is not None:
                found.append((optimizer._slots[slot][index], value))
    return found
