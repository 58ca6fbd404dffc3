"""Objects to configs (JSON-able dicts, exactly Keras's) and back. A config is data: see `registry` for what it may name."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from . import config as settings
from . import registry
from .config import thread
from .dtypes import standardize_dtype
from .engine import is_jax_array
from .errors import did_you_mean
from .keras_tensor import KerasTensor
from .op import OpCall
from .policy import DTypePolicy, DTypePolicyMap
from .variable import Variable

LAMBDA_MARK = "__lambda__"


@contextmanager
def safe_mode_scope(safe_mode: bool | None) -> Iterator[None]:
    """Within it, `safe_mode` decides whether code in files may be run."""
    outer = thread.safe_mode
    thread.safe_mode = safe_mode
    try:
        yield
    finally:
        thread.safe_mode = outer


def in_safe_mode() -> bool:
    """Whether code in files (a Lambda's bytecode) is refused; True unless the user chose otherwise."""
    if thread.safe_mode is not None:
        return thread.safe_mode
    return not settings.get("unsafe_deserialization")


def serialize_keras_object(obj: Any) -> Any:
    """A JSON-able description of `obj` that `deserialize_keras_object` turns back into it.

    Args:
        obj: An addax object, a registered or user object with `get_config`, a function, or plain data.

    Raises:
        ValueError: `obj` is none of these.
    """
    if obj is None or isinstance(obj, (str, bool, int, float)):
        return obj if not isinstance(obj, np.generic) else obj.item()
    if isinstance(obj, bytes):
        return {"class_name": "__bytes__", "config": {"value": obj.decode("utf-8")}}
    if isinstance(obj, KerasTensor):
        history = obj._keras_history
        config: dict[str, Any] = {"shape": list(obj.shape), "dtype": obj.dtype}
        if history is not None:
            config["keras_history"] = [history.operation.name, history.node_index, history.tensor_index]
        return {"class_name": "__keras_tensor__", "config": config}
    if isinstance(obj, slice):
        parts = {"start": obj.start, "stop": obj.stop, "step": obj.step}
        return {"class_name": "__slice__", "config": serialize_keras_object(parts)}
    if obj is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(obj, (list, tuple)):
        items = [serialize_keras_object(x) for x in obj]
        return tuple(items) if isinstance(obj, tuple) else items
    if isinstance(obj, dict):
        return {k: serialize_keras_object(v) for k, v in obj.items()}
    if isinstance(obj, (np.integer, np.floating, np.bool_)):
        return obj.item()
    if isinstance(obj, np.ndarray) and obj.dtype.kind in "biuf":
        return {"class_name": "__numpy__", "config": {"value": obj.tolist(), "dtype": obj.dtype.name}}
    if isinstance(obj, Variable) or is_jax_array(obj):
        return {
            "class_name": "__tensor__",
            "config": {"value": np.asarray(obj).tolist(), "dtype": standardize_dtype(obj.dtype)},
        }
    if isinstance(obj, np.dtype):
        return obj.name
    if isinstance(obj, type) and issubclass(obj, np.generic):
        return standardize_dtype(obj)
    if isinstance(obj, OpCall):
        return {
            "module": obj.definition.keras_module,
            "class_name": obj.definition.keras_class,
            "config": serialize_dict(obj.get_config()),
            "registered_name": obj.definition.keras_class,
        }
    if isinstance(obj, type) or (hasattr(obj, "__name__") and not hasattr(obj, "get_config")):
        return _serialize_callable(obj)
    if not hasattr(obj, "get_config"):
        raise ValueError(
            f"Cannot serialize object {obj!r} of type {type(obj)}. To be serializable, a class must implement the "
            "`get_config()` method."
        )
    cls = type(obj)
    module = registry.keras_module(cls)
    name = registry.get_registered_name(cls)
    result = {
        "module": module if module is not None else (None if cls.__module__ == "__main__" else cls.__module__),
        "class_name": getattr(cls, "keras_class", cls.__name__) if module else cls.__name__,
        "config": serialize_dict(obj.get_config()),
        "registered_name": None if module is not None else name,
    }
    for part in ("build_config", "compile_config"):
        getter = getattr(obj, f"get_{part}", None)
        value = getter() if getter is not None else None
        if value is not None:
            result[part] = serialize_dict(value)
    return result


def serialize_dict(config: dict[str, Any]) -> dict[str, Any]:
    """`config` with each value serialised."""
    return {k: serialize_keras_object(v) for k, v in config.items()}


def _serialize_callable(fn: Any) -> dict[str, Any]:
    if isinstance(fn, type):
        module = registry.keras_module(fn) or fn.__module__
        return {"class_name": "__typespec__", "spec_name": fn.__name__, "module": module, "config": None}
    if fn.__name__ == "<lambda>":
        raise ValueError(
            "A lambda function has no name that a file could refer to. Write it with `def` and decorate it with "
            "`@keras.saving.register_keras_serializable()`."
        )
    # Keras's files name the type of a function (`builtins.function`), not where it was defined.
    name = registry.get_registered_name(fn)
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}


