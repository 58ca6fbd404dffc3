"""What every test and every docstring example may count on."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

# Bytes a process may hold between two tests before it drops what it has compiled; optimised code takes more at a time.
MEMORY = (1000 if os.environ.get("ADDAX_TEST_XLA") == "users" else 1200) << 20
_peaks: dict[str, float] = {}


@pytest.fixture(autouse=True)
def _settings_of_a_fresh_process() -> Iterator[None]:
    """What a test changed for the whole process (64-bit floats, dtype policies) is not left to the next."""
    yield
    from addax.core import config, engine, policy

    config.set_floatx("float32")
    policy.reset()
    if engine.is_loaded() and engine.has_float64():
        engine.jax.config.update("jax_enable_x64", False)


@pytest.fixture(autouse=True)
def _doctest_names(doctest_namespace: dict[str, Any]) -> None:
    import addax
    from addax.core.engine import jnp

    doctest_namespace.update(np=np, jnp=jnp, keras=addax, addax=addax)


# Memory: thousands of tests compile thousands of programs, and JAX keeps them all.


def pytest_runtest_logfinish() -> None:
    """Drops what was compiled once the process has grown large; what comes again is found in the folder of programs."""
    statm = Path("/proc/self/statm")
    if "jax" not in sys.modules or not statm.exists() or _resident(statm) < MEMORY:
        return
    import jax

    from addax.training import executables

    executables.shared.clear()
    jax.clear_caches()
    gc.collect()
    if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):  # addax has the allocator keep what is freed
        libc.malloc_trim(0)


def _resident(statm: Path) -> int:
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def pytest_sessionfinish(session: pytest.Session) -> None:
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["peak"] = peak
    else:
        _peaks["main"] = peak


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    if "peak" in (given := getattr(node, "workeroutput", {})):
        _peaks[node.gateway.id] = given["peak"]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    shown = ", ".join(f"{name} {peak:,.0f} MiB" for name, peak in sorted(_peaks.items()))
    terminalreporter.write_line(f"peak memory: {shown}")
