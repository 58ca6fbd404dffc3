"""ONNX files of models."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...core import tree
from ...core.engine import import_jax, jax
from ...models import Model
from ...saving.atomic import replacing
from ...version import __version__
from ..signature import Leaf, signature_of
from .graph import Graph, Unsupported, Value
from .operations import handler_of

_OPSETS = range(19, 24)  # AveragePool has dilations since 19
_IR_VERSION = 10  # IR version of the first runtimes that read the newest of these sets
_MOST_BYTES = 2**31 - 2**20  # protobuf's limit, less what isn't weights


def write(
    model: Model, filepath: str, input_signature: Sequence[Any] | None = None, opset_version: int | None = None
) -> None:
    """Writes a model for inference as an ONNX file.

    Args:
        model: The model.
        filepath: Path of the file.
        input_signature: See `Model.export`.
        opset_version: Version of ONNX's set of operations, 19 to 23; None for 20.

    Raises:
        ImportError: The package onnx isn't installed.
        ValueError: The model computes by an operation that ONNX lacks, or has more than 2 GB of weights.
    """
    try:
        onnx = importlib.import_module("onnx")
    except ImportError as error:
        raise ImportError("ONNX files are written with the package onnx: `pip install addax-keras[onnx]`.") from error
    opset = 20 if opset_version is None else opset_version
    if opset not in _OPSETS:
        raise ValueError(f"`opset_version` must be from {_OPSETS[0]} to {_OPSETS[-1]}. Received: {opset_version!r}")
    import_jax("jax.export")
    with _layers_named(model):
        signature = signature_of(model, input_signature, "onnx")
        program = jax.make_jaxpr(signature.function)(signature.weight_specs, signature.specs)
    graph, helper = Graph(onnx, handler_of), onnx.helper
    inputs: list[Leaf] = tree.flatten(signature.arguments)
    outputs: list[Leaf] = tree.flatten(signature.outputs)
    graph.layers = {layer.name for layer in model._flatten_layers()} - {model.name}
    graph.taken |= {x.name for x in [*inputs, *outputs]}
    weights = [np.asarray(v.value) for v in signature.variables]
    graph.weight_names = {id(w): name for w, name in zip(weights, signature.weight_names)}
    for leaf, spec in zip(inputs, signature.specs):
        for axis, size in enumerate(spec.shape):
            if type(size) is not int:
                graph.symbols.setdefault(str(size), (leaf.name, axis))
    try:
        found = graph.convert(program, [*(Value(None, w) for w in weights), *(Value(x.name) for x in inputs)])
    except Unsupported as error:
        raise ValueError(f"The model '{model.name}' can't be exported as onnx. {error}") from None
    for leaf, value in zip(outputs, found):
        graph.nodes.append(helper.make_node("Identity", [graph.name(value)], [leaf.name]))
    if sum(w.nbytes for w in graph.initializers.values()) > _MOST_BYTES:
        raise ValueError(f"The model '{model.name}' has more than 2 GB of weights, the most that one ONNX file holds.")
    made = helper.make_graph(
        graph.nodes,
        model.name,
        [_info(graph, x, s.shape) for x, s in zip(inputs, signature.specs)],
        [_info(graph, x, v.aval.shape) for x, v in zip(outputs, program.jaxpr.outvars)],
        [
            onnx.numpy_helper.from_array(np.ascontiguousarray(w).reshape(w.shape), n)
            for n, w in graph.initializers.items()
        ],
    )
    proto = helper.make_model(
        made,
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=_IR_VERSION,
        producer_name="addax",
        producer_version=__version__,
    )
    with replacing(filepath) as temporary, open(temporary, "wb") as file:
        file.write(proto.SerializeToString())


def _info(graph: Graph, leaf: Leaf, shape: Sequence[Any]) -> Any:
    sizes = [d if type(d) is int else str(d) if str(d) in graph.symbols else None for d in shape]
    return graph.onnx.helper.make_tensor_value_info(leaf.name, graph.type_of(leaf.dtype), sizes)


@contextmanager
def _layers_named(model: Model) -> Iterator[None]:
    """Gives the equations of each layer its name while the model is traced, for errors."""

    def named(layer: Any) -> Callable:
        call = layer.call

        @functools.wraps(call)
        def run(*args: Any, **kwargs: Any) -> Any:
            with jax.named_scope(layer.name):
                return call(*args, **kwargs)

        return run

    layers = [x for x in model._flatten_layers() if "call" not in vars(x) and x is not model]
    try:
        for layer in layers:
            vars(layer)["call"] = named(layer)
        yield
    finally:
        for layer in layers:
            vars(layer).pop("call", None)
