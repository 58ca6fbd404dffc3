"""Transfers between devices, read off the compiled program of a training step."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..core.engine import import_jax, jax
from ..core.late import provided
from ..core.placement import Placement
from ..core.types import Array
from .costs import Hardware
from .devices import list_devices
from .distributions import DataParallel, Distribution
from .mesh import DeviceMesh
from .sharded import FullySharded
from .tables import size

_KINDS = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
_EXPECTED = ("all-reduce", "reduce-scatter")  # of sums over rows; the others of a layer move its inputs or results


class Transfer(NamedTuple):
    """The transfers of one kind in a step.

    Attributes:
        kind: "all-reduce", "all-gather", "reduce-scatter", "all-to-all" or "collective-permute".
        times: How many there are.
        nbytes: Bytes of their results on a device.
        layer: Path of the layer that they are in; empty for those of weights and gradients.
    """

    kind: str
    times: int
    nbytes: int
    layer: str = ""


@dataclass
class Compiled:
    """Transfers of a compiled step.

    Attributes:
        platform: The platform that it was compiled for.
        transfers: Its transfers, by kind.
        in_layers: Those by which layers gather or exchange what they compute, the largest first.
        memory: Bytes that a device needs at most, by the compiler; None for CPUs, which say nothing of others.
    """

    platform: str
    transfers: list[Transfer]
    in_layers: list[Transfer]
    memory: int | None

    def __str__(self) -> str:
        found = ", ".join(_told(t) for t in self.transfers) or "no transfers"
        lines = [f"as compiled for {self.platform.upper()}s, a step has {found}"]
        lines += [f"  layer '{t.layer}' has {_told(t)}" for t in self.in_layers[:10]]
        if self.in_layers[10:]:
            lines.append(f"  and {len(self.in_layers) - 10} more")
        if self.memory is not None:
            lines.append(f"  and takes {size(self.memory)} of a device at most")
        return "\n".join(lines)

    __repr__ = __str__


def _told(transfer: Transfer) -> str:
    return f"{transfer.times} {transfer.kind}{'s' * (transfer.times > 1)} of {size(transfer.nbytes)}"


def compiled_for(model: Any, rows: int, distribution: Distribution | None, parts: int | None = None) -> Compiled:
    """Compiles the training step of a model; nothing is computed.

    Args:
        model: The model, built and compiled.
        rows: Rows of a batch, over all devices.
        distribution: The devices, and the layouts of variables; None for the default device.
        parts: Argument `micro_batches` of `fit`.

    Raises:
        ValueError: It can't be compiled before its data are known.
    """
    spread = None if distribution is None else _Planned(distribution.placement)
    program, paths = provided("planning").compiled_step(model, rows, spread, parts)
    platform = jax.default_backend() if spread is None else spread.platform
    transfers = read_transfers(program.as_text(), paths)
    by_kind = [_all_of([t for t in transfers if t.kind == kind]) for kind in _KINDS]
    inside = [t for t in transfers if t.layer and t.kind not in _EXPECTED]
    by_layer = [_all_of([t for t in inside if t[::3] == key]) for key in dict.fromkeys(t[::3] for t in inside)]
    memory = program.memory_analysis() if platform != "cpu" else None
    return Compiled(
        platform,
        [t._replace(layer="") for t in by_kind if t is not None],
        sorted((t for t in by_layer if t is not None), key=lambda t: -t.nbytes),
        None if memory is None else int(memory.peak_memory_in_bytes),
    )


def _all_of(found: Sequence[Transfer]) -> Transfer | None:
    if not found:
        return None
    return found[0]._replace(times=sum(t.times for t in found), nbytes=sum(t.nbytes for t in found))


class _Planned(Placement):
    """A placement for programs that are only compiled: variables keep their values where they are, or without any."""

    def __init__(self, of: Placement):
        super().__init__(of.mesh, of.row_axes, of.layout, object(), of.check, of.output)

    def lay_out(self, variables: Sequence[Any]) -> bool:
        return False

    def sharding_of(self, variable: Any) -> Any:
        return self.layout(variable)


_RESULT = re.compile(rf"^\s*(?:ROOT )?%?[\w.-]+ = (.*?) ({'|'.join(_KINDS)})(-start)?\(")
_ARRAY = re.compile(r"\b([a-z]+)(\d*)[a-z0-9]*\[([\d,]*)\]")


def read_transfers(text: str, paths: Sequence[str] = ()) -> list[Transfer]:
    """Returns the transfers of a compiled program, each as often as it runs.

    Args:
        text: The program, as XLA prints it.
        paths: Paths of the layers whose numbers are in the names of its operations.

    >>> read_transfers('ENTRY %main (a: f32[8]) -> f32[8] {\\n  %b = f32[8]{0} all-reduce(%a), channel_id=1\\n}')
    [Transfer(kind='all-reduce', times=1, nbytes=32, layer='')]
    """
    bodies = re.split(r"\n(?=(?:ENTRY )?%?[\w.-]+ \()", text)
    times = _times(bodies)
    found: dict[Any, Transfer] = {}
    for body in bodies:
        name = _name(body)
        for line in body.splitlines() if times[name] else ():
            match = _RESULT.match(line)
            if match is None:
                continue
            kind, results = match[2], match[1]
            if name.startswith("all-reduce-scatter"):  # what TPUs make of a sum of which each device keeps a part
                kind, results = "reduce-scatter", body.partition("\n")[0].rpartition("->")[2]
            arrays = _ARRAY.findall(results)
            if match[3] and kind in ("all-gather", "collective-permute"):  # operands, then results, then more
                arrays = arrays[len(arrays) // 2 :][: max(len(arrays) // 2, 1)]
            calls = re.findall(r"call(\d+)\.", line.partition('op_name="')[2].partition('"')[0])
            layer = paths[int(calls[-1])] if calls else ""
            # TPUs write a gather that runs beside products several times: in each of the fusions that it overlaps.
            chain = re.search(r'channel_id=(\d+),.*chain_id="(\d+)"', line)
            key = (kind, *chain.groups()) if chain else len(found)
            found[key] = Transfer(kind, times[name], times[name] * sum(map(_bytes, arrays)), layer)
    return list(found.values())


def _bytes(array: tuple[str, str, str]) -> int:
    _, bits, sizes = array
    return math.prod(int(n) for n in sizes.split(",") if n) * max(int(bits or 8), 8) // 8


def _name(body: str) -> str:
    found = re.match(r"(?:ENTRY )?%?([\w.-]+) \(", body)
    return found[1] if found else ""


def _times(bodies: Sequence[str]) -> Counter:
    """Returns how often each computation runs, where loops say so; those of which it isn't known count once."""
    calls: dict[str, list[tuple[str, int]]] = {}
    main = ""
    for body in bodies:
        name = _name(body)
        if body.startswith("ENTRY"):
            main = name
        inner = calls.setdefault(name, [])
        for line in body.splitlines():
            loop = re.search(r" while\(.*body=%?([\w.-]+)", line)
            count = re.search(r"known_trip_count[^\d]*(\d+)", line)
            if loop:
                inner.append((loop[1], int(count[1]) if count else 1))
            called = re.search(r" (?:call|conditional|async-start|fusion)\(", line)
            for one in re.findall(r"(?:to_apply|calls|\w+_computation)=%?([\w.-]+)", line) if called else ():
                inner.append((one, 1))
            branches = re.search(r"branch_computations=\{([^}]*)\}", line)
            inner += [(one.strip().lstrip("%"), 1) for one in branches[1].split(",")] if branches else []
    found: Counter = Counter()

    def walk(name: str, times: int) -> None:
        found[name] += times
        for inner, often in calls.get(name, ()):
            walk(inner, times * often)

    walk(main, 1)
    return found


