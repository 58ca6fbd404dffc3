"""Each library's basic example, where the library is installed: `make test-libraries` makes an environment for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.libraries.__main__ import PAGE, rows
from tests.libraries.cases import CASES, PROGRAMS, Case


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_library(case: Case, tmp_path: Path) -> None:
    if case.version() is None:
        pytest.skip(f"{case.name} is not installed, or what it needs: `make test-libraries`")
    assert case.verdict(case.run(tmp_path)) == ""


def test_the_page_has_each_library_and_what_is_tried() -> None:
    shown = rows(PAGE.read_text())
    assert list(shown) == [case.name for case in CASES]
    for case in CASES:
        version, tried, result = shown[case.name]
        assert version[0].isdigit() and tried == case.what
        assert result.startswith("no: " + case.fails[1] if case.fails else "yes")
    assert {case.program for case in CASES} == set(PROGRAMS.glob("use_*.py"))
