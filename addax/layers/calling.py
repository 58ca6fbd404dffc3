"""Calls of layers: the signature of `call`, the arguments of one call, masks, and nodes of symbolic calls."""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from ..core import tree
from ..core.config import thread
from ..core.convert import to_tensor
from ..core.dtypes import is_float, numpy_dtype, static_shape
from ..core.engine import is_jax_array
from ..core.errors import describe
from ..core.graph import Node, Operation
from ..core.keras_tensor import KerasTensor, any_symbolic
from ..core.masks import get_mask, set_mask
from ..core.op import Argument
from ..core.sparse import is_sparse
from ..core.types import Tree
from ..core.variable import Variable
from ..core.warnings import warn
from ..ops.core import cast
from . import sparse_calls
from .host import is_text


class CallContext:
    """State of an outermost layer call: training flag, masks of traced arrays, stack of the layers being called."""

    def __init__(self, entry_layer: Operation):
        self.entry_layer = entry_layer
        self.training: bool | None = None
        self.masks: dict[int, tuple[Any, Any]] = {}
        self.stack: list[Operation] = []


def call_scope(layer: Operation) -> AbstractContextManager[None]:
    """Opens the context of an outermost call of `layer`, which keeps the masks of its outputs."""
    return thread.setting(call_context=CallContext(layer))


def autocast(dtype: str | None) -> AbstractContextManager[None]:
    """Within it, float variables are cast to `dtype` when they are read; None: not at all."""
    return thread.setting(autocast=dtype)


