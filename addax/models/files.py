"""`keras.models.load_model` and `save_model`, whose implementation is in `saving`, above this package."""

from __future__ import annotations

from typing import Any, BinaryIO

from ..core.late import provided
from ..layers.layer import Layer
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
