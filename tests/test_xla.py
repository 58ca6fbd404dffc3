"""The flags that XLA compiles the tests with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests import xla

ROOT = Path(__file__).parent.parent


def test_unoptimised_code_is_compiled_unless_users_flags_are_asked_for() -> None:
    assert ("--xla_backend_optimization_level=0" in os.environ.get("XLA_FLAGS", "")) != xla.AS_USERS


@pytest.mark.parametrize("path", [*xla.SAMPLED, *xla.UNCOMPILED])
def test_what_is_listed_is_there(path: str) -> None:
    assert (ROOT / path).exists()


def test_about_a_tenth_of_the_tests_is_sampled() -> None:
    ids = [f"tests/parity/test_ops.py::test_op[case {i}]" for i in range(2400)]
    assert sum(map(xla.is_sampled, ids)) == pytest.approx(len(ids) / xla.ONE_IN, rel=0.2)
