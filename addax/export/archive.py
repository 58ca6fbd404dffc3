"""Archive of compiled functions, for serving without the model's code."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable, Sequence
from typing import Any

from ..core import tree
from ..core.engine import import_jax, jax
from ..core.errors import did_you_mean
from ..core.reading import read_json
from ..core.types import Tree
from ..core.variable import Variable
from ..layers.layer import Layer
from ..models import Model
from . import saved_model
from .signature import input_signature_of, need_flatbuffers, refuse_text, symbolic_specs

FORMATS = ("jax", "saved_model")
_INDEX = "endpoints.json"


class ExportArchive:
    """Archive of functions of models, with their weights, that run without the models' code.

    The format "jax" is a folder of `jax.export`'s files (StableHLO), one for each endpoint, and needs nothing but JAX,
    on CPU, GPU and TPU alike; `keras.export.load` reads it. TensorFlow's "saved_model", Keras's default, needs
    TensorFlow.

    Args:
        format: "jax" or "saved_model".
        **kwargs: `platforms`, a list of the platforms to compile for ("cpu", "cuda", "rocm", "tpu").

    Raises:
        ImportError: The format needs a package that isn't installed.
        ValueError: The format is unknown.

    >>> import tempfile; path = tempfile.mkdtemp()
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    >>> archive = keras.export.ExportArchive(format="jax")
    >>> archive.track_and_add_endpoint("serve", model, [keras.InputSpec(shape=(None, 3))])
    >>> archive.write_out(path, verbose=False)
    >>> keras.export.load(path).serve(np.ones((4, 3), "float32")).shape
    (4, 2)
    """

    def __init__(self, format: str = "saved_model", **kwargs: Any):
        if format not in FORMATS:
            raise ValueError(f"Unknown export format: {format!r}. {did_you_mean(format, FORMATS)}")
        if format == "saved_model":
            saved_model.need_tensorflow()
        need_flatbuffers()
        self.format = format
        self.platforms = list(kwargs.get("platforms") or ("cpu", "cuda", "rocm", "tpu"))
        self._tracked: list[Any] = []
        self._collections: dict[str, list[Variable]] = {}
        self._endpoints: dict[str, tuple[Callable, list]] = {}

    def track(self, resource: Layer) -> None:
        """Adds a layer or model whose variables the endpoints use.

        Args:
            resource: The layer, built.

        Raises:
            ValueError: It is no layer, or isn't built.
        """
        if not isinstance(resource, Layer):
            raise ValueError(f"Invalid resource type. Expected an instance of a Keras `Layer`. Received: {resource!r}")
        if not resource.built:
            raise ValueError(
                f"The layer provided has not yet been built. It must be built before export. Received: {resource!r}"
            )
        self._tracked.append(resource)

    def add_variable_collection(self, name: str, variables: Sequence[Variable]) -> None:
        """Names some of the variables, for readers of the archive.

        Args:
            name: Name of the collection.
            variables: The variables.
        """
        self._collections[name] = list(variables)

    def add_endpoint(
        self, name: str, fn: Callable, input_signature: Sequence[Any] | None = None, **kwargs: Any
    ) -> None:
        """Adds a function.

        Args:
            name: Name of the endpoint.
            fn: Function of arrays, which may read variables.
            input_signature: For each argument an `InputSpec`, a KerasTensor, an array, or a structure of them; sizes
                that are None may vary.
            **kwargs: Ignored, as they are other formats' options.

        Raises:
            ValueError: The name is taken, or there is no signature.
        """
        if name in self._endpoints:
            raise ValueError(f"Endpoint name '{name}' is already taken.")
        if input_signature is None:
            raise ValueError(f"Endpoint '{name}' needs an `input_signature`, the specs of its arguments.")
        if not callable(fn):
            raise ValueError(f"`fn` of endpoint '{name}' must be a function. Received: {fn!r}")
        self._endpoints[name] = fn, list(input_signature)

    def track_and_add_endpoint(self, name: str, resource: Layer, input_signature: Sequence[Any], **kwargs: Any) -> None:
        """Adds a layer, and its call for inference as an endpoint.

        Args:
            name: Name of the endpoint.
            resource: The layer or model, built.
            input_signature: As in `add_endpoint`.
            **kwargs: Ignored.
        """
        self.track(resource)

        def call(*inputs: Tree) -> Any:
            return resource(*inputs, training=False)

        self.add_endpoint(name, call, input_signature, **kwargs)

    def write_out(self, filepath: str | os.PathLike, options: Any = None, verbose: bool = True) -> None:
        """Writes the endpoints.

        Args:
            filepath: Folder to write to.
            options: Ignored; for compatibility with Keras.
            verbose: Whether to print what was written.

        Raises:
            ValueError: There are no endpoints.
        """
        if not self._endpoints:
            raise ValueError("No endpoints have been set yet. Call add_endpoint().")
        folder = os.fspath(filepath)
        endpoints = {name: (fn, _specs(signature)) for name, (fn, signature) in self._endpoints.items()}
        if self.format == "jax":
            self._write_programs(folder, endpoints)
        else:
            variables = list({id(v): v for resource in self._tracked for v in resource.variables}.values())
            saved_model.write(folder, endpoints, variables, self._collections, self.platforms)
        if verbose:
            print(f"Saved artifact at '{folder}'.\n\nEndpoints: {', '.join(self._endpoints)}")

    def _write_programs(self, folder: str, endpoints: dict[str, tuple[Callable, list[Any]]]) -> None:
        os.makedirs(folder, exist_ok=True)
        export = import_jax("jax.export")
        for name, (fn, specs) in endpoints.items():
            exported = export.export(jax.jit(fn), platforms=self.platforms)(*specs)
            with open(os.path.join(folder, f"{name}.jax_export"), "wb") as file:
                file.write(exported.serialize())
        index = {
            "format": "jax",
            "endpoints": list(endpoints),
            "variables": {name: [v.path for v in group] for name, group in self._collections.items()},
        }
        with open(os.path.join(folder, _INDEX), "w") as file:
            json.dump(index, file, indent=2)


def _specs(signature: Sequence[Any]) -> list:
    """Returns JAX's specs of arguments; unknown first axes share one symbol, other unknown sizes have their own."""
    leaves = [(x.shape if x.shape is not None else (None,) * x.ndim, x.dtype) for x in tree.flatten(list(signature))]
    return tree.pack_sequence_as(list(signature), symbolic_specs(leaves))


