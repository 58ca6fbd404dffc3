"""Activations of the outputs against the losses' `from_logits`."""

from __future__ import annotations

from ...core.graph import Operation
from ...core.warnings import warn
from ...losses import Loss
from ...losses.facts import fact
from .. import outputs
from ..output_kinds import activation_of
from ..steps import StepModel
from .batch_arrays import turns_off
from .loss_facts import computes_as_compiled, function_name, labels_of


def check_logits(model: StepModel) -> None:
    """Checks, once, that losses for logits get logits, and losses for probabilities get probabilities.

    Raises:
        ValueError: One gets the other. Where that may be meant, it is a warning.
    """
    loss = model._compile_loss
    flat = getattr(model, "outputs", None)
    if loss is None or not flat or loss.checked_logits or not computes_as_compiled(model):
        return
    loss.checked_logits = True
    for i, _, one, _ in loss.entries:
        if labels_of(one) is None or fact(one, "activation") is None or i >= len(flat):
            continue
        layer, activation = activation_of(flat[i])
        if activation is not None:
            _check_output(outputs.called(loss.names, i), layer, activation, one)


def _check_output(called: str, layer: Operation, activation: str, loss: Loss) -> None:
    from_logits = getattr(loss, "_fn_kwargs", {}).get("from_logits", False)
    proper, name = fact(loss, "activation"), function_name(loss)
    cls = "".join(part.capitalize() for part in name.split("_"))
    start = f"The loss '{name}' of {called} has from_logits={from_logits}, "
    made = f"layer '{layer.name}' ({type(layer).__name__})"
    if from_logits and activation in ("softmax", "sigmoid"):
        text = (
            f"{start}but {made} applies {activation}: its outputs are probabilities, and the loss would apply {proper} "
            f"to them again. Leave out `from_logits=True`, or the activation."
        )
        is_error = activation == proper
    elif not from_logits and activation == "linear":
        text = (
            f"{start}which expects probabilities, but {made} has no activation: its outputs are any numbers (logits). "
            f"Use `keras.losses.{cls}(from_logits=True)`, or give the layer `activation='{proper}'`."
        )
        is_error = True
    elif not from_logits and activation in ("tanh", "relu"):
        text = (
            f"{start}which expects probabilities, but {made} applies {activation}. Give it `activation='{proper}'`, or "
            f"none and use `keras.losses.{cls}(from_logits=True)`."
        )
        is_error = False
    else:
        return
    text += turns_off("check_logits")
    if is_error:
        raise ValueError(text)
    warn(text)
