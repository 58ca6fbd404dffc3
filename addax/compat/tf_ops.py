"""Converts `TFOpLambda` and `SlicingOpLambda` of TensorFlow's Keras to ops, by tables of functions and arguments."""

from __future__ import annotations

import math
from typing import Any, Protocol, TypeAlias

from ..core import registry
from ..core.types import Config, Tree

Function: TypeAlias = tuple[str, dict[str, str], dict[str, Any]]

_AXIS = {"axis": "axis", "keepdims": "keepdims"}
_TWO = {"y": "x2", "b": "x2"}
# Function of TensorFlow -> op, its arguments (the tensor comes first, unnamed), and settings whose defaults differ.
FUNCTIONS: dict[str, Function] = {
    "__operators__.add": ("add", _TWO, {}),
    "__operators__.getitem": ("get_item", {"slice_spec": "key"}, {}),
    "__operators__.eq": ("equal", {"other": "x2", "y": "x2"}, {}),
    "__operators__.ne": ("not_equal", {"other": "x2", "y": "x2"}, {}),
    "math.divide": ("true_divide", _TWO, {}),
    "math.truediv": ("true_divide", _TWO, {}),
    "math.floordiv": ("floor_divide", _TWO, {}),
    "math.pow": ("power", _TWO, {}),
    "math.mod": ("mod", _TWO, {}),
    "math.reduce_mean": ("mean", _AXIS, {}),
    "math.reduce_sum": ("sum", _AXIS, {}),
    "math.reduce_max": ("max", _AXIS, {}),
    "math.reduce_min": ("min", _AXIS, {}),
    "math.reduce_prod": ("prod", _AXIS, {}),
    "math.reduce_all": ("all", _AXIS, {}),
    "math.reduce_any": ("any", _AXIS, {}),
    "math.reduce_std": ("std", _AXIS, {}),
    "math.reduce_variance": ("var", _AXIS, {}),
    "math.reduce_logsumexp": ("logsumexp", _AXIS, {}),
    "math.argmax": ("argmax", {"axis": "axis"}, {}),
    "math.argmin": ("argmin", {"axis": "axis"}, {}),
    "math.cumsum": ("cumsum", {"axis": "axis"}, {}),
    "math.round": ("round", {}, {}),
    "math.l2_normalize": ("normalize", {"axis": "axis", "epsilon": "epsilon"}, {"epsilon": 1e-12}),
    "math.top_k": ("top_k", {"k": "k", "sorted": "sorted"}, {}),
    "linalg.matmul": ("matmul", {"b": "x2", "y": "x2"}, {}),
    "clip_by_value": ("clip", {"clip_value_min": "x_min", "clip_value_max": "x_max"}, {}),
    "concat": ("concatenate", {"axis": "axis"}, {}),
    "stack": ("stack", {"axis": "axis"}, {}),
    "unstack": ("unstack", {"axis": "axis", "num": "num"}, {}),
    "split": ("split", {"num_or_size_splits": "indices_or_sections", "axis": "axis"}, {"axis": 0}),
    "reshape": ("reshape", {"shape": "newshape"}, {}),
    "transpose": ("transpose", {"perm": "axes"}, {}),
    "expand_dims": ("expand_dims", {"axis": "axis"}, {}),
    "squeeze": ("squeeze", {"axis": "axis"}, {}),
    "tile": ("tile", {"multiples": "repeats"}, {}),
    "repeat": ("repeat", {"repeats": "repeats", "axis": "axis"}, {}),
    "reverse": ("flip", {"axis": "axis"}, {}),
    "roll": ("roll", {"shift": "shift", "axis": "axis"}, {}),
    "pad": ("pad", {"paddings": "pad_width", "mode": "mode", "constant_values": "constant_values"}, {}),
    "cast": ("cast", {"dtype": "dtype"}, {}),
    "gather": ("take", {"indices": "indices", "axis": "axis"}, {"axis": 0}),
    "one_hot": ("one_hot", {"depth": "num_classes", "axis": "axis", "dtype": "dtype"}, {}),
    "where": ("where", {"x": "x1", "y": "x2"}, {}),
    "zeros_like": ("zeros_like", {}, {}),
    "ones_like": ("ones_like", {}, {}),
    "stop_gradient": ("stop_gradient", {}, {}),
    "broadcast_to": ("broadcast_to", {"shape": "shape"}, {}),
    "image.resize": ("resize", {"size": "size", "method": "interpolation"}, {}),
    "nn.softmax": ("softmax", {"axis": "axis"}, {"axis": -1}),
    "nn.log_softmax": ("log_softmax", {"axis": "axis"}, {"axis": -1}),
    "nn.leaky_relu": ("leaky_relu", {"alpha": "negative_slope"}, {}),
    "nn.gelu": ("gelu", {"approximate": "approximate"}, {"approximate": False}),
}
# Functions of one tensor, and of two, with the same name as the op, in the modules of `function_of`.
_ALIKE = (
    "abs sqrt rsqrt square exp expm1 log log1p sin cos tan asin acos atan sinh cosh tanh sigmoid sign floor ceil erf "
    "negative reciprocal relu relu6 elu selu silu swish softplus softsign is_nan is_inf is_finite"
)
_ALIKE_OF_TWO = (
    "add subtract multiply maximum minimum greater greater_equal less less_equal equal not_equal logical_and "
    "logical_or logical_xor divide_no_nan floormod atan2"
)
_NAMES = {
    "abs": "absolute",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "atan2": "arctan2",
    "swish": "silu",
    "is_nan": "isnan",
    "is_inf": "isinf",
    "is_finite": "isfinite",
    "floormod": "mod",
}
_ALIASES = {
    "nn.l2_normalize": "math.l2_normalize",
    "linalg.l2_normalize": "math.l2_normalize",
    "matmul": "linalg.matmul",
    "nn.swish": "nn.silu",
    "concat_v2": "concat",
    "compat.v1.transpose": "transpose",
    "compat.v1.gather": "gather",
    "compat.v1.squeeze": "squeeze",
    "compat.v1.expand_dims": "expand_dims",
}
_DEFAULTS = ("name", "exclusive", "validate_indices", "batch_dims", "preserve_aspect_ratio", "antialias", "output_type")


