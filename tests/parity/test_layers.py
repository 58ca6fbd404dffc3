"""Every layer of the table against Keras."""

from dataclasses import replace

import pytest

from tests.layers.cases import CASES
from tests.parity.layer_check import check_parity


@pytest.mark.parametrize("case", CASES, ids=str)
def test_parity(case):
    check_parity(replace(case, training=(False,)) if case.random else case)
