"""Models from JSON and from files, which `saving`, above this package, reads and writes."""

from __future__ import annotations

from typing import Any, BinaryIO

from ..compat.configs import parsed
from ..core.errors import describe
from ..core.late import provided
from ..core.reading import DamagedError, reading
from ..core.registry import custom_object_scope
from ..core.serialization import deserialize_keras_object
from ..layers.layer import Layer
from .model import Model
from .model_files import PathLike


def load_model(
    filepath: PathLike | BinaryIO,
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Loads a model from a `.keras` file.

    Args:
        filepath, custom_objects, compile, safe_mode: See `keras.saving.load_model`.

    Returns:
        The model.
    """
    return provided("saving").load_model(filepath, custom_objects=custom_objects, compile=compile, safe_mode=safe_mode)


def save_model(
    model: Layer, filepath: PathLike | BinaryIO, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any
) -> None:
    """Saves a model as a `.keras` file.

    Args:
        model, filepath, overwrite, zipped, **kwargs: See `keras.saving.save_model`.
    """
    provided("saving").save_model(model, filepath, overwrite=overwrite, zipped=zipped, **kwargs)


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """Returns the model, without weights, that a JSON config describes.

    Args:
        json_string: JSON from `Model.to_json`, of any version of Keras.
        custom_objects: Dict from names in it to classes and functions.

    Returns:
        A new model.

    Raises:
        TypeError: A name in it is unknown.

    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> keras.models.model_from_json(model.to_json()).output_shape
    (None, 2)
    """
    if not isinstance(json_string, str):
        raise TypeError(f"`json_string` must be the text that `to_json` returns. Received: {describe(json_string)}")
    with custom_object_scope(custom_objects or {}), reading("the JSON of a model"):
        found = deserialize_keras_object(parsed(json_string))
        if not isinstance(found, Model):
            raise DamagedError(f"The JSON describes no model, but {describe(found)}.")
    return found
