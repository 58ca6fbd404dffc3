"""Conversion of objects to configs and back. Configs are JSON-like dicts, equal to those that Keras writes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from . import bytecode, registry, shared_objects
from . import config as settings
from .argument_types import check_arguments
from .config import thread
from .convert import to_tensor
from .dtypes import standardize_dtype
from .engine import is_jax_array
from .errors import describe, did_you_mean
from .graph import OpCall, Operation
from .keras_tensor import KerasTensor
from .op import OpDefinition, Tensor
from .ours import is_ours
from .policy import DTypePolicy, DTypePolicyMap
from .reading import DamagedError
from .types import Config, Tree
from .variable import Variable
from .warnings import warn

LAMBDA_MARK = "__lambda__"
LAMBDA_PARTS = ("code", "defaults", "closure")
# The names of the types of functions, which Keras's configs have as class names.
_FUNCTION_TYPES = ("function", "builtin_function_or_method", "method", "PjitFunction", "ufunc")


def safe_mode_scope(safe_mode: bool | None) -> AbstractContextManager[None]:
    """Sets, inside the context, what `in_safe_mode` returns.

    Args:
        safe_mode: The value; None for the default.
    """
    return thread.setting(safe_mode=safe_mode)


def in_safe_mode() -> bool:
    """Returns the `safe_mode` of the load under way, for custom classes that ask; True unless the user chose otherwise.

    Bytecode in files is refused in either mode.
    """
    if thread.safe_mode is not None:
        return thread.safe_mode
    return not settings.get("unsafe_deserialization")


def serialize_keras_object(obj: object) -> Any:
    """Returns a JSON-like description of an object, for `deserialize_keras_object`.

    A layer that occurs several times has the same `shared_object_id` each time, so that it is one layer after
    deserialization.

    Args:
        obj: An addax object, a registered or user object with `get_config`, a function, or plain data.

    Returns:
        Dicts, lists, strings and numbers.

    Raises:
        TypeError: `obj` is of another kind.

    >>> serialize_keras_object(DTypePolicy("float32"))
    {'module': 'keras', 'class_name': 'DTypePolicy', 'config': {'name': 'float32'}, 'registered_name': None}
    """
    if thread.written is not None:
        return _serialize(obj)
    written: dict[int, Any] = {}
    thread.written = written
    try:
        config = _serialize(obj)
    finally:
        thread.written = None
    return shared_objects.mark(config) if written else config


def _serialize(obj: object) -> Any:
    if obj is None or isinstance(obj, (str, bool, int, float)):
        return obj.item() if isinstance(obj, np.generic) else obj
    for kinds, write in _WRITERS:
        if isinstance(obj, kinds):
            return write(obj)
    if isinstance(obj, np.ndarray) and obj.dtype.kind in "biuf":
        return {"class_name": "__numpy__", "config": {"value": obj.tolist(), "dtype": obj.dtype.name}}
    if is_jax_array(obj):
        return _serialize_tensor(obj)  # type: ignore[arg-type]
    if isinstance(obj, type) and issubclass(obj, np.generic):
        return standardize_dtype(obj)
    if isinstance(obj, type) or not (hasattr(obj, "get_config") or hasattr(obj, "__name__")):
        raise TypeError(
            f"Cannot serialize object {describe(obj)}. To be serializable, a class must implement the `get_config()` "
            "method, and what is serialized must be an instance of it."
        )
    return _serialize_instance(obj) if hasattr(obj, "get_config") else _serialize_function(obj)


def _serialize_sequence(items: list | tuple) -> list | tuple:
    written = [_serialize(x) for x in items]
    return tuple(written) if isinstance(items, tuple) else written


def _serialize_symbolic(tensor: KerasTensor) -> dict[str, Any]:
    history = tensor._keras_history
    config: dict[str, Any] = {"shape": tensor.shape, "dtype": tensor.dtype}
    if history is not None:
        config["keras_history"] = [history.operation.name, history.node_index, history.tensor_index]
    return {"class_name": "__keras_tensor__", "config": config}


def _serialize_slice(x: slice) -> dict[str, Any]:
    parts = {"start": x.start, "stop": x.stop, "step": x.step}
    return {"class_name": "__slice__", "config": serialize_dict(parts)}


def _serialize_tensor(x: Tensor) -> dict[str, Any]:
    return {
        "class_name": "__tensor__",
        "config": {"value": np.asarray(x).tolist(), "dtype": standardize_dtype(x.dtype)},
    }


def _serialize_op(call: OpCall) -> dict[str, Any]:
    return {
        "module": call.definition.keras_module,
        "class_name": call.definition.keras_class,
        "config": serialize_dict(call.get_config()),
        "registered_name": call.definition.registered_name,
    }


def _serialize_instance(obj: Any) -> dict[str, Any]:
    cls = type(obj)
    module = registry.keras_module(cls)
    name = getattr(cls, "keras_class", cls.__name__) if module is not None else cls.__name__
    if module is not None:  # public classes have no registered name in files
        registered = name if module.startswith("keras.src.") else None
    else:
        registered = registry.get_registered_name(cls)
        module = None if cls.__module__ == "__main__" else cls.__module__
    result = {
        "module": module,
        "class_name": name,
        "config": serialize_dict(obj.get_config()),
        "registered_name": registered,
    }
    build_config = obj.get_build_config() if hasattr(obj, "get_build_config") else None
    if build_config is not None:
        result["build_config"] = serialize_dict(build_config)
    if hasattr(obj, "get_compile_config"):
        compiled = _serialize_compile_arguments(obj)
        own = {name: compiled.pop(name) for name in OWN_COMPILE_ARGUMENTS if name in compiled}
        result |= {"compile_config": compiled, **({_OWN_ARGUMENTS: own} if own else {})}
    if isinstance(obj, Operation):
        # Every layer is numbered here; `shared_objects.mark` removes the numbers of those that occur once.
        result[shared_objects.KEY] = shared_objects.number(thread.written, obj)
    return result


# Arguments of `compile` that Keras, which reads the file, too, would refuse; and where they stand in it.
OWN_COMPILE_ARGUMENTS = ("missing_labels", "learning_rate_multipliers", "remat")
_OWN_ARGUMENTS = "addax_compile_config"


def _serialize_compile_arguments(model: Any) -> dict[str, Any]:
    try:
        return serialize_dict(model.get_compile_config() or {})
    except (ValueError, TypeError, NotImplementedError) as error:
        warn(
            f"The arguments of `compile` of model '{model.name}' can't be written as a config, so it must be compiled "
            f"again after loading. {error}"
        )
        return {}


def serialize_dict(config: dict[str, Any]) -> dict[str, Any]:
    """Serializes each value of a dict."""
    return {k: _serialize(v) for k, v in config.items()}


def _serialize_function(fn: Any) -> dict[str, Any]:
    if fn.__name__ == "<lambda>":
        return {"class_name": LAMBDA_MARK, "config": write_lambda(fn)}
    # Keras's files have the type of a function (`builtins.function`), not the module that defines it.
    kind = type(fn).__name__
    return {
        "module": "builtins",
        "class_name": kind,
        "config": registry.get_registered_name(fn),
        "registered_name": kind,
    }


def deserialize_keras_object(
    config: Tree, custom_objects: dict[str, Any] | None = None, safe_mode: bool = True, **kwargs: Any
) -> Any:
    """Returns the object that a config describes.

    Args:
        config: A config from `serialize_keras_object`, or read from its JSON.
        custom_objects: Dict from names in `config` to classes and functions.
        safe_mode: Accepted for Keras's scripts. Code in `config` is refused in either mode.
        **kwargs: `module_objects`: a dict of the classes and functions of a family, in which names that nobody else
            knows are looked up; the name of a class alone stands for an object with its default arguments. Others are
            ignored, as in Keras.

    Returns:
        The object.

    Raises:
        TypeError: A name in `config` is neither addax's, nor registered, nor in `custom_objects`.
        ValueError: `config` holds code, and `custom_objects` no function for it.

    >>> deserialize_keras_object(serialize_keras_object(DTypePolicy("mixed_bfloat16"))).compute_dtype
    'bfloat16'
    """
    family = kwargs.get("module_objects")
    # True is the default: it leaves the choice to the setting.
    chosen = thread.safe_mode if thread.safe_mode is not None else None if safe_mode else False
    with safe_mode_scope(chosen), _reading(), registry.custom_object_scope(custom_objects or {}):
        return _deserialize_member(config, family) if family else _deserialize(config)


def _deserialize_member(config: Tree, family: Mapping[str, Any]) -> Any:
    """Returns the object that a config describes, whose name may be that of a member of `family`."""
    name = config.get("class_name") if isinstance(config, dict) else config
    member: Any = family.get(name) if isinstance(name, str) else None
    if member is None or registry.get_registered_object(str(name)) is not None:
        return _deserialize(config)
    is_class = inspect.isclass(member)
    if not is_class:
        return member
    if not isinstance(config, dict):
        return member.from_config({})
    with registry.custom_object_scope({str(name): member}):
        return _deserialize({**config, "config": config.get("config") or {}})


def _reading() -> AbstractContextManager[None]:
    return thread.setting(read=thread.read or shared_objects.Made())


def _deserialize(config: Tree) -> Any:
    if isinstance(config, str):
        custom = registry.get_registered_object(config)
        return config if custom is None else custom
    if isinstance(config, (list, tuple)):
        return type(config)(_deserialize(x) for x in config)
    if not isinstance(config, dict):
        return config
    if "class_name" not in config or "config" not in config:
        return {k: _deserialize(v) for k, v in config.items()}
    return _deserialize_object(config)


def _deserialize_object(config: Config) -> Any:
    """The tensor, function, op or instance of a class that a config describes."""
    class_name, inner = config["class_name"], config["config"]
    if class_name in _PLAIN:
        try:
            return _PLAIN[class_name](inner)
        except (LookupError, AttributeError, TypeError, OverflowError) as error:
            if is_own_message(error):
                raise
            raise DamagedError(f"The config of a '{class_name}' is damaged: {_short(inner)} ({error!r})") from None
    if class_name == LAMBDA_MARK:
        return load_lambda(inner)
    if class_name in _FUNCTION_TYPES:
        if not isinstance(inner, str):
            raise TypeError(
                f"Expected 'config' to be a non-null str for a {class_name} classname, instead got {describe(inner)}."
            )
        return _find("function", config.get("module"), inner, config.get("registered_name"))
    if not isinstance(inner, dict):
        raise TypeError(f"Expected 'config' to be a dict for {class_name}, instead got {describe(inner)}.")
    obj = _find("class", config.get("module"), class_name, config.get("registered_name"))
    obj = getattr(obj, "definition", obj)  # a user's op is registered as the function
    if isinstance(obj, OpDefinition):
        return _deserialize_op(obj, inner)
    return _deserialize_instance(obj, config) if isinstance(obj, type) else obj


def _deserialize_op(definition: OpDefinition, config: Config) -> OpCall:
    settings_ = {k: _deserialize(v) for k, v in config.items() if k != "name"}
    known = definition.signature.parameters
    return OpCall(definition, {k: _as_tuple(v) for k, v in settings_.items() if k in known}, config.get("name"))


def _deserialize_instance(cls: type, config: dict[str, Any]) -> Any:
    class_name, inner = config["class_name"], config["config"]
    if not hasattr(cls, "from_config"):
        raise TypeError(f"Unable to reconstruct an instance of '{class_name}': it has no `from_config()`.")
    sharable = issubclass(cls, Operation)
    if sharable and (again := thread.read.find(config)) is not None:
        return again
    if is_ours(cls):
        check_arguments(cls, inner)
    instance = _from_config(cls, class_name, inner)
    build_config, compile_config = (_part(config, key) for key in ("build_config", "compile_config"))
    if build_config and hasattr(instance, "build_from_config") and not getattr(instance, "built", False):
        instance.build_from_config(build_config)
    if compile_config and hasattr(instance, "compile_from_config"):
        instance.compile_from_config({**compile_config, **(_part(config, _OWN_ARGUMENTS) or {})})
    if sharable:
        thread.read.note(config, instance)
    return instance


def _from_config(cls: Any, class_name: str, config: Config) -> Any:
    """Makes an object of its config. An error that doesn't speak of the file itself becomes one that does."""
    try:
        return cls.from_config(config)
    except (TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, NotImplementedError) as error:
        if is_own_message(error) or (not isinstance(error, TypeError) and not is_ours(cls)):
            raise
        if is_ours(cls) and not _is_of_call(error):
            raise DamagedError(
                f"The config of a {class_name} {_short_name(config)} is damaged: {type(error).__name__}: {error}. "
                f"Config: {_short(config)}."
            ) from error
        raise DamagedError(
            f"'{class_name}' could not be made from its config. Custom classes must define `get_config()` with every "
            f"argument of `__init__` (and `from_config()` where these need decoding). Config: {_short(config)}. "
            f"Error: {error}"
        ) from error


