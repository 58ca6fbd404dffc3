"""Initializers: the initial values of variables. See `get` for the identifiers that layers accept."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
