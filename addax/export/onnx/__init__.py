"""ONNX files of models: JAX's programs, converted one primitive at a time by the tables of `operations.py`."""

from .file import write

__all__ = ["write"]
