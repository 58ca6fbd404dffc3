"""Running programs and libraries written for Keras unmodified."""

from .imports import install, uninstall

__all__ = ["install", "uninstall"]
