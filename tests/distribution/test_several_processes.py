"""Two processes with four devices each give what one with eight gives: see `several_processes.py`."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from addax.core import tree

ROOT = Path(__file__).parent.parent.parent


def run(count: int, check: str, kind: str, folder: Path) -> list[Any]:
    """Returns what each of `count` processes found."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={8 // count}"
    environment = {**os.environ, "XLA_FLAGS": flags, "PYTHONPATH": str(ROOT)}
    started = []
    for number in range(count):
        arguments = [str(port), str(count), str(number), check, kind, str(folder)]
        command = [sys.executable, "-m", "tests.distribution.several_processes", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen(command, env=environment, text=True, cwd=ROOT, **pipes))
    found = []
    for process in started:
        out, error = process.communicate(timeout=300)
        assert process.returncode == 0, error[-3000:]
        found.append(next(json.loads(line[6:]) for line in out.splitlines() if line.startswith("found:")))
        found[-1] = (found[-1], "Epoch 1/2" in out)
    return found


def assert_close(one: Any, other: Any) -> None:
    leaves, others = tree.flatten(one), tree.flatten(other)
    assert len(leaves) == len(others)
    np.testing.assert_allclose(others, leaves, rtol=2e-6, atol=2e-6)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["data", "full"])
def test_two_processes_train_as_one(kind: str, tmp_path: Path) -> None:
    ((one, _),) = run(1, "train", kind, tmp_path)
    before = (tmp_path / "log.csv").read_text()
    (first, shown), (second, other_shown) = run(2, "train", kind, tmp_path)
    assert first == second
    assert_close(one, first)
    assert shown and not other_shown
    log = (tmp_path / "log.csv").read_text()
    assert log.count("\n") == 3 and log.splitlines()[0] == before.splitlines()[0]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["log.csv", "m.keras", "m.weights.h5"]


@pytest.mark.slow
def test_what_differs_between_processes_is_told_before_the_first_step(tmp_path: Path) -> None:
    (first, _), (second, _) = run(2, "differing", "data", tmp_path)
    assert first == second
    unseeded, seeds, data, same = first
    assert unseeded == same == ""  # `initialize` gives all processes one seed
    assert "dense" in seeds and "kernel is GlorotUniform, seed" in seeds and "in process 1" in seeds
    assert "data / rows is 80 in process 0 and 79 in process 1" in data


@pytest.mark.slow
def test_processes_may_make_rows_of_their_own(tmp_path: Path) -> None:
    ((one, _),) = run(1, "own_rows", "data", tmp_path)
    (first, _), (second, _) = run(2, "own_rows", "data", tmp_path)
    assert first == second
    assert_close(one, first)


@pytest.mark.slow
def test_processes_write_one_checkpoint_and_go_on_from_it(tmp_path: Path) -> None:
    ((one, _),) = run(1, "resumed", "full", tmp_path)
    (first, _), (second, _) = run(2, "resumed", "full", tmp_path)
    assert first == second
    assert_close(one, first)
    index = json.loads(sorted((tmp_path / "together").glob("checkpoint-*/index.json"))[-1].read_text())
    kernel = next(entry for entry in index["arrays"] if entry["shape"] == [8, 65536])
    assert len(kernel["parts"]) == 8  # of both processes
    assert sorted(p.name for p in tmp_path.iterdir()) == ["alone", "together"]
