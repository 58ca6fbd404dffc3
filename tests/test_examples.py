"""The programs in examples/ run as users run them, and reach what they are for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
PAGE = EXAMPLES.parent / "docs" / "guides" / "examples.md"

# What each prints, as "label: value", and the least and the largest value of it.
REACHED = {
    "tabular_mlp.py": {"accuracy": (0.93, 1)},
    "digits_cnn.py": {"accuracy": (0.95, 1)},
    "several_outputs.py": {
        "accuracy of the digit": (0.94, 1),
        "accuracy of even or odd": (0.88, 1),
        "error of the ink": (0, 0.06),
    },
    "text_classification.py": {"accuracy": (0.5, 1)},
    "autoencoder.py": {"error before": (0.08, 0.1), "error after": (0, 0.035)},
    "time_series.py": {"ratio": (0.5, 0.97)},
    "fine_tuning.py": {"accuracy with a new head": (0.7, 1), "accuracy fine-tuned": (0.8, 1)},
    "custom_step.py": {"accuracy": (0.93, 1), "area under the curve": (0.97, 1)},
    "gan.py": {"error of the mean image": (0, 0.15), "ratio of the spreads": (0.6, 1.3)},
    "lora.py": {"accuracy on turned digits before": (0, 0.3), "accuracy on turned digits after": (0.88, 1)},
    "resume.py": {"the same": "True"},
    "export.py": {"difference of StableHLO": (0, 1e-5), "difference of ONNX": (0, 1e-5)},
}


def test_the_list_is_whole():
    files = {path.name for path in EXAMPLES.glob("*.py")}
    assert set(REACHED) == files == set(re.findall(r"^\| `(\w+\.py)`", PAGE.read_text(), re.M))


@pytest.mark.slow
@pytest.mark.parametrize("name", REACHED)
def test_examples_run(name, tmp_path):
    pytest.importorskip("sklearn")
    env = {key: value for key, value in os.environ.items() if key != "XLA_FLAGS"}  # as users run them
    done = subprocess.run([sys.executable, EXAMPLES / name], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = dict(re.findall(r"^([^:\n]+): (\S+)$", done.stdout, re.M))
    for label, bounds in REACHED[name].items():
        if isinstance(bounds, str):
            assert said[label] == bounds
        else:
            assert bounds[0] <= float(said[label]) <= bounds[1], (label, said[label])
    assert not list(tmp_path.iterdir())  # nothing is left behind
