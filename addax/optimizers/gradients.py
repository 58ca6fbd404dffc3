"""Checks and conversions of the gradients and values that optimizers are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.convert import to_tensor
from ..core.engine import jnp
from ..core.variable import Variable
from ..core.warnings import warn


def check_shapes(grads: Sequence[Any], variables: Sequence[Variable]) -> None:
    """Raises an error where a gradient hasn't its variable's shape."""
    for g, v in zip(grads, variables):
        if g is not None and tuple(np.shape(g)) != tuple(v.shape):
            raise ValueError(
                f"The gradient of variable '{v.path}' must have its shape {tuple(v.shape)}. Received a gradient "
                f"of shape {tuple(np.shape(g))}."
            )


def check_presence(grads: Sequence[Any], variables: Sequence[Variable]) -> None:
    """Warns of variables without a gradient; raises an error where there is none at all."""
    missing = [v.path for g, v in zip(grads, variables) if g is None]
    if len(missing) == len(grads):
        raise ValueError("No gradients provided for any variable.")
    if missing:
        warn(
            f"Gradients do not exist for variables {missing} when minimizing the loss. If using "
            "`model.compile()`, did you forget to provide a `loss` argument?"
        )


def as_value(value: Any, variable: Variable) -> Any:
    """`value` as an array, for `variable`."""
    value = to_tensor(value)
    if value.ndim != len(variable.shape):
        raise ValueError(
            f"The value for variable '{variable.path}' must have its shape {variable.shape}. Received a value of shape "
            f"{tuple(value.shape)}."
        )
    return value


def as_like(old: Any, new: Any, what: str) -> Any:
    """`new` in the dtype of `old`, whose shape it must have."""
    new = jnp.asarray(new, old.dtype)
    if new.shape != old.shape:
        raise ValueError(f"`rule` must return {what} in its shape {old.shape}. Received an array of shape {new.shape}.")
    return new
