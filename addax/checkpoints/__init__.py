"""Checkpoints: all that a training is made of, in a folder, so that a run that was cut off goes on exactly."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