def deserialize_keras_object(
    config: Any, custom_objects: dict[str, Any] | None = None, safe_mode: bool | None = None, **kwargs: Any
) -> Any:
    """What `config` describes.

    Args:
        config: What `serialize_keras_object` returned, or its JSON read back.
        custom_objects: Dict from names in `config` to classes and functions.
        safe_mode: Whether to refuse code in `config`; default: the setting of the load under way.

    Raises:
        TypeError: A name in `config` is neither addax's, nor registered, nor in `custom_objects`.
        ValueError: `config` holds code and `safe_mode` is on.
    """
    del kwargs
    with safe_mode_scope(thread.safe_mode if safe_mode is None else safe_mode):
        if custom_objects:
            with registry.custom_object_scope(custom_objects):
                return _deserialize(config)
        return _deserialize(config)


def _deserialize(config: Any) -> Any:
    if config is None or isinstance(config, (int, float, bool)):
        return config
    if isinstance(config, str):
        custom = registry.get_registered_object(config)
        return config if custom is None else custom
    if isinstance(config, (list, tuple)):
        return type(config)(_deserialize(x) for x in config)
    if not isinstance(config, dict):
        return config
    if "class_name" not in config or "config" not in config:
        return {k: _deserialize(v) for k, v in config.items()}
    class_name, inner = config["class_name"], config["config"]
    if class_name in _PLAIN:
        return _PLAIN[class_name](inner)
    if class_name == LAMBDA_MARK:
        raise ValueError(
            "The config holds a Python lambda as bytecode, which is code that anyone may have written. addax never "
            "runs code from files. Register a named function with `@keras.saving.register_keras_serializable()` and "
            "rebuild the model with it."
        )
    if class_name == "function":
        return _find(config.get("module"), inner, config.get("registered_name"))
    obj = _find(config.get("module"), class_name, config.get("registered_name"))
    if hasattr(obj, "keras_class") and hasattr(obj, "record"):  # an op's definition
        settings_ = {k: _deserialize(v) for k, v in inner.items() if k != "name"}
        known = obj.signature.parameters
        return OpCall(obj, {k: _as_tuple(v) for k, v in settings_.items() if k in known}, inner.get("name"))
    if not isinstance(obj, type):
        return obj
    if not hasattr(obj, "from_config"):
        raise TypeError(f"Unable to reconstruct an instance of '{class_name}': it has no `from_config()`.")
    try:
        instance = obj.from_config(inner)
    except TypeError as error:
        if is_own_message(error):
            raise
        raise TypeError(
            f"'{class_name}' could not be made from its config. Custom classes must define `get_config()` with every "
            f"argument of `__init__` (and `from_config()` where these need decoding). Config: {_short(inner)}. "
            f"Error: {error}"
        ) from error
    build_config = config.get("build_config")
    if build_config and hasattr(instance, "build_from_config") and not getattr(instance, "built", False):
        instance.build_from_config(build_config)
    compile_config = config.get("compile_config")
    if compile_config and hasattr(instance, "compile_from_config"):
        instance.compile_from_config(compile_config)
    return instance


