"""Metrics: what is measured over many batches, as states that add up."""

from ..core.public import attach as _attach

__getattr__, __dir__, __all__ = _attach(__name__, __file__)
