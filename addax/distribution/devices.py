"""Devices of all processes."""

from __future__ import annotations

from typing import Any

from ..core.engine import jax


def list_devices(device_type: str | None = None) -> list[str]:
    """Returns the names of the devices of all processes, such as "gpu:0".

    Args:
        device_type: "cpu", "gpu" or "tpu"; None for JAX's default platform.

    Raises:
        RuntimeError: There is no such platform.

    >>> keras.distribution.list_devices("cpu")[0]
    'cpu:0'
    """
    found = jax.devices(backend=None if device_type is None else device_type.lower())
    return [f"{_platform(device)}:{device.id}" for device in found]


def get_device_count(device_type: str | None = None) -> int:
    """Returns the number of devices of all processes.

    Args:
        device_type: "cpu", "gpu" or "tpu"; None for JAX's default platform.

    Raises:
        RuntimeError: There is no such platform.

    >>> keras.distribution.get_device_count("cpu") == len(keras.distribution.list_devices("cpu"))
    True
    """
    return len(jax.devices(backend=None if device_type is None else device_type.lower()))


def device_of(name: Any) -> Any:
    """Returns the device of a name such as "gpu:0", or the device itself where it is one.

    Raises:
        ValueError: There is no such device.
    """
    if not isinstance(name, str):
        return name
    platform, _, number = name.lower().partition(":")
    for device in jax.devices(platform):
        if str(device.id) == (number or "0"):
            return device
    raise ValueError(f"There is no device '{name}'. Available devices are {list_devices(platform)}.")


def _platform(device: Any) -> str:
    return "gpu" if device.platform in ("cuda", "rocm") else device.platform


__all__ = ["device_of", "get_device_count", "list_devices"]
