"""What every test and every docstring example may count on."""

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _doctest_names(doctest_namespace: dict) -> None:
    import addax
    from addax.core.engine import jnp

    doctest_namespace.update(np=np, jnp=jnp, keras=addax, addax=addax)
