"""Lanes: the members that one program computes, of those that are trained together; lanes compute at the same time."""

from __future__ import annotations

import itertools
import os
from typing import Any, NamedTuple

import numpy as np

from ..core.engine import jax
from ..core.placement import platform

VMAP, MAP, DEVICES, IN_TURN = "vmap", "map", "devices", "one after another"
WAYS = (VMAP, MAP, DEVICES, IN_TURN)

_AXIS = "member"  # of the mesh over which members are spread


class Lane(NamedTuple):
    """Members whose steps are one program.

    Attributes:
        members: Their numbers.
        stacked: Whether values have an axis of members; one member alone has them as they are.
        mesh: The devices that the members are spread over; None for JAX's default device.
    """

    members: range
    stacked: bool
    mesh: Any = None

    @property
    def first(self) -> int:
        """Number of the first member."""
        return self.members.start

    @property
    def slots(self) -> int:
        """Size of the axis of members: more than there are where the devices don't divide them."""
        return len(self.members) if self.mesh is None else _share(len(self.members), self.mesh.size) * self.mesh.size

    def sharding(self, spread: bool) -> Any:
        """Returns the layout of values whose axis of members is spread, or of whole ones; None for one device."""
        if self.mesh is None:
            return None
        spec = jax.sharding.PartitionSpec(_AXIS) if spread else jax.sharding.PartitionSpec()
        return jax.sharding.NamedSharding(self.mesh, spec)

    def part(self, values: np.ndarray) -> np.ndarray:
        """Returns what this lane computes with, of values with an axis of the members of all lanes."""
        if not self.stacked:
            return values[self.first]
        own = values[self.first : self.members.stop]
        added = self.slots - len(own)
        # The slots that are left over compute what the last member does, which is dropped.
        return np.concatenate([own, np.repeat(own[-1:], added, axis=0)]) if added else own


def lanes_of(way: str, count: int) -> list[Lane]:
    """Returns the lanes of `count` members in a way that shares a program.

    Args:
        way: "vmap", "map" or "devices".
        count: Number of members.
    """
    if way == MAP:
        return [Lane(range(k, k + 1), False) for k in range(count)]
    if way == DEVICES:
        devices = jax.local_devices()
        # As few devices as end at the same time: 5 with 2 each for 10 members on 8, and no slot is left over.
        used = -(-count // _share(count, len(devices)))
        return [Lane(range(count), True, jax.sharding.Mesh(np.array(devices[:used]), (_AXIS,)))]
    ends = np.linspace(0, count, min(threads(), count) + 1).round().astype(int).tolist()
    return [Lane(range(a, b), b - a > 1) for a, b in itertools.pairwise(ends)]


def _share(count: int, devices: int) -> int:
    """Returns how many members a device has."""
    return -(-count // devices)


def threads() -> int:
    """Returns how many lanes compute at the same time: on CPUs, where a small step uses one core, one for each."""
    if platform() != "cpu":
        return 1
    # Cores that this process may use, where the system tells them.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


__all__ = ["DEVICES", "IN_TURN", "MAP", "VMAP", "WAYS", "Lane", "lanes_of", "threads"]
