"""Processes that are killed while they train, and started again, end as the one that ran through: bit for bit."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.training.resume_runs import CASES

ROOT = Path(__file__).parents[2]


def start(case, folder, options="{}"):
    command = [sys.executable, "-m", "tests.training.resume_runs", case, str(folder), options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finish(process):
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output.decode()
    return output.decode()


def kill_after(process, epoch, seconds, number):
    """Sends a signal some time after an epoch has begun; returns the process's exit status."""
    seen = b""
    for line in process.stdout:
        seen += line
        if line.startswith(b"epoch") and int(line.split()[1]) >= epoch:
            break
    time.sleep(seconds)
    process.send_signal(number)
    rest, _ = process.communicate(timeout=300)
    return process.returncode, (seen + rest).decode()


def whole_run(case, tmp_path_factory):
    folder = tmp_path_factory.mktemp(case)
    finish(start(case, folder))
    return np.load(folder / "result.npz")


def check(found, expected):
    assert sorted(found) == sorted(expected)
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


@pytest.mark.parametrize("case", [c.__name__ for c in CASES])
@pytest.mark.slow
def test_killed_at_random_moments(case, tmp_path, tmp_path_factory):
    expected = whole_run(case, tmp_path_factory)
    chance = random.Random(case)
    signals = [signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT]
    ended = 0
    for number in signals:
        status, output = kill_after(start(case, tmp_path), 0, chance.uniform(0, 0.4), number)
        if status == 0:  # it was quicker
            break
        ended += 1
        # After Ctrl-C XLA's threads, which may still compile, can abort as Python ends.
        allowed = (1, 130, -signal.SIGINT, -signal.SIGABRT) if number == signal.SIGINT else (-number,)
        assert status in allowed, output
    finish(start(case, tmp_path))
    check(np.load(tmp_path / "result.npz"), expected)
    assert ended >= 3
    began = time.perf_counter()
    (tmp_path / "result.npz").unlink()
    assert "epoch" not in finish(start(case, tmp_path))  # it has ended: nothing is trained
    check(np.load(tmp_path / "result.npz"), expected)
    assert began


def test_killed_three_times(tmp_path, tmp_path_factory):
    expected = whole_run("monitored", tmp_path_factory)
    for epoch, number in ((1, signal.SIGKILL), (5, signal.SIGTERM), (9, signal.SIGKILL)):
        status, output = kill_after(start("monitored", tmp_path), epoch, 0.01, number)
        assert status == -number, output
    finish(start("monitored", tmp_path))
    check(np.load(tmp_path / "result.npz"), expected)
