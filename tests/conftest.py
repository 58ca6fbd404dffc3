"""Keras, the oracle, runs on JAX in the same process."""

import atexit
import os
import shutil
import tempfile

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Compiling is what takes time here: unoptimised code compiles in two thirds of it.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")
os.environ.setdefault("ADDAX_TRACEBACK_FILTERING", "off")  # whoever repairs addax wants to see it
os.environ.setdefault("ADDAX_VERIFY_SHARING", "1")
# Workers and the processes that tests start compile the same small programs; the user's own cache is left alone.
if "ADDAX_CACHE_DIR" not in os.environ:
    os.environ["ADDAX_CACHE_DIR"] = tempfile.mkdtemp(prefix="addax-programs-")
    atexit.register(shutil.rmtree, os.environ["ADDAX_CACHE_DIR"], ignore_errors=True)