class CallSignature:
    """The parameters of a `call` method, inspected once per class."""

    def __init__(self, call: Callable):
        self.signature = inspect.signature(call)
        self.names = list(self.signature.parameters)
        self.training_default = None
        if "training" in self.names:
            default = self.signature.parameters["training"].default
            self.training_default = None if default is inspect.Parameter.empty else default
        self.mask_names = [n for n in self.names if n == "mask" or n.endswith("_mask")]

    def bind(self, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Returns arguments by parameter name, those of `*args` and `**kwargs` under these names."""
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

    def specs(self, args: tuple, kwargs: dict[str, Any], dtype: str) -> dict[str, Tree]:
        """Returns the arguments of `compute_output_shape` as KerasTensors of `dtype`, by parameter of `call`."""
        shapes = dict(zip(self.names, args))
        shapes.update({name.removesuffix("_shape"): shape for name, shape in kwargs.items()})
        if len(shapes) == 1:
            shapes = {self.names[0]: next(iter(shapes.values()))}
        return {k: tree.map_shape_structure(lambda s: KerasTensor(s, dtype), v) for k, v in shapes.items()}


_signatures: weakref.WeakKeyDictionary[Callable, CallSignature] = weakref.WeakKeyDictionary()


def call_signature(layer: Operation) -> CallSignature:
    """Returns the signature of the `call` of `layer`."""
    if "call" in layer.__dict__:
        return CallSignature(layer.call)
    fn = type(layer).call
    if fn not in _signatures:
        _signatures[fn] = CallSignature(functools.partial(fn, None))  # type: ignore[arg-type]
    return _signatures[fn]


class Call:
    """The arguments of one call of a layer.

    Args:
        signature: That of the layer's `call`.
        arguments: Arguments by parameter name, without `training`.
        training: The training flag that was passed, or None.
        says_training: Whether one was passed, be it None, so that the default of `call` doesn't count.

    Attributes:
        input_masks: Masks that came with the first argument, in its structure.
    """

    def __init__(
        self,
        signature: CallSignature,
        arguments: dict[str, Any],
        training: bool | None = None,
        says_training: bool = False,
    ):
        self.signature = signature
        self.arguments = arguments
        self.training = training
        self.says_training = says_training
        self.input_masks: Any = None

    @classmethod
    def bind(cls, signature: CallSignature, args: tuple, kwargs: dict[str, Any], name: str) -> Call:
        """Makes a call from arguments as they were written. `training` is accepted even if `call` doesn't take it.

        Args:
            signature: That of the layer's `call`.
            args, kwargs: The arguments.
            name: Name of the method, for the error.

        Raises:
            TypeError: The arguments don't match the signature.
        """
        training = None if "training" in signature.names else kwargs.pop("training", None)
        try:
            arguments = signature.bind(args, kwargs)
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from None
        says_training = "training" in arguments
        return cls(signature, arguments, arguments.pop("training", training), says_training)

    @property
    def first(self) -> Any:
        """The first argument, or None where there is none."""
        return next(iter(self.arguments.values()), None)

    @functools.cached_property
    def symbolic(self) -> bool:
        """Whether there is a KerasTensor among the arguments."""
        return any_symbolic(*self.arguments.values())

    @functools.cached_property
    def shapes(self) -> dict[str, Any]:
        """`<argument>_shape` -> structure of shapes, for the arguments that are tensors, without masks."""
        return {f"{k}_shape": _shapes(v) for k, v in self.tensors.items()}

    @functools.cached_property
    def mask_shapes(self) -> dict[str, Any]:
        """`<argument>_shape` -> shape, for the arguments that are masks."""
        masks = {k: self.arguments.get(k) for k in self.signature.mask_names}
        return {f"{k}_shape": _shapes(v) for k, v in masks.items() if hasattr(v, "shape")}

    @functools.cached_property
    def tensors(self) -> dict[str, Any]:
        """The arguments that are tensors or structures of them, without masks."""
        return {k: v for k, v in self.arguments.items() if k not in self.signature.mask_names and _is_tensors(v)}

    def all_arguments(self) -> dict[str, Any]:
        """Returns the arguments with the training flag, where `call` takes one."""
        return {**self.arguments, "training": self.training} if "training" in self.signature.names else self.arguments

    def convert(self, dtype: str | None, path: str, keeps_text: bool = False) -> None:
        """Makes arrays of the arguments that can be, floats in `dtype` (None: in their own).

        Args:
            dtype: The dtype.
            path: The layer's path, for the error.
            keeps_text: Whether arrays of text stay as they are.

        Raises:
            ValueError: An argument is text.
        """
        if keeps_text:
            self.arguments = tree.map_structure(lambda x: x if is_text(x) else as_input(x, dtype), self.arguments)
            return
        try:
            self.arguments = as_inputs(self.arguments, dtype)
        except ValueError:
            array = next((x for x in tree.flatten(self.arguments) if isinstance(x, np.ndarray) and is_text(x)), None)
            if array is None:
                raise
            raise ValueError(
                f"Layer '{path}' computes with numbers, and received strings: {describe(array)}. Put a layer before it "
                "that turns strings into numbers, such as `StringLookup`, `TextVectorization` or `Hashing`."
            ) from None
        if hasattr(self.first, "shape") or self.signature.names[:1] != list(self.arguments)[:1]:
            return
        text = next((x for x in tree.flatten(self.first) if isinstance(x, str)), None)
        if text is not None:
            raise ValueError(
                f"Only input tensors may be passed as positional arguments. Layer '{path}' received "
                f"{describe(text)} as its input; expected an array."
            )

    def take_masks(self) -> None:
        """Passes masks attached to the tensors as arguments, if `call` has parameters for them that weren't given."""
        names = self.signature.mask_names
        for i, (name, value) in enumerate(self.tensors.items()):
            masks = tree.map_structure(get_mask, value)
            if i == 0:
                self.input_masks = masks if _any(masks) else None
            # `mask` belongs to the only tensor, `<name>_mask` to one of several; the first falls back on `mask`.
            target = "mask" if len(self.tensors) == 1 else f"{name}_mask"
            if i == 0 and target not in names:
                target = "mask"
            if target in names and self.arguments.get(target) is None and _any(masks):
                self.arguments[target] = masks


def _is_tensors(value: Tree) -> bool:
    leaves = tree.flatten(value)
    return all(x is None or hasattr(x, "shape") for x in leaves) and any(x is not None for x in leaves)


def _shapes(tensors: Tree) -> Any:
    return tree.map_structure(lambda x: None if x is None else static_shape(x), tensors)


def _any(masks: Tree) -> bool:
    return any(m is not None for m in tree.flatten(masks))


def set_masks(outputs: Tree, masks: Tree) -> None:
    """Attaches masks to the tensors in `outputs`; a single mask is attached to all of them."""
    leaves = tree.flatten(outputs)
    found = tree.flatten(masks)
    if len(found) == 1:
        found = found * len(leaves)
    for tensor, mask in zip(leaves, found):
        if mask is not None and hasattr(tensor, "shape"):
            set_mask(tensor, mask)


def warn_of_lost_mask(name: str, class_name: str) -> None:
    """Warns that the masks of a layer's inputs end at the layer."""
    warn(
        f"Layer '{name}' (of type {class_name}) was passed an input with a mask attached to "
        "it. However, this layer does not support masking and will therefore destroy the mask information. "
        "Downstream layers will not see the mask."
    )


def as_inputs(arguments: dict[str, Any], dtype: str | None) -> dict[str, Any]:
    """Returns arguments as `call` receives them: see `as_input`."""
    return {k: tree.map_structure(lambda x: as_input(x, dtype), v) for k, v in arguments.items()}


def as_input(x: Argument, dtype: str | None) -> Any:
    """Returns what is like an array as an array with its mask, floats in `dtype` (None: in their own); others as is."""
    if x is None or isinstance(x, (bool, KerasTensor)):
        return x
    if is_sparse(x):
        return cast(x, dtype) if dtype is not None and is_float(x.dtype) else x
    if not is_jax_array(x):
        if not (hasattr(x, "__array__") or isinstance(x, Variable)):
            return x
        x = to_tensor(x)
    if dtype is None or x.dtype == dtype or not is_float(x.dtype):
        return x
    mask = get_mask(x)
    x = x.astype(numpy_dtype(dtype))
    if mask is not None:
        set_mask(x, mask)
    return x


def common_int_dtype(tensors: Tree) -> str | None:
    """Returns the common dtype of integer or bool tensors, or None if one of them has floats."""
    dtypes = [numpy_dtype(x.dtype) for x in tree.flatten(tensors) if hasattr(x, "dtype")]
    return None if any(map(is_float, dtypes)) else np.result_type(*dtypes).name


def record(layer: Operation, call: Call, args: tuple, kwargs: dict[str, Any], outputs: Tree, dtype: str | None) -> Tree:
    """Records a node for a call of `layer` on KerasTensors.

    Args:
        layer: The layer.
        call: The call, with its masks.
        args, kwargs: Its arguments as they were written.
        outputs: KerasTensors of the shapes and dtypes that the call returns.
        dtype: Dtype that arrays among the arguments are cast to; see `as_input`.

    Returns:
        The outputs, tensors of this node alone.
    """
    if len(args) == 1 and not kwargs and isinstance(args[0], KerasTensor):
        # As in Keras's files, a call on a single tensor is recorded with its training flag and mask, any other with its
        # arguments as written. Masks that aren't recorded are attached to the tensors.
        if call.signature.training_default is not None:
            kwargs = {"training": call.training}
        if "mask" in call.signature.names:
            kwargs = {**kwargs, "mask": call.arguments.get("mask")}
    else:
        args, kwargs = (tree.map_structure(lambda x: as_input(x, dtype), given) for given in (args, kwargs))
    sparse_calls.mark(layer, call.tensors, outputs)
    # A tensor belongs to one node: outputs that are inputs (of an identity, say) are replaced by new tensors.
    inputs = {id(t) for t in tree.flatten(call.arguments)}
    outputs = tree.map_structure(
        lambda t: KerasTensor(t.shape, t.dtype) if isinstance(t, KerasTensor) and id(t) in inputs else t,
        outputs,
    )
    Node(layer, args, kwargs, outputs)
    return outputs


def pair_values(layer: Operation, built: bool, trainable: Sequence, non_trainable: Sequence) -> list[tuple]:
    """Returns the variables of `layer`, each with the value that `stateless_call` was given for it.

    Args:
        layer: The layer.
        built: Whether it is built.
        trainable: A value for each of its `trainable_variables`.
        non_trainable: A value for each of its `non_trainable_variables`.

    Raises:
        ValueError: The layer isn't built, or there are more or fewer values than variables.
    """
    name = type(layer).__name__
    if not built:
        raise ValueError(
            f"To call stateless_call, {name} must be built (i.e. its variables must have been already created). You "
            "can build it by calling it on some data."
        )
    pairs: list[tuple] = []
    for kind, values in {"trainable_variables": trainable, "non_trainable_variables": non_trainable}.items():
        own, given = getattr(layer, kind), list(values)
        if len(own) != len(given):
            raise ValueError(
                f"Argument `{kind}` must be a list of values corresponding 1:1 to {name}().{kind}. "
                f"Received list with length {len(given)}, but expected {len(own)} variables."
            )
        pairs += zip(own, given)
    return pairs
