"""Keras, the oracle, runs on JAX in the same process."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Compiling is what takes time here: unoptimised code compiles in two thirds of it.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")
os.environ.setdefault("ADDAX_TRACEBACK_FILTERING", "off")  # whoever repairs addax wants to see it
