"""Ensembles and sweeps: members of one architecture that are trained together."""

from ..core.public import attach as _attach

__getattr__, __dir__, __all__ = _attach(__name__, __file__)
