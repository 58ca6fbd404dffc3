"""`keras.models.load_model` and `save_model`: functions of the room above this one, looked up when called."""

from __future__ import annotations

import importlib
from typing import Any


def _saving() -> Any:
    return importlib.import_module("addax.saving.api")


def load_model(
    filepath: Any, custom_objects: dict[str, Any] | None = None, compile: bool = True, safe_mode: bool = True
) -> Any:
    """The model in a `.keras` file; see `keras.saving.load_model`."""
    return _saving().load_model(filepath, custom_objects=custom_objects, compile=compile, safe_mode=safe_mode)


def save_model(model: Any, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
    """Writes `model` to a `.keras` file; see `keras.saving.save_model`."""
    _saving().save_model(model, filepath, overwrite=overwrite, zipped=zipped, **kwargs)