def _part(config: Config, key: str) -> Config | None:
    found = config.get(key)
    if found is not None and not isinstance(found, dict):
        raise DamagedError(
            f"`{key}` of a {config['class_name']} {_short_name(config['config'])} must be an object or null. "
            f"Received: {_short(found)}"
        )
    return found


def _short_name(config: Config) -> str:
    return f"named '{config['name']}'" if isinstance(config.get("name"), str) else "without a name"


def _is_of_call(error: Exception) -> bool:
    """Returns whether a constructor was called with arguments that it doesn't have, or without some that it needs."""
    return isinstance(error, TypeError) and ("argument" in str(error) or "got an unexpected" in str(error))


def write_lambda(fn: Callable, names: Sequence[str] = ()) -> bytecode.Code:
    """Returns the config of a Python lambda. Warns that it is unsafe in a file, unless such files may be read here.

    Args:
        fn: The lambda.
        names: Names of its code, defaults and closure in the config of a `Lambda` layer, for which the warning comes
            when a model is saved; default: one list of these.
    """
    parts = bytecode.encode(fn, warns=not names and in_safe_mode())
    return bytecode.Code(dict(zip(names, parts)) if names else {"value": parts}, fn)


def load_lambda(config: dict[str, Any], what: str = "a Python lambda", given: str = LAMBDA_MARK) -> Any:
    """Returns the function of a lambda's config: the program's own. Bytecode from a file is never run.

    Args:
        config: Config written by Keras or addax: `{"value": [code, defaults, closure]}`, or these three by name.
        what: Name of the object that has the function, for the error.
        given: The name in `custom_objects` under which the program can pass the function.

    Raises:
        ValueError: The config comes from a file, and the program passes no function for it.
    """
    if isinstance(config, bytecode.Code):  # it was never in a file
        return config.function
    function = registry.get_registered_object(given)
    if callable(function) and not isinstance(function, type):
        return function
    parts = config.get("value", config.get("code")) if isinstance(config, dict) else None
    names = bytecode.names_in(parts[0] if isinstance(parts, (list, tuple)) and parts else parts)
    mentions = f" The stored code mentions the names {', '.join(map(repr, names))}." if names else ""
    raise ValueError(
        f"Requested the deserialization of {what}. This carries a potential risk of arbitrary code execution and "
        "thus it is disallowed by default; addax never runs code from a file, not with `safe_mode=False` either."
        f"{mentions} Pass the function itself: `custom_objects={{{given!r}: function}}`. If the model is yours, write "
        "the function with `def`, decorate it with `@keras.saving.register_keras_serializable()`, and save the model "
        "again."
    )


