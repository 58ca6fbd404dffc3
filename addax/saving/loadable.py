"""Whether a model could be loaded again: asked when it is saved, while there is still a program that can be mended."""

from __future__ import annotations

import inspect
from typing import Any

from ..core import registry
from ..core.ours import is_ours
from ..core.serialization import safe_mode_scope
from ..core.signature import signature_of
from ..core.warnings import warn
from ..layers.layer import Layer
from ..models.graph_config import was_given_graph
from ..models.model import Model


def check_loadable(model: Layer) -> None:
    """Warns of classes that a program has to pass when it loads the model.

    Args:
        model: The model.

    Raises:
        ValueError: The config of a layer lacks what the layer's constructor needs, or holds what it doesn't take.
    """
    unregistered: dict[str, str] = {}
    for layer in model._flatten_layers():
        cls = type(layer)
        if is_ours(cls):
            continue
        _check_config(layer)
        name = registry.get_registered_name(cls)
        if registry.get_registered_object(name) is None and registry.get_registered_object(cls.__name__) is None:
            unregistered.setdefault(cls.__name__, layer.name)
    if unregistered:
        places = ", ".join(f"{name} (layer '{layer}')" for name, layer in unregistered.items())
        given = ", ".join(f"'{name}': {name}" for name in unregistered)
        warn(
            f"The file of model '{model.name}' names classes that are not registered: {places}. To load it, decorate "
            f"them with `@keras.saving.register_keras_serializable()`, or pass `custom_objects={{{given}}}`."
        )


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
