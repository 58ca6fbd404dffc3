"""Plans: the memory and time that training a model would take, on these devices or on others. Nothing is computed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..core import dtypes
from ..core.engine import jax
from ..core.late import provided
from .compiled import Compiled, compiled_for, stand_ins
from .costs import KNOWN, Hardware, Traffic, of_data_parallel, of_fully_sharded
from .distributions import DataParallel, Distribution, distribution
from .explaining import parts, variables_of
from .shapes import chosen
from .sharded import Auto, FullySharded, memory_of_a_device, nbytes, state_bytes
from .tables import size, table

# Shares of a device's operations that large products and convolutions reach: H100s train language models at 33 to 40 %,
# and ResNet-50 at 2,800 images a second.
_PRODUCTS, _CONVOLUTIONS = 0.4, 0.07


class Line(NamedTuple):
    """A line of a plan.

    Attributes:
        name: What takes memory.
        whole: Its bytes, whole; None where that says nothing.
        device: Its bytes on a device.
        why: A remark.
    """

    name: str
    whole: float | None
    device: float
    why: str


@dataclass
class Plan:
    """Memory of a device, and traffic and time of a step; printing it shows a table.

    Attributes:
        title: Devices and layout.
        lines: What takes memory.
        memory: Bytes of a device.
        traffic: What a device sends in a step.
        computing: Seconds of computing a step; None where they can't be estimated.
        moving: Seconds of transfers a step, likewise.
        small: Number and bytes of weights that are whole though others are spread.
        compiled: Transfers of the compiled step, with `compile=True`; else None.
    """

    title: str
    lines: list[Line]
    memory: float
    traffic: Traffic
    computing: float | None
    moving: float | None
    small: tuple[int, int]
    compiled: Compiled | None = None

    @property
    def left(self) -> float:
        """Bytes of a device that are left over."""
        return self.memory - sum(line.device for line in self.lines)

    @property
    def fits(self) -> bool:
        """Whether it fits into the memory of a device."""
        return self.left > 0

    @property
    def efficiency(self) -> tuple[float, float] | None:
        """Share of the time in which devices compute, where transfers are hidden behind it and where none are."""
        if self.computing is None or self.moving is None:
            return None
        return min(1.0, self.computing / max(self.moving, 1e-9)), self.computing / (self.computing + self.moving)

    def __str__(self) -> str:
        cells = [("", "whole", "a device", "why")]
        for line in self.lines:
            cells.append((line.name, "" if line.whole is None else size(line.whole), size(line.device), line.why))
        left = f"{'left over' if self.fits else 'MISSING'}"
        cells.append((left, "", size(abs(self.left)), f"of {size(self.memory)}"))
        text = f"{self.title}\n{table(cells)}\na device sends {size(self.traffic.inside)} a step within its host"
        if self.traffic.outside:
            text += f" and {size(self.traffic.outside)} to others"
        if self.computing is not None and self.moving is not None and self.efficiency is not None:
            hidden, shown = self.efficiency
            text += (
                f": {1e3 * self.moving:.3g} ms beside {1e3 * self.computing:.3g} ms of computing; {hidden:.0%} of the "
                f"time is computing if transfers are hidden, {shown:.0%} if not"
            )
        if self.small[0]:
            text += f"\n{self.small[0]} small weights are whole on each device: {size(self.small[1])}"
        return text if self.compiled is None else f"{text}\n{self.compiled}"

    __repr__ = __str__


def plan(
    model: Any,
    batch_size: int,
    devices: str | None = None,
    memory: float | None = None,
    *,
    micro_batches: int | None = None,
    compile: bool = False,
) -> Plan:
    """Returns what training a model would take on each device; nothing is computed.

    Bytes of weights, gradients, the optimizer and transfers are exact; activations and times are estimates. What is
    spread is what `auto` would spread, or what the distribution that is set does.

    Args:
        model: The model, built and compiled.
        batch_size: Rows of a batch, over all devices.
        devices: Number and kind of the devices, such as "64xH100"; None for those that are there. The kinds are A100,
            H100, H200, B200, v5e and v5p.
        memory: Bytes of a device; None for what its kind has.
        micro_batches: Number of parts that a step computes one after another, as in `fit`; None for one.
        compile: Whether to compile the step, whole, and to read its transfers off the program. It is compiled for the
            devices of this process, virtual CPUs or, where JAX has their compiler, TPUs that aren't there.

    Returns:
        An object with `lines`, `fits`, `left`, `traffic`, `efficiency` and `compiled`; printing it shows a table.

    Raises:
        ValueError: The model isn't built, the kind of device isn't known, or there are no devices to compile for.

    >>> model = keras.Sequential([keras.Input((256,)), keras.layers.Dense(512)])
    >>> model.compile("adam", "mse")
    >>> found = keras.distribution.plan(model, 64, devices="8xH100")
    >>> found.fits, found.traffic.inside == 2 * 4 * 257 * 512 * 7 / 8
    (True, True)
    """
    count, kind = devices_of(devices)
    memory = memory or (kind.memory if kind is not None else memory_of_a_device())
    host = kind.host if kind is not None else count
    variables = variables_of(model)
    state = state_bytes(variables)
    level, sharers = _level(sum(state), state.slots, memory, count, host, devices is None)
    spread = _spread(variables, level, sharers, distribution() if devices is None else None)
    rows, parts = -(-batch_size // count), micro_batches or 1
    costs = provided("planning").costs_of_a_step(model, -(-rows // parts))
    width = dtypes.numpy_dtype(model.compute_dtype).itemsize if "float" in model.compute_dtype else 4
    layers = _by_layer(variables, spread, width)
    lines = _of_state(variables, spread, level, sharers)
    if any(layers):
        lines.append(Line("gathered at a time", None, 2 * max(layers), "two layers"))
    if costs is None:
        lines.append(Line("activations", None, 0, "not known: the shapes of the model's inputs aren't"))
    else:
        lines.append(Line("activations, estimate", None, costs.saved, _activations(rows, parts, costs.blocks)))
    if level == "fully sharded":
        traffic = of_fully_sharded(sum(layers), state.gradients, count, host, len(layers), parts)
    else:  # where the optimizer alone is spread, gradients are scattered and new weights gathered: as much
        traffic = of_data_parallel(state.gradients, count, host)
    hosts = -(-count // host)
    computing, moving = _seconds(costs, traffic, kind, hosts, parts)
    found = Plan(
        f"{count} x {_named(kind)} on {hosts} host{'s' * (hosts > 1)}, {level}, {batch_size} rows a step",
        lines,
        memory,
        traffic,
        computing,
        moving,
        _small(variables, spread, level),
    )
    if compile:
        wanted = _compiles_for(count, kind, level, sharers, devices)
        found.compiled = compiled_for(model, batch_size, wanted, micro_batches)
    return found


def _seconds(
    costs: Any, traffic: Traffic, kind: Hardware | None, hosts: int, parts: int
) -> tuple[float | None, float | None]:
    """Returns how long a step computes and how long it moves; None where that can't be estimated."""
    if costs is None or kind is None:
        return None, None
    computing = parts * (costs.products / _PRODUCTS + costs.convolutions / _CONVOLUTIONS) / kind.flops
    return computing, traffic.seconds(kind, hosts)


