"""Calls of layers: the signature of a `call` method, the arguments of one call, and masks that travel with tensors."""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..core import tree
from ..core.config import thread
from ..core.graph import Operation
from ..core.keras_tensor import any_symbolic
from ..core.masks import get_mask, set_mask


class CallContext:
    """State of one outermost layer call: the training flag, masks of traced arrays, the layers under way."""

    def __init__(self, entry_layer: Operation):
        self.entry_layer = entry_layer
        self.training: bool | None = None
        self.masks: dict[int, tuple[Any, Any]] = {}
        self.stack: list[Operation] = []


@contextmanager
def call_scope(layer: Operation) -> Iterator[None]:
    """Makes what follows part of one outermost call of `layer`, so that masks of its outputs are still known."""
    outer = thread.call_context
    thread.call_context = CallContext(layer)
    try:
        yield
    finally:
        thread.call_context = outer


class CallSignature:
    """The parameters of a `call` method; worked out once per class."""

    def __init__(self, call: Callable):
        self.signature = inspect.signature(call)
        self.names = list(self.signature.parameters)
        self.training_default = None
        if "training" in self.names:
            default = self.signature.parameters["training"].default
            self.training_default = None if default is inspect.Parameter.empty else default
        self.mask_names = [n for n in self.names if n == "mask" or n.endswith("_mask")]

    def bind(self, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Returns arguments by parameter name; what goes to `*args` or `**kwargs` stands under these names."""
        return dict(self.signature.bind(*args, **kwargs).arguments)

    def unbind(self, arguments: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        """Returns arguments by name as `(args, kwargs)`: the first by position, the rest by name."""
        args: list = []
        kwargs: dict[str, Any] = {}
        positional = True
        for p in self.signature.parameters.values():
            if p.name not in arguments:
                positional = False
                continue
            value = arguments[p.name]
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


_signatures: weakref.WeakKeyDictionary[Callable, CallSignature] = weakref.WeakKeyDictionary()


def call_signature(layer: Operation) -> CallSignature:
    """The signature of the `call` of `layer`."""
    if "call" in layer.__dict__:
        return CallSignature(layer.call)
    fn = type(layer).call
    if fn not in _signatures:
        _signatures[fn] = CallSignature(functools.partial(fn, None))  # type: ignore[arg-type]
    return _signatures[fn]


class Call:
    """The arguments of one call of a layer, made once and passed on.

    Args:
        signature: That of the layer's `call`.
        arguments: Arguments by parameter name, without `training`.
        training: The flag that was given, or None.

    Attributes:
        input_masks: Masks that came with the first argument, in its structure.
    """

    def __init__(self, signature: CallSignature, arguments: dict[str, Any], training: bool | None = None):
        self.signature = signature
        self.arguments = arguments
        self.training = training
        self.input_masks: Any = None

    @classmethod
    def bind(cls, signature: CallSignature, args: tuple, kwargs: dict[str, Any]) -> Call:
        """Makes a call from arguments as they were written; `training` is taken also where `call` has none."""
        training = None if "training" in signature.names else kwargs.pop("training", None)
        arguments = signature.bind(args, kwargs)
        return cls(signature, arguments, arguments.pop("training", training))

    @property
    def first(self) -> Any:
        """The first argument, or None where there is none."""
        return next(iter(self.arguments.values()), None)

    @functools.cached_property
    def symbolic(self) -> bool:
        """Whether a KerasTensor is among the arguments."""
        return any_symbolic(*self.arguments.values())

    @functools.cached_property
    def shapes(self) -> dict[str, Any]:
        """`<argument>_shape` -> structure of shapes, for the arguments that are tensors, masks left out."""
        return {f"{k}_shape": _shapes(v) for k, v in self.tensors.items()}

    @functools.cached_property
    def mask_shapes(self) -> dict[str, Any]:
        """The same for arguments that are masks."""
        masks = {k: self.arguments.get(k) for k in self.signature.mask_names}
        return {f"{k}_shape": _shapes(v) for k, v in masks.items() if hasattr(v, "shape")}

    @functools.cached_property
    def tensors(self) -> dict[str, Any]:
        """The arguments that are tensors or structures of them, masks left out."""
        return {k: v for k, v in self.arguments.items() if k not in self.signature.mask_names and _is_tensors(v)}

    def take_masks(self) -> None:
        """Makes arguments of the masks that came with the tensors, where `call` has a parameter for them."""
        names = self.signature.mask_names
        for i, (name, value) in enumerate(self.tensors.items()):
            masks = tree.map_structure(get_mask, value)
            if i == 0:
                self.input_masks = masks if _any(masks) else None
            target = "mask" if len(self.tensors) == 1 else f"{name}_mask"
            if i == 0 and target not in names:
                target = "mask"
            if target in names and self.arguments.get(target) is None and _any(masks):
                self.arguments[target] = masks


def _is_tensors(value: Any) -> bool:
    leaves = tree.flatten(value)
    return all(x is None or hasattr(x, "shape") for x in leaves) and any(x is not None for x in leaves)


def _shapes(tensors: Any) -> Any:
    return tree.map_structure(
        lambda x: None if x is None else tuple(d if isinstance(d, int) else None for d in x.shape), tensors
    )


def _any(masks: Any) -> bool:
    return any(m is not None for m in tree.flatten(masks))


def set_masks(outputs: Any, masks: Any) -> None:
    """Attaches masks to the tensors in `outputs`; one mask goes to all of them."""
    leaves = tree.flatten(outputs)
    found = tree.flatten(masks)
    if len(found) == 1:
        found = found * len(leaves)
    for tensor, mask in zip(leaves, found):
        if mask is not None and hasattr(tensor, "shape"):
            set_mask(tensor, mask)