def is_own_message(error: Exception) -> bool:
    """Returns whether the message of `error` is already one of addax's, which describes what is wrong with a config."""
    return isinstance(error, DamagedError) or str(error).startswith(("Could not locate", "Unknown", "'"))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 400 else text[:397] + "..."


def _as_tuple(value: Tree) -> Tree:
    return tuple(value) if isinstance(value, list) else value


def is_known(config: Config) -> bool:
    """Returns whether loading would find the class or function that a config names.

    Args:
        config: A config with `class_name` and `config`.
    """
    name, module, registered = config["class_name"], config.get("module"), config.get("registered_name")
    try:
        if name in _FUNCTION_TYPES:
            _find("function", module, config["config"], registered)
        else:
            _find("class", module, name, registered)
    except (TypeError, ValueError):
        return False
    return True


def _find(kind: str, module: str | None, name: str, registered_name: str | None) -> Any:
    for key in (registered_name, name):
        if isinstance(key, str):
            custom = registry.get_registered_object(key)
            if custom is not None:
                return custom
    resolve = registry.resolve_function if kind == "function" else registry.resolve
    builtin = resolve(module, name) if isinstance(name, str) else None
    if builtin is not None:
        if isinstance(builtin, type) and registered_name not in (None, name):
            raise ValueError(
                f"`registered_name={registered_name!r}` was provided in the config, but '{module}.{name}' resolved to "
                "a Keras built-in and does not use registered names. Remove the `registered_name` field from the "
                "config, if it is one that you trust."
            )
        return builtin
    if kind == "function" and isinstance(name, str):
        # Older files name a registered function without its package.
        of_packages = {k: fn for k, fn in registry.get_custom_objects().items() if k.rpartition(">")[2] == name}
        if len(of_packages) == 1:
            return next(iter(of_packages.values()))
    known = [*registry.get_custom_objects(), *thread.custom_objects]
    raise TypeError(
        f"Could not locate {kind} '{name}' (module {module!r}, registered name {registered_name!r}). Names in files "
        "stand for addax's own objects and for what the program has registered; nothing is imported because a file "
        f"says so. If it is yours, decorate it with `@keras.saving.register_keras_serializable()` or pass it in "
        f"`custom_objects={{{str(name)!r}: ...}}`. {did_you_mean(name, known)}"
    )


