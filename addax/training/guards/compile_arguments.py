"""The arguments of `compile`: names, kinds and numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import losses
from ...core import tree
from ...core.engine import is_jax_array
from ...core.errors import describe
from ...core.keras_tensor import KerasTensor
from ...core.types import Tree
from ...core.warnings import warn
from ...metrics import Metric
from ...metrics.identifiers import resolve


def check_compiled(
    loss: Tree,
    loss_weights: Tree,
    metrics: Tree,
    weighted_metrics: Tree,
    run_eagerly: bool,
    jit_compile: bool | str | None,
) -> None:
    """Checks the arguments of `compile`; see `Trainer.compile`.

    Raises:
        ValueError: A name does not exist, or an argument is of the wrong kind.
    """
    for one in tree.flatten(_without_configs(loss)):
        _check_loss(one)
    for name, given in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
        for one in tree.flatten(_without_configs(given)):
            if isinstance(one, str):
                resolve(one, (None, 2), (None, 2))
            elif one is not None and not callable(one):
                raise ValueError(
                    f"`{name}` holds {describe(one)}; expected names, functions `(y_true, y_pred)` or metrics."
                )
    for weight in tree.flatten(loss_weights):
        _check_loss_weight(weight)
    if not isinstance(run_eagerly, (bool, int, np.bool_)):
        raise ValueError(f"`run_eagerly` must be True or False. Received: run_eagerly={run_eagerly!r}")
    if not (jit_compile is None or jit_compile == "auto" or isinstance(jit_compile, (bool, int, np.bool_))):
        raise ValueError(f"`jit_compile` must be True, False or 'auto'. Received: jit_compile={jit_compile!r}")


def _without_configs(given: Tree) -> Tree:
    """`given` without the configs of objects in it, which `compile` deserializes itself."""
    if isinstance(given, dict):
        return None if "class_name" in given else {k: _without_configs(v) for k, v in given.items()}
    return [_without_configs(v) for v in given] if isinstance(given, (list, tuple)) else given


def _check_loss(one: Any) -> None:
    cls = one if isinstance(one, type) else type(one)
    if issubclass(cls, Metric):
        other = f"`keras.losses.{cls.__name__}`" if hasattr(losses, cls.__name__) else "a loss, or a function"
        raise ValueError(
            f"`loss` is the metric {cls.__name__}, whose value is that of all batches so far; expected a loss, which "
            f"is computed anew for each batch. Use {other}."
        )
    if isinstance(one, str):
        if one.lower() not in ("crossentropy", "ce"):  # resolved later, by the shapes of labels and predictions
            losses.get(one)
    elif one is not None and not callable(one):
        losses.get(one)  # raises, and names the mistake


def _check_loss_weight(weight: Any) -> None:
    if weight is None or isinstance(weight, KerasTensor) or hasattr(weight, "assign") or is_jax_array(weight):
        return
    try:
        number = float("nan") if isinstance(weight, str) else float(weight)
    except (TypeError, ValueError):
        number = float("nan")
    if not np.isfinite(number):
        raise ValueError(
            f"`loss_weights` must be finite numbers, one for each output. Received: {weight!r}. A weight of 0 leaves a "
            "loss out of the sum."
        )
    if number < 0:
        warn(f"`loss_weights` has {weight!r}: training will increase the loss of that output without bound.")
