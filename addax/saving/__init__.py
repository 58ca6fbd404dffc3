"""Files, and the registry of what they may name: `keras.saving`."""

from ..core.public import attach as _attach

__getattr__, __dir__, __all__ = _attach(__name__, __file__)
