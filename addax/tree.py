"""Nested structures: `keras.tree`."""

from .core.tree import *  # noqa: F403
from .core.tree import __all__ as __all__
