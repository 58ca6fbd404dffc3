"""The environments of the implementations, made under `.bench/` when they are missing or out of date."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import venv
from pathlib import Path

from .implementations import BEFORE, ENVIRONMENTS, IMPLEMENTATIONS

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".bench"

_VERSIONS = """
import importlib.metadata as m, json, platform
names = ("addax", "keras", "jax", "jaxlib", "tensorflow-cpu", "torch", "numpy")
found = {n: m.version(n) for n in names if any(True for _ in m.distributions(name=n))}
print(json.dumps({"python": platform.python_version(), **found}))
"""


def python(name: str) -> Path:
    """The interpreter of environment `name`."""
    return FOLDER / name / ("Scripts" if os.name == "nt" else "bin") / "python"


def _wanted(name: str) -> str:
    requirements = list(ENVIRONMENTS[name])
    if "--editable" in requirements:  # the project's own requirements decide too
        requirements.append((ROOT / "pyproject.toml").read_text().partition("[tool.")[0])
    return json.dumps([sys.version.split()[0], *requirements])


def ensure(name: str) -> None:
    """Makes environment `name` unless it is there with the requirements of now."""
    stamp = FOLDER / name / "made.json"
    wanted = _wanted(name)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"making environment .bench/{name}: {' '.join(ENVIRONMENTS[name])}", flush=True)
    if not python(name).exists():
        FOLDER.mkdir(exist_ok=True)
        venv.create(FOLDER / name, with_pip=True, symlinks=os.name != "nt")
    subprocess.run(
        [str(python(name)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *ENVIRONMENTS[name]],
        cwd=ROOT,
        check=True,
    )
    stamp.write_text(wanted)


def check_out(commit: str) -> None:
    """Writes the package as it was at `commit` to the folder that "addax-before" is imported from."""
    folder = ROOT / IMPLEMENTATIONS[BEFORE].sources
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", commit, "addax"], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")


def versions(name: str) -> dict[str, str]:
    """The versions of what matters in environment `name`."""
    return json.loads(subprocess.run([str(python(name)), "-c", _VERSIONS], check=True, capture_output=True).stdout)
