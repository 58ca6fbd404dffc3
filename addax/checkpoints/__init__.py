"""Checkpoints: all that a training is made of, in a folder, so that a run that was cut off goes on exactly."""

from ..core.public import attach as _attach

__getattr__, __dir__, __all__ = _attach(__name__, __file__)
