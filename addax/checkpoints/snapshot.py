"""Snapshots: copies of arrays, whose buffers the next training step can't reuse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.engine import fetch, is_jax_array, jax

_SPARE = 0.1  # fraction of a device's memory that a copy leaves free


def copies(arrays: Sequence[Any]) -> list[Any]:
    """Returns copies of arrays, where possible without waiting for those that are still being computed.

    On an accelerator with enough memory the copies are made there, and are fetched when they are written; else they are
    copied to the host.

    Args:
        arrays: Arrays of JAX, which may be spread over devices; those of NumPy stay as they are.
    """
    found = list(arrays)
    on_device = [i for i, a in enumerate(arrays) if is_jax_array(a)]
    here = [i for i in on_device if _in_one_piece(arrays[i]) and not _fits(arrays)]
    for i, value in zip(here, fetch([arrays[i] for i in here]) if here else ()):
        found[i] = np.array(value)
    there = [i for i in on_device if i not in set(here)]
    if there:
        values = [arrays[i] for i in there]
        copied = jax.device_put(values, [a.sharding for a in values], may_alias=False)
        for i, value in zip(there, copied):
            found[i] = value
    return found


def _in_one_piece(array: Any) -> bool:
    return array.is_fully_replicated


def _fits(arrays: Sequence[Any]) -> bool:
    """Returns whether copies fit into the memory of the device; on a CPU they can just as well be made on the host."""
    device = jax.devices()[0]
    stats = device.memory_stats() if device.platform != "cpu" else None
    if not stats or "bytes_limit" not in stats:
        return False
    needed = sum(a.nbytes for a in arrays if is_jax_array(a))
    return stats["bytes_limit"] * (1 - _SPARE) - stats["bytes_in_use"] > needed


__all__ = ["copies"]