class References(Protocol):
    """Access to the tensors in a functional config."""

    def argument(self, x: Tree) -> tuple[Any, Config]:
        """Returns the first argument of a call, and its keywords."""

    def is_reference(self, x: Tree) -> bool:
        """Returns whether `x` stands for a tensor."""


def function_of(name: str) -> Function | None:
    """Returns the op for a function of TensorFlow, its arguments by their names there, and settings that differ.

    Args:
        name: Name of the function without `tf.`, as `TFOpLambda` has it.

    >>> function_of("nn.relu"), function_of("math.pow")
    (('relu', {}, {}), ('power', {'y': 'x2', 'b': 'x2'}, {}))
    """
    name = _ALIASES.get(name, name)
    name = name.removeprefix("compat.v1.")
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    for short in (f"math.{name}", name.removeprefix("math."), f"linalg.{name}"):
        if short in FUNCTIONS:
            return FUNCTIONS[short]
    own = name.rpartition(".")[2]
    if name.removesuffix(own) in ("", "math.", "nn.", "keras.activations.", "__operators__."):
        if own in _ALIKE.split():
            return _NAMES.get(own, own), {}, {}
        if own in _ALIKE_OF_TWO.split():
            return _NAMES.get(own, own), _TWO, {}
    return None


def present_op(layer: Config, calls: References) -> Config:
    """Returns the config of the op that a `TFOpLambda` or `SlicingOpLambda` calls.

    Args:
        layer: The config of the layer.
        calls: The functional config that it is in.

    Raises:
        ValueError: The function has no counterpart.
    """
    config = layer["config"]
    function = str(config.get("function", "__operators__.getitem"))
    found = function_of(function)
    name = layer.get("name") or config.get("name")
    if found is None:
        raise ValueError(
            f"Layer '{name}' of the file calls TensorFlow's `tf.{function}`, for which addax has no op. Build the "
            "model again with `keras.ops`, and load its weights."
        )
    definition = _definition(found[0])
    made = [_call(name, function, definition, found, *calls.argument(node)) for node in layer.get("inbound_nodes", ())]
    settings = {k: v for k, v in made[0][2].items() if all(own.get(k) == v for *_, own in made)} if made else {}
    nodes = [
        {"args": args, "kwargs": {**kwargs, **{k: v for k, v in own.items() if k not in settings}}}
        for args, kwargs, own in made
    ]
    return {
        "module": definition.keras_module,
        "class_name": definition.keras_class,
        "config": {"name": name, **settings},
        "registered_name": definition.registered_name,
        "name": name,
        "inbound_nodes": nodes,
    }


def _call(
    name: str, function: str, definition: Any, found: Function, first: Any, keywords: Config
) -> tuple[list, Config, Config]:
    """Returns the arguments of one call: positional tensors, tensors by name, and settings."""
    named = _settings(name, function, found, keywords)
    args = [first]
    for parameter in list(definition.signature.parameters)[1:]:
        if parameter not in named or parameter not in definition.tensors:
            break
        args.append(named.pop(parameter))
    tensors = {k: v for k, v in named.items() if k in definition.tensors}
    return args, tensors, {k: v for k, v in named.items() if k not in tensors}


def _settings(name: str, function: str, found: Function, keywords: Config) -> Config:
    """Returns the keywords of a call by their current names, without those whose values change nothing."""
    _, renamed, differing = found
    given = {k: v for k, v in keywords.items() if k not in _DEFAULTS and not (v is None and k in renamed)}
    unknown = [k for k, v in given.items() if k not in renamed and v not in (None, False)]
    if unknown:
        raise ValueError(
            f"Layer '{name}' of the file calls `tf.{function}` with {unknown}, which addax's op doesn't support."
        )
    named = {**differing, **{renamed[k]: v for k, v in given.items() if k in renamed}}
    return {k: _value(k, v) for k, v in named.items()}


def _definition(op: str) -> Any:
    """Returns the op with a name from the tables."""
    return registry.resolve("keras.src.ops.numpy", "".join(part.capitalize() for part in op.split("_")))


def _value(name: str, value: Any) -> Any:
    """Returns a setting in the form that the op takes."""
    if name == "key":
        return _key(value)
    if name == "epsilon":  # there it is added to the sum of squares
        return math.sqrt(value)
    if name == "interpolation":
        return value if isinstance(value, str) else "bilinear"
    if name == "mode" and isinstance(value, str):
        return value.lower()
    if name == "indices_or_sections" and isinstance(value, list):
        return [sum(value[: i + 1]) for i in range(len(value) - 1)]
    return value


def _key(spec: Any) -> Any:
    """Returns the index of a tensor; configs hold a list of ints, slices, None and the ellipsis."""

    def part(x: Any) -> Any:
        if isinstance(x, dict) and "start" in x:
            return {"class_name": "__slice__", "config": {k: x.get(k) for k in ("start", "stop", "step")}}
        if isinstance(x, dict) and x.get("class_name") == "__ellipsis__":
            return {"class_name": "__ellipsis__", "config": {}}
        if isinstance(x, dict) and set(x) == {"value"}:
            return part(x["value"])
        return x

    if isinstance(spec, dict) and set(spec) == {"value"}:
        spec = spec["value"]
    return [part(x) for x in spec] if isinstance(spec, list) else part(spec)
