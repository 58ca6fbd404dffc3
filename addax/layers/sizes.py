"""Sizes, paddings and options that layers over space have in common, and the errors when they are wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import constraints, initializers, regularizers
from ..core.dtypes import static_shape as static_shape
from ..core.variable import Variable
from ..kernels.conv import Sizes
from .layer import Layer, Shape

_FAMILIES = {"initializer": initializers.get, "regularizer": regularizers.get, "constraint": constraints.get}


def take_weight_options(layer: Layer, **options: Any) -> None:
    """Sets `<weight>_initializer`, `<weight>_regularizer`, ... of `layer` from names, configs or objects."""
    for name, value in options.items():
        setattr(layer, name, _FAMILIES[name.rpartition("_")[2]](value))


def add_weight(layer: Layer, name: str, shape: Sequence[int | None], options: str = "", **rest: Any) -> Variable:
    """Makes weight `name` of `layer` with what `take_weight_options` set: `<options>_initializer`, and so on.

    Args:
        layer: Whose weight it is.
        name: Its name.
        shape: Its shape.
        options: What its options begin with; the name when empty.
        **rest: Other arguments of `Layer.add_weight`, which count before those options.
    """
    found: dict[str, Any] = {kind: getattr(layer, f"{options or name}_{kind}", None) for kind in _FAMILIES}
    return layer.add_weight(name=name, shape=shape, **{**found, **rest})


def per_axis(layer: Layer, name: str, value: Sizes, rank: int, least: int = 1) -> tuple[int, ...]:
    """`value` as a tuple of `rank` ints, none below `least`."""
    sizes = (value,) * rank if isinstance(value, int) else value
    expected = f"The `{name}` argument must be a tuple of {rank} integers. Received {name}={value}"
    where = f" (layer '{layer.name}' of type {type(layer).__name__})"
    try:
        sizes = tuple(int(v) for v in sizes)
    except (TypeError, ValueError):
        raise ValueError(expected + where) from None
    if len(sizes) != rank:
        raise ValueError(expected + where)
    wrong = {v for v in sizes if v < least}
    if wrong:
        raise ValueError(f"{expected}, including values {wrong} that do not satisfy `value >= {least}`{where}")
    return sizes


def pairs_per_axis(layer: Layer, name: str, value: Any, rank: int) -> tuple[tuple[int, int], ...]:
    """`value` (an int, an int an axis or a pair an axis) as a pair of ints for each axis."""
    where = f"Received: {name}={value}. (layer '{layer.name}' of type {type(layer).__name__})"
    entries = (value,) * rank if isinstance(value, int) else value
    if not isinstance(entries, (list, tuple)) or len(entries) != rank:
        count = {2: "two", 3: "three"}[rank]
        raise ValueError(f"`{name}` should have {count} elements. {where}")
    pairs = tuple((e, e) if isinstance(e, int) else tuple(e) for e in entries)
    for i, pair in enumerate(pairs):
        if len(pair) != 2 or any(not isinstance(n, int) or n < 0 for n in pair):
            raise ValueError(f"Entry {i} of `{name}` must be a non-negative int or a pair of them. {where}")
    return pairs


def choice(layer: Layer, name: str, value: str, accepted: tuple[str, ...]) -> str:
    """`value` in lower case, which must be one of `accepted`."""
    found = value.lower() if isinstance(value, str) else value
    if found not in accepted:
        raise ValueError(
            f"The `{name}` argument must be one of {accepted}. Received: {value} "
            f"(layer '{layer.name}' of type {type(layer).__name__})"
        )
    return found


def positive(layer: Layer, name: str, value: Any) -> int:
    """`value`, which must be an int above 0."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value) <= 0:
        raise ValueError(
            f"Invalid value for argument `{name}`. Expected a strictly positive value. Received {name}={value}. "
            f"(layer '{layer.name}' of type {type(layer).__name__})"
        )
    return int(value)


def channel_axis(data_format: str) -> int:
    """Where the channels are."""
    return -1 if data_format == "channels_last" else 1


def split_shape(shape: Shape, data_format: str) -> tuple[Shape, int | None]:
    """The spatial sizes of `shape` and its channels."""
    space = shape[1:-1] if data_format == "channels_last" else shape[2:]
    return space, shape[channel_axis(data_format)]


def join_shape(batch: int | None, space: Sequence[int | None], channels: int | None, data_format: str) -> Shape:
    """The opposite of `split_shape`."""
    return (batch, *space, channels) if data_format == "channels_last" else (batch, channels, *space)


def known_channels(layer: Layer, shape: Shape, data_format: str) -> int:
    """The channels of the input of `layer`, which must be known."""
    channels = split_shape(shape, data_format)[1]
    if channels is None:
        raise ValueError(
            f"The channel dimension of the inputs should be defined. Layer '{layer.path}' ({type(layer).__name__}, "
            f"data_format='{data_format}') received input_shape={shape}: axis {channel_axis(data_format)} is None."
        )
    return channels


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
    """The spatial sizes that windows of `size` make of an input: what convolution and pooling return.

    Raises:
        ValueError: A window doesn't fit into the input.
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
