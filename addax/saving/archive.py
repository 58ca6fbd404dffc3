"""The `.keras` format: a zip archive (or folder) of the config as JSON, the arrays as HDF5, and assets."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, BinaryIO, NamedTuple, cast

from ..compat.configs import is_old
from ..compat.training import present_archive
from ..core.reading import MAX_JSON, DamagedError, read_json, short
from ..core.registry import custom_object_scope
from ..core.serialization import deserialize_keras_object, safe_mode_scope
from ..core.types import Config
from ..layers.layer import Layer
from ..optimizers import Optimizer
from ..version import KERAS_API_VERSION, __version__
from . import weights
from .atomic import Syncing, replacing, replacing_folder
from .hdf5 import OlderReader, Reader, Writer
from .loadable import has_state_of_others
from .stored import StoredMember
from .zipped import ZipWriter

METADATA, CONFIG, WEIGHTS, ASSETS = "metadata.json", "config.json", "model.weights.h5", "assets"


def write(
    model: Layer, config: Config, file: str | BinaryIO, zipped: bool = True, include_optimizer: bool = True
) -> None:
    """Writes the config, arrays and assets of a model.

    Args:
        model: The model.
        config: Its config.
        file: Path, or a binary file open for writing.
        zipped: Whether to write a zip archive, or a folder.
        include_optimizer: Whether to include the arguments of `compile` and the optimizer's state.
    """
    if not include_optimizer:
        config = {**config, "compile_config": {}}
    texts = {METADATA: json.dumps(_metadata()), CONFIG: json.dumps(config)}
    optimizer = getattr(model, "optimizer", None)
    left_out = optimizer is not None and (not include_optimizer or has_state_of_others(optimizer, model))
    skip = [optimizer] if left_out else []
    if not zipped:
        with replacing_folder(str(file)) as folder:
            _write_folder(model, folder, texts, skip)
    elif isinstance(file, str):
        with replacing(file) as temporary, open(temporary, "w+b", buffering=0) as opened, Syncing(opened):
            _write_zip(model, opened, texts, skip)
    else:
        with tempfile.TemporaryFile(buffering=0) as opened:  # the file may be one that can only be written on
            _write_zip(model, opened, texts, skip)
            opened.seek(0)
            shutil.copyfileobj(opened, file, 1 << 20)


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
    archive = ZipWriter(file)
    for name, text in texts.items():
        archive.add(name, text.encode())
    with tempfile.TemporaryDirectory() as folder:
        assets = os.path.join(folder, ASSETS)
        with archive.member(WEIGHTS) as member, Writer(member) as writer:
            weights.save(model, writer, assets, skip)
        for path, _, names in os.walk(assets):
            for name in names:
                asset = os.path.join(path, name)
                with (
                    open(asset, "rb") as source,
                    archive.member(os.path.relpath(asset, folder).replace(os.sep, "/")) as to,
                ):
                    shutil.copyfileobj(source, to, 1 << 20)
    archive.close()


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
    with opened(file) as archive, custom_object_scope(custom_objects or {}):
        model = model_of(read_config(archive.folder), compile, safe_mode)
        read_weights(model, archive)
    return model


def model_of(config: Config, compile: bool, safe_mode: bool) -> Layer:
    """Returns the model that a config describes, as it is in archives.

    Args:
        config: The config.
        compile: Whether to compile the model if the saved one was compiled.
        safe_mode: Whether to refuse code in the config.

    Raises:
        ValueError: It describes something else.
    """
    if not compile:
        config = {k: v for k, v in config.items() if k != "compile_config"}
    with safe_mode_scope(None):  # this load's own choice, also inside another one
        model = deserialize_keras_object(config, safe_mode=safe_mode)
    if not isinstance(model, Layer):
        raise DamagedError(f"`{CONFIG}` describes no model, but {short(model)} (of {type(model)}).")
    return model


def read_config(folder: str) -> dict[str, Any]:
    """Returns the config in an opened archive, in the form of today."""
    config = read_member(folder, CONFIG)
    if not isinstance(config, dict) or not isinstance(config.get("config"), dict) or "class_name" not in config:
        raise DamagedError(
            f"`{CONFIG}` must be an object with the `class_name` and the `config` of a model. Received: {short(config)}"
        )
    version = _version(folder)
    return present_archive(config, version) if version is not None and is_old(version) else config


def _version(folder: str) -> str | None:
    """The version of Keras that wrote an opened archive, if it tells."""
    metadata = read_member(folder, METADATA)
    version = metadata.get("keras_version") if isinstance(metadata, dict) else None
    return version if isinstance(version, str) else None


def read_member(folder: str, name: str) -> Any:
    """Returns the data in a JSON file of an opened archive; None if it has no such file.

    Args:
        folder: The folder of the archive.
        name: Name of the file in it.

    Raises:
        ValueError: It is damaged.
    """
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        return None
    with open(path, "rb") as file:
        return read_json(file.read(MAX_JSON + 1), f"`{name}`")


def read_weights(
    model: Layer, archive: Archive, skip_mismatch: bool = False, skip: Sequence[Layer | Optimizer] = ()
) -> None:
    """Reads the arrays and assets of an opened archive into a model.

    Args:
        model: A built model of the same structure.
        archive: The archive.
        skip_mismatch, skip: See `weights.load`.

    Raises:
        ValueError: The arrays do not fit.
    """
    if archive.weights is None:
        if not model.weights:
            return
        raise DamagedError(
            f"There is no member `{WEIGHTS}`, but model '{model.name}' has weights: "
            f"{[v.path for v in model.weights][:5]}."
        )
    version = _version(archive.folder)
    old = version is not None and is_old(version)
    file = archive.checked()
    with OlderReader(file, getattr(model, "optimizer", None)) if old else Reader(file) as reader:
        weights.load(model, reader, os.path.join(archive.folder, ASSETS), skip_mismatch, skip)


class Archive(NamedTuple):
    """An archive that is open for reading.

    Args:
        folder: The folder that it was unpacked to, or that it is.
        weights: Path of the file of arrays, or the member itself where it can be read in the archive; None if there
            is none.
    """

    folder: str
    weights: str | BinaryIO | None

    def checked(self) -> str | BinaryIO:
        """Returns the file of arrays, which must exist.

        Raises:
            ValueError: It is damaged.
        """
        assert self.weights is not None
        if isinstance(self.weights, StoredMember):
            self.weights.check()
        return self.weights


@contextmanager
def opened(file: str | BinaryIO, arrays: bool = True) -> Iterator[Archive]:
    """Opens an archive or a folder. Members are unpacked to a temporary folder, unless they can be read in the archive.

    Args:
        file: Path of a `.keras` file or folder, or a binary file open for reading.
        arrays: Whether to unpack the arrays and assets, too.

    Raises:
        ValueError: It is no `.keras` file.
    """
    if isinstance(file, str) and os.path.isdir(file):
        path = os.path.join(file, WEIGHTS)
        yield Archive(file, path if os.path.exists(path) else None)
        return
    with ExitStack() as stack:
        binary: BinaryIO = stack.enter_context(open(file, "rb")) if isinstance(file, str) else file
        try:
            archive = stack.enter_context(zipfile.ZipFile(binary))
        except zipfile.BadZipFile as error:
            raise ValueError(
                f"Not a `.keras` file: {file} is not a zip archive, or only a part of one was copied. ({error})"
            ) from error
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        members = archive.namelist()
        _check_members(archive)
        if CONFIG not in members:
            raise ValueError(
                f"Not a `.keras` file: the archive {file} has no member `{CONFIG}`. It has {members[:10]}."
            )
        found: str | BinaryIO | None = None
        if arrays and WEIGHTS in members:
            found = target = os.path.join(folder, WEIGHTS)
            info = archive.getinfo(WEIGHTS)
            # A file that somebody else has opened may be none of the system's.
            if isinstance(file, str) and info.compress_type == zipfile.ZIP_STORED and hasattr(os, "pread"):
                with _damaged(WEIGHTS):
                    member = StoredMember(archive, info, binary.fileno(), target)
                    found = cast(BinaryIO, stack.enter_context(member))
            else:
                _extract(archive, WEIGHTS, folder)
        for name in members:
            if name in (METADATA, CONFIG) or (arrays and name.startswith(f"{ASSETS}/")):
                _extract(archive, name, folder)
        yield Archive(folder, found)


_MAX_MEMBERS = 100_000
_MAX_RATIO = 200  # of all members unpacked to the archive; arrays are stored, and trained ones hardly shrink
_FREE = 64 << 20  # bytes that may come from any archive


def _check_members(archive: zipfile.ZipFile) -> None:
    """Raises an error if the table of an archive can't be that of a model. Nothing has been unpacked then."""
    members = archive.infolist()
    if len(members) > _MAX_MEMBERS:
        raise DamagedError(f"The archive has {len(members)} members; a model has no more than {_MAX_MEMBERS}.")
    seen: set[str] = set()
    for member in members:
        name = member.filename
        parts = name.removesuffix("/").split("/")
        if any(part in ("", ".", "..") for part in parts) or any("\\" in part or ":" in part for part in parts[:-1]):
            raise DamagedError(f"The archive has a member called {name!r}, which is no path inside it.")
        if name in seen:
            raise DamagedError(f"The archive has two members called {name!r}: one of them is not the author's.")
        seen.add(name)
        mode = member.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise DamagedError(f"The member {name!r} of the archive is a link or device, not a file.")
        if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DamagedError(
                f"The member {name!r} of the archive is encrypted, or packed by another method than deflate."
            )
        if name in (CONFIG, METADATA) and member.file_size > MAX_JSON:
            raise DamagedError(
                f"The member `{name}` has {member.file_size} bytes; addax reads JSON of up to {MAX_JSON}."
            )
    packed, unpacked = (sum(getattr(m, size) for m in members) for size in ("compress_size", "file_size"))
    if unpacked > _FREE + _MAX_RATIO * packed:
        raise DamagedError(
            f"The members of the archive have {packed} bytes, and would have {unpacked} when unpacked: more than "
            f"{_MAX_RATIO} times as many."
        )


def _extract(archive: zipfile.ZipFile, name: str, folder: str) -> None:
    if name.endswith("/"):
        return
    target = os.path.join(folder, *name.split("/"))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    # Reading to the end also checks the member's checksum, and that it isn't longer than the table says.
    with _damaged(name), archive.open(name) as source, open(target, "wb") as out:
        shutil.copyfileobj(source, out, 1 << 20)


@contextmanager
def _damaged(name: str) -> Iterator[None]:
    """Names the member in errors about damage."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DamagedError(f"The member {name!r} of the archive is damaged: {error}") from error
