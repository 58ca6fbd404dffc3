"""The count of changes to what models are made of, so that what was worked out from it can be kept until the next."""

from __future__ import annotations


class _Changes:
    """Counts changes of attributes of layers, of their variables, and of which of these are trainable."""

    count = 0


changes = _Changes()


__all__ = ["changes"]
