"""Runs each library's program and writes docs/LIBRARIES.md: `python -m tests.libraries [--write] [NAME ...]`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.libraries.cases import CASES, Case

PAGE = Path(__file__).parents[2] / "docs" / "LIBRARIES.md"
HEAD = """# Libraries on top of Keras

`addax run program.py`, or `addax.compat.install()` as the first lines of a program or the first cell of a notebook,
makes `keras` and `tensorflow.keras` addax: for the program and for the libraries that it uses.

```python
import addax

addax.compat.install()

import keras  # addax
```

- `keras.__version__` is that of Keras that addax is compatible with, `addax.__version__` its own.
- `import tensorflow` gives the program a stand-in that holds `tensorflow.keras`; what else is asked of it is an error
  that says what is provided. A library gets the TensorFlow that is installed, or none. Where there is none and nobody
  is prepared for that, it gets the stand-in, too.
- `keras.src` is there for libraries: its names are found by their last part among addax's public names, and in a table
  of the helpers that libraries need. Programs use the public names.
- Processes that `multiprocessing` spawns know the alias.

The basic example of each of these libraries is tried by `make test-libraries`, in an environment of its own;
`python -m tests.libraries --write` writes this table from the result.

| library | version | tried | runs |
|---|---|---|---|
"""


def rows(page: str) -> dict[str, list[str]]:
    """Returns the rows of the page's table by library: version, what is tried, the result."""
    lines = [line.strip("|").split("|") for line in page.partition("|---|---|---|---|\n")[2].splitlines()]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}


def _row(case: Case) -> str:
    result = f"no: {case.fails[1]}" if case.fails else "yes, with TensorFlow installed" if case.tensorflow else "yes"
    return f"| {case.name} | {case.version()} | {case.what} | {result} |\n"


def main(words: list[str]) -> int:
    """Runs the programs of the libraries named in `words`, or all; returns the exit status."""
    names = [word for word in words if not word.startswith("-")]
    wrong = 0
    for case in CASES:
        if names and case.name not in names:
            continue
        if case.version() is None:
            wrong += 1
            print(f"{case.name}: not installed")
            continue
        with tempfile.TemporaryDirectory() as folder:
            verdict = case.verdict(case.run(Path(folder)))
        wrong += bool(verdict)
        print(f"{case.name} {case.version()}: {verdict or 'as expected'}", flush=True)
    if "--write" in words and not wrong and not names:
        PAGE.write_text(HEAD + "".join(map(_row, CASES)))
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
