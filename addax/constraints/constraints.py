"""The constraints, and from names and configs to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.config import epsilon
from ..core.convert import to_tensor
from ..core.engine import jnp
from ..core.family import Family
from ..core.signature import Configurable

Axis = int | Sequence[int] | None


class Constraint(Configurable):
    """Base of constraints: subclass it and define `__call__(w)`, which returns the weight to use instead of `w`.

    The constructor's arguments are the config, so `get_config` needs no writing.

    >>> class Halved(keras.constraints.Constraint):
    ...     def __call__(self, w):
    ...         return w / 2
    >>> keras.constraints.get(Halved)(jnp.ones(2))
    Array([0.5, 0.5], dtype=float32)
    """

    def __call__(self, w: Any) -> Any:
        """The constrained value of `w`. The base changes nothing."""
        return w


class MaxNorm(Constraint):
    """Scales vectors whose norm is above `max_value` down to it.

    Args:
        max_value: Largest norm.
        axis: Dimension, or dimensions, along which a vector lies: 0 for the inputs of a Dense unit, `[0, 1, 2]` for
            a filter of Conv2D.

    >>> np.round(np.asarray(keras.constraints.MaxNorm(1.0)([[3.0], [4.0]])), 4)
    array([[0.6],
           [0.8]], dtype=float32)
    """

    def __init__(self, max_value: float = 2, axis: Axis = 0):
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        w = to_tensor(w)
        norms = _norms(w, self.axis)
        return w * (jnp.clip(norms, 0, self.max_value) / (epsilon() + norms))


class MinMaxNorm(Constraint):
    """Moves norms into `[min_value, max_value]`.

    Args:
        min_value: Smallest norm.
        max_value: Largest norm.
        rate: How much of the way each application goes; 1 is all of it.
        axis: Dimension, or dimensions, along which a vector lies.

    >>> np.round(np.asarray(keras.constraints.MinMaxNorm(0.5, 1.0)([[0.06], [0.08]])), 4)
    array([[0.3],
           [0.4]], dtype=float32)
    """

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Axis = 0):
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        w = to_tensor(w)
        norms = _norms(w, self.axis)
        desired = self.rate * jnp.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return w * (desired / (epsilon() + norms))


class NonNeg(Constraint):
    """Sets negative values to zero.

    >>> keras.constraints.NonNeg()([-1.0, 2.0])
    Array([0., 2.], dtype=float32)
    """

    def __call__(self, w: Any) -> Any:
        return jnp.maximum(to_tensor(w), 0)


class UnitNorm(Constraint):
    """Scales vectors to norm 1.

    Args:
        axis: Dimension, or dimensions, along which a vector lies.

    >>> np.round(np.asarray(keras.constraints.UnitNorm()([[3.0], [4.0]])), 4)
    array([[0.6],
           [0.8]], dtype=float32)
    """

    def __init__(self, axis: Axis = 0):
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        w = to_tensor(w)
        return w / (epsilon() + _norms(w, self.axis))


def _norms(w: Any, axis: Axis) -> Any:
    if isinstance(axis, Sequence):  # a list, once it has been through JSON
        axis = tuple(axis)
    return jnp.sqrt(jnp.sum(jnp.square(w), axis=axis, keepdims=True))


# Keras's other public names of the same classes.
max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm


CONSTRAINTS = Family("constraint", "addax.constraints", Constraint)


def get(identifier: Any) -> Any:
    """The constraint that `identifier` stands for.

    Args:
        identifier: A name ("non_neg"), a config, a Constraint (instance or class), a callable, or None.

    >>> keras.constraints.get("max_norm").max_value
    2
    """
    return CONSTRAINTS.get(identifier)


def serialize(constraint: Constraint) -> dict[str, Any]:
    """The config of `constraint`."""
    return CONSTRAINTS.serialize(constraint)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """The constraint that `serialize` described."""
    return CONSTRAINTS.deserialize(config, custom_objects)
