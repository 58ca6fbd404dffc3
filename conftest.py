"""What every test and every docstring example may count on."""

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _settings_of_a_fresh_process():
    """What a test changed for the whole process (64-bit floats, dtype policies) is not left to the next."""
    yield
    from addax.core import config, engine, policy

    config.set_floatx("float32")
    policy.reset()
    if engine.is_loaded() and engine.has_float64():
        engine.jax.config.update("jax_enable_x64", False)


@pytest.fixture(autouse=True)
def _doctest_names(doctest_namespace: dict) -> None:
    import addax
    from addax.core.engine import jnp

    doctest_namespace.update(np=np, jnp=jnp, keras=addax, addax=addax)
