"""Datasets that are loaded by processes, in programs as people write them: in real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import addax

DATA = """
import os, sys
import numpy as np
import keras

class Data(keras.utils.PyDataset):
    def __len__(self): return 4
    def __getitem__(self, i): return np.full((2, 3), i, "float32"), np.full((2, 1), os.getpid() % 9973, "float32")
"""
TRAIN = """
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
model.compile("sgd", lambda y, p: keras.ops.mean(y))
mean = model.evaluate(Data(workers=2, use_multiprocessing=True), verbose=0)
print("trained", "here" if abs(mean - os.getpid() % 9973) < 0.01 else "elsewhere")
"""


def run(program: Path, *words: str) -> subprocess.CompletedProcess:
    path = os.pathsep.join([str(Path(addax.__file__).parents[1]), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": path, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-m", "addax", "run", *words, *([str(program)] if not words else [])]
    return subprocess.run(command, capture_output=True, text=True, cwd=program.parent, env=environment, timeout=200)


def test_a_program_without_a_guard_is_loaded_by_threads_and_told_so(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(DATA + TRAIN)
    done = run(program)
    assert done.stdout == "trained here\n" and done.returncode == 0, done.stderr
    assert f"worker processes import {program} again" in done.stderr
    assert 'under `if __name__ == "__main__":` to use processes. Threads load the batches instead.' in done.stderr


@pytest.mark.slow
def test_a_program_with_a_guard_is_loaded_by_processes(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(DATA + 'if __name__ == "__main__":' + TRAIN.replace("\n", "\n    "))
    done = run(program)
    assert done.stdout == "trained elsewhere\n" and "UserWarning" not in done.stderr, done.stderr


@pytest.mark.slow
def test_a_class_without_a_file_is_loaded_by_threads(tmp_path: Path) -> None:
    done = run(tmp_path / "none.py", "-c", DATA + TRAIN)
    assert done.stdout == "trained here\n", done.stderr
    assert "Define it in a module" in done.stderr


@pytest.mark.slow
def test_processes_that_end_are_told_of_with_a_remedy(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    guard = 'if __name__ != "__main__": os._exit(3)\n'
    program.write_text(DATA + guard + TRAIN)
    done = run(program)
    assert done.returncode == 1
    assert "RuntimeError: The worker processes of Data ended as they started" in done.stderr
    assert "`use_multiprocessing=False`" in done.stderr
