"""Devices of all processes, and the processes themselves."""

from __future__ import annotations

import os
from typing import Any

from ..core.engine import jax
from ..core.jax_inside import has_started


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


def initialize(
    job_addresses: str | None = None, num_processes: int | None = None, process_id: int | None = None
) -> None:
    """Connects this process with the others of a training over several processes or hosts.

    It must come before JAX computes anything. Under Slurm, Open MPI and Kubernetes, and on Cloud TPUs, no argument is
    needed. The environment variables `KERAS_DISTRIBUTION_JOB_ADDRESSES`, `KERAS_DISTRIBUTION_NUM_PROCESSES` and
    `KERAS_DISTRIBUTION_PROCESS_ID` stand for arguments that are None.

    Args:
        job_addresses: Address of process 0 ("10.0.0.1:1234"); or those of all, separated by commas.
        num_processes: Number of processes.
        process_id: Number of this process, from 0.

    Raises:
        ValueError: The number of addresses is not that of the processes.
        RuntimeError: JAX has computed already.

    >>> keras.distribution.initialize("10.0.0.1:1234,10.0.0.2:1234", 3, 0)
    Traceback (most recent call last):
        ...
    ValueError: The provided job_addresses ['10.0.0.1:1234', '10.0.0.2:1234'] has 2 jobs, but num_processes is 3
    """
    addresses = job_addresses or os.environ.get("KERAS_DISTRIBUTION_JOB_ADDRESSES") or None
    num_processes = _number(num_processes, "NUM_PROCESSES")
    process_id = _number(process_id, "PROCESS_ID")
    coordinator = None
    if addresses is not None:
        jobs = addresses.split(",")
        if num_processes is None and len(jobs) > 1:
            num_processes = len(jobs)
        if len(jobs) > 1 and len(jobs) != num_processes:
            raise ValueError(
                f"The provided job_addresses {jobs} has {len(jobs)} jobs, but num_processes is {num_processes}"
            )
        coordinator = jobs[0]
    if has_started():
        raise RuntimeError(
            "`keras.distribution.initialize()` must be called before any JAX calls that might initialise the XLA "
            "backend: before devices are listed and before anything is computed. Move it to the beginning of the "
            "program."
        )
    jax.distributed.initialize(coordinator, num_processes, process_id)


def _number(value: int | None, variable: str) -> int | None:
    given = os.environ.get(f"KERAS_DISTRIBUTION_{variable}") if value is None else value
    return None if given in (None, "") else int(given)  # type: ignore[arg-type]


__all__ = ["device_of", "get_device_count", "initialize", "list_devices"]
