"""SGD, with and without momentum."""

from __future__ import annotations

from typing import Unpack

from ..core.types import Array
from ..core.variable import Variable
from .base import LearningRate, Optimizer
from .options import OptimizerOptions
from .step import Slots


class SGD(Optimizer):
    """Gradient descent, `w -= lr * g`, with optional momentum.

    Args:
        learning_rate: A float, a schedule, or a function.
        momentum: Momentum, the decay rate of the velocity, in [0, 1]: `v = momentum * v - lr * g; w += v`.
        nesterov: Whether to use Nesterov momentum.
        **kwargs: See `Optimizer`.

    Raises:
        ValueError: `momentum` is out of range.

    >>> w = keras.Variable([1.0, 2.0])
    >>> keras.optimizers.SGD(0.5).apply([[1.0, 1.0]], [w])
    >>> w.numpy()
    array([0.5, 1.5], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **kwargs: Unpack[OptimizerOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        if not isinstance(momentum, (int, float)) or not 0 <= momentum <= 1:
            raise ValueError(f"`momentum` must be a float between [0, 1]. Received: momentum={momentum}")
        self.momentum = momentum
        self.nesterov = nesterov

    @property
    def slots(self) -> tuple:  # type: ignore[override]
        return ("momentum",) if self.momentum else ()

    @property
    def momentums(self) -> list[Variable | None]:
        """The velocity of each variable, once built; none without momentum."""
        return list(self._slots.get("momentum", ()))

    def rule(self, grad: Array, param: Array, slots: Slots, lr: Array, step: Array) -> tuple[Array, Slots]:
        if not self.momentum:
            return param - lr * grad, {}
        velocity = self.momentum * slots["momentum"] - lr * grad
        move = self.momentum * velocity - lr * grad if self.nesterov else velocity
        return param + move, {"momentum": velocity}
