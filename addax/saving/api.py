"""Saving and loading of models and weights, for `keras.saving` and the methods of `Model`."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Sequence
from typing import Any, BinaryIO, TypeGuard

from ..core.disk import sync
from ..core.errors import describe
from ..core.reading import DamagedError, reading
from ..core.warnings import warn
from ..layers.layer import Layer
from ..optimizers import Optimizer
from . import archive, legacy, orbax, remote, safetensors, weights
from .atomic import claim, remove, replacing
from .formats import kind_of
from .hdf5 import Library, Reader, ShardedWriter, Writer, open_h5, shard_name, shards_of
from .loadable import loadable_config

PathLike = str | os.PathLike

_LEGACY = (".h5", ".hdf5")


def save_model(
    model: Layer, filepath: PathLike | BinaryIO, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any
) -> None:
    """Saves config, weights, and the arguments of `compile`, as a `.keras` file that Keras can read, or an `.h5` file.

    An existing file is replaced only at the end: after an error it is unchanged.

    Args:
        model: The model.
        filepath: Path that ends in `.keras`, or in `.h5` for the legacy format; a URL where fsspec is installed; or a
            binary file open for writing.
        overwrite: Whether to replace an existing file without asking on the terminal.
        zipped: Whether to save a zip archive (default) or a folder, whose path must not end in `.keras`.
        **kwargs: `include_optimizer=False` leaves out the optimizer and the other arguments of `compile`.

    Raises:
        ValueError: Wrong extension or argument, or a layer whose config its class could not be made from.
        FileNotFoundError: The folder of `filepath` does not exist.
        FileExistsError: The file exists, and there is no terminal to ask on.

    >>> import tempfile; path = tempfile.mkdtemp() + "/model.keras"
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> save_model(model, path)
    >>> x = np.ones((1, 2))
    >>> bool((load_model(path)(x) == model(x)).all())
    True
    """
    include_optimizer = kwargs.pop("include_optimizer", True)
    if "save_format" in kwargs:
        if _is_path(filepath) and not os.fspath(filepath).endswith((".keras", *_LEGACY)):  # type: ignore[arg-type]
            raise ValueError(
                "The `save_format` argument is deprecated in Keras 3. Please remove this argument and pass a file path "
                f"with a `.keras` extension. Received: save_format={kwargs['save_format']}, filepath={filepath}"
            )
        warn(
            "The `save_format` argument is deprecated in Keras 3. We recommend removing this argument as it can be "
            f"inferred from the file path. Received: save_format={kwargs.pop('save_format')}"
        )
    if kwargs:
        raise ValueError(f"The following argument(s) are not supported: {list(kwargs)}")
    if not isinstance(model, Layer):
        raise ValueError(f"`save_model` takes a model as its first argument. Received: {describe(model)}")
    if _is_path(filepath):
        filepath = os.fspath(filepath)  # type: ignore[arg-type]
        if zipped is None:
            zipped = True
        if not zipped and filepath.endswith(".keras"):
            raise ValueError(
                "When using `zipped=False`, the `filepath` argument should not end in `.keras`. "
                f"Received: filepath={filepath}"
            )
        if zipped and not filepath.endswith((".keras", *_LEGACY)):
            raise ValueError(
                "Invalid filepath extension for saving. Please add a `.keras` extension for the native Keras format, "
                f"or a `.h5` extension for the legacy one. Received: filepath={filepath}."
            )
        if not _may_write(filepath, overwrite):
            return
    elif not hasattr(filepath, "write"):
        raise ValueError(f"`filepath` must be a path or a binary file. Received: {describe(filepath)}")
    if not model.built:
        warn(
            "You are saving a model that has not yet been built. It might not contain any weights yet. Consider "
            "building the model first by calling it on some data."
        )
    if isinstance(filepath, str) and remote.is_url(filepath):
        with remote.uploaded(filepath) as local:
            _write_model(model, local, zipped is not False, include_optimizer)
    else:
        _write_model(model, filepath, zipped is not False, include_optimizer)  # type: ignore[arg-type]


def _write_model(model: Layer, file: str | BinaryIO, zipped: bool, include_optimizer: bool) -> None:
    config = loadable_config(model)
    if isinstance(file, str) and file.endswith(_LEGACY):
        legacy.write_model(model, file, include_optimizer)
    else:
        archive.write(model, config, file, zipped, include_optimizer)


def load_model(
    filepath: PathLike | BinaryIO,
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Loads a model that addax or Keras saved: `.keras` files, folders, and the `.h5` files of Keras 0.3 to 3.

    The content of a file tells its kind, not its name. A file is data: the classes and functions it names must be
    addax's, registered with `register_keras_serializable`, or in `custom_objects`. It can't import modules or run code.

    Args:
        filepath: Path of a file, of a folder saved with `zipped=False`, or of a folder of `OrbaxCheckpoint`, whose
            latest checkpoint is read; a URL where fsspec is installed; or a binary file open for reading.
        custom_objects: Dict from names in the file to your classes and functions.
        compile: Whether to compile the model as it was.
        safe_mode: Accepted for Keras's scripts. Lambdas in the file, which are code, are run in neither mode: pass the
            function of a `Lambda` layer for the layer's name in `custom_objects`.

    Returns:
        The model.

    Raises:
        ValueError: The file does not exist, has another format, is damaged, or contains code.
        TypeError: The file names an unknown class or function.

    >>> import tempfile; path = tempfile.mkdtemp() + "/model.keras"
    >>> keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(path)
    >>> load_model(path).output_shape
    (None, 1)
    """
    if not _is_path(filepath):
        if not hasattr(filepath, "read"):
            raise ValueError(f"`filepath` must be a path or a binary file. Received: {describe(filepath)}")
        with reading(f"the file {getattr(filepath, 'name', filepath)}"):
            return _read_model(filepath, custom_objects, compile, safe_mode)  # type: ignore[arg-type]
    filepath = os.fspath(filepath)  # type: ignore[arg-type]
    if remote.is_url(filepath):
        with remote.fetched(filepath) as local, reading(f"the file {filepath}"):
            return _read_model(local, custom_objects, compile, safe_mode)
    if not os.path.exists(filepath):
        _check_model_name(filepath)
        raise _NOT_FOUND[filepath.endswith(_LEGACY)](
            f"File not found: filepath={filepath}. Please ensure the file is an accessible `.keras` zip file. The "
            f"current directory is {os.getcwd()}."
        )
    with reading(f"the file {filepath}"):
        return _read_model(filepath, custom_objects, compile, safe_mode)


