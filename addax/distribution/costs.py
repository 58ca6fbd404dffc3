"""Costs of distributions: memory of a device, bytes that devices send each other, and about how long both take.

Bytes of state follow from shapes; bytes moved from the layout, by the formulas of ring algorithms; tests hold them to
compiled programs. Times are estimates: of machines, what their makers say, and of programs that they reach a share of
it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

_REACHED = 0.8  # share of the bandwidth that transfers reach
_BUCKET = 25e6  # bytes of gradients that are summed in one transfer


class Hardware(NamedTuple):
    """A kind of device, and the network between.

    Attributes:
        name: Its name.
        memory: Bytes of a device.
        flops: Operations a second in 16 bits.
        links: Bytes a second that a device sends to others of its host, and to other hosts.
        host: Devices of a host.
    """

    name: str
    memory: float
    flops: float
    links: tuple[float, float]
    host: int


KNOWN = {
    h.name.lower(): h
    for h in (
        Hardware("A100", 80e9, 312e12, (300e9, 25e9), 8),
        Hardware("H100", 80e9, 989e12, (450e9, 50e9), 8),
        Hardware("H200", 141e9, 989e12, (450e9, 50e9), 8),
        Hardware("B200", 180e9, 2250e12, (900e9, 50e9), 8),
        Hardware("v5e", 16e9, 197e12, (100e9, 100e9), 256),
        Hardware("v5p", 95e9, 459e12, (300e9, 300e9), 8960),
    )
}


@dataclass(frozen=True)
class Traffic:
    """Bytes that a device sends in one step.

    Attributes:
        inside: Bytes to devices of the same host.
        outside: Bytes to other hosts.
        transfers: Number of transfers.
    """

    inside: float
    outside: float
    transfers: int

    def seconds(self, hardware: Hardware, hosts: int) -> float:
        """Returns how long it takes where nothing is computed meanwhile.

        Args:
            hardware: The kind of device.
            hosts: Number of hosts.
        """
        latency = self.transfers * (5e-6 + 15e-6 * math.log2(hosts))
        inside, outside = (_REACHED * link for link in hardware.links)
        return latency + self.inside / inside + self.outside / outside


def of_data_parallel(gradients: float, devices: int, host: int) -> Traffic:
    """Returns the traffic of a step in which gradients are summed over all devices.

    Args:
        gradients: Their bytes, whole.
        devices: Number of devices.
        host: Number of devices of a host.

    >>> traffic = of_data_parallel(497e6, 64, 8)
    >>> round(traffic.inside / 1e6), round(traffic.outside / 1e6)
    (870, 109)
    """
    local, hosts = _split(devices, host)
    summed = 2 * gradients  # scattered, then gathered
    transfers = math.ceil(gradients / _BUCKET) if devices > 1 else 0
    return Traffic(summed * (local - 1) / local, summed * (hosts - 1) / hosts / local, transfers)


def of_fully_sharded(weights: float, gradients: float, devices: int, host: int, layers: int, parts: int = 1) -> Traffic:
    """Returns the traffic of a step in which spread weights are gathered twice, and gradients summed and scattered.

    Args:
        weights: Bytes of the spread weights, whole, as layers compute with them.
        gradients: Bytes of their gradients, whole.
        devices: Number of devices.
        host: Number of devices of a host.
        layers: Number of layers that have any.
        parts: Number of the parts of a batch, each of which does that.

    >>> traffic = of_fully_sharded(16.05e9, 32.1e9, 8, 8, 34)
    >>> round(traffic.inside / 2**30), traffic.outside
    (52, 0.0)
    """
    local, hosts = _split(devices, host)
    moved = parts * (2 * weights + gradients)
    transfers = 3 * parts * layers * (devices > 1)
    return Traffic(moved * (local - 1) / local, moved * (hosts - 1) / hosts / local, transfers)


def _split(devices: int, host: int) -> tuple[int, int]:
    local = min(devices, host)
    return local, -(-devices // local)


__all__ = ["KNOWN", "Hardware", "Traffic", "of_data_parallel", "of_fully_sharded"]
