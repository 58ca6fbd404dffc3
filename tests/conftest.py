"""Keras, the oracle, runs on JAX in the same process."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("ADDAX_TRACEBACK_FILTERING", "off")  # whoever repairs addax wants to see it
