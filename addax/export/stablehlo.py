"""The format "stablehlo": a program of `jax.export` beside its weights, with names, shapes and structures as JSON."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core import tree
from ..core.dtypes import numpy_dtype, standardize_dtype
from ..core.engine import import_jax, jax
from ..core.errors import describe
from ..core.reading import read_json
from ..core.types import Array, Tree
from ..layers.input_spec import InputSpec
from ..models import Model
from ..saving import safetensors
from ..saving.atomic import replacing, replacing_folder
from ..version import __version__
from .signature import Leaf, need_flatbuffers, signature_of

MANIFEST, PROGRAM, WEIGHTS = "manifest.json", "program.jax_export", "weights.safetensors"
PLATFORMS = ("cpu", "cuda", "rocm", "tpu")
_VERSION = 1
_MAX_MANIFEST = 10_000_000  # bytes
# XLA's own functions that programs of models call. Any other could be a callback, an address in the process.
_SAFE_CALLS = re.compile(
    r"Sharding|SPMD\w+|annotate_device_placement|shape_assertion|Qr|ProductOfElementaryHouseholderReflectors|Eigh|"
    r"LuDecomposition|ApproxTopK|stablehlo\.\w+|tf\.\w+|mhlo\.\w+|chlo\.\w+|cu_threefry2x32\w*|hip_threefry2x32\w*|"
    r"lu_pivots_to_permutation|(lapack|cusolver|hipsolver|cublas|hipblas|cu_lu|hip_lu)_\w+|"
    r"ducc_fft\w*|dynamic_ducc_fft|__cudnn\$\w+|__gpu\$\w+"
)


def write(
    model: Model,
    filepath: str,
    input_signature: Sequence[Any] | None = None,
    platforms: Sequence[str] | None = None,
) -> None:
    """Writes a model's program for inference and its weights.

    Args:
        model: The model.
        filepath: Path of the file; of the folder, if the name has no extension.
        input_signature: See `Model.export`.
        platforms: Platforms to compile for, of "cpu", "cuda", "rocm" and "tpu"; None for all.

    Raises:
        ValueError: The program can't be exported.
    """
    need_flatbuffers()
    platforms = list(platforms or PLATFORMS)
    signature = signature_of(model, input_signature, "stablehlo")
    export = import_jax("jax.export")
    try:
        exported = export.export(jax.jit(signature.function), platforms=platforms)(
            signature.weight_specs, signature.specs
        )
        program = bytes(exported.serialize())
    except Exception as error:
        raise ValueError(
            f"The model '{model.name}' can't be exported as stablehlo for {platforms}: {type(error).__name__}: "
            f"{str(error)[:500]}"
        ) from error
    manifest = {
        "format": "addax.stablehlo",
        "version": _VERSION,
        "addax_version": __version__,
        "name": model.name,
        "platforms": platforms,
        "program_sha256": hashlib.sha256(program).hexdigest(),  # XLA's parser would abort the process on damaged bytes
        "arguments": _to_json(signature.arguments),
        "outputs": _to_json(signature.outputs),
        "weights": signature.weight_names,
    }

    def fill(folder: str) -> None:
        with open(os.path.join(folder, MANIFEST), "w", encoding="utf-8") as text:
            json.dump(manifest, text)
        with open(os.path.join(folder, PROGRAM), "wb") as file:
            file.write(program)
        writer = safetensors.Writer(os.path.join(folder, WEIGHTS))
        for name, variable in zip(signature.weight_names, signature.variables):
            writer.tensors[name] = np.asarray(variable.value)
        writer.close()

    if not os.path.splitext(filepath)[1]:
        with replacing_folder(filepath) as folder:
            fill(folder)
        return
    with replacing(filepath) as temporary, tempfile.TemporaryDirectory() as folder:
        fill(folder)
        with zipfile.ZipFile(temporary, "w") as archive:
            for name in (MANIFEST, PROGRAM, WEIGHTS):
                archive.write(os.path.join(folder, name), name)


def _to_json(structure: Tree) -> Any:
    """Describes a structure of `Leaf` as JSON, with the kinds of its containers."""
    if isinstance(structure, Leaf):
        return {"name": structure.name, "shape": list(structure.shape), "dtype": structure.dtype}
    if isinstance(structure, dict):
        if not all(isinstance(key, str) for key in structure):
            raise ValueError(f"Keys of inputs and outputs must be strings to export them. Received: {list(structure)}")
        return {"dict": {key: _to_json(value) for key, value in structure.items()}}
    if isinstance(structure, (list, tuple)):
        return {"list" if isinstance(structure, list) else "tuple": [_to_json(value) for value in structure]}
    raise ValueError(f"A structure of inputs or outputs with {describe(structure)} can't be exported.")


def _from_json(value: Any) -> Tree:
    match value:
        case {"dict": dict(inner), **rest} if not rest:
            return {key: _from_json(x) for key, x in inner.items()}
        case {"list": list(inner), **rest} if not rest:
            return [_from_json(x) for x in inner]
        case {"tuple": list(inner), **rest} if not rest:
            return tuple(_from_json(x) for x in inner)
        case {"name": str(name), "shape": list(shape), "dtype": str(dtype), **rest} if not rest:
            if all(map(_is_size, shape)):
                return Leaf(name, tuple(shape), standardize_dtype(dtype))
    raise ValueError(f"{MANIFEST} holds no description of an array: {str(value)[:200]}")


def _is_size(d: Any) -> bool:
    return d is None or (type(d) is int and d >= 0)


class ExportedModel:
    """A model that `Model.export(format="stablehlo")` wrote, as a function. It needs none of the model's Python code.

    Args:
        filepath: Path of the file or folder.

    Attributes:
        name: Name of the model.
        input_spec: For each argument a structure of `InputSpec`.
        output_spec: The structure of `InputSpec` of the outputs.
        platforms: The platforms that the program is compiled for.

    Raises:
        ValueError: The file holds no exported model, is damaged, or calls functions outside of XLA.
    """

    def __init__(self, filepath: str | os.PathLike):
        path = os.fspath(filepath)
        with _opened(path) as folder:
            try:
                self._read(folder)
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise ValueError(f"{path} can't be read as an exported model: {error}") from error

    def _read(self, folder: str) -> None:
        manifest = _manifest(os.path.join(folder, MANIFEST))
        self.name: str = manifest["name"]
        self._arguments: list[Tree] = [_from_json(x) for x in manifest["arguments"]["list"]]
        self._outputs = _from_json(manifest["outputs"])
        self.input_spec = [tree.map_structure(_spec, x) for x in self._arguments]
        self.output_spec = tree.map_structure(_spec, self._outputs)
        with open(os.path.join(folder, PROGRAM), "rb") as file:
            program = file.read()
        if hashlib.sha256(program).hexdigest() != manifest.get("program_sha256"):
            raise ValueError(f"{PROGRAM} is damaged: its SHA-256 isn't the one in {MANIFEST}.")
        exported = _deserialized(program)
        self.platforms = tuple(exported.platforms)
        names: list[str] = manifest["weights"]
        self._check(exported, len(names))
        with safetensors.Reader(os.path.join(folder, WEIGHTS)) as reader:
            for name, aval in zip(names, exported.in_avals):
                _check_weight(name, reader.header.get(name), aval)
            self._weights = [jax.numpy.asarray(reader.read(name)) for name in names]
        self._call = jax.jit(exported.call)

    def _check(self, exported: Any, weights: int) -> None:
        """Checks that the program takes and returns what the manifest says."""
        inputs, outputs = tree.flatten(self._arguments), tree.flatten(self._outputs)
        taken, returned = exported.in_avals[weights:], exported.out_avals
        if len(exported.in_avals) != weights + len(inputs) or len(returned) != len(outputs):
            raise ValueError(f"{PROGRAM} takes or returns other numbers of arrays than {MANIFEST} says.")
        for leaf, aval in zip([*inputs, *outputs], [*taken, *returned]):
            shape = tuple(d if type(d) is int else None for d in aval.shape)
            if shape != leaf.shape or str(aval.dtype) != leaf.dtype:
                raise ValueError(f"{PROGRAM} has shape {shape} and dtype {aval.dtype} for {leaf}.")

    def __call__(self, *args: Tree) -> Any:
        """Computes the outputs.

        Args:
            *args: The arguments, of the structure of `input_spec`: arrays.

        Returns:
            Arrays, in the structure of `output_spec`.

        Raises:
            ValueError: The arguments don't fit `input_spec`.
        """
        if len(args) != len(self._arguments):
            raise ValueError(f"'{self.name}' takes {len(self._arguments)} arguments. Received: {len(args)}")
        try:
            tree.assert_same_structure(self._arguments, list(args))
        except ValueError as error:
            raise ValueError(f"The inputs don't fit those of '{self.name}', {self.input_spec}: {error}") from error
        leaves: list[Leaf] = tree.flatten(self._arguments)
        inputs = [_fitted(x, leaf, self.name) for x, leaf in zip(tree.flatten(list(args)), leaves)]
        return tree.pack_sequence_as(self._outputs, list(self._call(self._weights, inputs)))


def load_exported(filepath: str | os.PathLike) -> ExportedModel:
    """Loads a model that `Model.export(format="stablehlo")` wrote.

    Args:
        filepath: Path of the file or folder.

    Returns:
        A function of the model's inputs, with `input_spec` and `output_spec`. It runs without the model's Python code.

    Raises:
        ValueError: The file holds no exported model, is damaged, or calls functions outside of XLA.

    >>> import tempfile; path = tempfile.mkdtemp() + "/model.stablehlo"
    >>> keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).export(path, format="stablehlo", verbose=False)
    >>> keras.load_exported(path)(np.ones((4, 3), "float32")).shape
    (4, 2)
    """
    return ExportedModel(filepath)


def _spec(leaf: Leaf) -> InputSpec:
    return InputSpec(shape=leaf.shape, dtype=leaf.dtype, name=leaf.name)


def _fitted(x: Any, leaf: Leaf, model: str) -> Array:
    value = x if hasattr(x, "dtype") and hasattr(x, "shape") else np.asarray(x)
    shape, dtype = tuple(value.shape), numpy_dtype(leaf.dtype)
    fits = len(shape) == len(leaf.shape) and all(d in (None, n) for d, n in zip(leaf.shape, shape))
    known = np.dtype(value.dtype) if value.dtype != "string" else np.dtype(object)
    if not fits or not (known == dtype or jax.numpy.can_cast(known, dtype, "same_kind")):
        raise ValueError(f"'{model}' expects {leaf}. Received: {describe(value)}")
    return jax.numpy.asarray(value, dtype)


@contextmanager
def _opened(path: str) -> Iterator[str]:
    """Yields the folder with the three files of an exported model, unpacked if it is an archive."""
    expected = {MANIFEST, PROGRAM, WEIGHTS}
    if os.path.isdir(path):
        for name in expected:
            member = os.path.join(path, name)
            if os.path.islink(member) or not os.path.isfile(member):
                raise ValueError(f"{path} is no exported model: it has no file '{name}'.")
        yield path
        return
    if not os.path.exists(path):
        raise ValueError(f"File not found: {path}")
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise ValueError(f"{path} is no exported model: it is no zip archive. ({error})") from error
    with archive, tempfile.TemporaryDirectory() as folder:
        members = archive.infolist()
        names = [m.filename for m in members]
        if sorted(names) != sorted(expected):
            raise ValueError(f"{path} is no exported model: it must hold {sorted(expected)}. It has {names[:10]}.")
        stored = all(m.compress_type == zipfile.ZIP_STORED and not m.flag_bits & 1 for m in members)
        if not stored or sum(m.file_size for m in members) > os.path.getsize(path):
            raise ValueError(f"{path} is no exported model: its members must be stored as they are.")
        try:
            for name in names:
                with archive.open(name) as source, open(os.path.join(folder, name), "wb") as out:
                    shutil.copyfileobj(source, out, 1 << 20)
        except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
            raise ValueError(f"{path} is damaged at '{name}': {error}") from error
        yield folder


def _manifest(path: str) -> dict[str, Any]:
    if os.path.getsize(path) > _MAX_MANIFEST:
        raise ValueError(f"{MANIFEST} has {os.path.getsize(path)} bytes, more than {_MAX_MANIFEST}.")
    with open(path, "rb") as file:
        found = read_json(file.read(), f"`{MANIFEST}`")
    if not isinstance(found, dict) or found.get("format") != "addax.stablehlo":
        raise ValueError(f"{MANIFEST} doesn't describe an exported model.")
    if found.get("version") != _VERSION:
        raise ValueError(f"{MANIFEST} has version {found.get('version')!r}; this version of addax reads {_VERSION}.")
    weights, arguments = found.get("weights"), found.get("arguments")
    texts = isinstance(weights, list) and all(isinstance(x, str) for x in weights)
    listed = isinstance(arguments, dict) and isinstance(arguments.get("list"), list)
    if not texts or not listed or not isinstance(found.get("name"), str):
        raise ValueError(f"{MANIFEST} lacks the name, the arguments or the names of the weights.")
    return found


def _deserialized(content: bytes) -> Any:
    """Reads a program, and refuses it if it calls anything but XLA's own functions."""
    need_flatbuffers()
    try:
        exported = import_jax("jax.export").deserialize(bytearray(content))
        text = exported.mlir_module()
    except Exception as error:  # the reader checks nothing, so any error may come from it
        raise ValueError(
            f"{PROGRAM} is no program of this or an older version of JAX, or is damaged: {error}"
        ) from None
    names = re.findall(r"custom_call @\"?([^\"(\s]+)", text)
    names += re.findall(r"call_target_name = \"([^\"]*)\"", text)
    unsafe = sorted({name for name in names if not _SAFE_CALLS.fullmatch(name)})
    if unsafe or len(re.findall(r"custom_call\b", text)) > len(names):
        raise ValueError(f"{PROGRAM} calls functions outside of XLA: {unsafe[:5]}.")
    return exported


def _check_weight(name: str, entry: dict[str, Any] | None, aval: Any) -> None:
    if entry is None:
        raise ValueError(f"{WEIGHTS} has no tensor '{name}'.")
    dtype = safetensors.DTYPES[entry["dtype"]]
    if tuple(entry["shape"]) != tuple(aval.shape) or dtype != str(aval.dtype):
        raise ValueError(
            f"{WEIGHTS} has shape {entry['shape']} and dtype {dtype} for '{name}'; the program takes {aval.shape} and "
            f"{aval.dtype}."
        )


__all__ = ["ExportedModel", "load_exported", "write"]
