"""Every layer of the table against what all layers promise."""

import pytest

from tests.layers.cases import CASES, INTEGERS
from tests.layers.contract import check_layer


@pytest.mark.parametrize("case", [*CASES, *INTEGERS], ids=str)
def test_contract(case):
    check_layer(case)
