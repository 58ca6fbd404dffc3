"""Running Keras scripts unmodified."""

from .imports import install, uninstall

__all__ = ["install", "uninstall"]
