"""Running programs and libraries written for Keras unmodified."""

from ..core.public import listing
from .imports import install, uninstall

__all__ = ["install", "uninstall"]
__dir__ = listing(__all__)
