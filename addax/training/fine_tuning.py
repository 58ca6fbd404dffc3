"""Fine-tuning: the head of a model first, then all of it, each in one cycle of the learning rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..callbacks import History
from ..core.naming import path_matches
from ..core.types import Data, Tree
from ..data.adapt import adapt
from ..layers.layer import Layer
from ..optimizers.base import updating
from ..optimizers.schedules import OneCycle
from .arguments import integer


def fine_tune(
    model: Any,
    x: Data,
    y: Tree,
    epochs: int,
    freeze_epochs: int,
    learning_rate: float,
    head: str | Sequence[str] | None,
    body_multiplier: float,
    given: dict[str, Any],
) -> History:
    """See `Model.fine_tune`."""
    model._check_compiled("fine_tune")
    epochs, freeze_epochs = integer("epochs", epochs), integer("freeze_epochs", freeze_epochs, least=0)
    steps = _steps(model, x, y, given)
    body = _body(model, head)
    if not freeze_epochs:
        return _all_layers(model, x, y, epochs, 0, steps, learning_rate / 2, body, body_multiplier, given)
    frozen = [(layer, layer.trainable) for layer in body]
    try:
        for layer, _ in frozen:
            layer.trainable = False
        _compile(model, OneCycle(learning_rate, steps * freeze_epochs), None)
        first = model.fit(x, y, epochs=freeze_epochs, **given)
    finally:
        for layer, was in frozen:
            layer.trainable = was
    second = _all_layers(model, x, y, epochs, freeze_epochs, steps, learning_rate / 2, body, body_multiplier, given)
    second.epoch = [*first.epoch, *second.epoch]
    names = [*first.history, *(n for n in second.history if n not in first.history)]
    second.history = {n: [*first.history.get(n, []), *second.history.get(n, [])] for n in names}
    second.steps = [*first.steps, *second.steps]
    return second


def _all_layers(
    model: Any,
    x: Data,
    y: Tree,
    epochs: int,
    before: int,
    steps: int,
    rate: float,
    body: list[Layer],
    multiplier: float,
    given: dict[str, Any],
) -> History:
    """Trains all layers for `epochs` epochs, after `before` others."""
    paths = {v.path for layer in body for v in layer.trainable_variables}
    _compile(model, OneCycle(rate, steps * epochs), dict.fromkeys(sorted(paths), multiplier))
    return model.fit(x, y, epochs=before + epochs, initial_epoch=before, **given)


def _body(model: Any, head: str | Sequence[str] | None) -> list[Layer]:
    """Returns the layers before the head; those of subclassed models, too."""
    layers = [layer for layer in model.layers if layer.variables or not layer.built]
    if head is None:
        return layers[:-1]
    patterns = [head] if isinstance(head, str) else list(head)
    for pattern in patterns:
        if not any(path_matches(layer.name, pattern) for layer in layers):
            raise ValueError(
                f"`head` has '{pattern}', which is no layer of the model that has weights. These are: "
                f"{[layer.name for layer in layers]}."
            )
    return [layer for layer in layers if not any(path_matches(layer.name, p) for p in patterns)]


def _steps(model: Any, x: Data, y: Tree, given: dict[str, Any]) -> int:
    """Returns the number of steps of an epoch."""
    if given.get("steps_per_epoch"):
        return int(given["steps_per_epoch"])
    source = adapt(x, y, given.get("sample_weight"), batch_size=given.get("batch_size"), **model._data_options())
    if source.steps is None:
        raise ValueError(
            "`fine_tune` follows a schedule of a known length, and how many batches the data have isn't known. Pass "
            "`steps_per_epoch`."
        )
    kept = 1 - (given.get("validation_split") or 0.0)
    return max(round(source.steps * kept), 1)


def _compile(model: Any, schedule: OneCycle, multipliers: dict[str, float] | None) -> None:
    """Compiles the model as it was, with a new optimizer of its kind at the rate of `schedule`."""
    before = updating(model.optimizer)
    optimizer = type(before).from_config({**before.get_config(), "learning_rate": schedule})
    arguments = {**model._compile_arguments, "optimizer": optimizer, "learning_rate_multipliers": multipliers}
    model.compile(**arguments)