def stand_ins(count: int, kind: Hardware | None, level: str, sharers: int) -> Distribution:
    """Returns a distribution over devices that a step can be compiled for in place of others.

    Args:
        count: Number of the devices.
        kind: Their kind; None for those of this process.
        level: "data parallel", "optimizer spread" or "fully sharded".
        sharers: Number of devices that share a weight or slot.

    Raises:
        ValueError: This process has neither as many devices nor a compiler for that kind.
    """
    devices = _devices_for(count, kind)
    if level == "data parallel":
        return DataParallel(devices=devices)
    mesh = DeviceMesh((count,), ["batch"], devices)
    if sharers < count:
        mesh = DeviceMesh((count // sharers, sharers), ["replica", "batch"], devices)
    return FullySharded(mesh, spread_weights=level == "fully sharded")


def _devices_for(count: int, kind: Hardware | None) -> Any:
    found = None if kind is None else _topology(count, kind)
    if found is not None:
        return found
    here, cpus = list_devices(), list_devices("cpu")
    if max(len(here), len(cpus)) >= count:
        return (here if len(here) >= count else cpus)[:count]
    raise ValueError(
        f"`compile=True` compiles the step for {count} devices, and this process has {max(len(here), len(cpus))}. Set "
        f"the environment variable XLA_FLAGS=--xla_force_host_platform_device_count={count} before Python starts: "
        "virtual CPUs stand in for the devices."
    )


def _topology(count: int, kind: Hardware) -> Array | None:
    """Returns TPUs that aren't there, where JAX has their compiler; else None."""
    rows = 1 << (count.bit_length() - 1) // 2
    if kind.name != "v5e" or rows * (count // rows) != count:
        return None
    try:
        topologies = import_jax("jax.experimental.topologies")
        return topologies.get_topology_desc(platform="tpu", topology_name=f"v5e:{rows}x{count // rows}").devices
    except Exception:  # of many kinds: the compiler isn't there, or knows no such shape
        return None


__all__ = ["Compiled", "Transfer", "compiled_for", "read_transfers", "stand_ins"]