def _compiles_for(
    count: int, kind: Hardware | None, level: str, sharers: int, devices: str | None
) -> Distribution | None:
    """Returns the distribution to compile for: that which is set, or one over devices that stand for the others."""
    now = distribution() if devices is None else None
    if now is None or (isinstance(now, Auto) and not now.level):
        return stand_ins(count, kind, level, sharers)
    return now


def _activations(rows: int, parts: int, blocks: int) -> str:
    text = f"{rows} row{'s' * (rows != 1)} a device" + f", in {parts} parts" * (parts > 1)
    return text + f", {blocks} blocks computed again" * (blocks > 0)


def _named(kind: Hardware | None) -> str:
    return "devices" if kind is None else f"{kind.name} {kind.memory / 1e9:.0f} GB"


def _of_state(variables: list[Any], spread: dict[int, int], level: str, sharers: int) -> list[Line]:
    """Returns the lines of weights, optimizer and gradients."""
    weights = [v for v in variables if v.layout_path is None]
    slots = [v for v in variables if v.layout_path is not None]
    trained = [v for v in weights if v.trainable]
    split = f"split over {sharers}"
    remarks = {"fully sharded": (split, "as the weights"), "optimizer spread": ("whole on each device", split)}
    why = (*remarks.get(level, (level, level)), "as the weights")
    groups = zip(("weights", "optimizer", "gradients"), (weights, slots, trained), why)
    return [
        Line(name, sum(map(nbytes, group)), sum(nbytes(v) / spread[id(v)] for v in group), remark)
        for name, group, remark in groups
    ]


