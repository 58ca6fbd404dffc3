"""Models as pure functions of flat lists, from which every export format is written."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..core import tree
from ..core.dtypes import numpy_dtype, standardize_dtype
from ..core.engine import import_jax, jax
from ..core.keras_tensor import KerasTensor
from ..core.types import Array, Tree
from ..core.variable import Variable
from ..layers.input_spec import InputSpec
from ..models import Model


@dataclasses.dataclass(frozen=True)
class Leaf:
    """Description of one array of the inputs or outputs.

    Attributes:
        name: Its name, unique among inputs and outputs.
        shape: Its shape, None for sizes that may vary.
        dtype: Name of its dtype.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str

    def __str__(self) -> str:
        return f"'{self.name}' of shape {self.shape} and dtype {self.dtype}"


class Signature(NamedTuple):
    """A model as a pure function for inference, with its arguments and results described.

    Attributes:
        function: Function of the list of the weights and the flat list of the inputs that returns the flat list of the
            outputs.
        variables: The weights.
        weight_names: Their names, unique.
        arguments: For each argument of the model a structure of `Leaf`.
        outputs: The structure of `Leaf` of the outputs.
        weight_specs: JAX's specs of the weights.
        specs: JAX's specs of the flat inputs; sizes that may vary are symbols.
    """

    function: Callable[[Sequence[Array], Sequence[Array]], list[Array]]
    variables: list[Variable]
    weight_names: list[str]
    arguments: list[Tree]
    outputs: Tree
    weight_specs: list[Any]
    specs: list[Any]


def signature_of(model: Model, input_signature: Sequence[Any] | None, format: str) -> Signature:
    """Returns a model as a pure function for inference.

    Args:
        model: The model. It is built from `input_signature` if it isn't yet.
        input_signature: For each argument a structure of objects with `shape` and `dtype`; None for the inputs of the
            model's graph, or for the shapes of the call that built it, with any batch size.
        format: Name of the format, for errors.

    Raises:
        ValueError: The inputs are unknown, the model takes text, or it can't be traced with unknown sizes.
    """
    given = input_signature_of(model, input_signature)
    refuse_text(model, given, format)
    inputs = _named([_described(x, model) for x in tree.flatten(given)], "input")
    arguments = tree.pack_sequence_as(given, inputs)
    if not model.built:
        symbols = tree.pack_sequence_as(given, [KerasTensor(x.shape, x.dtype, name=x.name) for x in inputs])
        model(*symbols, training=False)
    trainable, others = model.trainable_variables, model.non_trainable_variables
    variables = [*trainable, *others]
    structure: list[Tree] = []

    def function(weights: Sequence[Array], flat: Sequence[Array]) -> list[Array]:
        values = tree.pack_sequence_as(given, list(flat))
        split = len(trainable)
        outputs, _ = model.stateless_call(list(weights[:split]), list(weights[split:]), *values, training=False)
        structure[:] = [outputs]
        return [jax.numpy.asarray(x) for x in tree.flatten(outputs)]

    weight_specs = [jax.ShapeDtypeStruct(tuple(v.shape), numpy_dtype(v.dtype)) for v in variables]
    specs, found = _traced(function, weight_specs, inputs, model, format)
    names = _output_names(model, len(found))
    shapes = [tuple(d if type(d) is int else None for d in x.shape) for x in found]
    leaves = [Leaf(name, shape, str(x.dtype)) for name, shape, x in zip(names, shapes, found)]
    outputs = tree.pack_sequence_as(structure[0], _named(leaves, "output", {x.name for x in inputs}))
    names = unique([v.path for v in variables])
    return Signature(function, variables, names, arguments, outputs, weight_specs, specs)


def input_signature_of(model: Model, given: Sequence[Any] | None) -> list[Any]:
    """Returns the specs of each argument of a model: as given, of its graph, or of the call that built it.

    Args:
        model: The model.
        given: What the caller gave, or None.

    Raises:
        ValueError: There are none.
    """
    if given is not None:
        return list(given) if isinstance(given, (list, tuple)) else [given]
    if model._graph is not None:
        return [model.input]
    shapes = getattr(model, "_build_shapes", None)
    if not model.built or not shapes:
        raise ValueError(
            f"The model '{model.name}' has no symbolic inputs: give its `input_signature` to export it, e.g. "
            "`[keras.InputSpec(shape=(None, 3))]`."
        )

    def spec(shape: Sequence[int | None]) -> InputSpec:
        return InputSpec(shape=(None, *shape[1:]), dtype=model.input_dtype)

    return [tree.map_shape_structure(spec, shape) for shape in shapes.values()]


