"""The oldest version of each dependency that pyproject.toml allows: python tools/oldest.py > constraints.txt"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"


def oldest(requirements: list[str]) -> list[str]:
    """Constraints that pin each requirement to its lower bound.

    >>> oldest(["jax>=0.10", "numpy>=2"])
    ['jax==0.10', 'numpy==2']
    """
    found = []
    for requirement in requirements:
        match = re.fullmatch(r"([\w-]+)>=(\d+(?:\.\d+)*)", requirement)
        if not match:
            raise ValueError(
                f"A dependency must be given as `name>=version`, which tells its oldest. Received: {requirement}"
            )
        found.append("==".join(match.groups()))
    return found


if __name__ == "__main__":
    print("\n".join(oldest(tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["dependencies"])))
