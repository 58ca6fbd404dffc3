"""Steps in the stateful look, `train_step(self, data)`, as pure functions: they read and assign variables as they are.

A step of Keras on JAX is a function `(state, data) -> (logs, state)`. One that takes `data` alone is run within a
`StateScope` of all the variables that it may use, those of every optimizer that the model has included.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ..core import tree
from ..core.abstract import abstract_call
from ..core.ours import is_ours
from ..core.state import StateScope
from ..core.types import Tree
from ..layers.calling import call_scope
from ..optimizers import Optimizer
from .steps import GROUPS, StepModel


def is_stateful(model: Any, kind: str) -> bool:
    """Returns whether the step of `kind` ("train", "test" or "predict") is the user's, and takes `data` alone."""
    step = getattr(model, f"{kind}_step")
    if is_ours(step):
        return False
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(step).parameters.values()
    needed = [p for p in parameters if p.kind in kinds and p.default is p.empty]
    return len(needed) == 1 and not any(p.kind is p.VAR_POSITIONAL for p in parameters)


def has_call(model: Any) -> bool:
    """Returns whether a model can be called: a step of the user's need not do that."""
    return not is_ours(type(model).call) or getattr(model, "_graph", None) is not None or bool(model.built)


def optimizers_of(model: Any) -> list[Optimizer]:
    """Returns the optimizers of a model: that of `compile`, and those that are its attributes."""
    others = tree.flatten([v for v in vars(model).values() if isinstance(v, (Optimizer, list, tuple, dict))])
    found = [model.optimizer, *(o for o in others if isinstance(o, Optimizer))]
    return list({id(o): o for o in found if o is not None}.values())


def variables_of(model: Any, group: str) -> list:
    """Returns the variables of a group that a step is given."""
    if group != "optimizer_variables":
        return list(getattr(model, group))
    if not is_stateful(model, "train"):
        return list(model.optimizer.variables)
    return [v for optimizer in optimizers_of(model) for v in optimizer.variables]


def pure_step(model: StepModel, kind: str) -> Callable[[tuple, Any], tuple]:
    """Returns the step of `kind` as a function of `(state, data)`."""
    if not is_stateful(model, kind):
        return getattr(model, f"{kind}_step")

    def step(state: tuple, data: Any) -> tuple:
        groups = [variables_of(model, name) for name in GROUPS[kind]]
        pairs = [pair for group, values in zip(groups, state) for pair in zip(group, values)]
        with StateScope(pairs) as scope, call_scope(model):
            out = getattr(model, f"{kind}_step")(data)
            if kind != "predict":
                out = _logs(model, kind, out)
        new = tuple([scope.values[id(v)] for v in group] for group in groups)
        return out, new[1] if kind == "predict" else new

    return step


def _logs(model: StepModel, kind: str, out: Any) -> dict[str, Any]:
    if not isinstance(out, dict):
        raise ValueError(
            f"`{kind}_step(self, data)` of {type(model).__name__} must return a dict of logs, e.g. `{{'loss': loss}}`. "
            f"Received: {out!r}"
        )
    return out


def build_by_steps(model: StepModel, data: Tree) -> None:
    """Runs the training step on specs of a batch, so that everything is built that it uses.

    Args:
        model: The model.
        data: Specs of a batch, as steps take it.
    """
    # The first run builds layers whose variables, and so the optimizer for them, only the next run sees.
    known = -1
    while (count := len(_everything(model))) != known:
        known = count
        abstract_call(model.train_step, (data,), {})


def _everything(model: Any) -> list:
    optimizers = [v for optimizer in optimizers_of(model) for v in optimizer.variables]
    return [*model.variables, *model.metrics_variables, *optimizers]


__all__ = ["build_by_steps", "has_call", "is_stateful", "optimizers_of", "pure_step", "variables_of"]
