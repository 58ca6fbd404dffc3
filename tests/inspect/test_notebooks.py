"""What a real notebook shows: run by a kernel, and read from its outputs."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

BUILD = """
import addax
model = addax.Sequential([addax.Input((4,)), addax.layers.Dense(2, name="<b>head")], name="net")
"""


def outputs(*cells: str) -> list[list]:
    """Runs cells; returns the outputs of each."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=300).execute()
    return [cell.outputs for cell in notebook.cells]


@pytest.mark.filterwarnings("ignore")  # what the notebook's own packages say
def test_summary_and_show():
    _, summary, printed, classic, shown, written = outputs(
        BUILD,
        "model.summary()",
        "model.summary(print_fn=lambda text: print(len(text) > 100))",
        "model.summary(style='classic')",
        "addax.show(model)",
        "import os, tempfile; os.path.exists(addax.show(model, tempfile.mkdtemp() + '/page.html'))",
    )
    (output,) = summary  # and no empty one
    assert output.output_type == "display_data"
    assert output.data["text/html"].startswith("<pre ") and "&lt;b&gt;head (" in output.data["text/html"]
    assert "<b>head (Dense)" in output.data["text/plain"] and "Total params: 10" in output.data["text/plain"]
    assert [o.text for o in printed] == ["True\n"]
    assert [o.output_type for o in classic] == ["stream"] and "Total params: 10" in classic[0].text
    (output,) = shown
    assert (
        output.data["text/html"].startswith("<iframe srcdoc=") and "&lt;!doctype html&gt;" in output.data["text/html"]
    )
    assert output.data["text/plain"] == "<page of 'net'>"
    assert [o.data["text/plain"] for o in written][-1] == "True"
