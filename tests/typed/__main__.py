"""Runs mypy and pyright over `snippets.py`: they must find the lines marked `# error`, and no others."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

SNIPPETS = Path(__file__).parent / "snippets.py"


def _mypy() -> dict[int, str]:
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--no-pretty", str(SNIPPETS)]
    output = subprocess.run(command, capture_output=True, text=True).stdout
    lines = [re.match(rf".*{SNIPPETS.name}:(\d+): error: (.*)", line) for line in output.splitlines()]
    return {int(m[1]): m[2] for m in lines if m}


def _pyright() -> dict[int, str]:
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable, str(SNIPPETS)]
    found = json.loads(subprocess.run(command, capture_output=True, text=True).stdout)["generalDiagnostics"]
    return {d["range"]["start"]["line"] + 1: d["message"] for d in found if d["severity"] == "error"}


def main() -> int:
    lines = SNIPPETS.read_text().splitlines()
    planted = {i for i, line in enumerate(lines, 1) if line.endswith("# error")}
    wrong = 0
    checkers: dict[str, Callable[[], dict[int, str]]] = {"mypy": _mypy, "pyright": _pyright}
    for name, check in checkers.items():
        found = check()
        for line in sorted(planted ^ found.keys()):
            wrong += 1
            print(f"{name}: {SNIPPETS.name}:{line}: {found.get(line, 'not found')}: {lines[line - 1]}")
        print(f"{name}: {len(planted & found.keys())} of {len(planted)} mistakes found")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
