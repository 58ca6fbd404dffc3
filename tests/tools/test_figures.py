"""The figures of the code that CONTRIBUTING.md shows."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "figures.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("figures_of_the_code", TOOL)
    assert spec and spec.loader
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # which dataclasses look up
    spec.loader.exec_module(module)
    return module


def test_the_page_shows_those_of_the_code(tool: ModuleType) -> None:
    page = tool.PAGE.read_text(encoding="utf-8")
    assert tool.with_table(page, tool.figures()) == page, "run: python tools/figures.py --write"


def test_the_table_replaces_what_is_between_the_markers(tool: ModuleType) -> None:
    figure = tool.Figure("things", 1, 2000, [])
    page = f"a\n{tool.BEGIN}\nold\n{tool.END}\nb\n"
    expected = (
        f"a\n{tool.BEGIN}\n\n| figure | now | at most |\n|---|---:|---:|\n| things | 1 | 2,000 |\n\n{tool.END}\nb\n"
    )
    assert tool.with_table(page, [figure]) == expected
    assert tool.with_table(expected, [figure]) == expected
    with pytest.raises(ValueError, match="end of figures"):
        tool.with_table(f"a\n{tool.BEGIN}\n", [figure])