def is_own_message(error: Exception) -> bool:
    """Whether `error` already says, in addax's words, what is wrong with the config."""
    return str(error).startswith(("Could not locate", "Unknown", "'"))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 400 else text[:397] + "..."


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _find(module: str | None, name: str, registered_name: str | None) -> Any:
    for key in (registered_name, name):
        if key:
            custom = registry.get_registered_object(key)
            if custom is not None:
                return custom
    builtin = registry.resolve(module, name)
    if builtin is not None:
        return builtin
    known = [*registry.get_custom_objects(), *thread.custom_objects]
    raise TypeError(
        f"Could not locate {'class' if name[:1].isupper() else 'function'} '{name}' (module {module!r}, registered "
        f"name {registered_name!r}). Names in files stand for addax's own objects and for what the program has "
        f"registered; nothing is imported. If it is yours, decorate it with "
        f"`@keras.saving.register_keras_serializable()` or pass it in `custom_objects`. {did_you_mean(name, known)}"
    )


def _tensor(config: dict[str, Any]) -> Any:
    from .convert import to_tensor

    return to_tensor(config["value"], config["dtype"])


def _symbolic(config: dict[str, Any]) -> KerasTensor:
    tensor = KerasTensor(config["shape"], config["dtype"])
    return tensor


_PLAIN: dict[str, Any] = {
    "__tuple__": lambda c: tuple(_deserialize(x) for x in c["value"]),
    "__slice__": lambda c: slice(*(_deserialize(c[k]) for k in ("start", "stop", "step"))),
    "__ellipsis__": lambda c: Ellipsis,
    "__bytes__": lambda c: c["value"].encode("utf-8"),
    "__numpy__": lambda c: np.array(c["value"], dtype=c["dtype"]),
    "__tensor__": _tensor,
    "__keras_tensor__": _symbolic,
    "DTypePolicy": DTypePolicy.from_config,
    "FloatDTypePolicy": DTypePolicy.from_config,
    "DTypePolicyMap": DTypePolicyMap.from_config,
}


def auto_config(instance: Any, skip: tuple[str, ...] = (), upto: type | None = None) -> dict[str, Any]:
    """The constructor's arguments of `instance` as a config: the attribute of that name if there is one, else what
    was passed.

    Args:
        instance: An object whose class records its arguments in `_init_args`.
        skip: Parameters to leave out.
        upto: Parameters that only this class and those derived from it take are left out (they belong to a user's
            own `get_config`).
    """
    from .op import init_arguments, init_parameters

    cls = type(instance)
    names = list(init_parameters(cls))
    if upto is not None:
        mro = cls.__mro__
        names = list(init_parameters(mro[mro.index(upto) + 1]))
    passed = init_arguments(instance)
    out: dict[str, Any] = {}
    for name in names:
        if name in skip:
            continue
        value = instance.__dict__.get(name, inspect.Parameter.empty)
        if value is inspect.Parameter.empty:
            value = getattr(instance, name, passed.get(name)) if hasattr(cls, name) else passed.get(name)
        out[name] = value
    return out


def config_class(instance: Any) -> type:
    """The class whose constructor's arguments a built-in `get_config` answers for: that of `instance`, or, where a
    user's class writes `get_config` itself and asks its base for the rest, that base."""
    mro = type(instance).__mro__
    own = next(i for i, cls in enumerate(mro) if "get_config" in cls.__dict__)
    return mro[0] if registry.is_builtin(mro[own]) else mro[own + 1]


class Configurable:
    """Base of small objects whose config is what their constructor was given."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        instance = super().__new__(cls)
        instance.__dict__["_init_args"] = (args, kwargs)
        return instance

    def get_config(self) -> dict[str, Any]:
        """The arguments that would make an equal object."""
        return auto_config(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The object that `get_config` described."""
        return cls(**config)
