"""Configs of layers: from the constructor's arguments, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from .. import activations
from ..core import policy as policies
from ..core.errors import describe
from ..core.ours import is_ours
from ..core.reading import DamagedError
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..core.signature import auto_config
from ..core.types import Config, RegularizerLike
from ..core.variable import Variable

T = TypeVar("T")
_BASE_ARGUMENTS = ("name", "trainable", "dtype", "autocast")


class ConfiguredLayer(Protocol):
    """Attributes of layers that configs are made of."""

    name: str
    activity_regularizer: RegularizerLike

    @property
    def trainable(self) -> bool: ...
    def _policy_for_files(self) -> policies.DTypePolicy: ...


def config_of(layer: ConfiguredLayer, skip: tuple[str, ...], null_activity: bool) -> Config:
    """Returns the constructor's arguments of `layer` as a config.

    Args:
        layer: The layer.
        skip: Arguments to leave out.
        null_activity: Whether Keras writes `activity_regularizer: null` for layers of this class.

    Raises:
        NotImplementedError: An argument can't be serialized.
    """
    cls = type(layer)
    # A user's `get_config` writes the arguments of its own class; the others are written here.
    own = next((c for c in reversed(cls.__mro__) if "get_config" in c.__dict__ and not is_ours(c)), None)
    rest = auto_config(layer, skip=(*_BASE_ARGUMENTS, *skip), upto=own)
    if "activity_regularizer" in rest and rest["activity_regularizer"] is None and not null_activity:
        del rest["activity_regularizer"]
    elif layer.activity_regularizer is not None and "activity_regularizer" not in (*rest, *skip):
        rest["activity_regularizer"] = layer.activity_regularizer
    dtype = serialize_keras_object(layer._policy_for_files())
    config: Config = {"name": layer.name, "trainable": layer.trainable, "dtype": dtype}
    try:
        config.update({name: serialize_argument(value) for name, value in rest.items()})
    except (ValueError, TypeError) as error:
        raise NotImplementedError(
            f"\nObject {cls.__name__} was created by passing\nnon-serializable argument values in `__init__()`,\n"
            "and therefore the object must override `get_config()` in\norder to be serializable. Please implement "
            f"`get_config()`.\n({error})"
        ) from error
    return config


def serialize_argument(value: object) -> Any:
    """Returns an argument of a constructor as it stands in a config; functions are written like activations."""
    if callable(value) and not isinstance(value, type) and not hasattr(value, "get_config"):
        return activations.serialize(value)
    return serialize_keras_object(value)


def from_config(cls: type[T], config: Config) -> T:
    """Makes a layer of class `cls` from a config.

    Raises:
        TypeError: The constructor of a user's class doesn't take the arguments, or there are no arguments by name.
    """
    if not isinstance(config, dict):
        raise DamagedError(f"The config of a {cls.__name__} is a dict of arguments. Received: {describe(config)}")
    config = dict(config)
    if isinstance(config.get("dtype"), dict):
        config["dtype"] = policies.get(config["dtype"])
    if is_ours(cls):
        return cls(**config)
    # Constructors of addax's own classes read nested configs themselves.
    config = {
        name: deserialize_keras_object(value) if isinstance(value, dict) and "class_name" in value else value
        for name, value in config.items()
    }
    try:
        return cls(**config)
    except TypeError as error:
        raise TypeError(
            f"Error when deserializing class '{cls.__name__}' using config={config}.\n\nException encountered: {error}"
        ) from error


def check_count(name: str, own: Sequence[Variable], stored: int, built: bool) -> None:
    """Raises ValueError unless a file holds as many variables as the layer `name` has of its own."""
    if stored == len(own):
        return
    if not own and not built:
        raise ValueError(
            f"Layer '{name}' was never built and thus it doesn't have any variables. However the weights "
            f"file lists {stored} variables for this layer."
        )
    raise ValueError(
        f"Layer '{name}' expected {len(own)} variables, but received {stored} variables during "
        f"loading. Expected: {[v.name for v in own]}"
    )