# Scripts catch what Keras raises: for `.h5` files it is h5py's.
_NOT_FOUND: dict[bool, type[Exception]] = {False: ValueError, True: FileNotFoundError}


def _read_model(file: str | BinaryIO, custom_objects: dict[str, Any] | None, compile: bool, safe_mode: bool) -> Any:
    """Reads a model from a file of any kind, told by its content."""
    kind = kind_of(file)
    if kind == "hdf5":
        with open_h5(file, "r") as opened:
            return legacy.read_model(opened, custom_objects, compile, safe_mode)
    if kind == "folder" and not os.path.exists(os.path.join(str(file), archive.CONFIG)):
        raise ValueError(
            f"File format not supported: the folder {file} has no `{archive.CONFIG}`. addax reads `.keras` "
            "files, and folders saved with `model.save(path, zipped=False)`; for TensorFlow's SavedModels there is "
            "`layers.TFSMLayer`."
        )
    if kind == "orbax":
        return orbax.read(str(file), custom_objects, compile, safe_mode)
    if kind in ("json", "safetensors"):
        held = {
            "json": "a config without weights, if it is a model: `keras.models.model_from_json` reads it",
            "safetensors": "weights without a config: make the model in Python and call `model.load_weights(...)`",
        }
        raise ValueError(f"File format not supported: {file} holds {held[kind]}.")
    if kind is None and isinstance(file, str):
        _check_model_name(file)
        if file.endswith(_LEGACY):
            raise ValueError(f"Not an HDF5 file, or a damaged one: {file}.")
    return archive.read(file, custom_objects, compile, safe_mode)


def _check_model_name(filepath: str) -> None:
    if not filepath.endswith((".keras", *_LEGACY)):
        raise ValueError(
            f"File format not supported: filepath={filepath}. addax reads `.keras` files, legacy `.h5` files, and "
            "folders saved with `model.save(path, zipped=False)`."
        )


