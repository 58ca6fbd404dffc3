"""The command `addax`, as a person runs it."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import addax
from addax import cli, demo
from addax.compat import install, uninstall
from addax.compat.imports import KerasFinder
from addax.saving.conversion import convert


def command(*words: str, cwd=None, rc: int = 0) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "addax", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "100"},
    )
    assert done.returncode == rc, done.stderr
    return done.stdout, done.stderr


def test_version():
    out, _ = command("--version")
    assert out.startswith(f"addax {addax.__version__} (Keras API 3.15.1, jax ")


def test_run_code_and_module(tmp_path):
    (tmp_path / "program.py").write_text("import keras, sys\nprint(keras.__name__, __name__, sys.argv[1:])\n")
    code = "import sys; sys.path.insert(0, '.'); import keras; print(keras.__name__, sys.argv); import program"
    out, _ = command("run", "-c", code, "a", "-b", cwd=tmp_path)
    assert out == "addax ['-c', 'a', '-b']\naddax program ['a', '-b']\n"
    out, _ = command("run", "-m", "program", "--epochs", "3", cwd=tmp_path)
    assert out == "addax __main__ ['--epochs', '3']\n"


def test_errors_of_scripts_are_theirs(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import tensorflow as tf\nx = tf.constant(1)\n")
    _, error = command("run", str(script), rc=1)
    assert error.startswith(f'Traceback (most recent call last):\n  File "{script}", line 2, in <module>')
    assert "There is no `tensorflow.constant` here. addax provides Keras" in error and "runpy" not in error
    script.write_text("raise SystemExit(7)\n")
    command("run", str(script), rc=7)


@pytest.mark.parametrize(
    "words, match",
    [
        (["run"], "what to run is missing"),
        (["run", "no.py"], "no such file"),
        (["run", "-m"], "needs a module"),
        (["run", "-m", "no_such_module"], "addax run: No module named no_such_module"),
        (["run", "."], "can't find '__main__' module"),
        ([], "required"),
        (["plan", "no.py"], "addax plan: can't open 'no.py': there is no such file"),
        (["plan", "script.py", "--memory", "-1"], "must be a positive number of gigabytes. Received: '-1'"),
        (["summary", "a.keras", "b.keras"], "unrecognized arguments: b.keras"),
        (["demo", "--epochs", "0"], "argument --epochs: must be a positive number. Received: '0'"),
    ],
)
def test_mistakes(words, match, tmp_path):
    _, error = command(*words, rc=2, cwd=tmp_path)
    assert match in error and "Traceback" not in error


@pytest.mark.parametrize(
    "words, match",
    [
        (["--out", "no/folder/x.png"], "addax demo: The picture can't be written to no/folder/x.png"),
        (["--out", "curves.nope"], "can't have the format 'nope'. Known formats: "),
    ],
)
def test_the_demo_says_before_it_trains_where_its_picture_cannot_go(words, match, tmp_path):
    out, error = command("demo", *words, rc=1, cwd=tmp_path)
    assert match in error and "Traceback" not in error and not out


def test_scripts_with_wrong_syntax(tmp_path):
    (tmp_path / "script.py").write_text("x = = 1\n")
    _, error = command("run", "script.py", rc=1, cwd=tmp_path)
    python = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, cwd=tmp_path).stderr
    assert error.splitlines()[1:] == python.splitlines()[1:]  # the first line has the path as it was given


def test_errors_that_no_one_foresaw(tmp_path, monkeypatch, capsys):
    def fails(path):
        raise KeyError("inside")

    monkeypatch.setattr("addax.saving.conversion.described", fails)
    assert cli.main(["summary", "m.keras"]) == 1
    assert capsys.readouterr().err == (
        "addax summary: KeyError: 'inside'\nSet ADDAX_TRACEBACK=1 to see where it was raised.\n"
    )
    monkeypatch.setenv("ADDAX_TRACEBACK", "1")
    with pytest.raises(KeyError):
        cli.main(["summary", "m.keras"])


def test_a_reader_that_is_gone(tmp_path):
    """As in `addax summary model.keras | head -1`."""
    model = addax.Sequential([addax.Input((1,)), addax.layers.Dense(1)])
    (tmp_path / "m.json").write_text(model.to_json())
    reader, writer = os.pipe()
    os.close(reader)
    run = [sys.executable, "-m", "addax", "summary", "m.json"]
    done = subprocess.run(run, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_ctrl_c_in_a_script(tmp_path):
    (tmp_path / "script.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nwhile True: pass\n")
    _, error = command("run", "script.py", rc=130, cwd=tmp_path)
    assert error.startswith("Traceback") and error.endswith("KeyboardInterrupt\n")
    assert "script.py" in error and "cli.py" not in error


def test_summary_of_a_file(tmp_path):
    model = addax.Sequential([addax.Input((4,)), addax.layers.Dense(3, name="only")], name="saved")
    model.save(tmp_path / "model.keras")
    out, _ = command("summary", str(tmp_path / "model.keras"))
    text: list[str] = []
    model.summary(print_fn=text.append)
    assert 'Model: "saved"' in out and "│ only (Dense)" in out and " Total params: 15 (60.00 B)" in out
    out, _ = command("summary", str(tmp_path / "model.keras"), "--style", "classic")
    assert "only (Dense)                 (None, 3)                 15        \n" in out


def test_a_summary_needs_neither_jax_nor_the_weights(tmp_path):
    model = addax.Sequential([addax.Input((4,)), addax.layers.Dense(3, name="only")], name="saved")
    model.save(tmp_path / "a.keras")
    model.save(tmp_path / "m.h5")
    (tmp_path / "m.json").write_text(model.to_json())
    addax.Model(model.inputs, model.outputs, name="saved").save(tmp_path / "graph.h5")
    with zipfile.ZipFile(tmp_path / "a.keras") as whole, zipfile.ZipFile(tmp_path / "m.keras", "w") as part:
        part.writestr("config.json", whole.read("config.json"))
        part.writestr("model.weights.h5", b"no weights")
    code = "import sys; from addax.cli import main; sys.exit(main(['summary', sys.argv[1]]) or 'jax' in sys.modules)"
    for name in ("m.keras", "m.h5", "m.json", "graph.h5"):
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path / name)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "only (Dense)" in done.stdout and "Total params: 15" in done.stdout
    for name, words in {"none.keras": "File not found", "m.txt": "is not a model file that addax can read"}.items():
        (tmp_path / "m.txt").write_text("hello")
        _, error = command("summary", str(tmp_path / name), rc=1)
        assert error.startswith("addax summary: ") and words in error and "Traceback" not in error


TRAINING = """
import sys
import numpy as np
import keras
model = keras.Sequential([keras.Input((256,)), keras.layers.Dense(512)])
model.compile("adam", "mse")
print("with", sys.argv[1:], flush=True)
try:
    model.fit(np.zeros((100, 256)), np.zeros((100, 512)), batch_size=64, micro_batches=2)
