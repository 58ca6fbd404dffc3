"""Optimizers: rules that move trainable variables. See `get` for the names that `compile` accepts."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
