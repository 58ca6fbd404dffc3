"""RMSprop, with and without momentum."""

from __future__ import annotations

from typing import Unpack

from ..core.engine import jnp, lax
from ..core.types import Array
from .base import LearningRate, Optimizer
from .options import OptimizerOptions, check_number
from .step import Slots


class RMSprop(Optimizer):
    """RMSprop: divides the gradient by the root of a moving average of its squares.

    Args:
        learning_rate: A float, a schedule, or a function.
        rho: Decay rate of the averages, in [0, 1].
        momentum: Momentum, the decay rate of the sum of updates, in [0, 1].
        epsilon: Added to the average, under the root.
        centered: Whether to divide by the root of the variance of the gradient instead of its mean square.
        **kwargs: See `Optimizer`.

    Raises:
        ValueError: An argument is out of range.

    See [Hinton, lecture 6](http://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf).

    >>> w = keras.Variable([1.0])
    >>> keras.optimizers.RMSprop(0.1, rho=0.75).apply([[2.0]], [w])
    >>> round(float(w[0]), 3)
    0.8
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **kwargs: Unpack[OptimizerOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.rho = rho
        check_number("momentum", momentum, 0.0, 1.0)
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = centered

    @property
    def slots(self) -> tuple:  # type: ignore[override]
        return (
            "velocity",
            *(["momentum"] if self.momentum > 0 else []),
            *(["average_gradient"] if self.centered else []),
        )

    def rule(self, grad: Array, param: Array, slots: Slots, lr: Array, step: Array) -> tuple[Array, Slots]:
        rho = self.rho
        new = {"velocity": rho * slots["velocity"] + (1 - rho) * jnp.square(grad)}
        spread = new["velocity"]
        if self.centered:
            new["average_gradient"] = rho * slots["average_gradient"] + (1 - rho) * grad
            spread = spread - jnp.square(new["average_gradient"])
        move = lr * grad * lax.rsqrt(spread + self.epsilon)
        if self.momentum > 0:
            move = new["momentum"] = self.momentum * slots["momentum"] + move
        return param - move, new
