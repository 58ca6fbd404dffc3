"""SavedModels of TensorFlow, made by `jax.experimental.jax2tf`: programs in StableHLO that TensorFlow runs."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..core import tree
from ..core.engine import import_jax
from ..core.state import StateScope
from ..core.variable import Variable


def need_tensorflow() -> Any:
    """Returns TensorFlow.

    Raises:
        ImportError: It isn't installed.
    """
    try:
        return importlib.import_module("tensorflow")
    except ImportError as error:
        raise ImportError(
            "A SavedModel needs TensorFlow, which isn't installed. `model.export(path, format='stablehlo')` needs JAX "
            "alone and is read by `keras.load_exported`; format='onnx' is read by onnxruntime; archives of several "
            "endpoints are written with `format='jax'` and read by `keras.export.load`."
        ) from error


def write(
    folder: str,
    endpoints: Mapping[str, tuple[Callable, list[Any]]],
    variables: Sequence[Variable],
    collections: Mapping[str, list[Variable]],
    platforms: Sequence[str],
) -> None:
    """Writes functions as the attributes of a SavedModel; the first is its default signature, too.

    Args:
        folder: Folder to write to.
        endpoints: Name -> function of arrays, and structures of JAX's specs of its arguments.
        variables: The variables that the functions may read. They are variables of the SavedModel.
        collections: Name -> variables that readers of the SavedModel find under it.
        platforms: Platforms to compile for: "cpu", "cuda", "rocm", "tpu".
    """
    tf = need_tensorflow()
    jax2tf = import_jax("jax.experimental.jax2tf")
    module = tf.Module()
    everything = [*variables, *(v for group in collections.values() for v in group)]
    stored = {id(v): tf.Variable(v.numpy(), trainable=v.trainable, name=v.path) for v in everything}
    module.weights = [stored[id(v)] for v in variables]
    for name, group in collections.items():
        setattr(module, name, [stored[id(v)] for v in group])

    def converted(fn: Callable, specs: list[Any]) -> Any:
        def pure(values: list[Any], *args: Any) -> Any:
            with StateScope(zip(variables, values)):
                return fn(*args)

        shapes = tree.map_structure(lambda s: f"({', '.join(map(str, s.shape))})", specs)
        run = jax2tf.convert(
            pure, polymorphic_shapes=[None, *shapes], with_gradient=False, native_serialization_platforms=platforms
        )
        signature = tree.map_structure(_tensor_spec, specs)
        return tf.function(lambda *args: run(module.weights, *args), input_signature=signature, autograph=False)

    def _tensor_spec(spec: Any) -> Any:
        return tf.TensorSpec([n if isinstance(n, int) else None for n in spec.shape], spec.dtype)

    functions = {name: converted(fn, specs) for name, (fn, specs) in endpoints.items()}
    for name, function in functions.items():
        setattr(module, name, function)
    tf.saved_model.save(module, folder, signatures={"serving_default": _named(tf, next(iter(functions.values())))})


def _named(tf: Any, function: Any) -> Any:
    """Returns a function whose outputs have names, as signatures need: those of a dict, or `output_0` and so on."""

    def call(*args: Any) -> Any:
        found = function(*args)
        return found if isinstance(found, dict) else {f"output_{i}": x for i, x in enumerate(tree.flatten(found))}

    return tf.function(call, input_signature=function.input_signature, autograph=False)


__all__ = ["need_tensorflow", "write"]