class Exported:
    """Endpoints of an archive that `ExportArchive` wrote, as methods.

    Args:
        filepath: The folder.

    Raises:
        ValueError: The folder holds no archive.
    """

    def __init__(self, filepath: str | os.PathLike):
        self.filepath = os.fspath(filepath)
        path = os.path.join(self.filepath, _INDEX)
        if not os.path.exists(path):
            raise ValueError(f"There is no archive of `ExportArchive(format='jax')` at '{self.filepath}'.")
        with open(path, "rb") as file:
            self.endpoints: list[str] = read_json(file.read(), f"the file {path}")["endpoints"]
        self._functions: dict[str, Callable] = {}

    def __getattr__(self, name: str) -> Callable:
        if name.startswith("_") or name not in self.endpoints:
            raise AttributeError(f"The archive has no endpoint '{name}'. {did_you_mean(name, self.endpoints)}")
        if name not in self._functions:
            with open(os.path.join(self.filepath, f"{os.path.basename(name)}.jax_export"), "rb") as file:
                exported = import_jax("jax.export").deserialize(bytearray(file.read()))
            self._functions[name] = jax.jit(exported.call)
        return self._functions[name]


def load(filepath: str | os.PathLike) -> Exported:
    """Reads an archive of the format "jax".

    Args:
        filepath: The folder.

    Returns:
        An object with a method for each endpoint, which takes and returns arrays.

    Raises:
        ValueError: The folder holds no archive.
    """
    return Exported(filepath)


_ELSEWHERE = {
    "openvino": "Export 'onnx', which OpenVINO reads: `openvino.convert_model('model.onnx')`.",
    "litert": "LiteRT's converters read SavedModels; TensorFlow makes one of a program in the format 'stablehlo'.",
    "torch": "PyTorch reads neither; export 'onnx' to run the model beside it with onnxruntime.",
}


def export_model(
    model: Model,
    filepath: str | os.PathLike,
    format: str = "tf_saved_model",
    verbose: bool | None = None,
    input_signature: Sequence[Any] | None = None,
    **kwargs: Any,
) -> None:
    """Writes a model for inference; see `Model.export`."""
    known = ("tf_saved_model", "onnx", "stablehlo", "jax")
    if format in _ELSEWHERE:
        raise ValueError(f"format={format!r} isn't available. Supported formats are: {known}. {_ELSEWHERE[format]}")
    if format not in known:
        raise ValueError(
            f"Unrecognized format={format}. Supported formats are: {list(known)}. {did_you_mean(format, known)}"
        )
    if format in ("tf_saved_model", "jax"):
        archive = ExportArchive("saved_model" if format == "tf_saved_model" else format, **kwargs)
        refuse_text(model, input_signature_of(model, input_signature), format)
        archive.track_and_add_endpoint("serve", model, input_signature_of(model, input_signature))
        archive.write_out(filepath, verbose=verbose is not False)
        return
    writer, options = _WRITERS[format]
    wrong = sorted(set(kwargs) - set(options))
    if wrong:
        raise ValueError(f"Unknown options for format={format!r}: {wrong}. {did_you_mean(wrong[0], options)}")
    path = os.fspath(filepath)
    importlib.import_module(writer, __package__).write(model, path, input_signature, **kwargs)
    if verbose is not False:
        print(f"Saved artifact at '{path}'.")


# Module and options of the formats of models; the modules are imported when they are needed.
_WRITERS = {"stablehlo": (".stablehlo", ("platforms",)), "onnx": (".onnx", ("opset_version",))}


__all__ = ["ExportArchive", "Exported", "export_model", "load"]
