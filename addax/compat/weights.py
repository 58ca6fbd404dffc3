"""Converts arrays of older files to the current layout, layer by layer.

Legacy `.h5` files hold one list of arrays per layer: the trainable ones, then the others. Their names come from another
program, so the order decides. A layer with nested layers (a model, a wrapper) has one list for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.variable import Variable

# Names of weights in Keras 1 -> current names, to recognize the order of arrays.
_KERAS_1 = {"W": "kernel", "b": "bias", "U": "recurrent_kernel", "alphas": "alpha", "running_mean": "moving_mean"}
_KERAS_1["running_std"] = "moving_variance"


@dataclass
class Origin:
    """Facts about a file.

    Attributes:
        keras: Major version of the Keras that wrote it; 0 for 0.3.
        theano: Whether its convolutions were Theano's, whose kernels are rotated by 180 degrees.
        moments: Whether the arrays are an optimizer's moments of the weights.
    """

    keras: int = 3
    theano: bool = False
    moments: bool = False


@dataclass
class Part:
    """A layer without nested layers, and its arrays in the group."""

    layer: Any
    variables: list[Variable]
    places: list[int] = field(default_factory=list)


class Misfit(ValueError):
    """Raised when arrays don't fit a layer."""


def legacy_variables(layer: Any) -> list[Variable]:
    """Returns the variables of a layer in the order of legacy files."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def fit(layer: Any, names: Sequence[str], arrays: Sequence[Any], origin: Origin) -> list[Part]:
    """Finds the arrays of a group that belong to each part of a layer.

    Args:
        layer: A built layer or model.
        names: The names of the arrays in the file.
        arrays: The arrays, or objects with their `shape`.
        origin: Facts about the file.

    Returns:
        The parts, as `values` takes them.

    Raises:
        Misfit: Numbers or shapes differ.
    """
    best: tuple[int, list[Part]] | None = None
    problem: Misfit | None = None
    for parts in _orders(layer, len(arrays), origin):
        try:
            found = values(parts, arrays, origin)
        except Misfit as error:
            problem = problem or error
            continue
        assert all(tuple(a.shape) == v.shape for v, a in found)
        score = sum(_alike(names, part) for part in parts)
        if best is None or score > best[0]:
            best = score, parts
    if best is not None:
        return best[1]
    expected = legacy_variables(layer)
    raise problem or Misfit(f"Layer expects {len(expected)} weight(s). Received {len(arrays)} saved weight(s)")


def values(parts: Sequence[Part], arrays: Sequence[Any], origin: Origin) -> list[tuple[Variable, Any]]:
    """Returns the variables of `parts` with their values in the current layout.

    Args:
        parts: From `fit`.
        arrays: The arrays of the group, or others of their shapes (moments of an optimizer).
        origin: Facts about the file.
    """
    found: list[tuple[Variable, Any]] = []
    for part in parts:
        made = _converted(part, [arrays[i] for i in part.places], origin)
        for variable, array in zip(part.variables, made):
            if tuple(array.shape) != variable.shape:
                raise Misfit(
                    f"for weight {variable.path}. Weight expects shape {variable.shape}. Received saved weight with "
                    f"shape {tuple(array.shape)}"
                )
        found += zip(part.variables, made)
    return found


def trained_places(parts: Sequence[Part]) -> list[int]:
    """Returns the positions of the arrays of a group that an optimizer had slots for, in order."""
    found: list[int] = []
    for part in parts:
        if len(part.places) == len(part.variables):
            found += [i for i, v in zip(part.places, part.variables) if v.trainable]
        elif any(v.trainable for v in part.variables):
            found += part.places
    return sorted(found)


def _alike(names: Sequence[str], part: Part) -> int:
    """Returns how many names of arrays end like those of their variables."""
    ends = [names[i].rpartition("/")[2].split(":")[0] for i in part.places if i < len(names)]
    return sum(
        _KERAS_1.get(end.rpartition("_")[2], _KERAS_1.get(end, end)) == v.name for end, v in zip(ends, part.variables)
    )


def _leaves(layer: Any) -> Iterator[Any]:
    """Returns the layers that have variables of their own, in the order of `layer.weights`."""
    seen: set[int] = set()

    def visit(x: Any) -> Iterator[Any]:
        if id(x) in seen:
            return
        seen.add(id(x))
        if [*x._trainable_variables, *x._non_trainable_variables]:
            yield x
        for inner in x._layers:
            yield from visit(inner)

    return visit(layer)


def _counts(part: Part, origin: Origin) -> tuple[int, int]:
    """Returns the numbers of trainable and of other arrays that a part has in the file."""
    trained = len(part.layer._trainable_variables)
    name = _kind(part.layer)
    if origin.keras < 2 and name in _GATES_OF_KERAS_1:
        trained = 3 * len(_GATES_OF_KERAS_1[name])
    return trained, len(part.layer._non_trainable_variables)


def _orders(layer: Any, count: int, origin: Origin) -> Iterator[list[Part]]:
    """Yields the orders that the arrays of a layer may have."""
    variables = [*layer._trainable_variables, *layer._non_trainable_variables]
    leaves = [Part(x, [*x._trainable_variables, *x._non_trainable_variables]) for x in _leaves(layer)]
    for counts in (
        [(len(p.layer._trainable_variables), len(p.layer._non_trainable_variables)) for p in leaves],
        [_counts(p, origin) for p in leaves],
    ):
        if sum(map(sum, counts)) != count:
            continue
        if len(leaves) <= 1:
            yield [Part(p.layer, p.variables, list(range(count))) for p in leaves]
            return
        yield from _nested_orders(layer, leaves, counts)
        return
    if len(leaves) == 1 and count >= len(variables):  # more arrays than variables, as Keras 1's LSTM has
        yield [Part(leaves[0].layer, leaves[0].variables, list(range(count)))]


def _nested_orders(layer: Any, leaves: list[Part], counts: list[tuple[int, int]]) -> Iterator[list[Part]]:
    flagged = legacy_variables(layer)
    if all(sum(c) == len(p.variables) for p, c in zip(leaves, counts)) and len(flagged) == sum(map(sum, counts)):
        places = {id(v): i for i, v in enumerate(flagged)}
        if all(id(v) in places for p in leaves for v in p.variables):
            yield [Part(p.layer, p.variables, [places[id(v)] for v in p.variables]) for p in leaves]
    # All trainable arrays, then all others.
    grouped, first, second = [], 0, sum(t for t, _ in counts)
    for part, (trained, others) in zip(leaves, counts):
        places_ = [*range(first, first + trained), *range(second, second + others)]
        grouped.append(Part(part.layer, part.variables, places_))
        first, second = first + trained, second + others
    yield grouped
    # Layer by layer.
    in_turn, start = [], 0
    for part, (trained, others) in zip(leaves, counts):
        in_turn.append(Part(part.layer, part.variables, list(range(start, start + trained + others))))
        start += trained + others
    yield in_turn


# Layouts


def _kind(layer: Any) -> str:
    """The class of Keras that `layer` is of or derived from; of a recurrent layer's cell, the layer's."""
    known = (*_LAYOUTS, *_GATES_OF_KERAS_1)
    names = [
        c.__name__.removesuffix("Cell") if c.__name__.endswith("Cell") else c.__name__ for c in type(layer).__mro__
    ]
    return next((name for name in names if name in known), type(layer).__name__)


def _converted(part: Part, arrays: list[Any], origin: Origin) -> list[Any]:
    layout = _LAYOUTS.get(_kind(part.layer))
    made = layout(part, arrays, origin) if layout is not None else arrays
    if len(made) != len(part.variables):
        raise Misfit(f"Layer expects {len(part.variables)} weight(s). Received {len(arrays)} saved weight(s)")
    return made


# The three arrays of each gate, in Keras 1's order of gates, and the gate's current position.
_GATES_OF_KERAS_1 = {"LSTM": (0, 2, 1, 3), "GRU": (0, 1, 2)}


def _lstm(part: Part, arrays: list[Any], origin: Origin) -> list[Any]:
    arrays = _joined_gates("LSTM", arrays)
    kernel = part.variables[0]
    units = kernel.shape[1] // 4
    if len(arrays) == 3 and arrays[2].shape == (8 * units,):
        # Both biases have the same gradient, so the moments of their sum are those of each.
        both = 1 if origin.moments else 2
        return _from_cudnn(arrays, 4, lambda bias: sum(np.split(bias, 2)[:both]))
    return arrays


def _gru(part: Part, arrays: list[Any], origin: Origin) -> list[Any]:
    arrays = _joined_gates("GRU", arrays)
    units = part.variables[0].shape[1] // 3
    if len(arrays) == 3 and arrays[2].shape == (6 * units,):
        return _from_cudnn(arrays, 3, lambda bias: bias.reshape(2, -1))
    return arrays


def _joined_gates(name: str, arrays: list[Any]) -> list[Any]:
    """Joins the arrays of each gate, as Keras 1 stored them, to kernel, recurrent kernel and bias."""
    order = _GATES_OF_KERAS_1[name]
    if len(arrays) != 3 * len(order):
        return arrays
    return [np.concatenate([np.asarray(arrays[3 * gate + i]) for gate in order], axis=-1) for i in range(3)]


def _from_cudnn(arrays: list[Any], gates: int, bias: Callable) -> list[Any]:
    """Weights of `CuDNNLSTM` and `CuDNNGRU`: cuDNN reads a gate's kernel as rows of outputs."""
    kernel, recurrent, biases = (np.asarray(a) for a in arrays)

    def turned(matrix: np.ndarray) -> np.ndarray:
        parts = np.split(matrix, gates, axis=1)
        return np.concatenate([p.reshape(p.shape[1], p.shape[0]).T for p in parts], axis=1)

    return [turned(kernel), turned(recurrent), bias(biases)]


