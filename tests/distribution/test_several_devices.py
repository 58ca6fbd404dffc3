"""Several devices give what one gives: see `several_devices.py`, which runs in processes with 8 virtual devices."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.distribution.several_devices import CHECKS

ROOT = Path(__file__).parent.parent.parent


def run(*checks: str) -> None:
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8"
    environment = {**os.environ, "XLA_FLAGS": flags, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.distribution.several_devices", *checks]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    assert [line for line in done.stdout.splitlines() if line.startswith("done: ")] == [f"done: {c}" for c in checks]


def test_a_model_trains_on_8_devices_as_on_one() -> None:
    run("fast")


@pytest.mark.slow
@pytest.mark.parametrize("check", [c.__name__ for c in CHECKS if c.__name__ != "fast"])
def test_several_devices(check: str) -> None:
    run(check)
