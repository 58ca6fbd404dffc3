"""The constraints, and the conversion between them and their names and configs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.config import epsilon
from ..core.convert import to_tensor
from ..core.engine import jnp
from ..core.family import Family
from ..core.op import Axis
from ..core.signature import Configurable
from ..core.types import Array, ArrayLike, ConstraintLike


class Constraint(Configurable):
    """Base class of constraints; subclasses define `__call__(w)`, which returns the weight to use instead of `w`.

    The constructor's arguments are the config: there is no need to define `get_config`.

    >>> class Halved(keras.constraints.Constraint):
    ...     def __call__(self, w):
    ...         return w / 2
    >>> keras.constraints.get(Halved)(jnp.ones(2))
    Array([0.5, 0.5], dtype=float32)
    """

    def __init__(self) -> None:
        """Takes no arguments; subclasses take their own."""

    def __call__(self, w: ArrayLike) -> Any:
        """Returns the constrained value of `w`. The base class returns `w`."""
        return w


class MaxNorm(Constraint):
    """Scales down vectors whose Euclidean norm is above `max_value`.

    Args:
        max_value: Maximum norm.
        axis: Axis or axes that a vector spans: 0 for the incoming weights of a Dense unit, `[0, 1, 2]` for a filter of
            Conv2D.

    >>> np.round(np.asarray(keras.constraints.MaxNorm(1.0)([[3.0], [4.0]])), 4)
    array([[0.6],
           [0.8]], dtype=float32)
    """

    def __init__(self, max_value: float = 2, axis: Axis = 0):
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w: ArrayLike) -> Any:
        w = to_tensor(w)
        norms = _norms(w, self.axis)
        return w * (jnp.clip(norms, 0, self.max_value) / (epsilon() + norms))


class MinMaxNorm(Constraint):
    """Rescales vectors to Euclidean norms in `[min_value, max_value]`.

    Args:
        min_value: Minimum norm.
        max_value: Maximum norm.
        rate: Fraction of the correction applied in each call, in [0, 1].
        axis: Axis or axes that a vector spans: 0 for the incoming weights of a Dense unit, `[0, 1, 2]` for a filter of
            Conv2D.

    >>> np.round(np.asarray(keras.constraints.MinMaxNorm(0.5, 1.0)([[0.06], [0.08]])), 4)
    array([[0.3],
           [0.4]], dtype=float32)
    """

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Axis = 0):
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w: ArrayLike) -> Any:
        w = to_tensor(w)
        norms = _norms(w, self.axis)
        desired = self.rate * jnp.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return w * (desired / (epsilon() + norms))


class NonNeg(Constraint):
    """Sets negative values to zero.

    >>> keras.constraints.NonNeg()([-1.0, 2.0])
    Array([0., 2.], dtype=float32)
    """

    def __call__(self, w: ArrayLike) -> Any:
        return jnp.maximum(to_tensor(w), 0)


class UnitNorm(Constraint):
    """Scales vectors to Euclidean norm 1.

    Args:
        axis: Axis or axes that a vector spans: 0 for the incoming weights of a Dense unit, `[0, 1, 2]` for a filter of
            Conv2D.

    >>> np.round(np.asarray(keras.constraints.UnitNorm()([[3.0], [4.0]])), 4)
    array([[0.6],
           [0.8]], dtype=float32)
    """

    def __init__(self, axis: Axis = 0):
        self.axis = axis

    def __call__(self, w: ArrayLike) -> Any:
        w = to_tensor(w)
        return w / (epsilon() + _norms(w, self.axis))


def _norms(w: Array, axis: Axis) -> Any:
    if isinstance(axis, Sequence):  # a list, once it has been through JSON
        axis = tuple(axis)
    return jnp.sqrt(jnp.sum(jnp.square(w), axis=axis, keepdims=True))


# Keras's other public names of the same classes.
max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm


CONSTRAINTS = Family("constraint", "addax.constraints", Constraint)


def get(identifier: ConstraintLike) -> Any:
    """Returns the constraint of an identifier.

    Args:
        identifier: A name ("non_neg"), a config, a Constraint (instance or class), a callable, or None.

    Returns:
        A constraint or callable; None for None.

    Raises:
        ValueError: The name is unknown, or `identifier` is of another type.

    >>> keras.constraints.get("max_norm").max_value
    2
    """
    return CONSTRAINTS.get(identifier)


def serialize(constraint: Constraint) -> dict[str, Any]:
    """Returns the config of a constraint.

    Args:
        constraint: Constraint, or registered function.

    Returns:
        Dict that `deserialize` takes.

    >>> serialize(get("non_neg"))["class_name"]
    'NonNeg'
    """
    return CONSTRAINTS.serialize(constraint)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """Returns the constraint of a config made by `serialize`.

    Args:
        config: Dict.
        custom_objects: Dict from names to classes and functions, which take precedence.

    Returns:
        A constraint or callable.

    Raises:
        ValueError: The name is unknown.

    >>> deserialize(serialize(get("max_norm"))).max_value
    2
    """
    return CONSTRAINTS.deserialize(config, custom_objects)
