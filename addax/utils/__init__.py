"""Utilities around models: `keras.utils`."""

import importlib
from typing import TYPE_CHECKING, Any

from ..core.config import disable_interactive_logging, enable_interactive_logging, is_interactive_logging_enabled
from ..core.dtypes import standardize_dtype
from ..core.public import absent, listing
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
from . import bounding_boxes, legacy
from .container import Config
from .numeric import normalize, to_categorical
from .sequences import pad_sequences
from .session import clear_session
from .tensors import get_source_inputs, is_keras_tensor

if TYPE_CHECKING:
    from ..callbacks.progbar import Progbar
    from ..data.batches import pack_x_y_sample_weight, unpack_x_y_sample_weight
    from ..data.py_dataset import PyDataset, Sequence
    from ..inspect.plotting import model_to_dot, plot_model
    from ..training.profile import profile
    from .directories import audio_dataset_from_directory, image_dataset_from_directory, text_dataset_from_directory
    from .downloads import get_file
    from .images import array_to_img, img_to_array, load_img, save_img
    from .splitting import split_dataset
    from .timeseries import timeseries_dataset_from_array

# Their modules are slow to import, so they are imported on first access.
_LAZY = {
    "FeatureSpace": "addax.utils.feature_space",
    "Progbar": "addax.callbacks.progbar",
    "PyDataset": "addax.data.py_dataset",
    "Sequence": "addax.data.py_dataset",
    "array_to_img": "addax.utils.images",
    "audio_dataset_from_directory": "addax.utils.directories",
    "get_file": "addax.utils.downloads",
    "image_dataset_from_directory": "addax.utils.directories",
    "img_to_array": "addax.utils.images",
    "load_img": "addax.utils.images",
    "model_to_dot": "addax.inspect.plotting",
    "pack_x_y_sample_weight": "addax.data.batches",
    "plot_model": "addax.inspect.plotting",
    "profile": "addax.training.profile",
    "save_img": "addax.utils.images",
    "split_dataset": "addax.utils.splitting",
    "text_dataset_from_directory": "addax.utils.directories",
    "timeseries_dataset_from_array": "addax.utils.timeseries",
    "unpack_x_y_sample_weight": "addax.data.batches",
}


if not TYPE_CHECKING:  # checkers see the imports above, and that nothing else is here

    def __getattr__(name: str) -> Any:
        if name in _LAZY:
            return getattr(importlib.import_module(_LAZY[name]), name)
        raise absent(__name__, name, __all__)


__all__ = [
    "Config",
    "CustomObjectScope",
    "FeatureSpace",
    "Progbar",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "audio_dataset_from_directory",
    "bounding_boxes",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "get_source_inputs",
    "image_dataset_from_directory",
    "img_to_array",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "legacy",
    "load_img",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "profile",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "standardize_dtype",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]
__dir__ = listing(__all__)
