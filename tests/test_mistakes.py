"""Mistakes that people make: what addax says to each names what is wrong and what to do."""

import subprocess
import sys

import pytest

from tests.mistakes_table import MISTAKES, ROOT, Mistake, said


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: m.title)
def test_says_what_is_wrong(mistake: Mistake) -> None:
    error, text = said(mistake)
    assert error is not None, "the program ran without a word"
    assert issubclass(error, mistake.error), f"{error.__name__}: {text}"
    for part in mistake.says:
        assert part in text, text
    assert "\x1b" not in text and len(text) < 1600  # no colours of a terminal, no data poured out


def test_there_are_many_and_each_is_told_once() -> None:
    assert len(MISTAKES) >= 40
    assert len({m.title for m in MISTAKES}) == len(MISTAKES)


def test_the_page_is_fresh() -> None:
    """If not: python -m tests.mistakes_table --write"""
    # In a process of its own: messages list what is registered, and other tests register things.
    made = subprocess.run([sys.executable, "-m", "tests.mistakes_table"], cwd=ROOT, capture_output=True, check=True)
    assert (ROOT / "docs" / "MISTAKES.md").read_text().strip() == made.stdout.decode().strip()