except Exception:
    print("this is no error of the script")
print("after fit")
"""


def test_plan_of_a_script(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(TRAINING)
    out, _ = command("plan", str(script), "--devices", "8xH100", "--lr", "0.1", "--compile")
    lines = out.splitlines()
    assert lines[:2] == ["with ['--lr', '0.1']", "8 x H100 80 GB on 1 host, data parallel, 64 rows a step"]
    kernel_and_bias = 4 * 257 * 512
    assert lines[3].split() == ["weights", *2 * [f"{kernel_and_bias / 1e3:.1f}", "kB"], "data", "parallel"]
    assert "8 rows a device, in 2 parts" in lines[6]
    # The gradients and the loss, once for both parts.
    assert lines[-1] == f"as compiled for CPUs, a step has 1 all-reduce of {(kernel_and_bias + 8) / 1e3:.1f} kB"


@pytest.mark.parametrize(
    "code, words, rc, match",
    [
        ("print(1)", [], 1, "addax plan: 'script.py' ended before it trained a model: it calls no `fit`."),
        ("raise SystemExit(7)", [], 7, ""),
        ("1 / 0", [], 1, 'File "script.py", line 1, in <module>'),
        ("print(1)", ["--devices", "8xQ"], 1, "addax plan: `devices` is the number of devices and their kind"),
    ],
)
def test_scripts_that_cannot_be_planned(code, words, rc, match, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "script.py").write_text(code)
    try:
        assert cli.main(["plan", "script.py", *words]) == rc
    finally:
        uninstall()
    said = capsys.readouterr()
    assert match in said.err and ("Traceback" in said.err) == (code == "1 / 0")
    assert said.out == ("1\n" if "print" in code and not words else "")


def test_convert(tmp_path):
    model = addax.Sequential([addax.Input((4,)), addax.layers.Dense(3, name="only"), addax.layers.Dense(1)])
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((2, 4)), np.ones((2, 1)))
    model.save(tmp_path / "0.keras")
    names = ["0.keras", "1.h5", "2.keras", "3.safetensors", "4.weights.h5", "5.keras", "6.h5"]
    convert(str(tmp_path / "0.keras"), str(tmp_path / "m.json"))
    for source, target in itertools.pairwise(names):
        config = str(tmp_path / "m.json") if source[0] in "34" else None
        convert(str(tmp_path / source), str(tmp_path / target), config)
    for name in ("1.h5", "2.keras", "5.keras"):
        loaded = addax.models.load_model(tmp_path / name)
        for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        if name < "3":  # whole models all the way, with the optimizer's state
            for a, b in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
                np.testing.assert_array_equal(a.numpy(), b.numpy())
    out, error = command("convert", "0.keras", "7.h5", cwd=tmp_path)
    assert not out and not error and (tmp_path / "7.h5").exists()
    for words, expected in {
        ("0.keras", "7.h5"): "7.h5 exists already. Pass --overwrite",
        ("0.keras", "8.onnx"): "names no format",
        ("3.safetensors", "8.keras"): "--config model.json",
        ("none.h5", "8.keras"): "File not found",
    }.items():
        _, error = command("convert", *words, cwd=tmp_path, rc=1)
        assert error.startswith("addax convert: ") and expected in error


def test_the_hook_leaves_no_trace():
    before = {n: m for n, m in sys.modules.items() if n.partition(".")[0] in ("keras", "tensorflow")}
    spec = addax.__spec__
    install()
    install()  # once is enough
    try:
        import keras as found

        assert found.layers is addax.layers and found.Model is addax.Model and addax.__spec__ is spec
        assert dir(found) == dir(addax) and found.__all__ == addax.__all__
        assert sys.meta_path.count(KerasFinder) == 1
    finally:
        uninstall()
    assert KerasFinder not in sys.meta_path
    assert {n: m for n, m in sys.modules.items() if n.partition(".")[0] in ("keras", "tensorflow")} == before


def test_demo(tmp_path, capsys):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    assert demo.main(picture=str(tmp_path / "curves.png")) == 0
    out = capsys.readouterr().out
    assert 'Model: "digits"' in out and "Epoch 15/15" in out and "45/45" in out
    found = {
        label: float(out.split(label)[1].split("%")[0])
        for label in ("Accuracy on the held-out digits: ", "digits: digit ", ", even ")
        if label != "Accuracy on the held-out digits: "
    }
    first = float(out.split("s. Accuracy on the held-out digits: ")[1].split("%")[0])
    assert first >= 98
    assert found["digits: digit "] >= 96 and found[", even "] >= 97
    assert f"Training curves: {tmp_path / 'curves.png'}" in out
    assert (tmp_path / "curves.png").stat().st_size > 20_000
