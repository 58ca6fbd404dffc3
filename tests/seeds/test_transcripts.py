"""What the reference programs print, byte for byte: with `import addax as keras`, and unmodified under `addax run`.

`expected/` is the issue's own text where it has one; else what Keras 3.15.1 printed.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ADDAX_RUN = [sys.executable, "-m", "addax", "run"]
SCRIPTS = ["building", "training", "classic", "imports"]


def run(command: list[str]) -> str:
    """The output of `command`; an error with what it said if it fails."""
    environment = {**os.environ, "COLUMNS": "100", "PYTHONWARNINGS": "ignore", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, capture_output=True, env=environment, cwd=HERE, timeout=300)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def expected(script: str) -> str:
    return (HERE / "expected" / f"{script}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("script", SCRIPTS)
def test_unmodified(script):
    assert run([*ADDAX_RUN, f"scripts/{script}.py"]) == expected(script)


@pytest.mark.parametrize("script", ["building", "classic"])
def test_with_addax_imported_as_keras(script, tmp_path):
    source = (HERE / "scripts" / f"{script}.py").read_text()
    lines = []
    for line in source.splitlines():
        line = line.replace(
            "from tensorflow import keras", "import addax as keras\nkeras.config.set('summary_style', 'classic')"
        )
        line = line.replace("import tensorflow.keras as K", "import addax as K").replace(
            "from tensorflow.keras", "from addax"
        )
        line = "import addax as keras" if line == "import keras" else line
        lines.append(line.replace("from keras", "from addax"))
    program = tmp_path / f"{script}.py"
    program.write_text("\n".join(lines) + "\n")
    assert "tensorflow" not in program.read_text()
    assert run([sys.executable, str(program)]) == expected(script)


@pytest.mark.slow  # the oracle itself: it changes only with its version
def test_keras_prints_the_same():
    if importlib.util.find_spec("keras") is None:
        pytest.skip("keras is not installed")
    assert run([sys.executable, "scripts/training.py"]) == expected("training")


def test_building_and_looking_needs_no_jax():
    program = (
        "import sys, addax as keras\n"
        "assert 'jax' not in sys.modules, 'import addax'\n"
        "model = keras.Sequential()\n"
        "model.add(keras.Input(shape=(16,)))\n"
        "model.add(keras.layers.Dense(8))\n"
        "model.summary()\n"
        "print([m for m in ('jax', 'h5py', 'pandas', 'matplotlib') if m in sys.modules])\n"
    )
    table, _, loaded = run([sys.executable, "-c", program]).rstrip().rpartition("\n")
    assert expected("building").startswith(table + "\n")
    assert loaded == "[]"
