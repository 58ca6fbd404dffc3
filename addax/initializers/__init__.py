"""Initializers: the initial values of variables. See `get` for the identifiers that layers accept."""

from ..core.public import attach as _attach

__getattr__, __dir__, __all__ = _attach(__name__, __file__)
