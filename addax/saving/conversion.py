"""Files in other formats, and models from files without their weights, for the command line."""

from __future__ import annotations

import json
import os
from typing import Any

from ..compat.configs import parsed
from ..core.reading import MAX_JSON, reading
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..layers.layer import Layer
from . import api, archive, legacy, orbax
from .atomic import replacing
from .formats import kind_of
from .hdf5 import open_h5

_WEIGHTS = (".weights.h5", ".weights.json", ".safetensors")


def load_config(filepath: str) -> Any:
    """Returns the config of the model in a file, in the form of today, without reading its weights.

    Args:
        filepath: Path of a `.keras` file or folder, a legacy `.h5` file, or a JSON or YAML file.

    Raises:
        ValueError: The file has no config.
        FileNotFoundError: There is no such file.
    """
    if not os.path.exists(filepath):
        raise FileNotFoundError(f"File not found: {filepath}. The current directory is {os.getcwd()}.")
    with reading(f"the file {filepath}"):
        return _config_in(filepath)


def _config_in(filepath: str) -> Any:
    kind = kind_of(filepath)
    if kind == "hdf5":
        with open_h5(filepath, "r") as file:
            return legacy.present_config(file)
    if kind == "orbax":
        return orbax.Checkpoint(filepath).config()
    if kind in ("archive", "folder"):
        with archive.opened(filepath, arrays=False) as opened:
            return archive.read_config(opened.folder)
    if kind == "safetensors":
        raise ValueError(f"{filepath} holds weights without a config.")
    with open(filepath, encoding="utf-8") as file:
        try:
            return parsed(file.read(MAX_JSON + 1))
        except ValueError as error:
            raise ValueError(f"{filepath} is not a model file that addax can read. ({error})") from None


def described(filepath: str) -> Any:
    """Returns the model in a file, not compiled and without its weights.

    Args:
        filepath: See `load_config`.

    Raises:
        ValueError: The file has no config of a model.
        TypeError: It names an unknown class or function.
    """
    config = load_config(filepath)
    if isinstance(config, dict):
        config.pop("compile_config", None)
    with reading(f"the file {filepath}"):
        model = deserialize_keras_object(config)
    if not isinstance(model, Layer) or not hasattr(model, "summary"):
        raise ValueError(f"{filepath} holds no model.")
    return model


def convert(source: str, target: str, config: str | None = None, overwrite: bool = False) -> None:
    """Writes what is in a file in another format.

    A whole model keeps what it was compiled with, and the state of its optimizer, where the format has them.

    Args:
        source: Path of a whole model, or of weights.
        target: Path to write to: `.keras`, `.h5`, `.weights.h5`, `.safetensors` or `.json` (the config).
        config: Path of a file with the model's config, for `source` that has weights alone.
        overwrite: Whether to replace `target`.

    Raises:
        ValueError: `source` can't be read, or `target` not written in its format.
        FileExistsError: `target` exists.

    >>> import tempfile; folder = tempfile.mkdtemp()
    >>> keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(f"{folder}/m.keras")
    >>> convert(f"{folder}/m.keras", f"{folder}/m.h5")
    >>> keras.models.load_model(f"{folder}/m.h5").output_shape
    (None, 1)
    """
    if os.path.exists(target) and not overwrite:
        raise FileExistsError(f"{target} exists already. Pass --overwrite to replace it.")
    if target.endswith(".json") and not target.endswith(_WEIGHTS):
        text = json.dumps(serialize_keras_object(described(config or source)), indent=2)
        with replacing(target) as temporary, open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
        return
    if not target.endswith((".keras", ".h5", ".hdf5", *_WEIGHTS)):
        raise ValueError(
            f"{target} names no format: it must end in .keras, .h5, .weights.h5, .safetensors or .json (the config)."
        )
    if config is not None:
        model = described(config)
        api.load_weights(model, source)
    else:
        try:
            model = api.load_model(source)
        except ValueError as error:
            if kind_of(source) in ("hdf5", "safetensors", "json"):
                error.add_note("If it holds weights alone, pass the model's config: --config model.json.")
            raise
    if target.endswith(_WEIGHTS):
        api.save_weights(model, target)
    else:
        api.save_model(model, target)
