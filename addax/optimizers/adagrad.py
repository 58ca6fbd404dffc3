"""Adagrad and Adadelta."""

from __future__ import annotations

from typing import Unpack

from ..core.engine import jnp, lax
from ..core.types import Array
from ..core.variable import Variable
from ..initializers.constant import Constant
from .base import LearningRate, Optimizer
from .options import OptimizerOptions
from .step import Slots


class Adagrad(Optimizer):
    """Adagrad: divides the gradient by the root of the sum of all its squares so far.

    Args:
        learning_rate: A float, a schedule, or a function.
        initial_accumulator_value: Initial value of the sums.
        epsilon: Added to the sum, under the root.
        **kwargs: See `Optimizer`.

    See [Duchi et al., 2011](http://www.jmlr.org/papers/volume12/duchi11a/duchi11a.pdf).

    >>> w = keras.Variable([1.0])
    >>> keras.optimizers.Adagrad(0.1, initial_accumulator_value=0.0).apply([[2.0]], [w])
    >>> round(float(w[0]), 3)
    0.9
    """

    slots = ("accumulator",)

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **kwargs: Unpack[OptimizerOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = epsilon

    def add_slot(self, name: str, variable: Variable) -> Variable:
        return self.add_variable_from_reference(variable, name, Constant(self.initial_accumulator_value))

    def rule(self, grad: Array, param: Array, slots: Slots, lr: Array, step: Array) -> tuple[Array, Slots]:
        total = slots["accumulator"] + jnp.square(grad)
        return param - lr * grad * lax.rsqrt(total + self.epsilon), {"accumulator": total}


class Adadelta(Optimizer):
    """Adadelta: scales the gradient by the root mean square of recent updates over that of recent gradients.

    Args:
        learning_rate: A float, a schedule, or a function; 1.0 is the paper's.
        rho: Decay rate of the averages, in [0, 1].
        epsilon: Added to the averages, under both roots.
        **kwargs: See `Optimizer`.

    See [Zeiler, 2012](https://arxiv.org/abs/1212.5701).

    >>> w = keras.Variable([1.0])
    >>> keras.optimizers.Adadelta(1.0).apply([[2.0]], [w])
    >>> bool(w[0] < 1)
    True
    """

    slots = (("accumulated_grad", "accumulated_delta_var"),)

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        **kwargs: Unpack[OptimizerOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.rho = rho
        self.epsilon = epsilon

    def rule(self, grad: Array, param: Array, slots: Slots, lr: Array, step: Array) -> tuple[Array, Slots]:
        def average(old: Array, new: Array) -> Array:
            return self.rho * old + (1 - self.rho) * jnp.square(new)

        def size(squares: Array) -> Array:
            return jnp.sqrt(squares + self.epsilon)

        squares = average(slots["accumulated_grad"], grad)
        move = -size(slots["accumulated_delta_var"]) * grad / size(squares)
        moves = average(slots["accumulated_delta_var"], move)
        return param + lr * move, {"accumulated_grad": squares, "accumulated_delta_var": moves}
