"""Layers that run on the host: they compute with NumPy arrays, of text too, before and beside compiled programs.

A class says `on_host = True`; its `call` then receives and returns NumPy arrays. In a model that is a graph, the layers
on the host that depend on the inputs alone run before the compiled program (`models/host_part.py`). Where another layer
computes their input, they are called from the program, which needs inputs and outputs that are numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import tree
from ..core.convert import to_tensor
from ..core.dtypes import standardize_dtype
from ..core.engine import is_forked, is_jax_array, is_tracer, jax
from ..core.errors import describe
from ..core.graph import Operation
from ..core.keras_tensor import KerasTensor
from ..core.types import ArrayLike, Tree
from ..core.variable import Variable

# The keys of a dict of values that a model's layers on the host have computed.
PREFIX = "host:"


def is_prepared(x: Tree) -> bool:
    """Tests whether `x` holds what the layers of a model that run on the host have computed for it.

    >>> is_prepared({"host:0": np.zeros(3)}), is_prepared({"x": np.zeros(3)})
    (True, False)
    """
    return isinstance(x, dict) and bool(x) and all(isinstance(k, str) and k.startswith(PREFIX) for k in x)


def is_text(x: Any) -> bool:
    """Tests whether `x` is a string, or an array that holds some."""
    if isinstance(x, (str, bytes)):
        return True
    dtype = getattr(x, "dtype", None)
    if isinstance(x, KerasTensor):
        return x.dtype == "string"
    if not isinstance(dtype, np.dtype):
        return False
    return dtype.kind in "US" or (dtype.kind == "O" and _first_is_text(x))


def holds_text(x: Tree) -> bool:
    """Tests whether a structure has text in it, in arrays or lists."""
    if isinstance(x, np.ndarray):
        return x.dtype.kind in "USO"
    if isinstance(x, dict):
        return any(map(holds_text, x.values()))
    if isinstance(x, (list, tuple)):
        return bool(x) and (holds_text(x[0]) or (not is_one_array(x) and any(map(holds_text, x[1:]))))
    return isinstance(x, (str, bytes))


def _first_is_text(x: np.ndarray) -> bool:
    """Tests whether an array of objects holds strings: by the first that is not None or NaN."""
    first = next((v for v in x.flat if v is not None and v == v), "")
    return isinstance(first, (str, bytes))


def host_array(x: ArrayLike) -> Any:
    """Returns `x` as a NumPy array; strings and lists of them as one of dtype object. None and symbolic values stay.

    Args:
        x: An array of NumPy, JAX or another library, a Variable, a number, a string, or nested lists of these.

    Raises:
        ValueError: It is a list of lists of different lengths.
    """
    if x is None or isinstance(x, KerasTensor) or is_tracer(x) or hasattr(x, "nse"):
        return x
    if isinstance(x, np.ndarray):
        return x
    if isinstance(x, Variable):
        return x.numpy()
    if hasattr(x, "detach"):  # a torch tensor
        return x.detach().cpu().numpy()
    if not is_jax_array(x) and callable(getattr(x, "numpy", None)):  # a tensor of another library
        return np.asarray(x.numpy())
    if isinstance(x, (list, tuple)):
        return _of_lists(x)
    return np.array(x, object) if isinstance(x, (str, bytes)) else np.asarray(x)


def _of_lists(x: list | tuple) -> np.ndarray:
    """Returns nested lists as an array, of dtype object where they begin with a string."""
    first: Any = x
    while isinstance(first, (list, tuple)) and first:
        first = first[0]
    try:
        array = np.array(x, object if isinstance(first, (str, bytes)) else None)
    except ValueError:
        array = None
    if array is None or (array.dtype == object and any(isinstance(e, (list, tuple)) for e in array.flat)):
        raise ValueError(
            "Can't convert non-rectangular Python sequence to an array: its rows differ in length. Received "
            f"{describe(x)}."
        )
    return array


def is_one_array(x: Tree) -> bool:
    """Tests whether nested lists stand for one array: their leaves are strings and numbers."""
    if isinstance(x, dict) or not isinstance(x, (list, tuple)):
        return False
    while isinstance(x, (list, tuple)):
        if not x:
            return True
        x = x[0]
    return isinstance(x, (str, bytes, bool, int, float, np.generic))


def host_inputs(x: Tree, several: bool = False) -> Any:
    """Returns inputs with NumPy arrays in place of what makes one; lists of strings or numbers are one array.

    Args:
        x: The inputs.
        several: Whether a list at the top is a list of inputs in any case.
    """
    if is_one_array(x) and not several:
        return host_array(x)
    if isinstance(x, dict):
        return {k: host_inputs(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return type(x)(map(host_inputs, x)) if not hasattr(x, "_fields") else type(x)(*map(host_inputs, x))
    return x if isinstance(x, (bool, type(None))) else host_array(x)


def compute(layer: Operation, args: tuple, kwargs: dict[str, Any]) -> Tree:
    """Calls a layer that runs on the host; returns NumPy arrays.

    Args:
        layer: The layer.
        args, kwargs: The arguments of its `call`, as `host_inputs` returns them. Those that JAX is tracing are
            fetched while the program runs.
    """
    if any(is_tracer(leaf) for leaf in tree.flatten((args, kwargs))):
        return _from_program(layer, args, kwargs)
    return tree.map_structure(host_array, layer.call(*args, **kwargs))


def tensors(outputs: Tree) -> Any:
    """Returns the outputs of a layer on the host as tensors.

    Text stays in NumPy arrays, and so do all outputs in processes that were forked, where JAX can't compute.
    """
    return tree.map_structure(_tensor, outputs)


def _tensor(x: Any) -> Any:
    return x if not isinstance(x, np.ndarray) or is_text(x) or is_forked() else to_tensor(x)


def _from_program(layer: Any, args: tuple, kwargs: dict[str, Any]) -> Tree:
    """Calls a layer on the host from a program that JAX is tracing."""
    specs = tree.map_structure(
        lambda x: KerasTensor(x.shape, standardize_dtype(x.dtype)) if hasattr(x, "shape") else x, (args, kwargs)
    )
    found = layer.compute_output_spec(*specs[0], **specs[1])
    if any(t.dtype == "string" for t in tree.flatten(found)):
        raise ValueError(
            f"Layer '{layer.path}' ({type(layer).__name__}) returns strings for what another layer computes, so that "
            "it would be a part of the compiled program, in which there are no strings. Apply it to the results of "
            "the model, or compile the model with `run_eagerly=True`."
        )
    shapes = tree.map_structure(
        lambda t: jax.ShapeDtypeStruct(t.shape, jax.dtypes.canonicalize_dtype(np.dtype(t.dtype))), found
    )
    frozen = layer._frozen()

    def run(*leaves: Any) -> Any:
        given_args, given_kwargs = tree.pack_sequence_as((args, kwargs), [_fetched(x) for x in leaves])
        out = frozen.call(*given_args, **given_kwargs)
        return tree.map_structure(lambda x, s: np.asarray(x).astype(s.dtype), out, shapes)

    return jax.pure_callback(run, shapes, *tree.flatten((args, kwargs)), vmap_method="sequential")


def _fetched(x: Any) -> Any:
    return np.asarray(x) if hasattr(x, "shape") else x
