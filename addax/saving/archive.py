"""The `.keras` format: a zip archive (or folder) of the config as JSON, the arrays as HDF5, and assets."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

from ..compat.configs import is_old
from ..compat.training import present_archive
from ..core.registry import custom_object_scope
from ..core.serialization import deserialize_keras_object, safe_mode_scope, serialize_keras_object
from ..layers.layer import Layer
from ..optimizers import Optimizer
from ..version import KERAS_API_VERSION, __version__
from . import weights
from .atomic import replacing, replacing_folder
from .hdf5 import OlderReader, Reader, Writer

METADATA, CONFIG, WEIGHTS, ASSETS = "metadata.json", "config.json", "model.weights.h5", "assets"


def write(model: Layer, file: str | BinaryIO, zipped: bool = True, include_optimizer: bool = True) -> None:
    """Writes the config, arrays and assets of a model.

    Args:
        model: The model.
        file: Path, or a binary file open for writing.
        zipped: Whether to write a zip archive, or a folder.
        include_optimizer: Whether to include the arguments of `compile` and the optimizer's state.
    """
    config = serialize_keras_object(model)
    if not include_optimizer:
        config["compile_config"] = {}
    texts = {METADATA: json.dumps(_metadata()), CONFIG: json.dumps(config)}
    optimizer = getattr(model, "optimizer", None)
    skip = [] if include_optimizer or optimizer is None else [optimizer]
    if not zipped:
        with replacing_folder(str(file)) as folder:
            _write_folder(model, folder, texts, skip)
    elif isinstance(file, str):
        with replacing(file) as temporary, open(temporary, "wb") as opened:
            _write_zip(model, opened, texts, skip)
    else:
        _write_zip(model, file, texts, skip)


def _metadata() -> dict[str, str]:
    return {
        "keras_version": KERAS_API_VERSION,
        "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
        "addax_version": __version__,
    }


def _write_folder(model: Layer, folder: str, texts: dict[str, str], skip: list) -> None:
    for name, text in texts.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    with Writer(os.path.join(folder, WEIGHTS)) as writer:
        weights.save(model, writer, os.path.join(folder, ASSETS), skip)


def _write_zip(model: Layer, file: BinaryIO, texts: dict[str, str], skip: list) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _write_folder(model, folder, texts, skip)
        with zipfile.ZipFile(file, "w") as archive:
            for name in (METADATA, CONFIG, WEIGHTS):
                archive.write(os.path.join(folder, name), name)
            for path, _, names in os.walk(os.path.join(folder, ASSETS)):
                for name in names:
                    asset = os.path.join(path, name)
                    archive.write(asset, os.path.relpath(asset, folder).replace(os.sep, "/"))


def read(
    file: str | BinaryIO,
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Reads the model in a `.keras` file or folder.

    Args:
        file: Path, or a binary file open for reading.
        custom_objects: Dict from names in the config to classes and functions.
        compile: Whether to compile the model if the saved one was compiled.
        safe_mode: Whether to refuse code in the config.
    """
    with opened(file) as folder, custom_object_scope(custom_objects or {}):
        config = read_config(folder)
        if not compile:
            config.pop("compile_config", None)
        with safe_mode_scope(None):  # this load's own choice, also inside another one
            model = deserialize_keras_object(config, safe_mode=safe_mode)
            read_weights(model, folder)
    return model


def read_config(folder: str) -> dict[str, Any]:
    """Returns the config in an opened archive, in the form of today."""
    with open(os.path.join(folder, CONFIG), encoding="utf-8") as text:
        config = json.load(text)
    version = _version(folder)
    return present_archive(config, version) if version is not None and is_old(version) else config


def _version(folder: str) -> str | None:
    """The version of Keras that wrote an opened archive, if it tells."""
    path = os.path.join(folder, METADATA)
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as text:
        version = json.load(text).get("keras_version")
    return version if isinstance(version, str) else None


def read_weights(
    model: Layer, folder: str, skip_mismatch: bool = False, skip: Sequence[Layer | Optimizer] = ()
) -> None:
    """Reads the arrays and assets of an opened archive into a model.

    Args:
        model: A built model of the same structure.
        folder: The folder of the archive.
        skip_mismatch, skip: See `weights.load`.

    Raises:
        ValueError: The arrays do not fit.
    """
    path = os.path.join(folder, WEIGHTS)
    if os.path.exists(path):
        version = _version(folder)
        old = version is not None and is_old(version)
        with OlderReader(path, getattr(model, "optimizer", None)) if old else Reader(path) as reader:
            weights.load(model, reader, os.path.join(folder, ASSETS), skip_mismatch, skip)


@contextmanager
def opened(file: str | BinaryIO, arrays: bool = True) -> Iterator[str]:
    """Unpacks an archive to a temporary folder; a folder is returned itself.

    Args:
        file: Path of a `.keras` file or folder, or a binary file open for reading.
        arrays: Whether to unpack the arrays and assets, too.

    Raises:
        ValueError: It is no `.keras` file.
    """
    if isinstance(file, str) and os.path.isdir(file):
        yield file
        return
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        raise ValueError(
            f"Not a `.keras` file: {file} is not a zip archive, or only a part of one was copied. ({error})"
        ) from error
    with archive, tempfile.TemporaryDirectory() as folder:
        members = archive.namelist()
        if CONFIG not in members:
            raise ValueError(
                f"Not a `.keras` file: the archive {file} has no member `{CONFIG}`. It has {members[:10]}."
            )
        for name in members:
            if name in (METADATA, CONFIG) or (arrays and (name == WEIGHTS or name.startswith(f"{ASSETS}/"))):
                _extract(archive, name, folder)
        yield folder


def _extract(archive: zipfile.ZipFile, name: str, folder: str) -> None:
    parts = name.split("/")
    if any(part in ("", ".", "..") or "\\" in part or ":" in part for part in parts[:-1]) or parts[-1] in (".", ".."):
        raise ValueError(f"The archive has a member called {name!r}, which is no path inside it.")
    target = os.path.join(folder, *parts)
    if name.endswith("/"):
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    # Reading to the end also checks the member's checksum.
    with archive.open(name) as source, open(target, "wb") as out:
        shutil.copyfileobj(source, out, 1 << 20)
