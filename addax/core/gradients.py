"""Gradients with respect to variables, of functions that read and assign variables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .engine import jax
from .errors import describe
from .state import StateScope
from .variable import Variable


def value_and_grad(
    function: Callable[[], Any], variables: Sequence[Variable], has_aux: bool = False
) -> tuple[Any, list]:
    """Computes the value of a function and its gradients with respect to variables.

    Works where code runs at once, and in steps that are compiled. What the function assigns (moving averages, seeds,
    metrics) is assigned.

    Args:
        function: Function of no arguments that reads the variables and returns a scalar.
        variables: The variables, of float dtype.
        has_aux: Whether it returns a pair of the scalar and anything else.

    Returns:
        The value (the pair, with `has_aux`), and a list of gradients, one for each variable.

    Raises:
        ValueError: `variables` has something else in it.
        TypeError: The value is no scalar of a float dtype.

    >>> w = keras.Variable([1.0, 2.0], name="w")
    >>> value, (gradient,) = keras.value_and_grad(lambda: keras.ops.sum(w**2), [w])
    >>> float(value), gradient
    (5.0, Array([2., 4.], dtype=float32))
    """
    variables = list(variables)
    for v in variables:
        if not isinstance(v, Variable):
            raise ValueError(f"`variables` must be a list of `keras.Variable`s. Received an entry {describe(v)}.")
    written: list[Variable] = []

    def pure(values: list) -> tuple:
        with StateScope(zip(variables, values)) as scope:
            found = function()
        value, aux = found if has_aux else (found, None)
        written[:] = scope.written.values()
        return value, (aux, [scope.values[id(v)] for v in written])

    values = [v.value_uncast() for v in variables]
    (value, (aux, after)), gradients = jax.value_and_grad(pure, has_aux=True)(values)
    for v, new in zip(written, after):
        v.assign(new)
    return ((value, aux) if has_aux else value), gradients
