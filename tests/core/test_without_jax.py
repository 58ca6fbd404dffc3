"""A Python without JAX: what needs none works, and the error says what to install."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import addax

PROGRAM = """
import addax as keras
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="only")])
model.summary()
try:
    {line}
except ImportError as error:
    print(type(error).__name__, error.name, error)
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with all packages of this environment but JAX."""
    folder = tmp_path_factory.mktemp("packages")
    for package in Path(np.__file__).parents[1].iterdir():
        if not package.name.startswith(("jax", "_", "addax")) and package.suffix != ".pth":
            (folder / package.name).symlink_to(package)
    return os.pathsep.join([str(folder), str(Path(addax.__file__).parents[1])])


def run(packages: str, *words: str) -> subprocess.CompletedProcess:
    environment = {"PYTHONPATH": packages, "PATH": os.environ["PATH"], "COLUMNS": "80"}
    return subprocess.run([sys.executable, "-S", *words], capture_output=True, text=True, env=environment)


@pytest.mark.parametrize(
    "line",
    [
        "model.predict([[1.0, 2, 3, 4]])",
        *(
            pytest.param(line, marks=pytest.mark.slow)
            for line in ("keras.ops.exp(1.0)", "keras.Variable([1.0]).value", "import jax.numpy")
        ),
    ],
)
def test_the_error_says_what_to_install(packages: str, line: str) -> None:
    done = run(packages, "-c", PROGRAM.format(line=line))
    assert done.returncode == 0, done.stderr
    summary, _, said = done.stdout.rstrip().rpartition("\n")
    assert "only (Dense)" in summary
    assert said.startswith("ModuleNotFoundError jax")
    if line.startswith("import"):
        return
    for words in ("`pip install jax` for CPUs", "jax[cuda12]", "jax[tpu]", "addax-keras[cuda]", "addax-keras[tpu]"):
        assert words in said


def test_the_command_tells_that_it_is_missing(packages: str) -> None:
    done = run(packages, "-m", "addax", "--version")
    assert done.stdout.startswith(f"addax {addax.__version__} (Keras API 3.15.1, jax missing, Python 3."), done.stderr
