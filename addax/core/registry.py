"""Names and what they stand for: the one place that files and `get("relu")` ask.

Built-in names are data: a table from Keras's module names to addax's, whose public names are known without importing
what they name. User classes are added by decorator. Nothing here ever imports a module that a file names.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from .config import thread
from .naming import to_snake_case

T = TypeVar("T")

# Keras's public modules -> addax's. What a file names must be a public name of one of these.
MODULES = {
    "keras": "addax",
    "keras.layers": "addax.layers",
    "keras.models": "addax.models",
    "keras.activations": "addax.activations",
    "keras.initializers": "addax.initializers",
    "keras.regularizers": "addax.regularizers",
    "keras.constraints": "addax.constraints",
    "keras.losses": "addax.losses",
    "keras.metrics": "addax.metrics",
    "keras.optimizers": "addax.optimizers",
    "keras.optimizers.schedules": "addax.optimizers.schedules",
    "keras.random": "addax.random",
    "keras.ops": "addax.ops",
    "keras.distillation": "addax.distillation",
    "keras.dtype_policies": "addax.dtype_policies",
    "keras.utils": "addax.utils",
    "keras.src.layers.preprocessing.feature_space": "addax.utils.feature_space",
    "keras.src.applications.convnext": "addax.applications.convnext",
    "keras.src.applications.inception_resnet_v2": "addax.applications.inception_resnet_v2",
    "keras.quantizers": "addax.quantizers",
    "keras.src.models.functional": "addax.models",
    "keras.src.models.sequential": "addax.models",
    "keras.src.models.model": "addax.models",
}

# Where the functions live that files name without their module.
FUNCTIONS = ("keras.activations", "keras.losses", "keras.metrics", "keras.ops")
# Functions without a public name that configs made from older files may hold.
OLDER_FUNCTIONS = {"hard_sigmoid_of_keras_2": "addax.compat.activations"}
# Public names of a family that are no members of it.
ACCESS = ("get", "serialize", "deserialize", "schedules", "legacy")

_registered: dict[str, Any] = {}
_names: dict[Any, str] = {}


def resolve(module: str | None, name: str) -> Any:
    """The built-in class, or definition of an op, that Keras's files call `name` in `module`, or None."""
    if not isinstance(module, str) or not name.isidentifier():
        return None
    if module.startswith(("keras.src.ops.", "keras.ops")):
        return find_op(name, "addax.ops") or find_op(name, "addax.ops.image")
    if module == "keras.src.activations.activations":
        return find_op(name, "addax.activations")
    if module.startswith("keras.src.") and module not in MODULES:
        module = "keras." + module.split(".")[2]  # e.g. keras.src.layers.core.dense
    found = _public(MODULES.get(module), name)
    return found if inspect.isclass(found) and hasattr(found, "from_config") else None


def resolve_function(module: str | None, name: str) -> Any:
    """The built-in function that files call `name`, or None. They say no more about where it is from."""
    del module
    if name in ACCESS:
        return None
    if name in OLDER_FUNCTIONS:
        return getattr(importlib.import_module(OLDER_FUNCTIONS[name]), name)
    found = (_public(MODULES[module], name) for module in FUNCTIONS)
    return next((fn for fn in found if inspect.isfunction(fn)), None)


def _public(module: str | None, name: str) -> Any:
    if module is None:
        return None
    owner = importlib.import_module(module)
    return getattr(owner, name, None) if name in getattr(owner, "__all__", ()) else None


def find_op(keras_class: str, module: str) -> Any:
    """The op of `module` that Keras's files call `keras_class` ("Add", "GetItem"), or None."""
    ops = importlib.import_module(module)
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", keras_class).lower()
    for candidate in (name, to_snake_case(keras_class)):
        definition = getattr(getattr(ops, candidate, None), "definition", None)
        if definition is not None and definition.keras_class == keras_class:
            return definition
    for candidate in dir(ops):
        definition = getattr(getattr(ops, candidate), "definition", None)
        if definition is not None and definition.keras_class == keras_class:
            return definition
    return None


def keras_module(cls: Any) -> str | None:
    """The module Keras's files give an addax class or function; None for a user's."""
    own = cls.__dict__.get("keras_module") if isinstance(cls, type) else getattr(cls, "keras_module", None)
    if own is not None:
        return own
    parts = (getattr(cls, "__module__", None) or "").split(".")
    if parts[0] != "addax" or len(parts) < 2:
        return None
    return "keras." + ("optimizers.schedules" if parts[-1] == "schedules" else parts[1])


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[T], T]:
    """A decorator that makes a class or function known under `package>name`, so that files may name it.

    Args:
        package: The first part of the name.
        name: The second part; default: the class's or function's own name.

    Raises:
        ValueError: A class has no `get_config`.

    >>> @register_keras_serializable("mine")
    ... def twice(x): return 2 * x
    >>> get_registered_name(twice), get_registered_object("mine>twice") is twice
    ('mine>twice', True)
    """

    def decorate(obj: T) -> T:
        registered = f"{package}>{name or obj.__name__}"  # type: ignore[attr-defined]
        if inspect.isclass(obj) and not hasattr(obj, "get_config"):
            raise ValueError("Cannot register a class that does not have a get_config() method.")
        _registered[registered] = obj
        _names[obj] = registered
        return obj

    return decorate


def get_registered_name(obj: Any) -> str:
    """Returns the name that an object was registered under, or else its own name.

    Args:
        obj: A class or function.
    """
    own = str(getattr(obj, "__name__", type(obj).__name__))
    # A model's class that is given inputs and outputs becomes one of the same name, derived from it.
    same = [c for c in obj.__mro__ if c.__name__ == own] if inspect.isclass(obj) else [obj]
    try:
        return next((_names[x] for x in same if x in _names), own)
    except TypeError:  # not hashable
        return own


def get_registered_object(
    name: str, custom_objects: dict[str, Any] | None = None, module_objects: dict[str, Any] | None = None
) -> Any:
    """Returns the object that was registered under a name, or None.

    Args:
        name: The name, with its package.
        custom_objects: Dict from names to objects, which is searched first, before the active scopes.
        module_objects: Dict from names to objects, which is searched last.
    """
    for table in (custom_objects, thread.custom_objects, _registered, module_objects):
        if table and name in table:
            return table[name]
    return None


def get_custom_objects() -> dict[str, Any]:
    """The table of registered objects itself; what is put in it is found when files are loaded."""
    return _registered


@contextmanager
def custom_object_scope(custom_objects: dict[str, Any]) -> Iterator[None]:
    """Lets names in files and in `get(...)` stand for the given objects within the context.

    Args:
        custom_objects: Dict from names to classes and functions.
    """
    with thread.setting(custom_objects={**thread.custom_objects, **custom_objects}):
        yield


CustomObjectScope = custom_object_scope
