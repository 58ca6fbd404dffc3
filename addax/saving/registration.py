"""The part of `keras.saving` that lies in the core: what names in files stand for, and objects as configs."""

from ..core.registry import CustomObjectScope as CustomObjectScope
from ..core.registry import custom_object_scope as custom_object_scope
from ..core.registry import get_custom_objects as get_custom_objects
from ..core.registry import get_registered_name as get_registered_name
from ..core.registry import get_registered_object as get_registered_object
from ..core.registry import register_keras_serializable as register_keras_serializable
from ..core.serialization import deserialize_keras_object as deserialize_keras_object
from ..core.serialization import serialize_keras_object as serialize_keras_object
