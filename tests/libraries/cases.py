"""The libraries that are tried, and how their programs are run.

A case is a program in `programs/`, which runs a library's basic example and asserts what comes out.
"""

from __future__ import annotations

import ast
import importlib.metadata
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path(__file__).with_name("programs")
# A folder into which TensorFlow is installed for the libraries that need it; the others run without.
TENSORFLOW = os.environ.get("ADDAX_TEST_TENSORFLOW", "")


@dataclass(frozen=True)
class Case:
    """A library.

    Attributes:
        name: Name of the distribution.
        beside: Distributions that its program needs, too.
        tensorflow: Whether it runs only where TensorFlow is installed.
        fails: Words of the error that it ends with, and why that is so; empty where it runs.
    """

    name: str
    beside: tuple[str, ...] = ()
    tensorflow: bool = False
    fails: tuple[str, ...] = ()

    @property
    def program(self) -> Path:
        """The path of its program."""
        return PROGRAMS / f"use_{self.name.replace('-', '_')}.py"

    @property
    def what(self) -> str:
        """What its program does: the program's docstring."""
        return ast.get_docstring(ast.parse(self.program.read_text())) or ""

    def version(self) -> str | None:
        """Returns the version of the library that is installed; None where something is missing."""
        try:
            found = [importlib.metadata.version(name) for name in (self.name, *self.beside)]
        except importlib.metadata.PackageNotFoundError:
            return None
        return found[0] if not self.tensorflow or TENSORFLOW else None

    def run(self, folder: Path) -> subprocess.CompletedProcess:
        """Runs the program in `folder`."""
        path = [*([TENSORFLOW] if self.tensorflow else []), *filter(None, sys.path)]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path),
            "JAX_PLATFORMS": "cpu",
            "KERAS_BACKEND": "jax",
        }
        command = [sys.executable, "-m", "addax", "run", str(self.program)]
        return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, timeout=900)

    def verdict(self, done: subprocess.CompletedProcess) -> str:
        """Returns "" where the run ended as expected, else what was different."""
        if not self.fails:
            return "" if done.returncode == 0 else done.stderr[-3000:]
        if done.returncode == 0:
            return f"{self.name} runs: it was expected to end with {self.fails[0]!r}"
        return "" if self.fails[0] in done.stderr else done.stderr[-3000:]


CASES = (
    Case("autokeras"),
    Case("bayesflow"),
    Case("keras-hub", beside=("grain",)),
    Case("keras-rs"),
    Case("keras-tcn"),
    Case("keras-tuner"),
    Case("kgcnn"),
    Case("lime"),
    Case("livelossplot"),
    Case("mlflow"),
    Case("optuna", beside=("optuna-integration",)),
    Case("scikeras"),
    Case("tqdm"),
    Case("wandb", tensorflow=True),
    Case(
        "hgq2",
        fails=(
            "_build_attention_equation` is the inside of Keras",
            "its layers are built from private parts of Keras's attention and convolutions",
        ),
    ),
    Case(
        "hls4ml",
        fails=(
            "KeyError: 'batch_input_shape'",
            "it stops at a key of Keras 2's configs, `batch_input_shape`",
        ),
    ),
)
