from .api import load_model as load_model
from .api import load_weights as load_weights
from .api import save_model as save_model
from .api import save_weights as save_weights
from .editor import KerasFileEditor as KerasFileEditor
from .registration import CustomObjectScope as CustomObjectScope
from .registration import custom_object_scope as custom_object_scope
from .registration import deserialize_keras_object as deserialize_keras_object
from .registration import get_custom_objects as get_custom_objects
from .registration import get_registered_name as get_registered_name
from .registration import get_registered_object as get_registered_object
from .registration import register_keras_serializable as register_keras_serializable
from .registration import serialize_keras_object as serialize_keras_object

__all__ = [
    "KerasFileEditor",
    "CustomObjectScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]
