"""Checks and conversions of the gradients and values passed to optimizers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from ..core.convert import to_tensor
from ..core.engine import jnp
from ..core.op import TensorLike
from ..core.types import Array
from ..core.variable import Variable
from ..core.warnings import warn

Gradients: TypeAlias = Sequence[TensorLike | None]  # None for a variable without a gradient


def check_built(grads: Gradients, variables: Sequence[Variable], built: bool) -> None:
    """Checks gradients that are passed without variables.

    Args:
        grads: The gradients.
        variables: The variables that the optimizer was built with.
        built: Whether it was built.

    Raises:
        ValueError: The optimizer is not built, or the number of gradients is not that of the variables.
    """
    if not built:
        raise ValueError(
            "When passing `grads` without `variables`, the optimizer must already be built on a list of "
            "variables. Call `optimizer.build(trainable_variables)` first."
        )
    if len(grads) != len(variables):
        raise ValueError(
            "When passing `grads` as a list of gradient tensors, the gradients must match "
            f"`optimizer.variables` one-to-on. Received a list of {len(grads)} gradients, but the optimizer "
            f"is tracking {len(variables)} trainable variables."
        )


def check_number_of(grads: Gradients, variables: Sequence[Variable], optimizer: str) -> None:
    """Checks that there is one gradient per variable.

    Args:
        grads: The gradients.
        variables: The variables.
        optimizer: Name of the optimizer, for the error.

    Raises:
        ValueError: The numbers differ.
    """
    if len(grads) != len(variables):
        raise ValueError(
            f"Expected one gradient for each variable. Received {len(grads)} gradients and {len(variables)} "
            f"variables (optimizer '{optimizer}')."
        )


def check_known(variables: Sequence[Variable], index: Mapping[int, int]) -> None:
    """Checks that an optimizer was built with all of `variables`.

    Args:
        variables: The variables.
        index: The ids of the variables that it was built with.

    Raises:
        ValueError: A variable is unknown.
    """
    for v in variables:
        if id(v) not in index:
            raise ValueError(
                f"Unknown variable: {v}. This optimizer can only be called for the variables it was "
                "originally built with. When working with a new set of variables, you should recreate a new "
                "optimizer instance."
            )


def check_values(argument: str, values: Sequence[TensorLike], variables: Sequence[Variable], what: str) -> None:
    """Checks that an argument has one value per variable.

    Args:
        argument: Its name.
        values: The values.
        variables: The variables.
        what: The variables in words, for the error.

    Raises:
        ValueError: The numbers differ.
    """
    if len(values) != len(variables):
        raise ValueError(
            f"Argument `{argument}` must be a list of tensors corresponding 1:1 to the {what}. Received list with "
            f"length {len(values)}, but expected {len(variables)} variables."
        )


def check_shapes(grads: Gradients, variables: Sequence[Variable]) -> None:
    """Checks that every gradient has the shape of its variable.

    Args:
        grads: The gradients.
        variables: Their variables.

    Raises:
        ValueError: The shapes differ.
    """
    for g, v in zip(grads, variables):
        if g is not None and tuple(np.shape(g)) != tuple(v.shape):
            raise ValueError(
                f"The gradient of variable '{v.path}' must have its shape {tuple(v.shape)}. Received a gradient "
                f"of shape {tuple(np.shape(g))}."
            )


def check_presence(grads: Gradients, variables: Sequence[Variable]) -> None:
    """Warns about variables without a gradient.

    Args:
        grads: The gradients.
        variables: Their variables.

    Raises:
        ValueError: No variable has a gradient.
    """
    missing = [v.path for g, v in zip(grads, variables) if g is None]
    if len(missing) == len(grads):
        raise ValueError("No gradients provided for any variable.")
    if missing:
        warn(
            f"Gradients do not exist for variables {missing} when minimizing the loss. If using "
            "`model.compile()`, did you forget to provide a `loss` argument?"
        )


def as_value(value: TensorLike, variable: Variable) -> Array:
    """Converts the value of a variable to an array.

    Args:
        value: The value.
        variable: The variable.

    Raises:
        ValueError: The value has another number of axes.
    """
    value = to_tensor(value)
    if value.ndim != len(variable.shape):
        raise ValueError(
            f"The value for variable '{variable.path}' must have its shape {variable.shape}. Received a value of shape "
            f"{tuple(value.shape)}."
        )
    return value


def as_like(old: Array, new: TensorLike, what: str) -> Array:
    """Converts what `rule` returned to the dtype of the old value.

    Args:
        old: The old value.
        new: The new one.
        what: Name of the value, for the error.

    Raises:
        ValueError: The shapes differ.
    """
    new = jnp.asarray(new, old.dtype)
    if new.shape != old.shape:
        raise ValueError(f"`rule` must return {what} in its shape {old.shape}. Received an array of shape {new.shape}.")
    return new
