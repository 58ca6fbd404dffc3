"""Whether a model could be loaded again: asked when it is saved, while there is still a program that can be mended."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from ..core.ours import is_ours
from ..core.serialization import LAMBDA_MARK, in_safe_mode, is_known, safe_mode_scope, serialize_keras_object
from ..core.signature import signature_of
from ..core.types import Config
from ..core.warnings import warn
from ..layers.layer import Layer
from ..models.graph_config import was_given_graph
from ..models.model import Model
from ..optimizers import Optimizer
from ..optimizers.base import updating


def loadable_config(model: Layer) -> Config:
    """Returns the config of a model; warns of what a program has to pass when it loads it: its own code, and lambdas.

    Args:
        model: The model.

    Raises:
        ValueError: The config of a layer lacks what the layer's constructor needs, or holds what it doesn't take.
    """
    for layer in model._flatten_layers():
        if not is_ours(type(layer)):
            _check_config(layer)
    config = serialize_keras_object(model)
    unknown, lambdas = _names_to_pass(config)
    if unknown:
        kinds = [kind for kind in ("class", "function") if kind in {found for found, _ in unknown.values()}]
        what = " and ".join({"class": "classes", "function": "functions"}[kind] for kind in kinds)
        places = ", ".join(f"{name} ({place})" for name, (_, place) in unknown.items())
        given = ", ".join(f"'{name}': {name}" for name in unknown)
        warn(
            f"The file of model '{model.name}' names {what} that are not registered: {places}. To load it, decorate "
            f"them with `@keras.saving.register_keras_serializable()`, or pass `custom_objects={{{given}}}`."
        )
    if lambdas and in_safe_mode():
        given = ", ".join(f"'{name}': function" for name in lambdas)
        warn(
            f"The model '{model.name}' includes a `lambda`. This is unsafe. In order to reload it, you will have to "
            f"pass the functions of the layers {lambdas} in `custom_objects={{{given}}}`: addax runs no code of files. "
            "Please use functions with names, decorated with `@keras.saving.register_keras_serializable()`."
        )
    return config


def has_state_of_others(optimizer: Optimizer, model: Layer) -> bool:
    """Returns whether an optimizer has the state of other weights than the model trains; warns if so.

    That is so after `enable_lora` or `merge_lora`, until the model is compiled again. Loading would fail where there
    are as many weights, but of other shapes; where their number differs it skips the state.
    """
    known = updating(optimizer)._trainable_variables
    now = model.trainable_variables
    if not optimizer.built or len(known) != len(now) or [v.shape for v in known] == [v.shape for v in now]:
        return False
    warn(
        f"The state of optimizer '{optimizer.name}' is left out of the file: it belongs to other weights than model "
        f"'{model.name}' trains now. Call `compile()` again after changing what is trained."
    )
    return True


def _names_to_pass(config: Any) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """The classes and functions in a config that loading would not find, each with where it is; layers of lambdas."""
    unknown: dict[str, tuple[str, str]] = {}
    lambdas: list[str] = []
    for found, place in _objects(config):
        name, inner = found["class_name"], found["config"]
        if name == "Lambda" and isinstance(inner, dict) and isinstance(inner.get("function"), dict):
            lambdas += [inner["name"]] if inner["function"].get("class_name") == LAMBDA_MARK else []
        if not name.startswith("__") and not is_known(found):
            if isinstance(inner, str):
                unknown.setdefault(inner, ("function", place))
            else:
                unknown.setdefault(name, ("class", place))
    return unknown, lambdas


def _objects(config: Any) -> Iterator[tuple[Config, str]]:
    """Yields the config of each object in a config, with the place where it is."""
    stack = [(config, "the model")]
    while stack:
        value, place = stack.pop()
        if isinstance(value, (list, tuple)):
            stack += [(v, place) for v in reversed(value)]
        elif isinstance(value, dict):
            if isinstance(value.get("class_name"), str) and "config" in value:
                inner = value["config"]
                if isinstance(inner, dict) and isinstance(inner.get("name"), str):
                    place = f"layer '{inner['name']}'"
                yield value, place
            if value.get("class_name") != LAMBDA_MARK:
                stack += [
                    (v, "`compile`" if k.endswith("compile_config") else place) for k, v in reversed(value.items())
                ]


def _check_config(layer: Layer) -> None:
    """Raises a ValueError if the layer's class can't be called with the layer's config."""
    cls: Any = type(layer)
    if not is_ours(cls.from_config.__func__) or (isinstance(layer, Model) and was_given_graph(layer)):
        return
    with safe_mode_scope(False):  # a lambda's warning comes when it is written
        config = layer.get_config()
    parameters = [p for p in signature_of(cls.__init__).parameters.values() if p.name != "self"]
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    missing = [p.name for p in named if p.default is inspect.Parameter.empty and p.name not in config]
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters)
    unknown = [] if anything else sorted(set(config) - {p.name for p in named})
    if missing:
        added = ", ".join(f"'{n}': self.{n}" for n in missing)
        what = f"has no {missing}. Add them in `get_config()`: `return {{**super().get_config(), {added}}}`."
    elif unknown:
        what = (
            f"has {unknown}, which `__init__` doesn't take. Let `__init__` take `**kwargs` and pass them to "
            "`super().__init__(**kwargs)`."
        )
    else:
        return
    raise ValueError(
        f"Layer '{layer.name}' ({cls.__name__}) could not be loaded again: the config that its `get_config()` returns "
        f"{what}"
    )