def save_weights(
    model: Layer, filepath: PathLike, overwrite: bool = True, max_shard_size: float | None = None, **kwargs: Any
) -> None:
    """Saves the values of a model's variables, including the optimizer's, without the config.

    Args:
        model: A model or layer.
        filepath: Path that ends in `.weights.h5`; in `.weights.json` when `max_shard_size` is given; in `.safetensors`
            for that format, with the names of layers and variables as the names of its tensors.
        overwrite: Whether to replace an existing file without asking on the terminal.
        max_shard_size: Largest size of one file in GB, to split the weights into several files with a JSON index.
        **kwargs: `objects_to_skip`, a list of layers (or the optimizer) to leave out.

    Raises:
        ValueError: Wrong extension or argument.
        FileNotFoundError: The folder of `filepath` does not exist.
        FileExistsError: The file exists, and there is no terminal to ask on.

    >>> import os, tempfile; path = tempfile.mkdtemp() + "/model.weights.h5"
    >>> save_weights(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]), path)
    >>> os.path.exists(path)
    True
    """
    skip = kwargs.pop("objects_to_skip", None) or ()
    if kwargs:
        raise ValueError(f"Invalid keyword arguments: {kwargs}")
    filepath = os.fspath(filepath)
    if max_shard_size is not None:
        if filepath.endswith(".weights.h5"):
            renamed = filepath.removesuffix(".h5") + ".json"
            warn(
                "Saving sharded weights requires `*.json` as the extension. The original path: "
                f"{filepath} will be renamed to {renamed}."
            )
            filepath = renamed
        if not filepath.endswith(".weights.json"):
            raise ValueError(
                f"With `max_shard_size` the filename must end in `.weights.json`. Received: filepath={filepath}"
            )
    elif not filepath.endswith((".weights.h5", ".safetensors")):
        raise ValueError(
            f"The filename must end in `.weights.h5`. Received: filepath={filepath} (`.safetensors` is written, too)"
        )
    _check_built(model, "saving")
    if not _may_write(filepath, overwrite):
        return
    if remote.is_url(filepath):
        with remote.uploaded(filepath) as local:
            _write_weights(model, local, max_shard_size, skip)
    else:
        _write_weights(model, filepath, max_shard_size, skip)


def _write_weights(
    model: Layer, filepath: str, max_shard_size: float | None, skip: Sequence[Layer | Optimizer]
) -> None:
    if max_shard_size is not None:
        _save_shards(model, filepath, max_shard_size * 1024**3, skip)
        return
    with replacing(filepath) as temporary:
        kind = safetensors.Writer if filepath.endswith(".safetensors") else Writer
        with kind(temporary) as writer:
            weights.save(model, writer, skip=skip)


def _save_shards(model: Layer, filepath: str, max_bytes: float, skip: Sequence[Layer | Optimizer]) -> None:
    filepath = os.path.realpath(filepath)
    folder, name = os.path.split(filepath)
    # Shards under the names of others would mix with these until the index is replaced. Where the usual names are
    # taken, by older shards or by a process that saves at the same time, they get names of their own.
    first = os.path.join(folder, shard_name(name, "", 0))
    usual = claim(first) if os.path.isdir(folder) else True
    before = shards_of(filepath)
    made: list[str] = []
    whole = False
    try:
        with replacing(filepath) as temporary:
            # The shards are written under temporary names; the index already has the final ones.
            writer = ShardedWriter(temporary, max_bytes, name, "" if usual else f"_{uuid.uuid4().hex[:8]}")
            try:
                with writer:
                    weights.save(model, writer, skip=skip)
                for path, final in zip(writer.paths, writer.names):
                    made.append(os.path.join(folder, final))
                    with open(path, "r+b") as file:
                        sync(file)
                    os.replace(path, made[-1])
            finally:
                remove(writer.paths)
        whole = True
    finally:
        if not whole:
            remove([*made, first] if usual else made)
    remove([path for path in before if path not in made])


def load_weights(model: Layer, filepath: PathLike, skip_mismatch: bool = False, **kwargs: Any) -> None:
    """Loads the weights of a model from a file. If they do not fit, the model is unchanged.

    Args:
        model: A built model or layer of the same structure as the saved one.
        filepath: Path of a `.weights.h5`, `.weights.json` (shards), `.safetensors`, `.keras` or legacy `.h5` file. The
            content tells its kind.
        skip_mismatch: Whether to skip, with a warning, layers whose weights do not fit.
        **kwargs: `objects_to_skip`, a list of layers (or the optimizer) to leave unchanged; `by_name=True`, for legacy
            files, tells layers by their names and leaves out those that the model or the file doesn't have.

    Raises:
        ValueError: The weights do not fit, or the file has another format.
        FileNotFoundError: The file does not exist.

    >>> import tempfile; path = tempfile.mkdtemp() + "/model.weights.h5"
    >>> saved, model = (keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]) for _ in range(2))
    >>> save_weights(saved, path)
    >>> load_weights(model, path)
    >>> x = np.ones((1, 2))
    >>> bool((model(x) == saved(x)).all())
    True
    """
    filepath = os.fspath(filepath)
    by_name = kwargs.pop("by_name", False)
    skip = kwargs.pop("objects_to_skip", None) or ()
    if kwargs:
        raise ValueError(f"Invalid keyword arguments: {kwargs}")
    if not isinstance(model, Layer):
        raise ValueError(f"The first argument must be a model. Received: {describe(model)}")
    if remote.is_url(filepath):
        with remote.fetched(filepath) as local, reading(f"the file {filepath}"):
            _read_weights(model, local, skip_mismatch, by_name, skip)
        return
    if not os.path.exists(filepath):
        raise FileNotFoundError(f"File not found: filepath={filepath}. The current directory is {os.getcwd()}.")
    with reading(f"the file {filepath}"):
        _read_weights(model, filepath, skip_mismatch, by_name, skip)


