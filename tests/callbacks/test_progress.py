"""What is shown while a model trains: in terminals, files, pipes and notebooks; and what a `History` looks like."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest

import addax as keras
from addax import layers
from addax.core.compile_time import compile_seconds, compiling

TRAIN = """
import numpy as np
import addax as keras
x = np.ones((64, 2), "float32")
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="zeros")])
model.compile(keras.optimizers.SGD(0.0), "mse")
model.fit(x, x[:, :1], epochs=2, verbose={verbose})
model.evaluate(x, x[:, :1], verbose={verbose})
model.predict(x, verbose={verbose})
model.fit(iter([(x, x[:, :1])] * 3), verbose={verbose})
"""


def test_a_pipe_gets_lines() -> None:
    done = subprocess.run([sys.executable, "-c", TRAIN.format(verbose="'auto'")], capture_output=True, check=True)
    lines = re.sub(r"\d+[mu]?s", "_", done.stdout.decode()).splitlines()
    assert lines == [
        "Epoch 1/2",
        "2/2 - _ - _/step - loss: 1.0000",
        "Epoch 2/2",
        "2/2 - _ - _/step - loss: 1.0000",
        "2/2 - _ - _/step - loss: 1.0000",
        "2/2 - _ - _/step",
        "3/3 - _ - _/step - loss: 1.0000",
    ]


def test_a_terminal_gets_a_bar() -> None:
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", TRAIN.format(verbose=1)], stdout=theirs, stderr=subprocess.DEVNULL):
        os.close(theirs)
        found = b""
        try:
            while part := os.read(ours, 4096):
                found += part
        except OSError:  # the other end was closed
            pass
    os.close(ours)
    assert "━" in found.decode() and b"\b" in found and b"\x1b[32m" in found


class Log(io.TextIOBase):
    """A stream of a program's own, as those that copy the output to a file."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)


def test_a_stream_that_is_no_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log()
    monkeypatch.setattr(sys, "stdout", log)
    bar = keras.utils.Progbar(3)
    for step in (1, 2, 3):
        bar.update(step, [("loss", 0.5)])
    assert re.fullmatch(r"3/3 - 0s - .*/step - loss: 0.5000\n", log.text)


def test_compiling_is_no_time_of_steps(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    before = compile_seconds()
    bar = keras.utils.Progbar(40, verbose=2)
    with compiling(), compiling():
        now[0] += 30
    assert compile_seconds() - before == 30
    now[0] += 2
    bar.update(20, [("loss", 0.5)])  # many steps in the first dispatch
    now[0] += 2
    bar.update(40, [("loss", 0.5)])
    assert capsys.readouterr().out == "40/40 - 34s - 100ms/step - loss: 0.5000\n"


def test_fit_shows_the_time_of_steps_without_compiling(capsys: pytest.CaptureFixture[str]) -> None:
    class Compiles(layers.Layer):
        def call(self, x: Any) -> Any:
            time.sleep(0.3)  # while it is traced
            return x

    model = keras.Sequential([keras.Input((2,)), Compiles(), layers.Dense(1)])
    model.compile("sgd", "mse")
    waited = compile_seconds()
    model.fit(np.ones((64, 2)), np.ones((64, 1)), verbose=2)
    waited = compile_seconds() - waited
    assert waited > 0.3
    total, each, unit = re.search(r"2/2 - (\d+)s - (\d+)(ms|us)/step", capsys.readouterr().out).groups()  # type: ignore[union-attr]
    assert int(each) * {"ms": 1e-3, "us": 1e-6}[unit] * 2 < int(total) + 1 - waited + 0.5


# History


def history(logs: dict[str, list], epochs: int) -> keras.callbacks.History:
    found = keras.callbacks.History()
    found.epoch, found.history = list(range(epochs)), logs
    return found


def test_a_history_is_a_table() -> None:
    found = history({"accuracy": [0.5, 0.75], "loss": [1.0, 0.00025], "val_loss": [2.0]}, 2)
    assert repr(found).splitlines() == [
        "epoch        loss  val_loss  accuracy",
        "    1      1.0000              0.5000",
        "    2  2.5000e-04    2.0000    0.7500",
    ]
    assert repr(keras.callbacks.History()) == "<History of no epoch>"
    lines = repr(history({"loss": [1.0] * 100}, 100)).splitlines()
    assert len(lines) == 22 and lines[11] == "  ..." and lines[-1] == "  100  1.0000"


def test_a_history_in_html_has_the_table_and_one_picture() -> None:
    pytest.importorskip("matplotlib").use("agg")
    import matplotlib.pyplot as plt

    open_figures = plt.get_fignums()
    found = history({"accuracy": [0.5, 0.75], "loss": [1.0, 0.5], "<b>": [1.0, 2.0]}, 2)
    markup = found._repr_html_()
    assert markup.startswith("<table><tr><th>epoch</th><th>loss</th>") and "<th>&lt;b&gt;</th>" in markup
    assert markup.count("<img ") == 1 and "<td>0.7500</td>" in markup
    assert plt.get_fignums() == open_figures
    assert found.plot().axes[0].get_title() == "loss"
    plt.close("all")
    assert "<img" not in history({"loss": [1.0]}, 1)._repr_html_()


NOTEBOOK = """
import numpy as np, addax as keras
x = np.ones((256, 2), "float32")
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="zeros")])
model.compile(keras.optimizers.SGD(0.0), "mse")
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # what the notebook's own packages say
def test_notebooks() -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    code = [NOTEBOOK, "history = model.fit(x, x[:, :1], epochs=2, batch_size=8)", "history", "history.plot()"]
    code.append("model.fit(x, x[:, :1], verbose=0, profile=True).profile")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in code])
    nbclient.NotebookClient(notebook, timeout=300).execute()
    _, trained, shown, plotted, profiled = (cell.outputs for cell in notebook.cells)
    texts = [o["text"] if o.output_type == "stream" else o.data["text/plain"] for o in trained]
    assert [re.sub(r"\d+[mu]?s", "_", text) for text in texts] == [
        "Epoch 1/2\n",
        "32/32 ━━━━━━━━━━━━━━━━━━━━ _ _/step - loss: 1.0000",
        "Epoch 2/2\n",
        "32/32 ━━━━━━━━━━━━━━━━━━━━ _ _/step - loss: 1.0000",
    ]
    assert [o.output_type for o in shown] == ["execute_result"]
    assert shown[0].data["text/html"].count("<img") == 1 and shown[0].data["text/plain"].startswith("epoch")
    assert [o.output_type for o in plotted] == ["execute_result"] and "image/png" in plotted[0].data
    assert profiled[0].data["text/html"].startswith("<pre>phase")
