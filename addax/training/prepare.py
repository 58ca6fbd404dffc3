"""Building for data: the model, its loss and metrics, its optimizer."""

from __future__ import annotations

from ..core import tracing, tree
from ..core.abstract import abstract_call
from ..core.keras_tensor import KerasTensor
from ..core.types import Array, Tree
from ..data.batches import packed
from ..layers.host import holds_text, is_text
from ..optimizers.base import updating
from .stateful import build_by_steps, has_call, is_stateful
from .steps import StepModel


def as_spec(a: Array | KerasTensor | None) -> KerasTensor | None:
    """Returns an array as a KerasTensor of its shape and dtype; None and KerasTensors stay as they are."""
    return (
        a if a is None or isinstance(a, KerasTensor) else KerasTensor(a.shape, "string" if is_text(a) else str(a.dtype))
    )


def build_for(model: StepModel, x: Tree) -> None:
    """Builds an unbuilt model for data like `x`, a structure of arrays or specs with the batch axis."""
    if not all(layer.built for layer in model._flatten_layers()):
        with tracing.lock:
            if not all(layer.built for layer in model._flatten_layers()):
                model(x if holds_text(x) else tree.map_structure(as_spec, x))


def prediction_spec(model: StepModel, x: Tree) -> Tree:
    """Returns the specs of the model's predictions for data like `x`."""
    if holds_text(x):  # of a model whose steps run eagerly
        return tree.map_structure(as_spec, model(x, training=False))
    x = tree.map_structure(as_spec, x)
    return abstract_call(lambda x: model(x, training=False), (x,), {})


def prepare(model: StepModel, x: Tree, y: Tree = None, sample_weight: Tree = None) -> None:
    """Builds the model, its loss, metrics and optimizer, where they are not built, for data like this batch."""
    specs = tree.map_structure(as_spec, (x, y, sample_weight))
    key = str(tree.map_structure(lambda t: None if t is None else (t.shape[1:], t.dtype), specs[:2]))
    if model._prepared_for == key:
        return
    x_spec, y_spec = x if holds_text(x) else specs[0], specs[1]
    if is_stateful(model, "train") and not holds_text(x):
        build_by_steps(model, packed(specs))
        if not has_call(model):
            model._prepared_for = key
            return
    build_for(model, x_spec)
    loss, metrics = model._compile_loss, model._compile_metrics
    if any(part is not None and not part.built for part in (loss, metrics)):
        y_pred = prediction_spec(model, x_spec)
        if loss is not None and not loss.built:
            _build_loss(model, x_spec, y_spec, y_pred)
        if metrics is not None:
            metrics.build(model, y_spec, y_pred)
    if model.optimizer is not None and not model.optimizer.built and not is_stateful(model, "train"):
        model.optimizer.build(model.trainable_variables)
    model._prepared_for = key


def _build_loss(model: StepModel, x: Tree, y: Tree, y_pred: Tree) -> None:
    """Builds the compiled loss for the predictions, or for what an overridden `compute_loss` passes to it."""
    assert model._compile_loss is not None
    if type(model).compute_loss is StepModel.compute_loss:
        model._compile_loss.build(model, y_pred, y)
    elif type(model).compute_loss_and_updates is StepModel.compute_loss_and_updates:
        abstract_call(lambda x, y, y_pred: model._compute_loss(x, y, y_pred, None, True), (x, y, y_pred), {})


def check_optimizer(model: StepModel) -> None:
    """Raises ValueError where weights were frozen or unfrozen after the optimizer was built for them."""
    known = updating(model.optimizer)._trainable_variables
    now = model.trainable_variables
    changed = {id(v): v for v in (*now, *known)}
    for both in {id(v) for v in now} & {id(v) for v in known}:
        del changed[both]
    if changed:
        first = next(iter(changed.values()))
        raise ValueError(
            f"The trainable weights of model '{model.name}' have changed since its optimizer was built: "
            f"'{first.path}' was {'frozen' if len(now) < len(known) else 'unfrozen or added'} (the optimizer "
            f"has {len(known)} variables to train, the model {len(now)}). Call `compile()` again after setting "
            "`trainable`."
        )
