"""Losses: pure functions of labels and predictions, and the objects that weight and reduce them."""

from ..core.public import attach as _attach

__getattr__, __dir__, __all__ = _attach(__name__, __file__)
