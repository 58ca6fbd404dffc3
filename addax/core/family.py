"""Family: what `get`, `serialize` and `deserialize` of losses, metrics, initializers, ... have in common."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from . import registry
from .errors import describe, did_you_mean
from .naming import to_snake_case
from .serialization import deserialize_keras_object, serialize_keras_object


class Family:
    """A family of objects that names, configs, classes and callables stand for.

    Args:
        kind: What is looked for, for errors: "loss", "initializer".
        module: The addax module whose public names are the family.
        base: Base class of the objects; None where any callable is one.
        aliases: Short names -> public names.
        expected: What may be given, for errors; None is a name, a config, an instance of `base` or a callable.
        callables: Whether callables that aren't of `base` are taken as they are.
        classes_first: Whether a name in small letters is a class's before a function's.

    >>> import addax
    >>> family = Family("constraint", "addax.constraints", addax.constraints.Constraint)
    >>> family.get("max_norm").max_value, family.get({"class_name": "MaxNorm", "config": {"max_value": 5}}).max_value
    (2, 5)
    >>> family.get("max_nrm")
    Traceback (most recent call last):
    ValueError: Unknown constraint: 'max_nrm'. Did you mean 'max_norm'? ...
    """

    def __init__(
        self,
        kind: str,
        module: str,
        base: type | None = None,
        aliases: Mapping[str, str] | None = None,
        expected: str | None = None,
        callables: bool = True,
        classes_first: bool = False,
    ):
        self.kind = kind
        self.module = module
        self.base = base
        self.aliases = dict(aliases or {})
        named = f"`{base.__name__}`" if base is not None else "an object"
        self.expected = expected or f"a name, a config, an instance of {named} or a callable"
        self.callables = callables
        self.classes_first = classes_first

    def names(self) -> list[str]:
        """The public names of the family."""
        return [n for n in importlib.import_module(self.module).__all__ if n not in registry.ACCESS]

    def find(self, name: str) -> Any:
        """The registered object, the class or the function that `name` stands for.

        Raises:
            ValueError: With a suggestion, if nothing has this name.
        """
        found = registry.get_registered_object(name)
        if found is not None:
            return found
        public = self._public_name(name)
        if public is None:
            raise self.unknown(name)
        return getattr(importlib.import_module(self.module), public)

    def _public_name(self, name: str) -> str | None:
        if name in self.aliases:
            return self.aliases[name]
        snake, lower = self._spellings
        if self.classes_first and name in snake:
            return snake[name]
        if name in self._public:
            return name
        return snake.get(name) or lower.get(name) or snake.get(name.lower()) or lower.get(name.lower())

    @functools.cached_property
    def _public(self) -> frozenset[str]:
        return frozenset(self.names())

    @functools.cached_property
    def _spellings(self) -> tuple[dict[str, str], dict[str, str]]:
        """The public names by their spelling in snake case, and in lower case."""
        names = self.names()
        if self.classes_first:  # a class wins over a function of the same spelling
            names = sorted(names, key=lambda n: n[0].isupper())
        return {to_snake_case(n): n for n in names}, {n.lower(): n for n in reversed(names)}

    def unknown(self, name: str) -> ValueError:
        """The error for a name that nothing has."""
        known = [*self.aliases, *(n if n.islower() else to_snake_case(n) for n in self.names())]
        return ValueError(f"Unknown {self.kind}: '{name}'. {did_you_mean(name, known)}")

    def get(self, identifier: Any) -> Any:
        """The object that `identifier` stands for.

        Args:
            identifier: None, a name, a config dict, a class, an instance or a callable.

        Raises:
            ValueError: Nothing has this name, or it is none of these.
        """
        found = identifier
        if isinstance(found, dict):
            found = self._from_config(found)
        elif isinstance(found, str):
            found = self.find(found)
        if inspect.isclass(found):
            found = found()
        if found is None or (self.base is not None and isinstance(found, self.base)):
            return found
        if self.callables and callable(found):
            return found
        raise ValueError(
            f"Could not interpret {self.kind} identifier: {describe(identifier)}. Expected {self.expected}."
        )

    def _from_config(self, config: dict[str, Any]) -> Any:
        if "module" in config:
            return deserialize_keras_object(config)
        # As Keras 2 wrote them, and as they are written by hand: the family says where the class is.
        name = config.get("class_name")
        public = self._public_name(name) if isinstance(name, str) else None
        if public is not None and inspect.isclass(getattr(importlib.import_module(self.module), public)):
            config = {**config, "class_name": public}
        elif isinstance(name, str) and not any(
            registry.get_registered_object(n) for n in (config.get("registered_name"), name) if n
        ):
            raise self.unknown(name)
        return deserialize_keras_object({"module": self.module.replace("addax", "keras", 1), "config": {}, **config})

    def serialize(self, obj: Any) -> Any:
        """The config of an object, or the description of a function."""
        return serialize_keras_object(obj)

    def deserialize(self, config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
        """The object that a config or a name stands for.

        Args:
            config: What `serialize` returned, or a name.
            custom_objects: Dict from names to the user's classes and functions.
        """
        with registry.custom_object_scope(custom_objects or {}):
            return self.get(config)
