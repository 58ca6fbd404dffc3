"""The regularizers, and the conversion between them and their names and configs."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from ..core.convert import to_tensor
from ..core.engine import jnp
from ..core.family import Family
from ..core.signature import Configurable
from ..core.types import ArrayLike, RegularizerLike


class Regularizer(Configurable):
    """Base class of regularizers; subclasses define `__call__(x)`, which returns a scalar penalty.

    The constructor's arguments are the config: there is no need to define `get_config`.

    >>> class Spread(keras.regularizers.Regularizer):
    ...     def __call__(self, x):
    ...         return jnp.var(x)
    >>> keras.regularizers.get(Spread)(jnp.ones(3))
    Array(0., dtype=float32)
    """

    def __init__(self) -> None:
        """Takes no arguments; subclasses take their own."""

    def __call__(self, x: ArrayLike) -> Any:
        """Returns the penalty of `x`, a scalar. The base class returns 0."""
        return 0.0


class L1L2(Regularizer):
    """L1 and L2 penalties, `l1 * sum(|x|) + l2 * sum(x ** 2)`.

    Args:
        l1: Factor of the sum of absolute values.
        l2: Factor of the sum of squares.

    Raises:
        ValueError: A factor is not a non-negative finite number.

    >>> keras.regularizers.L1L2(l1=1.0, l2=0.5)([1.0, -2.0])
    Array(5.5, dtype=float32)
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0):
        self.l1 = _factor("l1", 0.0 if l1 is None else l1)
        self.l2 = _factor("l2", 0.0 if l2 is None else l2)

    def __call__(self, x: ArrayLike) -> Any:
        x = to_tensor(x)
        penalty = jnp.zeros((), x.dtype)
        if self.l1:
            penalty += self.l1 * jnp.sum(jnp.abs(x))
        if self.l2:
            penalty += self.l2 * jnp.sum(jnp.square(x))
        return penalty


class L1(Regularizer):
    """L1 penalty, `l1 * sum(|x|)`, which makes weights sparse.

    Args:
        l1: Factor of the sum of absolute values.

    Raises:
        ValueError: The factor is not a non-negative finite number.

    >>> keras.regularizers.L1(0.5)([1.0, -2.0])
    Array(1.5, dtype=float32)
    """

    def __init__(self, l1: float = 0.01):
        # Keras keeps this one, and the orthogonal factor, as a float32: files show its rounding.
        self.l1 = float(np.float32(_factor("l1", 0.01 if l1 is None else l1)))

    def __call__(self, x: ArrayLike) -> Any:
        return self.l1 * jnp.sum(jnp.abs(to_tensor(x)))


class L2(Regularizer):
    """L2 penalty, `l2 * sum(x ** 2)`, which keeps weights small (weight decay).

    Args:
        l2: Factor of the sum of squares.

    Raises:
        ValueError: The factor is not a non-negative finite number.

    >>> keras.regularizers.L2(0.5)([1.0, -2.0])
    Array(2.5, dtype=float32)
    """

    def __init__(self, l2: float = 0.01):
        self.l2 = _factor("l2", 0.01 if l2 is None else l2)

    def __call__(self, x: ArrayLike) -> Any:
        return self.l2 * jnp.sum(jnp.square(to_tensor(x)))


class OrthogonalRegularizer(Regularizer):
    """Orthogonality penalty: the mean absolute cosine between different rows (or columns) of a matrix, times `factor`.

    Args:
        factor: Factor of the penalty.
        mode: "rows" or "columns".

    Raises:
        ValueError: The factor is not a non-negative finite number, or `mode` is unknown. Calls raise it for inputs that
            don't have rank 2.

    >>> keras.regularizers.OrthogonalRegularizer(1.0)([[1.0, 0.0], [0.0, 2.0]])
    Array(0., dtype=float32)
    """

    def __init__(self, factor: float = 0.01, mode: Literal["rows", "columns"] = "rows"):
        self.factor = float(np.float32(_factor("factor", factor)))
        if mode not in ("rows", "columns"):
            raise ValueError(
                f'Invalid value for argument `mode`. Expected one of {{"rows", "columns"}}. Received: mode={mode}'
            )
        self.mode = mode

    def __call__(self, inputs: ArrayLike) -> Any:
        x = to_tensor(inputs)
        if x.ndim != 2:
            raise ValueError(f"Inputs to OrthogonalRegularizer must have rank 2. Received: inputs.shape={x.shape}")
        if self.mode == "columns":
            x = x.T
        unit = x / jnp.sqrt(jnp.maximum(jnp.sum(jnp.square(x), axis=1, keepdims=True), 1e-12))
        size = x.shape[0]
        cosines = (unit @ unit.T) * (1 - jnp.eye(size, dtype=x.dtype))
        return self.factor * 0.5 * jnp.sum(jnp.abs(cosines)) / (size * (size - 1) / 2 or 1)


def _factor(argument: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        number = math.nan
    else:
        number = float(value)
    if not (number >= 0 and math.isfinite(number)):
        raise ValueError(
            f"Invalid value for argument {argument}: expected a non-negative float. Received: {argument}={value}"
        )
    return number


# Keras's other public names of the same classes.
l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer


REGULARIZERS = Family("regularizer", "addax.regularizers", Regularizer, {"l1l2": "L1L2"})


def get(identifier: RegularizerLike) -> Any:
    """Returns the regularizer of an identifier.

    Args:
        identifier: A name ("l2"), a config, a Regularizer (instance or class), a callable, or None.

    Returns:
        A regularizer or callable; None for None.

    Raises:
        ValueError: The name is unknown, or `identifier` is of another type.

    >>> keras.regularizers.get("l2").l2
    0.01
    """
    return REGULARIZERS.get(identifier)


def serialize(regularizer: Regularizer) -> dict[str, Any]:
    """Returns the config of a regularizer.

    Args:
        regularizer: Regularizer, or registered function.

    Returns:
        Dict that `deserialize` takes.

    >>> serialize(get("l2"))["class_name"]
    'L2'
    """
    return REGULARIZERS.serialize(regularizer)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """Returns the regularizer of a config made by `serialize`.

    Args:
        config: Dict.
        custom_objects: Dict from names to classes and functions, which take precedence.

    Returns:
        A regularizer or callable.

    Raises:
        ValueError: The name is unknown.

    >>> deserialize(serialize(get("l2"))).l2
    0.01
    """
    return REGULARIZERS.deserialize(config, custom_objects)
