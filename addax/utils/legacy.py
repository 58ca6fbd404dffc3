"""Serialization as Keras 2 had it: `keras.utils.legacy`."""

from __future__ import annotations

import inspect
from typing import Any

from ..core.registry import get_registered_name, get_registered_object
from ..core.types import Config

__all__ = ["deserialize_keras_object", "serialize_keras_object"]


def serialize_keras_object(instance: Any) -> Config | str | None:
    """Returns the class and config of an object, or the name of a function.

    Args:
        instance: An object with `get_config`, a function, or None.

    Raises:
        ValueError: It is neither.

    >>> keras.utils.legacy.serialize_keras_object(keras.initializers.Zeros())
    {'class_name': 'Zeros', 'config': {}}
    """
    if instance is None:
        return None
    if hasattr(instance, "get_config"):
        return {"class_name": get_registered_name(type(instance)), "config": instance.get_config()}
    if hasattr(instance, "__name__"):
        return get_registered_name(instance)
    raise ValueError(f"Cannot serialize {instance} because it doesn't implement `get_config()`.")


def deserialize_keras_object(
    identifier: Config | str | None,
    module_objects: dict[str, Any] | None = None,
    custom_objects: dict[str, Any] | None = None,
    printable_module_name: str = "object",
) -> Any:
    """Makes the object that `serialize_keras_object` described.

    Args:
        identifier: Its class and config, the name of a function or class, or None.
        module_objects: Known classes and functions by name.
        custom_objects: Classes and functions that come first.
        printable_module_name: Kind of the object, for messages.

    Returns:
        The object; a function, or an object of the class of this name, for a name.

    Raises:
        ValueError: The name is unknown, or `identifier` is something else.

    >>> keras.utils.legacy.deserialize_keras_object("Zeros", {"Zeros": keras.initializers.Zeros}).get_config()
    {}
    """
    if identifier is None:
        return None
    if isinstance(identifier, dict):
        if not identifier.keys() >= {"class_name", "config"}:
            raise ValueError(
                f"Improper config format for {identifier}. Expecting python dict contains `class_name` and `config` as "
                "keys"
            )
        cls = _found(identifier["class_name"], module_objects, custom_objects, printable_module_name)
        if not hasattr(cls, "from_config"):
            return cls(**identifier["config"])
        accepts = "custom_objects" in inspect.signature(cls.from_config).parameters
        return cls.from_config(identifier["config"], **({"custom_objects": custom_objects or {}} if accepts else {}))
    if isinstance(identifier, str):
        found = _found(identifier, module_objects, custom_objects, printable_module_name)
        return found() if inspect.isclass(found) else found
    raise ValueError(f"Could not interpret serialized {printable_module_name}: {identifier}")


def _found(name: str, module_objects: dict | None, custom_objects: dict | None, kind: str) -> Any:
    found = get_registered_object(name, custom_objects, module_objects)
    if found is None:
        raise ValueError(
            f"Unknown {kind}: '{name}'. Please ensure you are using a `keras.utils.custom_object_scope` and that this "
            "object is included in the scope. See https://www.tensorflow.org/guide/keras/save_and_serialize#registering"
            "_the_custom_object for details."
        )
    return found
