"""The tables of docs/COMPATIBILITY.md.

    python -m tests.compatibility_table            prints the page
    python -m tests.compatibility_table --write    writes it
    python -m tests.compatibility_table --check [NAME ...]   runs the rows and prints what isn't as they say

Each row is a program that runs under Keras and under addax, and checks of what it shows (tests/compatibility_rows.py,
_training.py, _data.py and _files.py).
What is missing is found by walking the public names of both (tools/names.py).
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")

# Importing them adds their rows, in the order of the page.
from tests import compatibility_rows, compatibility_training, compatibility_data, compatibility_files  # noqa: F401, I001
from tests.compatibility_checks import LIBRARIES, SECTIONS, Row, outcome
from tools import names

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "COMPATIBILITY.md"
ROWS = [row for section in SECTIONS for row in section.rows]


def untrue(row: Row) -> str:
    """What isn't as the row says; nothing if all is."""
    found = {library: outcome(row, library) for library in LIBRARIES}
    wrong = [
        f"{library} isn't as told: {found[library]}" for library in LIBRARIES if not row.checks[library](found[library])
    ]
    if not wrong and row.checks["addax"](found["keras"]) and row.checks["keras"](found["addax"]):
        wrong = ["the checks hold for either library: they show no difference"]
    return "\n".join(wrong)


def table(rows: list[Row]) -> str:
    """The rows in Markdown."""
    lines = ["| what | Keras 3.15.1 (JAX) | addax |", "|---|---|---|"]
    return "\n".join(lines + [f"| {row.what} | {row.keras} | {row.addax} |" for row in rows])


def page() -> str:
    """docs/COMPATIBILITY.md as it should be: the prose as it is, what stands between marks made anew."""
    text = PAGE.read_text()
    made = {section.title: table(section.rows) for section in SECTIONS} | {"Names": names.report()}
    for title, part in made.items():
        begin, end = f"<!-- {title}: python -m tests.compatibility_table --write -->", f"<!-- end of {title} -->"
        before, _, rest = text.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise ValueError(f"{PAGE.name} lacks the marks {begin} and {end}")
        text = f"{before}{begin}\n\n{part}\n\n{end}{after}"
    return text


if __name__ == "__main__":
    if "--write" in sys.argv:
        PAGE.write_text(page())
    elif "--check" in sys.argv:  # while writing rows
        chosen = sys.argv[sys.argv.index("--check") + 1 :]
        for row in ROWS:
            if chosen and not any(row.name.startswith(c) for c in chosen):
                continue
            start = time.process_time()
            told = untrue(row)
            print(f"{'UNTRUE' if told else 'OK'} {row.name} {time.process_time() - start:.1f} s\n{told}", flush=True)
    else:
        print(page(), end="")
