"""Schedule-free AdamW: averaging of the iterates in place of a learning rate schedule."""

from __future__ import annotations

from typing import Unpack

from ..core.engine import jnp
from ..core.types import Array
from ..core.variable import Variable
from .base import LearningRate, Optimizer
from .options import OptimizerOptions
from .step import Slots


class ScheduleFreeAdamW(Optimizer):
    """Schedule-free AdamW: Adam's steps, whose average the parameters lean to, so that the rate need not decay.

    Args:
        learning_rate: A float, a schedule, or a function.
        beta_1: Share of the average of the iterates in the parameters, at which gradients are taken, in (0, 1].
        beta_2: Decay rate of the average squared gradient, in [0, 1].
        epsilon: Added to the root of the average squared gradient.
        warmup_steps: Number of steps in which the learning rate rises linearly from 0.
        **kwargs: See `Optimizer`.

    See [Defazio et al., 2024](https://arxiv.org/abs/2405.15682).

    >>> w = keras.Variable([1.0])
    >>> keras.optimizers.ScheduleFreeAdamW(0.1).apply([[2.0]], [w])
    >>> round(float(w[0]), 3)
    0.9
    """

    slots = (("momentum", "velocity"),)

    def __init__(
        self,
        learning_rate: LearningRate = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
        **kwargs: Unpack[OptimizerOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.warmup_steps = warmup_steps

    def add_slot(self, name: str, variable: Variable) -> Variable | None:
        slot = super().add_slot(name, variable)
        if slot is not None and name == "momentum":  # the iterates begin where the parameters do
            slot.assign(variable.numpy())
        return slot

    def rule(self, grad: Array, param: Array, slots: Slots, lr: Array, step: Array) -> tuple[Array, Slots]:
        velocity = slots["velocity"] + (jnp.square(grad) - slots["velocity"]) * (1 - self.beta_2)
        corrected = jnp.sqrt(velocity / (1 - self.beta_2**step).astype(velocity.dtype))
        if self.warmup_steps:
            lr = lr * jnp.minimum(step / self.warmup_steps, 1.0)
        before = slots["momentum"]
        iterate = before - lr.astype(grad.dtype) * grad / (corrected + self.epsilon)
        # The parameters are a mixture of iterate and average, so the average need not be kept.
        average = (param - (1 - self.beta_1) * before) / self.beta_1
        average = average + (iterate - average) / step.astype(average.dtype)
        return (1 - self.beta_1) * iterate + self.beta_1 * average, {"momentum": iterate, "velocity": velocity}
