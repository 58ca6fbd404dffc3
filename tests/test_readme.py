"""The README's tables and pictures are what their commands make."""

import importlib.metadata
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parent.parent


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_kinds():
    return load(ROOT / "tests" / "kinds.py")


def test_the_table_of_times_is_fresh():
    """If not: python tools/readme.py --write"""
    tool = load(ROOT / "tools" / "readme.py")
    shown = (ROOT / "README.md").read_text().split(tool.BEGIN)[1].split(tool.END)[0].strip()
    assert shown == tool.table()
    assert len(shown.splitlines()) == 2 + 10


def test_the_pictures():
    """If not fresh: python tools/readme.py --pictures"""
    tool = load(ROOT / "tools" / "readme.py")
    if importlib.metadata.version("rich") >= "15":  # earlier versions write other styles
        assert (tool.PICTURES / "summary.svg").read_text() == tool.summary()
    for name in ("summary.svg", "curves.svg"):
        path = tool.PICTURES / name
        tags = {element.tag.rpartition("}")[2] for element in ElementTree.parse(path).iter()}
        assert {"svg", "text"} <= tags and not tags & {"script", "image", "foreignObject"}
        assert path.stat().st_size < 100_000
        assert f"(docs/pictures/{name})" in (ROOT / "README.md").read_text()


def rows_of_readme(kinds):
    text = (ROOT / "README.md").read_text()
    return text.split(kinds.MARKS[0])[1].split(kinds.MARKS[1])[0].strip().splitlines()


def test_the_table_lists_every_kind():
    kinds = load_kinds()
    names = [row.split("|")[1].strip() for row in rows_of_readme(kinds)[2:]]
    assert names == list(kinds.KINDS)


@pytest.mark.parametrize("name", ["Sequential, built by its data", "Custom layer, `add_loss`, regularizer"])
def test_rows_are_what_running_them_gives(name):
    pytest.importorskip("keras")
    kinds = load_kinds()
    row = next(r for r in rows_of_readme(kinds) if r.split("|")[1].strip() == name)
    results = kinds.check(kinds.KINDS[name])
    assert row == f"| {name} | {' | '.join('yes' if r else 'NO' for r in results)} |"


@pytest.mark.slow
def test_the_whole_table():
    # As users run it: under the flags of these tests Keras trains one of the kinds to NaN.
    pytest.importorskip("keras")
    env = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    done = subprocess.run([sys.executable, ROOT / "tests" / "kinds.py"], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert rows_of_readme(load_kinds()) == done.stdout.splitlines()
