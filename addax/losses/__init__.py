"""Losses: pure functions of labels and predictions, and the objects that weight and reduce them."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