def _small(variables: list[Any], spread: dict[int, int], level: str) -> tuple[int, int]:
    """Returns number and bytes of the weights that are whole where others are spread."""
    if level != "fully sharded":
        return 0, 0
    small = [nbytes(v) for v in variables if v.layout_path is None and spread[id(v)] == 1]
    return len(small), sum(small)


def devices_of(text: str | None) -> tuple[int, Hardware | None]:
    """Returns number and kind of devices; None for a kind that isn't known.

    Args:
        text: Such as "64xH100"; None for the devices that are there.

    Raises:
        ValueError: It is something else.
    """
    if text is None:
        name = jax.devices()[0].device_kind.lower()
        return jax.device_count(), next((h for key, h in KNOWN.items() if key in name), None)
    found = re.fullmatch(r"(\d+)\s*x\s*(\w+)", text.strip())
    if found is None or found[2].lower() not in KNOWN or int(found[1]) < 1:
        raise ValueError(
            f"`devices` is the number of devices and their kind, such as '64xH100'. The kinds that are known are "
            f"{', '.join(h.name for h in KNOWN.values())}. Received: devices={text!r}"
        )
    return int(found[1]), KNOWN[found[2].lower()]


def _level(whole: float, slots: float, memory: float, count: int, host: int, here: bool) -> tuple[str, int]:
    """Returns how much is spread, and over how many devices."""
    local = min(count, host)
    now = distribution() if here else None
    if isinstance(now, DataParallel):
        return "data parallel", 1
    if isinstance(now, FullySharded) and not (isinstance(now, Auto) and not now.level):
        sharers = now.device_mesh.sizes[now.batch_dim_name]
        spreads = now.level if isinstance(now, Auto) else "fully sharded" if now.spread_weights else "optimizer spread"
        return spreads, sharers
    if whole < memory / 2 or count == 1:
        return "data parallel", 1
    if whole - slots * (1 - 1 / local) < memory / 2:
        return "optimizer spread", local
    return "fully sharded", local if whole / local < memory / 2 else count


def _spread(variables: list[Any], level: str, sharers: int, now: Distribution | None) -> dict[int, int]:
    """Returns, by the variable's id, into how many parts it is cut."""
    if now is not None and not (isinstance(now, Auto) and not now.level):
        return {id(v): parts(now, now.choose(v).axes) for v in variables}
    found = {}
    for v in variables:
        spreads = level == "fully sharded" or (level == "optimizer spread" and v.layout_path is not None)
        axes = chosen(v.shape, ("batch", sharers) if spreads else None).axes
        found[id(v)] = sharers if "batch" in axes else 1
    return found


def _by_layer(variables: list[Any], spread: dict[int, int], width: int) -> list[int]:
    """Returns the bytes of the spread weights of each layer, as it computes with them."""
    layers: dict[str, int] = {}
    for v in variables:
        if v.layout_path is None and v.trainable:
            key = "/".join(v.path.split("/")[:-1])
            layers[key] = layers.get(key, 0) + (v.size * width if spread[id(v)] > 1 else 0)
    return list(layers.values()) or [0]


__all__ = ["Line", "Plan", "devices_of", "plan"]
