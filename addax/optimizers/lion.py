"""Lion: EvoLved Sign Momentum."""

from __future__ import annotations

from typing import Unpack

from ..core.engine import jnp
from ..core.types import Array
from .base import LearningRate, Optimizer
from .options import OptimizerOptions
from .step import Slots


class Lion(Optimizer):
    """Lion: updates every weight by the learning rate, in the direction of the sign of an average gradient.

    Args:
        learning_rate: A float, a schedule, or a function; a third to a tenth of Adam's.
        beta_1: Weight of the average gradient relative to the current one in the direction, in (0, 1].
        beta_2: Decay rate of the average gradient, in [0, 1].
        **kwargs: See `Optimizer`.

    Raises:
        ValueError: `beta_1` is out of range.

    See [Chen et al., 2023](https://arxiv.org/abs/2302.06675).

    >>> w = keras.Variable([1.0])
    >>> keras.optimizers.Lion(0.25).apply([[2.0]], [w])
    >>> float(w[0])
    0.75
    """

    slots = ("momentum",)

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        **kwargs: Unpack[OptimizerOptions],
    ):
        if not 0 < beta_1 <= 1:
            raise ValueError(
                "Argument `beta_1` must be in the [0, 1] range. Otherwise, the optimizer degenerates to SignSGD. "
                f"Received: beta_1={beta_1}. (0 itself is excluded: `beta_1` must be in the range (0, 1].)"
            )
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def rule(self, grad: Array, param: Array, slots: Slots, lr: Array, step: Array) -> tuple[Array, Slots]:
        m = slots["momentum"]
        direction = jnp.sign(m * self.beta_1 + grad * (1 - self.beta_1))
        return param - lr * direction, {"momentum": m * self.beta_2 + grad * (1 - self.beta_2)}
