"""Saving and loading of models and weights, for `keras.saving` and the methods of `Model`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, BinaryIO, TypeGuard

from ..core.errors import describe
from ..core.warnings import warn
from ..layers.layer import Layer
from ..optimizers import Optimizer
from . import archive, weights
from .atomic import replacing
from .hdf5 import Reader, ShardedWriter, Writer

PathLike = str | os.PathLike

_LEGACY = (".h5", ".hdf5")


def save_model(
    model: Layer, filepath: PathLike | BinaryIO, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any
) -> None:
    """Saves config, weights, and the arguments of `compile`, as a `.keras` file that Keras can read.

    An existing file is replaced only at the end: after an error it is unchanged.

    Args:
        model: The model.
        filepath: Path that ends in `.keras`, or a binary file open for writing.
        overwrite: Whether to replace an existing file without asking on the terminal.
        zipped: Whether to save a zip archive (default) or a folder, whose path must not end in `.keras`.
        **kwargs: `include_optimizer=False` leaves out the optimizer and the other arguments of `compile`.

    Raises:
        ValueError: Wrong extension or argument.
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
        if filepath.endswith(_LEGACY):
            raise ValueError(
                f"addax doesn't write legacy HDF5 models (`.h5`) yet. Received: filepath={filepath}. Save the whole "
                f"model as '{os.path.splitext(filepath)[0]}.keras', or its weights with "
                "`model.save_weights('....weights.h5')`."
            )
        if zipped and not filepath.endswith(".keras"):
            raise ValueError(
                "Invalid filepath extension for saving. Please add a `.keras` extension for the native Keras format. "
                f"Received: filepath={filepath}."
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
    archive.write(model, filepath, zipped is not False, include_optimizer)  # type: ignore[arg-type]


def load_model(
    filepath: PathLike | BinaryIO,
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Loads a model that addax or Keras 3 saved.

    A file is data: the classes and functions it names must be addax's, registered with `register_keras_serializable`,
    or in `custom_objects`. It cannot import modules or run code.

    Args:
        filepath: Path of a `.keras` file or of a folder saved with `zipped=False`, or a binary file open for reading.
        custom_objects: Dict from names in the file to your classes and functions.
        compile: Whether to compile the model as it was.
        safe_mode: Whether to refuse lambdas in the file, which are code. Pass False only for files you trust.

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
        return archive.read(filepath, custom_objects, compile, safe_mode)  # type: ignore[arg-type]
    filepath = os.fspath(filepath)  # type: ignore[arg-type]
    if os.path.isdir(filepath):
        if not os.path.exists(os.path.join(filepath, archive.CONFIG)):
            raise ValueError(
                f"File format not supported: the folder {filepath} has no `{archive.CONFIG}`. addax reads `.keras` "
                "files, and folders saved with `model.save(path, zipped=False)`; TensorFlow's SavedModel it does not."
            )
    elif filepath.endswith(_LEGACY):
        raise ValueError(
            f"addax doesn't read legacy HDF5 models (`.h5`) yet. Received: filepath={filepath}. With Keras installed, "
            "`keras.models.load_model('model.h5').save('model.keras')` makes a file that addax reads."
        )
    elif not filepath.endswith(".keras"):
        raise ValueError(
            f"File format not supported: filepath={filepath}. addax reads `.keras` files, and folders saved with "
            "`model.save(path, zipped=False)`."
        )
    elif not os.path.exists(filepath):
        raise ValueError(
            f"File not found: filepath={filepath}. Please ensure the file is an accessible `.keras` zip file. The "
            f"current directory is {os.getcwd()}."
        )
    return archive.read(filepath, custom_objects, compile, safe_mode)


def save_weights(
    model: Layer, filepath: PathLike, overwrite: bool = True, max_shard_size: float | None = None, **kwargs: Any
) -> None:
    """Saves the values of a model's variables, including the optimizer's, without the config.

    Args:
        model: A model or layer.
        filepath: Path that ends in `.weights.h5`; in `.weights.json` when `max_shard_size` is given.
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
    elif not filepath.endswith(".weights.h5"):
        raise ValueError(f"The filename must end in `.weights.h5`. Received: filepath={filepath}")
    _check_built(model, "saving")
    if not _may_write(filepath, overwrite):
        return
    if max_shard_size is None:
        with replacing(filepath) as temporary, Writer(temporary) as writer:
            weights.save(model, writer, skip=skip)
    else:
        _save_shards(model, filepath, max_shard_size * 1024**3, skip)


def _save_shards(model: Layer, filepath: str, max_bytes: float, skip: Sequence[Layer | Optimizer]) -> None:
    folder = os.path.dirname(os.path.realpath(filepath))
    with replacing(filepath) as temporary:
        # The shards are written under temporary names; the index already has the final ones.
        writer = ShardedWriter(temporary, max_bytes, name=os.path.basename(filepath))
        try:
            with writer:
                weights.save(model, writer, skip=skip)
            for path, name in zip(writer.paths, writer.names):
                os.replace(path, os.path.join(folder, name))
        finally:
            for path in writer.paths:
                if os.path.exists(path):
                    os.remove(path)


def load_weights(model: Layer, filepath: PathLike, skip_mismatch: bool = False, **kwargs: Any) -> None:
    """Loads the weights of a model from a file. If they do not fit, the model is unchanged.

    Args:
        model: A built model or layer of the same structure as the saved one.
        filepath: Path that ends in `.weights.h5`, `.weights.json` (shards) or `.keras`.
        skip_mismatch: Whether to skip, with a warning, layers whose weights do not fit.
        **kwargs: `objects_to_skip`, a list of layers (or the optimizer) to leave unchanged.

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
    if by_name:
        raise ValueError(f"`by_name` only supports loading legacy '.h5' or '.hdf5' files. Received: {filepath}")
    is_model = filepath.endswith(".keras") or os.path.isdir(filepath)
    if not is_model and not filepath.endswith((".weights.h5", ".weights.json")):
        legacy = " Legacy HDF5 files can't be read yet." if filepath.endswith(_LEGACY) else ""
        raise ValueError(
            f"File format not supported: filepath={filepath}. addax reads weights from `.weights.h5`, `.weights.json` "
            f"and `.keras` files.{legacy}"
        )
    if not os.path.exists(filepath):
        raise FileNotFoundError(f"File not found: filepath={filepath}. The current directory is {os.getcwd()}.")
    _check_built(model, "loading weights into")
    if is_model:
        with archive.opened(filepath) as folder:
            archive.read_weights(model, folder, skip_mismatch, skip)
    else:
        with Reader(filepath) as reader:
            weights.load(model, reader, None, skip_mismatch, skip)


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
    """Whether a file may be written: it does not exist, or `overwrite`, or the user says so on the terminal."""
    if overwrite or not os.path.exists(filepath):
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
