"""Checks of the constructor's arguments, options of weights, and shapes that layers have in common."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .. import activations, constraints, initializers, regularizers
from ..core import tree
from ..core.dtypes import static_shape as static_shape
from ..core.op import Tensor
from ..core.ours import declared, is_ours
from ..core.types import ActivationLike, ConstraintLike, InitializerLike, RegularizerLike
from ..core.variable import Variable
from .input_spec import InputSpec
from .layer import Layer, Shape

# An int, an int per axis, or a pair (before, after) per axis.
PairsLike = int | Sequence[int] | Sequence[Sequence[int]]
# What a weight has of each: names, configs or objects. Those at the end may be left out.
WeightOptions = tuple[InitializerLike] | tuple[InitializerLike, RegularizerLike, ConstraintLike]
_FAMILIES = {"initializer": initializers.get, "regularizer": regularizers.get, "constraint": constraints.get}


def take_weight_options(layer: Layer, **weights: WeightOptions) -> None:
    """Sets `<weight>_initializer`, `<weight>_regularizer` and `<weight>_constraint` of `layer`.

    Args:
        layer: The layer that gets the attributes.
        **weights: Name of a weight -> its initializer, regularizer and constraint.
    """
    for name, options in weights.items():
        for (kind, get), value in zip(_FAMILIES.items(), options):
            setattr(layer, f"{name}_{kind}", get(value))


def weight_options(given: dict[str, Any], *weights: str) -> dict[str, WeightOptions]:
    """Returns initializer, regularizer and constraint of weights from the arguments of a constructor.

    Args:
        given: The arguments by name.
        *weights: Names of the weights.

    >>> weight_options({"bias_initializer": "zeros", "bias_regularizer": None, "bias_constraint": None}, "bias")
    {'bias': ('zeros', None, None)}
    """
    return {name: tuple(given[f"{name}_{kind}"] for kind in _FAMILIES) for name in weights}  # type: ignore[misc]


def add_weight(layer: Layer, name: str, shape: Sequence[int | None], options: str = "", **rest: Any) -> Variable:
    """Adds a weight to `layer` with the options that `take_weight_options` set.

    Args:
        layer: The layer.
        name: Name of the weight.
        shape: Shape of the weight.
        options: Prefix of the options: `<options>_initializer`, and so on; the name when empty.
        **rest: Other arguments of `Layer.add_weight`, which override the options.
    """
    found: dict[str, Any] = {kind: getattr(layer, f"{options or name}_{kind}", None) for kind in _FAMILIES}
    return layer.add_weight(name=name, shape=shape, **{**found, **rest})


def is_int(value: Any) -> bool:
    """Returns whether `value` is an int (also of NumPy), and not a bool: True as a size is a mistake."""
    if isinstance(value, bool):
        return False
    try:
        operator.index(value)
    except TypeError:
        return False
    return True


def _named(layer: Layer) -> str:
    return f"(layer '{layer.name}' of type {type(layer).__name__})"


def per_axis(layer: Layer, name: str, value: PairsLike, rank: int, least: int = 1) -> tuple[int, ...]:
    """Returns `value` as a tuple of `rank` ints.

    Raises:
        ValueError: It isn't an int or `rank` ints of at least `least`.
    """
    entries = (value,) * rank if is_int(value) else value
    expected = f"The `{name}` argument must be a tuple of {rank} integers. Received {name}={value}"
    if not isinstance(entries, Iterable) or not all(map(is_whole, entries)):
        raise ValueError(f"{expected} {_named(layer)}")
    sizes = tuple(int(v) for v in entries)  # type: ignore[arg-type]
    if len(sizes) != rank:
        raise ValueError(f"{expected} {_named(layer)}")
    wrong = {v for v in sizes if v < least}
    if wrong:
        limit = f">= {least}" if least == 0 else f"> {least - 1}"
        raise ValueError(f"{expected}, including values {wrong} that do not satisfy `value {limit}` {_named(layer)}")
    return sizes


def is_whole(value: Any) -> bool:
    """Returns whether `value` is an int, or a float like 4.0, the result of a division."""
    return is_int(value) or (isinstance(value, (float, np.floating)) and math.isfinite(value) and value == int(value))


def pairs_per_axis(layer: Layer, name: str, value: PairsLike, rank: int) -> tuple[tuple[int, int], ...]:
    """Returns `value` (an int, an int per axis, or a pair per axis) as a pair of ints per axis.

    Raises:
        ValueError: It is something else, or negative.
    """
    where = f"Received: {name}={value}. {_named(layer)}"
    entries = (value,) * rank if is_int(value) else value
    count = {2: "two", 3: "three"}[rank]
    if not isinstance(entries, (list, tuple, str)):
        raise ValueError(
            f"`{name}` should be either an int, a tuple of {rank} ints, or a tuple of {rank} tuples of 2 ints: "
            f"`{name}` should have {count} elements. {where}"
        )
    if isinstance(entries, str) or len(entries) != rank:
        raise ValueError(f"`{name}` should have {count} elements. {where}")
    pairs = tuple((e, e) if not isinstance(e, (list, tuple)) else tuple(e) for e in entries)
    for i, pair in enumerate(pairs):
        if len(pair) != 2 or not all(map(is_int, pair)) or min(pair) < 0:
            raise ValueError(
                f"Entry {i} of `{name}` must be a non-negative int or a pair of them: `{name}` cannot be negative. "
                f"{where}"
            )
    return tuple((int(a), int(b)) for a, b in pairs)


def choice(layer: Layer, name: str, value: str, accepted: tuple[str, ...]) -> str:
    """Returns `value` in lower case.

    Raises:
        ValueError: It isn't one of `accepted`.
    """
    found = value.lower() if isinstance(value, str) else value
    if found not in accepted:
        raise ValueError(f"The `{name}` argument must be one of {accepted}. Received: {value} {_named(layer)}")
    return found


def positive(layer: Layer, name: str, value: int) -> int:
    """Returns `value`.

    Raises:
        ValueError: It isn't a positive int.
    """
    if not is_int(value) or value <= 0:
        raise ValueError(
            f"Invalid value for argument `{name}`. Expected a strictly positive value. Received {name}={value}. "
            f"{_named(layer)}"
        )
    return int(value)


def count(layer: Layer, name: str, value: int) -> int:
    """Returns `value`, a number of repetitions.

    Raises:
        TypeError: It isn't an int.
        ValueError: It isn't positive.
    """
    if not is_int(value):
        raise TypeError(
            f"Expected an integer value for `{name}`, got {type(value)}. Received: {name}={value!r} {_named(layer)}"
        )
    if value <= 0:
        raise ValueError(f"Argument `{name}` should be a positive integer. Received: {name}={value} {_named(layer)}")
    return int(value)


def number(layer: Layer, name: str, value: float, least: float = -math.inf, most: float = math.inf) -> Any:
    """Returns `value`.

    Raises:
        ValueError: It isn't a number between `least` and `most`.
    """
    if not _is_between(value, least, most):
        limits = [f"at least {least}"] * (least > -math.inf) + [f"at most {most}"] * (most < math.inf)
        raise ValueError(
            f"Invalid value received for argument `{name}`. Expected a number{' of ' * bool(limits)}"
            f"{' and '.join(limits)}. Received: {name}={value!r} {_named(layer)}"
        )
    return value


def fraction(layer: Layer, name: str, value: float) -> Any:
    """Returns `value`.

    Raises:
        ValueError: It isn't a number between 0 and 1.
    """
    if not _is_between(value, 0, 1):
        shown = repr(value) if isinstance(value, str) else value
        raise ValueError(
            f"Invalid value received for argument `{name}`. Expected a float value between 0 and 1. Received: "
            f"{name}={shown} {_named(layer)}"
        )
    return value


def _is_between(value: Any, least: float, most: float) -> bool:
    if isinstance(value, (str, bytes, Sequence)):
        return False
    try:
        return least <= float(value) <= most
    except (TypeError, ValueError):
        return False


def axis_or_axes(layer: Layer, name: str, value: int | Sequence[int]) -> Any:
    """Returns `value`.

    Raises:
        TypeError: It is neither an int nor a list or tuple of ints.
    """
    if not all(map(is_int, value if isinstance(value, (list, tuple)) else [value])):
        raise TypeError(
            f"Invalid value for `{name}` argument: expected an int or a list/tuple of ints. Received: {name}={value} "
            f"{_named(layer)}"
        )
    return value


def flag(layer: Layer, name: str, value: Any) -> Any:
    """Returns `value` if it is a bool, 0, 1 or None (no choice); "no" would count as True.

    Args:
        layer: The layer, for the error.
        name: Name of the argument.
        value: Its value.

    Raises:
        ValueError: It is something else.
    """
    if not isinstance(value, (bool, np.bool_)) and value not in (0, 1, None):
        raise ValueError(f"Argument `{name}` must be True or False. Received: {name}={value!r} {_named(layer)}")
    return value


def check_cudnn(layer: Layer, value: bool | str) -> bool | str:
    """Returns the value of `use_cudnn`.

    Raises:
        ValueError: It is neither a bool nor "auto".
    """
    if value not in ("auto", True, False):
        raise ValueError(
            "Invalid valid received for argument `use_cudnn`. Expected one of {'auto', True, False}. Received: "
            f"use_cudnn={value} {_named(layer)}"
        )
    return value


def built_from_the_start(layer: Layer) -> None:
    """Marks a layer without weights as built, unless it is of a subclass that has its own `build`."""
    layer.built = type(layer).build is Layer.build


def is_along_rows(layer: Layer, axes: int | Sequence[int | None] | None) -> bool:
    """Returns whether one of `axes` is, or may be, the batch axis of the inputs of `layer`."""
    spec = layer.input_spec
    rank = spec.ndim if isinstance(spec, InputSpec) else None
    if rank is None and layer._build_shapes:
        shape = next(iter(layer._build_shapes.values()))
        rank = len(shape) if tree.is_shape(shape) else None
    listed = tree.flatten(axes if isinstance(axes, (list, tuple)) else [axes])
    return any(a is not None and (a < -1 if rank is None and a else a % (rank or 1) == 0) for a in listed)


def mixes_rows(*functions: Any) -> bool:
    """Returns whether one of these activations may make a row of its result depend on other rows.

    Layers answer for themselves. A user's function declares that it doesn't with an attribute, `fn.rowwise = True`.
    """
    known = [getattr(activations, name) for name in activations.__all__]

    def keeps(fn: ActivationLike) -> bool:
        if fn is None or isinstance(fn, Layer) or any(fn is a for a in known):
            return True
        if is_ours(fn):  # an op
            definition = getattr(fn, "definition", None)
            return definition is not None and definition.elementwise
        return bool(declared(fn, "rowwise", False))

    return not all(map(keeps, functions))


def wide_dtype(dtype: str) -> str:
    """Returns the dtype to compute sums in for results of `dtype`: of at least 32 bits.

    >>> wide_dtype("float16"), wide_dtype("float64")
    ('float32', 'float64')
    """
    return "float64" if dtype == "float64" else "float32"


def channel_axis(data_format: str) -> int:
    """Returns the axis of the channels."""
    return -1 if data_format == "channels_last" else 1


def split_shape(shape: Shape, data_format: str) -> tuple[Shape, int | None]:
    """Returns the spatial sizes of `shape`, and its number of channels."""
    space = shape[1:-1] if data_format == "channels_last" else shape[2:]
    return space, shape[channel_axis(data_format)]


def join_shape(batch: int | None, space: Sequence[int | None], channels: int | None, data_format: str) -> Shape:
    """Returns a shape made of batch size, spatial sizes and number of channels: the inverse of `split_shape`."""
    return (batch, *space, channels) if data_format == "channels_last" else (batch, channels, *space)


def known_channels(layer: Layer, shape: Shape, data_format: str) -> int:
    """Returns the number of channels of the input of `layer`.

    Raises:
        ValueError: It is unknown.
    """
    channels = split_shape(shape, data_format)[1]
    if channels is None:
        raise ValueError(
            f"The channel dimension of the inputs should be defined. Layer '{layer.path}' ({type(layer).__name__}, "
            f"data_format='{data_format}') received input_shape={shape}: axis {channel_axis(data_format)} is None."
        )
    return channels


def check_mask(layer: Layer, mask: Tensor, shape: Shape) -> None:
    """Raises ValueError unless `mask` masks timesteps of inputs of this shape, `(batch, time, ...)`."""
    sizes = static_shape(mask)
    name = type(layer).__name__
    if len(sizes) < 2:
        raise ValueError(
            f"The `mask` passed to the `{name}` layer must be at least 2D (e.g., `(batch_size, timesteps)`), but it "
            f"has {len(sizes)} dimension(s) with shape {sizes}. (layer '{layer.path}')"
        )
    if any(None not in (m, n) and m != n for m, n in zip(sizes[:2], shape[:2])):
        raise ValueError(
            f"The `mask` passed to the `{name}` layer has a shape {sizes} that is incompatible with the input shape "
            f"{shape}. The first two dimensions of the mask (batch size and timesteps) must match the input's first "
            f"two dimensions. Expected mask shape prefix: {shape[:2]}. (layer '{layer.path}')"
        )


def windowed(
    layer: Layer,
    input_shape: Shape,
    size: Sequence[int],
    strides: Sequence[int],
    padding: str,
    data_format: str,
    dilation: Sequence[int] | None = None,
    size_name: str = "kernel_size",
) -> tuple[int | None, ...]:
    """Returns the spatial output sizes of a convolution or pooling.

    Args:
        layer: The layer, for the error.
        input_shape: Shape of its input.
        size: Size of the kernel or window per axis.
        strides: Strides per axis.
        padding: "valid", "same" or "causal".
        data_format: "channels_last" or "channels_first".
        dilation: Dilation rate per axis; None for none.
        size_name: Name of the argument that gives `size`, for the error.

    Raises:
        ValueError: The input is smaller than the window.
    """
    space = split_shape(input_shape, data_format)[0]
    lengths: list[int | None] = []
    for n, k, s, d in zip(space, size, strides, dilation or (1,) * len(space)):
        if n is None or padding in ("same", "causal"):
            lengths.append(None if n is None else -(-n // s))
        else:
            lengths.append((n - (k - 1) * d - 1) // s + 1)
    if any(n is not None and n <= 0 for n in lengths):
        dilated = "" if dilation is None else f" `dilation_rate={tuple(dilation)}`,"
        raise ValueError(
            f"Computed output size would be zero or negative. Layer '{layer.path}' ({type(layer).__name__}) received "
            f"`inputs.shape={input_shape}`, `{size_name}={tuple(size)}`,{dilated} `strides={tuple(strides)}`, "
            f"`padding={padding}`. Make the input larger or the window smaller, or use padding='same'."
        )
    return tuple(lengths)
