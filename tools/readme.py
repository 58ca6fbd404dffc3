"""The README's pictures and its table of times: python tools/readme.py [--pictures] [--write]

Prints the table, ten rows of docs/PERFORMANCE.md, which `make bench` measures. With --write it puts the table into the
README, with --pictures it trains the models of the demo and draws docs/pictures anew.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
BEGIN, END = "<!-- times: python tools/readme.py --write -->", "<!-- end of times -->"

# Workload and row in docs/PERFORMANCE.md, and what they are called in the README.
ROWS = {
    ("startup", "import"): "`import`",
    ("second-start", "second start"): "a script that trains ResNet-20 for a step, run again",
    ("build-resnet50", "construct"): "build ResNet-50",
    ("digits-mlp", "fit"): "an epoch of a small MLP on handwritten digits",
    ("mlp", "fit"): "an epoch of an MLP on 60,000 rows",
    ("mnist-cnn", "fit"): "an epoch of a CNN on 28x28 images",
    ("resnet20", "fit"): "an epoch of ResNet-20 on 32x32 images",
    ("transformer", "fit"): "an epoch of a transformer",
    ("transformer", "predict"): "predictions of a transformer",
    ("mlp", "predict row"): "`predict` of one row",
}
BACKENDS = ("Keras/JAX", "Keras/TensorFlow", "Keras/torch")


def table() -> str:
    """Returns the table of times."""
    page = (ROOT / "docs" / "PERFORMANCE.md").read_text()
    head = "| | addax | ratio to Keras on JAX | on TensorFlow | on torch |"
    lines = [head, "|---|---:|---:|---:|---:|"]
    for (workload, measure), said in ROWS.items():
        section = re.split(rf"^\*\*{re.escape(workload)}\*\*:", page, flags=re.M)[1].partition("\n**")[0]
        cells = [[c.strip() for c in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
        (row,) = (row for row in cells if row[0] == measure)
        found = dict(zip(cells[0], row))
        ratios = [re.sub(r"\*\*| \(.*", "", found.get(backend, "")) for backend in BACKENDS]
        lines.append(f"| {said} | {found['addax']} | {' | '.join(ratios)} |")
    return "\n".join(lines)


def summary() -> str:
    """Returns the summary of the demo's first model as an SVG, as a terminal shows it."""
    import addax
    from addax import demo

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    addax.utils.clear_session()
    plain = {"TERM": "xterm-256color", "COLORTERM": "", "NO_COLOR": "", "FORCE_COLOR": "", "COLUMNS": "100"}
    with mock.patch.dict(os.environ, plain), contextlib.redirect_stdout(Terminal()) as screen:
        demo.one_output(addax).summary(line_length=88, style="rich")
    from rich.console import Console
    from rich.text import Text

    console = Console(record=True, width=92, file=io.StringIO())
    console.print(Text.from_ansi(screen.getvalue().rstrip()))
    svg = console.export_svg(title="model.summary()", unique_id="summary")
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.S)  # no fonts from other servers


def curves(path: Path) -> None:
    """Trains the demo's models, and draws their curves as an SVG."""
    import matplotlib

    from addax import demo

    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "addax"})  # text, not outlines of it
    os.environ["SOURCE_DATE_EPOCH"] = "0"  # no date in the file
    demo.main(picture=str(path))


def main(options: list[str]) -> None:
    if "--pictures" in options:
        PICTURES.mkdir(exist_ok=True)
        (PICTURES / "summary.svg").write_text(summary())
        curves(PICTURES / "curves.svg")
    if "--write" in options:
        page = ROOT / "README.md"
        before, _, rest = page.read_text().partition(BEGIN)
        page.write_text(f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.partition(END)[2]}")
    if not options:
        print(table())


if __name__ == "__main__":
    main(sys.argv[1:])
