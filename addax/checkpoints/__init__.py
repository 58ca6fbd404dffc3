"""Checkpoints: the whole state of a training run in a folder, from which an interrupted run continues exactly."""

from ..core.public import attach as _attach

__getattr__, __dir__, __all__ = _attach(__name__, __file__)
