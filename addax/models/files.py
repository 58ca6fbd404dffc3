"""`keras.models.load_model` and `save_model`: functions that stand above this, under the names they also have here."""

from __future__ import annotations

from typing import Any

from ..core.late import provided


def load_model(
    filepath: Any, custom_objects: dict[str, Any] | None = None, compile: bool = True, safe_mode: bool = True
) -> Any:
    """The model in a `.keras` file; see `keras.saving.load_model`."""
    return provided("saving").load_model(filepath, custom_objects=custom_objects, compile=compile, safe_mode=safe_mode)


def save_model(model: Any, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
    """Writes `model` to a `.keras` file; see `keras.saving.save_model`."""
    provided("saving").save_model(model, filepath, overwrite=overwrite, zipped=zipped, **kwargs)
