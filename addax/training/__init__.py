"""The engine of `fit`, `evaluate` and `predict`: compile -> program -> loop."""
