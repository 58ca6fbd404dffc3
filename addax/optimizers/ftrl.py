"""FTRL."""

from __future__ import annotations

from typing import Unpack

from ..core.engine import jnp
from ..core.types import Array
from ..core.variable import Variable
from ..initializers.constant import Constant
from .base import LearningRate, Optimizer
from .options import OptimizerOptions
from .step import Slots


class Ftrl(Optimizer):
    """Follow The Regularized Leader: with L1, weights become exactly zero; for large sparse linear models.

    Args:
        learning_rate: A float, a schedule, or a function.
        learning_rate_power: Exponent of the sum of squared gradients in the learning rate, at most 0.
        initial_accumulator_value: Initial value of the sums, at least 0.
        l1_regularization_strength: L1 regularization factor, at least 0.
        l2_regularization_strength: L2 regularization factor, at least 0.
        l2_shrinkage_regularization_strength: Factor of an L2 penalty on the current weights, added to the
            gradient only, at least 0.
        beta: The paper's beta: additional L2 of `beta / (2 * learning_rate)`.
        **kwargs: See `Optimizer`.

    Raises:
        ValueError: An argument is out of range.

    See [McMahan et al., 2013](https://research.google.com/pubs/archive/41159.pdf).

    >>> w = keras.Variable([1.0])
    >>> keras.optimizers.Ftrl(0.1, l1_regularization_strength=100.0).apply([[2.0]], [w])
    >>> float(w[0])
    0.0
    """

    slots = (("accumulator", "linear"),)

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **kwargs: Unpack[OptimizerOptions],
    ):
        for argument, value in (
            ("initial_accumulator_value", initial_accumulator_value),
            ("l1_regularization_strength", l1_regularization_strength),
            ("l2_regularization_strength", l2_regularization_strength),
            ("l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength),
        ):
            if not value >= 0:
                raise ValueError(f"`{argument}` needs to be positive or zero. Received: {argument}={value}.")
        if not learning_rate_power <= 0:
            raise ValueError(
                "`learning_rate_power` needs to be negative or zero. Received: "
                f"learning_rate_power={learning_rate_power}."
            )
        super().__init__(learning_rate, **kwargs)
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta

    def add_slot(self, name: str, variable: Variable) -> Variable:
        value = self.initial_accumulator_value if name == "accumulator" else 0.0
        return self.add_variable_from_reference(variable, name, Constant(value))

    def rule(self, grad: Array, param: Array, slots: Slots, lr: Array, step: Array) -> tuple[Array, Slots]:
        power, l1 = -self.learning_rate_power, self.l1_regularization_strength
        l2 = self.l2_regularization_strength + self.beta / (2 * lr)
        shrunk = grad + 2 * self.l2_shrinkage_regularization_strength * param
        total = slots["accumulator"] + jnp.square(grad)
        slower = jnp.power(total, power)
        linear = slots["linear"] + shrunk - (slower - jnp.power(slots["accumulator"], power)) / lr * param
        quadratic = slower / lr + 2 * l2
        return (jnp.clip(linear, -l1, l1) - linear) / quadratic, {"accumulator": total, "linear": linear}
