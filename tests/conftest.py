"""Keras, the oracle, runs on JAX in the same process."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator

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


# Where addax computes alone, beside no other package that promotes.
STRICT = (
    "tests/kernels/",
    "tests/layers/test_attention.py",
    "tests/layers/test_contract.py",
    "tests/layers/test_regularization.py",
    "tests/layers/test_rnn.py",
    "tests/losses/",
    "tests/metrics/",
    "tests/optimizers/",
    "tests/models/test_classes.py",
    "tests/training/test_between_steps.py",
    "tests/training/test_loop.py",
    "tests/training/test_masked_metrics.py",
    "tests/training/test_prediction.py",
    "tests/training/test_resuming.py",
    "tests/training/test_stacks.py",
)


@pytest.fixture(autouse=True)
def _strict_promotion(request: pytest.FixtureRequest) -> Iterator[None]:
    """Nothing in addax is promoted silently: a cast says which dtype is meant. `promotes` marks what can't be so."""
    if not request.node.nodeid.startswith(STRICT) or request.node.get_closest_marker("promotes"):
        yield
        return
    import jax

    jax.config.update("jax_numpy_dtype_promotion", "strict")  # for all threads
    yield
    jax.config.update("jax_numpy_dtype_promotion", "standard")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With ADDAX_TEST_XLA=users only the sample runs."""
    if xla.AS_USERS:
        config.hook.pytest_deselected(items=[item for item in items if not xla.is_sampled(item.nodeid)])
        items[:] = [item for item in items if xla.is_sampled(item.nodeid)]
