"""Distributions: training and prediction over several devices and hosts. `set_distribution` is the one line."""

from ..core.public import attach as _attach

__getattr__, __dir__, __all__ = _attach(__name__, __file__)
