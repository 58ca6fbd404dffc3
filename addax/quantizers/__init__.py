"""Quantizers of weights and activations, and the configs of `model.quantize`."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