def _convolution(part: Part, arrays: list[Any], origin: Origin) -> list[Any]:
    if not arrays:
        return arrays
    kernel, wanted = arrays[0], part.variables[0].shape
    if origin.keras < 2 and len(kernel.shape) == 4:
        if len(wanted) == 3:  # `Conv1D` was a `Conv2D` of one column
            if kernel.shape[1] == 1 and kernel.shape[0] == wanted[0]:
                kernel = np.asarray(kernel)[:, 0]
            elif kernel.shape[3] == 1:
                kernel = np.transpose(np.asarray(kernel)[..., 0], (2, 1, 0))
        elif part.layer.data_format == "channels_first" or tuple(kernel.shape) != wanted:
            kernel = np.transpose(np.asarray(kernel), (2, 3, 1, 0))
    elif origin.keras < 2 and len(kernel.shape) == 5 and part.layer.data_format == "channels_first":
        kernel = np.transpose(np.asarray(kernel), (2, 3, 4, 1, 0))
    if origin.theano:
        kernel = np.flip(np.asarray(kernel), tuple(range(len(wanted) - 2)))
    return [kernel, *arrays[1:]]


def _without_count(part: Part, arrays: list[Any], origin: Origin) -> list[Any]:
    """`Normalization`, with the count of rows it was adapted to or without."""
    if len(arrays) == len(part.variables) + 1:
        return arrays[:-1]
    if len(arrays) == len(part.variables) - 1:
        return [*arrays, np.zeros((), "int32")]
    return arrays


_LAYOUTS: dict[str, Callable[[Part, list[Any], Origin], list[Any]]] = {
    "LSTM": _lstm,
    "GRU": _gru,
    "Conv1D": _convolution,
    "Conv2D": _convolution,
    "Conv3D": _convolution,
    "Conv2DTranspose": _convolution,
    "Conv3DTranspose": _convolution,
    "Normalization": _without_count,
}
