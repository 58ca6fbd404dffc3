"""Distributions that spread weights, and the variables of optimizers, by their shapes: no rules are needed."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core import dtypes
from ..core.engine import jax
from ..core.variable import Variable
from .devices import list_devices
from .distributions import Distribution, set_distribution
from .mesh import DeviceMesh, TensorLayout
from .shapes import SMALL, TENSOR, Choice, chosen


class FullySharded(Distribution):
    """Spreads weights, their gradients and the optimizer's variables over the devices that compute with the batch.

    Each device keeps a part of each weight. Where a layer computes with it, it is gathered from all, and its gradient
    is summed so that each device has the part of its own. Small weights are whole on each device. The mesh may have
    more axes: along "replica" weights are copied, which keeps gathering within a host; along "model" the products of
    layers are spread, attention by its heads and others by the larger axis of their kernels.

    Args:
        device_mesh: The devices, a mesh whose first axis is "batch", or with axes of the names "replica", "batch" and
            "model"; None for all devices in one axis.
        devices: Devices in place of a mesh, as for `DeviceMesh`.
        auto_shard_dataset: Whether iterables yield the same batches in every process, each of which uses its rows;
            otherwise each process has rows of its own.
        spread_weights: Whether weights are spread; otherwise only the optimizer's variables are (ZeRO-1).
        small: Bytes of a float32 array below which it is whole on each device.

    >>> keras.distribution.FullySharded(devices=["cpu:0"])
    <FullySharded device_mesh=<DeviceMesh shape=(1,), axis_names=['batch']>>
    """

    def __init__(
        self,
        device_mesh: DeviceMesh | None = None,
        devices: Any = None,
        auto_shard_dataset: bool = True,
        spread_weights: bool = True,
        small: int = SMALL,
    ):
        if device_mesh is None:
            found = np.array(list_devices() if devices is None else devices)
            device_mesh = DeviceMesh((found.size,), ["batch"], found)
        elif not isinstance(device_mesh, DeviceMesh):
            raise ValueError(f"`device_mesh` must be a `DeviceMesh`. Received: device_mesh={device_mesh!r}")
        names = list(device_mesh.axis_names)
        rows = "batch" if "batch" in names else names[0]
        if extra := set(names) - {rows, "replica", TENSOR}:
            raise ValueError(
                f"The axes of the mesh of a `FullySharded` are 'batch', 'replica' and '{TENSOR}'. Received: {extra} in "
                f"{device_mesh}"
            )
        super().__init__(device_mesh, rows, auto_shard_dataset)
        self.spread_weights = spread_weights
        self.small = small

    @property
    def _row_axes(self) -> tuple[str, ...]:
        replicas = ("replica",) if "replica" in self.device_mesh.axis_names else ()
        return (*replicas, self.batch_dim_name)

    def get_variable_layout(self, variable: Variable) -> TensorLayout:
        """Returns the layout of a variable, which follows from its shape.

        Args:
            variable: The variable.
        """
        return TensorLayout(self.choose(variable).axes, self.device_mesh)

    def choose(self, variable: Variable) -> Choice:
        """Returns the layout of a variable and the reason for it.

        Args:
            variable: The variable.
        """
        sizes = self.device_mesh.sizes
        rows = (self.batch_dim_name, sizes[self.batch_dim_name]) if self._spreads(variable) else None
        return chosen(variable.shape, rows, (TENSOR, sizes.get(TENSOR, 1)), variable.heads_axis, self.small)

    def _spreads(self, variable: Variable) -> bool:
        return self.spread_weights or variable.layout_path is not None


class Auto(FullySharded):
    """Chooses, when a model is first trained, how much has to be spread for it to fit; see `auto`."""

    def __init__(self, device_mesh: DeviceMesh, memory: float):
        super().__init__(device_mesh)
        self.memory = memory
        self.level = ""  # not known before a model is trained: what is made until then is spread

    def _check(self, variables: Sequence[Any]) -> None:
        needed = state_bytes(variables)
        whole = (needed.weights + needed.slots + needed.gradients) / self.device_mesh.sizes.get(TENSOR, 1)
        sharers = self.device_mesh.sizes[self.batch_dim_name]
        if whole < self.memory / 2:
            level = "data parallel"
        elif whole - needed.slots * (1 - 1 / sharers) < self.memory / 2:
            level = "optimizer spread"
        else:
            level = "fully sharded"
        levels = ("", "data parallel", "optimizer spread", "fully sharded")
        self.level = max(self.level, level, key=levels.index)  # models share the memory

    def _spreads(self, variable: Variable) -> bool:
        if self.level == "optimizer spread":
            return variable.layout_path is not None
        return self.level != "data parallel"

    def __repr__(self) -> str:
        return f"<auto: {self.level or 'not chosen yet'}, device_mesh={self.device_mesh}>"


def auto(memory: float | None = None, tensor: int | None = None, devices: Any = None) -> Distribution:
    """Returns a distribution over all devices that spreads no more than a model needs to fit.

    Every device has all weights while they, their gradients and the optimizer's variables take less than half of its
    memory; else the optimizer's variables are spread, else all of them, within each host where there are several. It
    is chosen when a model is first trained.

    Args:
        memory: Memory of a device, bytes; None for what the device says.
        tensor: Number of devices that share the products of each layer; None for one. It divides their number.
        devices: Devices, as for `DeviceMesh`; None for all.

    Raises:
        ValueError: `tensor` doesn't divide the number of devices.

    >>> keras.distribution.auto(devices=["cpu:0"])
    <auto: not chosen yet, device_mesh=<DeviceMesh shape=(1,), axis_names=['batch']>>
    """
    found = np.array(list_devices() if devices is None else devices).ravel()
    shared = 1 if tensor is None else tensor
    if shared < 1 or found.size % shared:
        raise ValueError(f"`tensor` must divide the number of devices, {found.size}. Received: tensor={tensor}")
    sharers, hosts = found.size // shared, _hosts(found)
    shape, names = [sharers], ["batch"]
    if hosts > 1 and sharers % hosts == 0 and sharers > hosts:
        shape, names = [hosts, sharers // hosts], ["replica", "batch"]
    if shared > 1:
        shape, names = [*shape, shared], [*names, TENSOR]
    return Auto(DeviceMesh(shape, names, found), memory_of_a_device() if memory is None else memory)


def _hosts(devices: np.ndarray) -> int:
    return len({d.process_index for d in jax.devices() if f"{d.platform}:{d.id}" in set(devices)}) or 1


def memory_of_a_device() -> float:
    """Returns the memory of a device in bytes: on CPUs the share of each in that of the host."""
    device = jax.local_devices()[0]
    stats = device.memory_stats() if device.platform != "cpu" else None
    if stats and "bytes_limit" in stats:
        return float(stats["bytes_limit"])
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / jax.local_device_count()


def several_devices() -> None:
    """Says, before the first program, that there are several devices; uses them all where `ADDAX_DEVICES` is "all".

    Raises:
        ValueError: `ADDAX_DEVICES` is something else.
    """
    wanted = os.environ.get("ADDAX_DEVICES", "")
    if wanted not in ("", "all"):
        raise ValueError(f"The environment variable `ADDAX_DEVICES` can be 'all'. Received: {wanted!r}")
    if wanted:
        set_distribution(auto())
        return
    devices = jax.devices()
    if devices[0].platform != "cpu":
        text = (
            f"{len(devices)} {devices[0].platform.upper()}s are here and 1 is used: "
            "`keras.distribution.set_distribution(keras.distribution.auto())` uses all."
        )
        print(text, file=sys.stderr)


class StateBytes(NamedTuple):
    """Bytes of a model's state, whole.

    Attributes:
        weights: Of its weights.
        slots: Of the optimizer's variables.
        gradients: Of the gradients.
    """

    weights: int
    slots: int
    gradients: int


def nbytes(variable: Any) -> int:
    """Returns the bytes of a variable's value, whole."""
    return math.prod(variable.shape) * dtypes.numpy_dtype(variable._dtype).itemsize


def state_bytes(variables: Sequence[Any]) -> StateBytes:
    """Returns the bytes of variables, whole.

    Args:
        variables: Those of a model and its optimizer.
    """
    slots = sum(nbytes(v) for v in variables if v.layout_path is not None)
    gradients = sum(nbytes(v) for v in variables if v.trainable)
    return StateBytes(sum(map(nbytes, variables)) - slots, slots, gradients)


__all__ = [
    "Auto",
    "FullySharded",
    "StateBytes",
    "auto",
    "memory_of_a_device",
    "nbytes",
    "several_devices",
    "state_bytes",
]