def refuse_text(model: Model, given: Sequence[Any], format: str) -> None:
    """Raises a ValueError for a model that computes with text, or has layers that run on the host."""
    part = model.host_part
    if part is None and not any(getattr(x, "dtype", None) == "string" for x in tree.flatten(given)):
        return
    layers = [node.operation for node in part.nodes] if part is not None else []
    names = ", ".join(f"'{layer.name}' ({type(layer).__name__})" for layer in layers)
    raise ValueError(
        f"The model '{model.name}' can't be exported as {format}: "
        + (f"its layers {names} run on the host" if names else "it takes text")
        + ", and an exported program computes with numbers on a device. Export the device part, the model from the "
        "outputs of these layers on: make it a model of its own, `device = keras.Model(numbers, outputs)`, called "
        "behind them, and call `device.export(...)`."
    )


def need_flatbuffers() -> None:
    """Raises an ImportError unless what `jax.export` reads and writes its files with is installed."""
    try:
        importlib.import_module("flatbuffers")
    except ImportError as error:
        raise ImportError(
            "Exported programs are written with flatbuffers: `pip install addax-keras[export]`."
        ) from error


def unique(names: Sequence[str], taken: set[str] | None = None) -> list[str]:
    """Returns names, with a number appended to those that occurred before.

    Args:
        names: The names.
        taken: Names that are in use.

    >>> unique(["a", "b", "a"])
    ['a', 'b', 'a_1']
    """
    used, found = set(taken or ()), []
    for name in names:
        fresh, count = name, 0
        while fresh in used:
            count += 1
            fresh = f"{name}_{count}"
        used.add(fresh)
        found.append(fresh)
    return found


def _named(leaves: list[Leaf], default: str, taken: set[str] | None = None) -> list[Leaf]:
    names = unique([x.name or f"{default}_{i}" for i, x in enumerate(leaves)], taken)
    return [dataclasses.replace(x, name=name) for x, name in zip(leaves, names)]


def _described(x: Any, model: Model) -> Leaf:
    shape = getattr(x, "shape", None)
    if shape is None and getattr(x, "ndim", None) is not None:
        shape = (None,) * x.ndim
    if shape is None:
        raise ValueError(
            f"`input_signature` of '{model.name}' must hold objects with a shape, such as `keras.InputSpec(shape="
            f"(None, 3))`. Received: {x!r}"
        )
    dtype = standardize_dtype(getattr(x, "dtype", None) or model.input_dtype)
    return Leaf(getattr(x, "name", None) or "", tuple(shape), dtype)


def _output_names(model: Model, count: int) -> list[str]:
    names = list(model.output_names) if model._graph is not None else []
    return names if len(names) == count else [""] * count


def _traced(
    function: Callable, weights: list[Any], inputs: list[Leaf], model: Model, format: str
) -> tuple[list[Any], list[Any]]:
    """Returns the specs of the inputs, and those of the outputs.

    Sizes that may vary are symbols. The first axes share one. The others are distinct at first; if the model needs
    them to be equal, they share one per axis.
    """
    errors = []
    for shared in (False, True):
        specs = symbolic_specs([(x.shape, x.dtype) for x in inputs], shared)
        try:
            return specs, jax.eval_shape(function, weights, specs)
        except Exception as error:
            errors.append(error)
    raise ValueError(
        f"The model '{model.name}' can't be traced with the sizes that its inputs leave unknown: "
        f"{', '.join(map(str, inputs))}. Give an `input_signature` with the sizes that are fixed, to export it as "
        f"{format}. ({type(errors[0]).__name__}: {str(errors[0])[:500]})"
    ) from errors[0]


def symbolic_specs(leaves: Sequence[tuple[Sequence[int | None], Any]], shared: bool = False) -> list[Any]:
    """Returns JAX's specs of arrays, with symbols for unknown sizes: one for all first axes, distinct ones else.

    Args:
        leaves: Shape and dtype of each.
        shared: Whether unknown sizes of the same axis are one symbol, too.
    """
    export = import_jax("jax.export")
    scope, count, specs = export.SymbolicScope(), 0, []
    for shape, dtype in leaves:
        sizes = []
        for axis, size in enumerate(shape):
            count += size is None and axis > 0
            sizes.append(str(size) if size is not None else "batch" if axis == 0 else f"n{axis if shared else count}")
        specs.append(
            jax.ShapeDtypeStruct(export.symbolic_shape(", ".join(sizes), scope=scope), numpy_dtype(dtype or "float32"))
        )
    return specs
