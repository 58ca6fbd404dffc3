"""Model: a layer that can be trained, inspected and saved."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from typing import Any

from ..core.errors import did_you_mean
from ..core.policy import get as get_policy
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..core.variable import Variable
from ..layers.layer import Layer
from ..training.trainer import Trainer


def _from_above(module: str, name: str) -> Callable:
    """A method that is a function of a room above this one; looked up when called."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(importlib.import_module(module), name)(self, *args, **kwargs)

    method.__name__ = name
    return method


class Model(Trainer):
    """A layer with `fit`, `evaluate`, `predict`, `summary` and `save`.

    `Model(inputs, outputs)` makes a functional model of a graph of layer calls. A subclass with its own `call` is a
    model of whatever that computes.

    Args:
        inputs: KerasTensors, for a functional model.
        outputs: KerasTensors, for a functional model.
        name: Name; automatic when None.

    >>> x = keras.Input((4,))
    >>> keras.Model(x, keras.layers.Dense(2)(x)).output_shape
    (None, 2)
    """

    keras_module = "keras"

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is Model and _is_functional_call(args, kwargs):
            from .functional import Functional

            return Functional.__new__(Functional, *args, **kwargs)
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any):
        if _is_functional_call(args, kwargs):
            from .functional import Functional

            # A subclass that adds, say, a `train_step` to a functional model: it becomes one.
            cls = type(self)
            if not issubclass(cls, Functional):
                self.__class__ = type(
                    cls.__name__, (cls, Functional), {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
                )
            Functional.__init__(self, *args, **kwargs)  # type: ignore[arg-type]
            return
        Layer.__init__(self, *args, **kwargs)
        self._init_trainer()

    @property
    def layers(self) -> list[Layer]:
        """The layers directly inside this model."""
        return list(self._layers)

    @layers.setter
    def layers(self, value: Any) -> None:
        raise AttributeError("`Model.layers` attribute is reserved and should not be used. Please use another name.")

    def call(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"Model {type(self).__name__} does not have a `call()` method implemented.")

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer called `name`, or the one at place `index`.

        Raises:
            ValueError: There is none, with the names that there are.
        """
        if index is not None and name is not None:
            raise ValueError(f"Provide only a layer name or a layer index. Received: index={index}, name={name}.")
        if index is not None:
            if len(self.layers) <= index:
                raise ValueError(
                    f"Was asked to retrieve layer at index {index} but model only has {len(self.layers)} layers."
                )
            return self.layers[index]
        if name is None:
            raise ValueError("Provide either a layer name or layer index at `get_layer`.")
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = [layer.name for layer in self.layers]
        raise ValueError(f"No such layer: {name}. Existing layers are: {names}. {did_you_mean(name, names)}")

    def variables_by_path(self) -> dict[str, Variable]:
        """The variables by path; equal paths are numbered."""
        found: dict[str, Variable] = {}
        for v in self.variables:
            path, n = v.path, 1
            while path in found:
                path, n = f"{v.path}_{n}", n + 1
            found[path] = v
        return found

    def get_config(self) -> dict[str, Any]:
        return super().get_config()

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """The model that `get_config` described."""
        from .functional import Functional

        if {"layers", "input_layers", "output_layers"} <= set(config):
            return Functional.from_config.__func__(cls, config, custom_objects=custom_objects)  # type: ignore[attr-defined]
        if isinstance(config.get("dtype"), dict):
            config = {**config, "dtype": get_policy(config["dtype"])}
        return super().from_config(config)

    def to_json(self, **kwargs: Any) -> str:
        """The model's config as JSON, for `model_from_json`. Weights aren't in it."""
        return json.dumps(serialize_keras_object(self), **kwargs)

    summary = _from_above("addax.inspect.summary", "summary")
    save = _from_above("addax.saving.api", "save_model")
    save_weights = _from_above("addax.saving.api", "save_weights")
    load_weights = _from_above("addax.saving.api", "load_weights")


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """The model, without its weights, that `to_json` described.

    Args:
        json_string: What `to_json` returned.
        custom_objects: Dict from names in it to classes and functions.
    """
    return deserialize_keras_object(json.loads(json_string), custom_objects=custom_objects)


def _is_functional_call(args: tuple, kwargs: dict[str, Any]) -> bool:
    return len(args) == 2 or (len(args) == 1 and "outputs" in kwargs) or {"inputs", "outputs"} <= set(kwargs)
