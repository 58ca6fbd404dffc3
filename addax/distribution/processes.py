"""Processes that train together, on one host or on many."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..core.engine import jax
from ..core.jax_inside import has_started
from ..core.placement import texts
from ..core.seeds import make_default_seed, set_random_seed

_PATIENCE = 20  # seconds after which a process says that it waits for others


def initialize(
    job_addresses: str | None = None, num_processes: int | None = None, process_id: int | None = None
) -> None:
    """Connects this process with the others of a training over several processes or hosts.

    It must come before JAX computes anything, and seeds the random numbers of all processes alike. Under Slurm, Open
    MPI and Kubernetes, and on Cloud TPUs, no argument is needed. The environment variables
    `KERAS_DISTRIBUTION_JOB_ADDRESSES`, `KERAS_DISTRIBUTION_NUM_PROCESSES` and `KERAS_DISTRIBUTION_PROCESS_ID` stand for
    arguments that are None.

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
    with _waiting(coordinator, num_processes, process_id):
        jax.distributed.initialize(coordinator, num_processes, process_id)
    if jax.process_count() > 1:
        # Unseeded processes would train models of their own, and report the same loss.
        set_random_seed(int(texts(str(make_default_seed()))[0]))


def _number(value: int | None, variable: str) -> int | None:
    given = os.environ.get(f"KERAS_DISTRIBUTION_{variable}") if value is None else value
    return None if given in (None, "") else int(given)  # type: ignore[arg-type]


@contextmanager
def _waiting(address: str | None, count: int | None, number: int | None) -> Iterator[None]:
    """Says, after a while, that this process waits for others: JAX ends it without a word of them."""

    def say() -> None:
        print(
            f"Process {'?' if number is None else number} of {'?' if count is None else count} has waited {_PATIENCE} "
            f"seconds in `keras.distribution.initialize()` for the others"
            f"{'' if address is None else f' to meet at {address}'}. Each must call it, with the same address and the "
            "same number of processes, and a number of its own.",
            file=sys.stderr,
            flush=True,
        )

    timer = threading.Timer(_PATIENCE, say)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


__all__ = ["initialize"]
