"""Hooks of training, evaluation and prediction: `keras.callbacks`."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
