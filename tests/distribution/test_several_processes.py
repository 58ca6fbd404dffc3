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
def test_parts_of_data_are_put_by_each_process_on_its_devices(tmp_path: Path) -> None:
    ((one, _),) = run(1, "parts", "data", tmp_path)
    (first, _), (second, _) = run(2, "parts", "data", tmp_path)
    assert first == second
    assert_close(one, first)


ENDED = "The data of process {} ended before those of the others"
OUT_OF_DATA = "Your input ran out of data"


@pytest.mark.slow
def test_data_that_end_in_one_process_end_the_epoch_in_all(tmp_path: Path) -> None:
    """All of them train as one process does with the fewest batches, and say why; none waits for the others."""
    ((one, _),) = run(1, "endings", "data", tmp_path)
    (first, _), (second, _) = run(2, "endings", "data", tmp_path)
    warned = {
        "equal": [],
        "one pass": [ENDED.format(1), OUT_OF_DATA],
        "again": [ENDED.format(0)],
        "large batches": [ENDED.format(1)],
        "steps given": [ENDED.format(1), OUT_OF_DATA],
        "hooks": [ENDED.format(1)],
        "validation": [ENDED.format(0)] * 2,
        "evaluate": [ENDED.format(1)],
        "predict": [ENDED.format(1)],
    }
    for name, texts in warned.items():
        assert first[name] == second[name], name
        told, error, outcome, steps = first[name]
        assert len(told) == len(texts) and all(map(str.startswith, told, texts)), (name, told)
        assert error == "" and steps == one[name][3], (name, error, steps)
        assert_close(one[name][2], outcome)
    failed = [found["fails"] for found in (first, second)]
    assert failed[0][1].startswith("Process 1 raised an error") and failed[1][1] == "a broken file"
    assert failed[0][3] == failed[1][3] == 3
    for name in ("empty", "empty, validation", "empty, evaluate", "empty, predict"):
        assert first[name][1].startswith("Process 1 raised an error"), first[name]
        assert second[name][1].startswith("The data are empty"), second[name]
        assert first[name][3] == second[name][3] == 0
    for name, text in {
        "shapes": "1 of float32[7, 8], int64[7], None in process 0; 1 of float32[6, 8], int64[6], None in process 1",
        "known": "data / batches is 2 in process 0 and 4 in process 1",
        "known, evaluated": "the number of batches is 2 in process 0, 4 in process 1",
        "known, predicted": "the number of batches is 3 in process 0, 2 in process 1",
    }.items():
        assert text in first[name][1] and first[name][1] == second[name][1], first[name]
        assert first[name][3] == (name == "shapes")


@pytest.mark.slow
def test_rows_of_their_own_may_end_in_one_process(tmp_path: Path) -> None:
    ((one, _),) = run(1, "own_endings", "data", tmp_path)
    (first, _), (second, _) = run(2, "own_endings", "data", tmp_path)
    assert first == second
    assert len(first[0]) == 1 and first[0][0].startswith(ENDED.format(1))
    assert_close(one[1:], first[1:])


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
