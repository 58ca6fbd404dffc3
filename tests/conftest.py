"""Keras, the oracle, runs on JAX in the same process."""

import atexit
import os
import shutil
import tempfile

import pytest

from tests import xla

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
xla.choose_flags()
os.environ.setdefault("ADDAX_TRACEBACK_FILTERING", "off")  # whoever repairs addax wants to see it
os.environ.setdefault("ADDAX_VERIFY_SHARING", "1")
# Workers and the processes that tests start compile the same small programs; the user's own cache is left alone.
if "ADDAX_CACHE_DIR" not in os.environ:
    os.environ["ADDAX_CACHE_DIR"] = tempfile.mkdtemp(prefix="addax-programs-")
    atexit.register(shutil.rmtree, os.environ["ADDAX_CACHE_DIR"], ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With ADDAX_TEST_XLA=users only the sample runs."""
    if xla.AS_USERS:
        config.hook.pytest_deselected(items=[item for item in items if not xla.is_sampled(item.nodeid)])
        items[:] = [item for item in items if xla.is_sampled(item.nodeid)]
