"""How a layer is called: the signature of its `call`, and what holds for one outermost call."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..core.config import thread

if TYPE_CHECKING:
    from .layer import Layer


class CallContext:
    """What holds for one outermost layer call: the training flag, and masks of traced arrays."""

    def __init__(self, entry_layer: Layer):
        self.entry_layer = entry_layer
        self.training: bool | None = None
        self.masks: dict[int, tuple[Any, Any]] = {}
        self.stack: list[Layer] = []


class CallSignature:
    """What `Layer.__call__` needs to know of a `call` method; worked out once per class."""

    def __init__(self, call: Callable):
        self.signature = inspect.signature(call)
        parameters = list(self.signature.parameters.values())
        self.names = [p.name for p in parameters]
        self.training_default = None
        if "training" in self.names:
            default = self.signature.parameters["training"].default
            self.training_default = None if default is inspect.Parameter.empty else default
        self.mask_names = [n for n in self.names if n == "mask" or n.endswith("_mask")]

    def bind(self, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Argument by parameter name; what goes to `*args` or `**kwargs` under these names."""
        return dict(self.signature.bind(*args, **kwargs).arguments)


@contextmanager
def call_scope(layer: Layer) -> Iterator[None]:
    """Makes what follows part of one outermost call of `layer`, so that masks of its outputs are still known."""
    outer = thread.call_context
    thread.call_context = CallContext(layer)
    try:
        yield
    finally:
        thread.call_context = outer


_call_signatures: dict[Any, CallSignature] = {}


def call_signature(layer: Layer) -> CallSignature:
    """The signature of the `call` of `layer`."""
    fn = type(layer).call
    if "call" in layer.__dict__:
        return CallSignature(layer.call)
    if fn not in _call_signatures:
        _call_signatures[fn] = CallSignature(functools.partial(fn, None))  # type: ignore[arg-type]
    return _call_signatures[fn]


def unbind(signature: inspect.Signature, bound: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
    """Arguments by name back to what the function is called with: tensors first by position, the rest by name."""
    args: list = []
    kwargs: dict[str, Any] = {}
    positional = True
    for p in signature.parameters.values():
        if p.name not in bound:
            positional = False
            continue
        value = bound[p.name]
        if p.kind is p.VAR_POSITIONAL:
            args += value
            positional = False
        elif p.kind is p.VAR_KEYWORD:
            kwargs.update(value)
        elif p.kind is p.POSITIONAL_ONLY or (positional and p.kind is not p.KEYWORD_ONLY and not args):
            args.append(value)
        else:
            kwargs[p.name] = value
    return tuple(args), kwargs
