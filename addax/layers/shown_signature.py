"""Signatures of layers' constructors as Keras shows them."""

from __future__ import annotations

import inspect

from ..core.ours import is_ours


class ShownSignature:
    """Descriptor `__signature__` of layers: the constructor's signature as Keras shows it.

    One constructor serves layers of one, two and three axes, with an int as the default of a size. Keras shows a tuple
    with an int per axis, which means the same.

    Args:
        per_axis: Names of the parameters whose default is shown per axis, for layers of two axes and more.
        hidden: Names of deprecated parameters that are not shown.
    """

    def __init__(self, per_axis: tuple[str, ...] = (), hidden: tuple[str, ...] = ()):
        self.per_axis = per_axis
        self.hidden = hidden

    def __get__(self, instance: object, owner: type) -> inspect.Signature:
        if instance is not None:
            raise AttributeError("__signature__")  # `inspect.signature(layer)` shows that of `__call__`
        init = owner.__init__  # type: ignore[misc]
        parameters = list(inspect.signature(init).parameters.values())[1:]
        if not is_ours(init):
            return inspect.Signature(parameters)
        rank = getattr(owner, "rank", 1)
        shown = [
            p.replace(default=(p.default,) * rank)
            if p.name in self.per_axis and rank > 1 and isinstance(p.default, int)
            else p
            for p in parameters
            if p.name not in self.hidden
        ]
        return inspect.Signature(shown)
