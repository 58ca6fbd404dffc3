"""How XLA compiles in the tests: quickly; with ADDAX_TEST_XLA=users, as it compiles for users.

Compiling is what takes time here. Code that is neither optimised nor made by the emitters of fused kernels compiles in
an eighth of the time; but nobody trains with that. A tenth of the tests, those of `is_sampled`, run a second time with
the flags that users have (`make unit-optimized`).
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator

import pytest

AS_USERS = os.environ.get("ADDAX_TEST_XLA") == "users"

# Options of a program whose formula is compared, on a few numbers.
QUICK: dict[str, bool | int] = (
    {}
    if AS_USERS
    else {
        "xla_backend_optimization_level": 0,
        "xla_llvm_disable_expensive_passes": True,
        "xla_cpu_use_fusion_emitters": False,  # two thirds of what is left
        "xla_cpu_parallel_codegen_split_count": 1,  # these programs are too small to be cut into parts
    }
)

# What optimised code may change first: the printed numbers of programs, and results that must agree bit for bit.
SAMPLED = (
    "tests/seeds/",
    "tests/test_xla.py",
    "tests/kernels/test_noise.py",
    "tests/training/test_padding.py",
    "tests/training/test_resuming.py",
    "tests/training/test_stacks.py",
)
UNCOMPILED = (
    "addax/",
    "tests/benchmarks/",
    "tests/compat/",
    "tests/test_mistakes.py",
    "tests/training/test_bad_inputs.py",
    "tests/training/test_between_steps.py",
    "tests/training/test_repeats.py",  # which are compiled so anyway
)
ONE_IN = 14  # of all others that compile


def choose_flags() -> None:
    """Sets XLA's flags in the environment; before JAX is imported."""
    if AS_USERS:
        os.environ.pop("XLA_FLAGS", None)
    else:
        os.environ.setdefault("XLA_FLAGS", " ".join(f"--{name}={str(value).lower()}" for name, value in QUICK.items()))


def is_sampled(nodeid: str) -> bool:
    """Whether a test runs with users' flags, too; the same ones on every machine."""
    if nodeid.startswith(UNCOMPILED):
        return False
    return nodeid.startswith(SAMPLED) or zlib.crc32(nodeid.encode()) % ONE_IN == 0


@pytest.fixture(autouse=True, scope="module")
def quick_compiles() -> Iterator[None]:
    """For modules that import it: less work for the compiler, as their programs run for microseconds."""
    import jax

    jax.config.update("jax_disable_most_optimizations", not AS_USERS)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
