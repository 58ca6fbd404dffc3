"""Matching of the arguments of a functional model with its inputs."""

from __future__ import annotations

from typing import Any

from ..core import tree
from ..core.dtypes import numpy_dtype
from ..core.engine import jax
from ..core.errors import describe
from ..core.graph import node_key
from ..core.keras_tensor import KerasTensor
from ..core.masks import get_mask, set_mask
from ..core.op import Tensor
from ..core.types import Tree
from ..core.warnings import warn
from ..layers.host import is_text
from ..layers.input_spec import InputSpec, pair_inputs
from .graph import Graph


def feed(graph: Graph, inputs: Tree, model: str, on_host: bool = False) -> list:
    """Returns one value for each input of the graph, in order and in the input's dtype.

    A last axis of size 1 is added or removed if the rank of a value differs from its input's by one.

    Args:
        graph: The graph.
        inputs: Arrays or KerasTensors in the structure of the inputs, or in one that can be matched to it.
        model: Name of the model, for errors.
        on_host: Whether the values are NumPy arrays, and stay that: of text, and of 64-bit integers.

    Raises:
        ValueError: An input is missing or surplus, or has another shape.
    """
    names = input_names(graph)
    values = pair_inputs(names, inputs, model)
    _check_structure(names, inputs)
    paths = [path for path, _ in tree.flatten_with_path(graph.input_structure)]
    fed = []
    for path, value, tensor in zip(paths, values, graph.inputs):
        fitted = _fit_rank(value, tensor, path, model)
        ready = _on_host(fitted, tensor, model) if on_host else _in_dtype(fitted, tensor)
        if ready is not value and (mask := get_mask(value)) is not None:
            set_mask(ready, mask)
        fed.append(ready)
    return fed


def input_names(graph: Graph) -> Any:
    """Returns the names of the inputs, in their structure."""
    return tree.map_structure(lambda t: node_key(t).operation.name, graph.input_structure)


def input_specs(graph: Graph) -> Any:
    """Returns the `InputSpec` of each input: a dict if the inputs are one, else a list."""
    specs = []
    for t in graph.inputs:
        operation = node_key(t).operation
        specs.append(
            InputSpec(
                shape=(None, *t.shape[1:]),
                allow_last_axis_squeeze=True,
                name=operation.name,
                optional=getattr(operation, "optional", False),
            )
        )
    structure = graph.input_structure
    return tree.pack_sequence_as(structure, specs) if isinstance(structure, dict) else specs


def check_dict_names(inputs: Tree) -> None:
    """Warns about inputs in a dict whose keys are not their names."""
    if isinstance(inputs, dict):
        for key, tensor in inputs.items():
            if isinstance(tensor, KerasTensor) and tensor.name != key:
                warn(
                    "When providing `inputs` as a dict, all keys in the dict must match the names of the "
                    f"corresponding tensors. Received key '{key}' mapping to value {tensor} which has name "
                    f"'{tensor.name}'. Change the tensor name to '{key}' (via `Input(..., name='{key}')`)"
                )


def _check_structure(names: Tree, inputs: Tree) -> None:
    """Warns if the values, though they could be matched, are nested differently from the inputs."""
    if isinstance(inputs, dict) and not isinstance(names, dict):
        found: Any = [inputs[name] for name in tree.flatten(names)]
    else:
        found = inputs
    if [path for path, _ in tree.flatten_with_path(names)] != [path for path, _ in tree.flatten_with_path(found)]:
        received = tree.map_structure(_shown, found)
        warn(
            "The structure of `inputs` doesn't match the expected structure.\n"
            f"Expected: {names}\nReceived: inputs={received}"
        )


def _shown(x: Tensor) -> str:
    return f"Tensor(shape={tuple(x.shape)})" if hasattr(x, "shape") else describe(x)


def _fit_rank(x: Tensor | None, tensor: KerasTensor, path: tuple, model: str) -> Any:
    if x is None:
        return x
    rank, expected = len(x.shape), len(tensor.shape)
    if rank == expected:
        return x
    if rank == expected + 1 and x.shape[-1] == 1:
        return x.squeeze(-1)
    if rank == expected - 1 and tensor.shape[-1] == 1:
        return x[..., None] if not isinstance(x, KerasTensor) else x.reshape((*_known(x.shape), 1))
    raise ValueError(
        f"Invalid input shape for input {_shown(x)} with name '{node_key(tensor).operation.name}' and path "
        f"'{'.'.join(map(str, path))}'. Expected shape {tensor.shape}, but input has incompatible shape "
        f"{tuple(x.shape)} (model '{model}')"
    )


def _in_dtype(x: Tensor | None, tensor: KerasTensor) -> Any:
    if x is None or isinstance(x, KerasTensor) or tensor.dtype == "string":
        return x
    dtype = jax.dtypes.canonicalize_dtype(numpy_dtype(tensor.dtype))
    return x if x.dtype == dtype else x.astype(dtype)


def _on_host(x: Any, tensor: KerasTensor, model: str) -> Any:
    """Returns a NumPy array in the dtype of the input that it is for.

    Raises:
        ValueError: It is text and the input isn't, or the other way round.
    """
    if x is None or is_text(x) != (tensor.dtype == "string"):
        if x is None:
            return x
        expected = "strings" if tensor.dtype == "string" else f"numbers (dtype {tensor.dtype})"
        raise ValueError(
            f"Input '{node_key(tensor).operation.name}' of model '{model}' takes {expected}. Received: {describe(x)}."
        )
    if tensor.dtype == "string" or x.dtype == numpy_dtype(tensor.dtype):
        return x
    return x.astype(numpy_dtype(tensor.dtype))


def _known(shape: tuple) -> tuple:
    return tuple(-1 if d is None else d for d in shape)
