"""Every code block of the README and of the documentation runs, and prints what the page says.

Blocks marked `python` run in the order of their page, in one namespace. A block marked `text` right behind one is
what it prints, where "..." stands for anything. A comment `<!-- before: ... -->` holds code that the page doesn't show.
Pages with a comment `<!-- slow -->` are run with the slow tests. MISTAKES.md is made by tests/mistakes_table.py, which
runs its programs.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import linecache
import re
import textwrap
from pathlib import Path
from typing import NamedTuple

import pytest

import addax
from addax.compat import uninstall

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES.remove(ROOT / "docs" / "MISTAKES.md")

_FENCE = re.compile(r"^(?P<indent> *)```(?P<kind>\w*)[^\n]*\n(?P<text>.*?)^(?P=indent)```$", re.S | re.M)
_HIDDEN = re.compile(r"^<!-- before:\n(?P<text>.*?)^-->$", re.S | re.M)
_CHECKER = doctest.OutputChecker()
_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Block(NamedTuple):
    """A block of code.

    Attributes:
        code: The code, on the lines where the page has it.
        output: What it prints; None where the page doesn't say.
    """

    code: str
    output: str | None


def blocks(page: str) -> list[Block]:
    """The blocks of code of a page.

    >>> blocks("```python\\nprint(1)\\n```\\n\\n```text\\n1\\n```\\n")
    [Block(code='\\nprint(1)\\n', output='1\\n')]
    """
    found = sorted([*_FENCE.finditer(page), *_HIDDEN.finditer(page)], key=lambda match: match.start())
    out: list[Block] = []
    end = -1  # of the last block of code
    for match in found:
        kind, text = match.groupdict().get("kind", "python"), textwrap.dedent(match["text"])
        if kind == "python":
            out.append(Block("\n" * page.count("\n", 0, match.start("text")) + text, None))
            end = match.end()
        elif kind == "text" and end >= 0 and not page[end : match.start()].strip():
            out[-1] = out[-1]._replace(output=text)
    return out


def pages() -> list:
    slow = [pytest.mark.slow]
    return [
        pytest.param(page, id=str(page.relative_to(ROOT)), marks=slow if "<!-- slow -->" in page.read_text() else [])
        for page in PAGES
        if blocks(page.read_text())
    ]


@pytest.mark.promotes("users' programs run with JAX's own promotion")
@pytest.mark.parametrize("page", pages())
def test_blocks_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    addax.utils.clear_session(free_memory=False)
    namespace: dict = {"__name__": "__main__"}
    text = page.read_text()
    linecache.cache[str(page)] = len(text), None, text.splitlines(keepends=True), str(page)
    try:
        for block in blocks(text):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(block.code, str(page), "exec"), namespace)
            if block.output is not None:
                assert _CHECKER.check_output(block.output, printed.getvalue(), _FLAGS), printed.getvalue()
    finally:
        uninstall()
        addax.config.set("summary_style", "rich")  # it is classic after `from tensorflow import keras`
        addax.distribution.set_distribution(None)


def test_links_between_pages_lead_somewhere():
    """Those that the site's own check can't see: of the README, to files and headings."""
    for target in re.findall(r"\]\((?!http)([^)#]+)", (ROOT / "README.md").read_text()):
        assert (ROOT / target).exists(), target
