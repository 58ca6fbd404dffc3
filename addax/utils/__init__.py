"""Utilities around models: `keras.utils`."""

import importlib
from typing import Any

from ..core.registry import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from ..core.seeds import set_random_seed
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from .numeric import normalize, to_categorical
from .session import clear_session, is_interactive_logging_enabled

# Their modules are slow to import, so they are imported on first access.
_LAZY = {
    "get_file": "addax.utils.downloads",
    "Progbar": "addax.callbacks.progbar",
    "PyDataset": "addax.data.py_dataset",
    "Sequence": "addax.data.py_dataset",
    "pack_x_y_sample_weight": "addax.data.batches",
    "unpack_x_y_sample_weight": "addax.data.batches",
    "model_to_dot": "addax.inspect.plotting",
    "plot_model": "addax.inspect.plotting",
    "profile": "addax.training.profile",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])


__all__ = [
    "Progbar",
    "PyDataset",
    "Sequence",
    "pack_x_y_sample_weight",
    "unpack_x_y_sample_weight",
    "CustomObjectScope",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "is_interactive_logging_enabled",
    "model_to_dot",
    "normalize",
    "plot_model",
    "profile",
    "register_keras_serializable",
    "serialize_keras_object",
    "set_random_seed",
    "to_categorical",
]