def _tensor(config: Config) -> Tensor:
    return to_tensor(config["value"], config["dtype"])


def _numbers(config: Config) -> np.ndarray:
    dtype = np.dtype(config["dtype"])
    if dtype.kind not in "biufc":
        raise DamagedError(f"An array in the config has dtype '{dtype}', which is not of numbers.")
    return np.array(config["value"], dtype=dtype)


def _symbolic(config: Config) -> KerasTensor:
    return KerasTensor(config["shape"], config["dtype"])


_PLAIN: dict[str, Any] = {
    "__tuple__": lambda c: tuple(_deserialize(x) for x in c["value"]),
    "__slice__": lambda c: slice(*(_deserialize(c[k]) for k in ("start", "stop", "step"))),
    "__ellipsis__": lambda c: Ellipsis,
    "__bytes__": lambda c: c["value"].encode("utf-8"),
    "__numpy__": lambda c: _numbers(c),
    "__tensor__": _tensor,
    "__keras_tensor__": _symbolic,
    "DTypePolicy": DTypePolicy.from_config,
    "FloatDTypePolicy": DTypePolicy.from_config,
    "DTypePolicyMap": DTypePolicyMap.from_config,
}

# Kinds of plain data and what writes them; no object is of two kinds.
_WRITERS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (bytes, lambda x: {"class_name": "__bytes__", "config": {"value": x.decode("utf-8")}}),
    (KerasTensor, _serialize_symbolic),
    (slice, _serialize_slice),
    (type(Ellipsis), lambda x: {"class_name": "__ellipsis__", "config": {}}),
    ((list, tuple), _serialize_sequence),
    (bytecode.Code, lambda x: x),
    (dict, serialize_dict),
    ((np.integer, np.floating, np.bool_), lambda x: x.item()),
    (Variable, _serialize_tensor),
    (np.dtype, lambda x: x.name),
    (OpCall, _serialize_op),
)
