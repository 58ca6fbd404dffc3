"""The device of new arrays and variables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .config import thread
from .engine import jax


@contextmanager
def device(device_name: Any) -> Iterator[None]:
    """Context manager within which arrays and new variables are placed on a device.

    Args:
        device_name: Name like "cpu:0" or "gpu:1", or a `jax.Device`.

    Raises:
        ValueError: It is neither.
        RuntimeError: There is no such device.

    >>> with keras.device("cpu:0"):
    ...     keras.ops.ones(2).devices()
    {CpuDevice(id=0)}
    """
    found = _find(device_name)
    with thread.setting(device=found), jax.default_device(found):
        yield


def _find(name: Any) -> Any:
    if isinstance(name, jax.Device):
        return name
    if not isinstance(name, str):
        raise ValueError(
            "Invalid value for argument `device_name`. Expected a string like 'gpu:0' or a `jax.Device` instance. "
            f"Received: device_name='{name}'"
        )
    platform, _, number = name.lower().partition(":")
    found = jax.devices(platform)
    index = int(number) if number.isdecimal() else 0
    if index >= len(found):
        raise RuntimeError(f"There is no device '{name}'. Available devices of this kind are {found}.")
    return found[index]


__all__ = ["device"]