def _read_weights(
    model: Layer, filepath: str, skip_mismatch: bool, by_name: bool, skip: Sequence[Layer | Optimizer]
) -> None:
    """Reads weights from a file of any kind, told by its content."""
    kind = kind_of(filepath)
    if kind is None and filepath.endswith(_LEGACY):
        raise ValueError(f"Not an HDF5 file, or a damaged one: {filepath}.")
    if kind is None or (kind == "json" and not filepath.endswith(".json")):
        raise ValueError(
            f"File format not supported: filepath={filepath}. addax reads weights from `.weights.h5`, `.weights.json`, "
            "`.keras`, `.safetensors` and legacy `.h5` files, and from Orbax's checkpoints."
        )
    _check_built(model, "loading weights into")
    if kind == "hdf5":
        _read_hdf5(model, filepath, skip_mismatch, by_name, skip)
        return
    if by_name:
        raise ValueError(_NOT_BY_NAME.format(filepath))
    if kind in ("archive", "folder"):
        with archive.opened(filepath) as opened:
            if opened.weights is None:
                raise DamagedError(f"{filepath} has no member `{archive.WEIGHTS}`, so there are no weights to load.")
            archive.read_weights(model, opened, skip_mismatch, skip)
        return
    if kind == "orbax":
        if skip:
            raise ValueError(f"`objects_to_skip` is not supported for Orbax's checkpoints. Received: {filepath}")
        orbax.Checkpoint(filepath).load(model, skip_mismatch)
        return
    opener = safetensors.Reader if kind == "safetensors" else Reader
    with opener(filepath) as reader:
        weights.load(model, reader, None, skip_mismatch, skip)


def _read_hdf5(
    model: Layer, filepath: str, skip_mismatch: bool, by_name: bool, skip: Sequence[Layer | Optimizer]
) -> None:
    """Reads weights from an HDF5 file of Keras 3, or of an older one."""
    with Reader(filepath) as reader:
        opened = reader.files[0]
        if isinstance(opened, Library) and legacy.is_legacy(opened.file):
            if skip:
                raise ValueError(f"`objects_to_skip` only supports loading '.weights.h5' files. Received: {filepath}")
            legacy.load_weights(model, opened.file, skip_mismatch, by_name)
            return
        if by_name:
            raise ValueError(_NOT_BY_NAME.format(filepath))
        weights.load(model, reader, None, skip_mismatch, skip)


_NOT_BY_NAME = "`by_name` only supports loading legacy '.h5' or '.hdf5' files. Received: {}"


def _is_path(value: PathLike | BinaryIO) -> TypeGuard[PathLike]:
    return isinstance(value, (str, os.PathLike))


def _check_built(model: Layer, doing: str) -> None:
    if not isinstance(model, Layer):
        raise ValueError(f"The first argument must be a model. Received: {describe(model)}")
    if not model.built:
        raise ValueError(
            f"You are {doing} a model that has not yet been built. Try building the model first by calling it on some "
            f"data or by using `build()`. (Model '{model.name}')"
        )


def _may_write(filepath: str, overwrite: bool) -> bool:
    """Returns whether a file may be written: it does not exist, or `overwrite`, or the user says so on the terminal."""
    if overwrite or not remote.exists(filepath):
        return True
    if not sys.stdin or sys.stdin.closed:
        raise FileExistsError(_EXISTS.format(filepath))
    try:
        answer = input(f"[WARNING] {filepath} already exists - overwrite? [y/n]").strip().lower()
        while answer not in ("y", "n"):
            answer = input('Enter "y" (overwrite) or "n" (cancel).').strip().lower()
    except EOFError:  # standard input is closed
        raise FileExistsError(_EXISTS.format(filepath)) from None
    if answer == "n":
        return False
    print("[TIP] Next time specify overwrite=True!")
    return True


_EXISTS = "The file {} already exists, and there is no terminal to ask on. Pass `overwrite=True`, or another path."
