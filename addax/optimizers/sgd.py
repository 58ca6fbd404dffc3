"""SGD, with and without momentum."""

from __future__ import annotations

from typing import Any, Unpack

from .base import LearningRate, Optimizer
from .options import OptimizerOptions


class SGD(Optimizer):
    """Gradient descent: `w -= lr * g`, or along a velocity when there is momentum.

    Args:
        learning_rate: Float, schedule, or function.
        momentum: Momentum: decay rate of the velocity, in [0, 1]: `v = momentum * v - lr * g; w += v`.
        nesterov: Whether to use Nesterov momentum.
        **kwargs: See `Optimizer`.

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

    def rule(self, grad: Any, param: Any, slots: dict[str, Any], lr: Any, step: Any) -> tuple[Any, dict[str, Any]]:
        if not self.momentum:
            return param - lr * grad, {}
        velocity = self.momentum * slots["momentum"] - lr * grad
        move = self.momentum * velocity - lr * grad if self.nesterov else velocity
        return param + move, {"momentum": velocity}
