"""Adam and its relatives: AdamW, Adamax, Nadam, Lamb."""

from __future__ import annotations

from typing import Any, Unpack

from ..core.engine import jnp
from .base import LearningRate, Optimizer
from .options import CommonOptions, OptimizerOptions


class _Moments(Optimizer):
    """Base of the optimizers that keep averages of the gradient and of its size."""

    slots = (("momentum", "velocity"),)

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **kwargs: Unpack[OptimizerOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def moments(self, grad: Any, slots: dict[str, Any]) -> tuple[Any, Any]:
        """The averages of the gradient and of its square after this step."""
        m = slots["momentum"] + (grad - slots["momentum"]) * (1 - self.beta_1)
        v = slots["velocity"] + (jnp.square(grad) - slots["velocity"]) * (1 - self.beta_2)
        return m, v


class Adam(_Moments):
    """Moves along the average gradient, divided by the root of the average square.

    Args:
        learning_rate: Float, schedule, or function.
        beta_1: Decay rate of the average gradient (first moment), in [0, 1].
        beta_2: Decay rate of the average square (second moment), in [0, 1].
        epsilon: Added to the root.
        amsgrad: Whether the largest average square so far is used.
        **kwargs: See `Optimizer`.

    See [Kingma & Ba, 2015](https://arxiv.org/abs/1412.6980), and [Reddi et al., 2018](
    https://openreview.net/forum?id=ryQu7f-RZ) for `amsgrad`.

    >>> w = keras.Variable([1.0])
    >>> keras.optimizers.Adam(0.1).apply([[2.0]], [w])
    >>> round(float(w[0]), 3)
    0.9
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **kwargs: Unpack[OptimizerOptions],
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self.amsgrad = amsgrad

    @property
    def slots(self) -> tuple:  # type: ignore[override]
        return (("momentum", "velocity"), *(["velocity_hat"] if self.amsgrad else []))

    def rule(self, grad: Any, param: Any, slots: dict[str, Any], lr: Any, step: Any) -> tuple[Any, dict[str, Any]]:
        m, v = self.moments(grad, slots)
        new = {"momentum": m, "velocity": v}
        if self.amsgrad:
            v = new["velocity_hat"] = jnp.maximum(slots["velocity_hat"], v)
        # Both averages begin at zero and are too small at first; the correction of both is in the rate.
        rate = lr * jnp.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        return param - m * rate / (jnp.sqrt(v) + self.epsilon), new


class AdamW(Adam):
    """Adam with weight decay.

    Args:
        learning_rate: Float, schedule, or function.
        weight_decay: Fraction of a weight taken away each step, times the learning rate.
        beta_1, beta_2, epsilon, amsgrad: See `Adam`.
        **kwargs: See `Optimizer`.

    See [Loshchilov & Hutter, 2019](https://arxiv.org/abs/1711.05101).

    >>> w = keras.Variable([1.0])
    >>> keras.optimizers.AdamW(0.1, weight_decay=0.5).apply([[0.0]], [w])
    >>> round(float(w[0]), 3)
    0.95
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **kwargs: Unpack[CommonOptions],
    ):
        if weight_decay is None:
            raise ValueError("Argument `weight_decay` must be a float. Received: weight_decay=None. Use `Adam`.")
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **kwargs)


class Adamax(_Moments):
    """Adam with the largest recent size of the gradient in place of the root of its average square.

    Args:
        learning_rate: Float, schedule, or function.
        beta_1: Decay rate of the average gradient (first moment), in [0, 1].
        beta_2: Decay rate of the largest size (infinity norm), in [0, 1].
        epsilon: Added to the size.
        **kwargs: See `Optimizer`.

    See [Kingma & Ba, 2015](https://arxiv.org/abs/1412.6980), section 7.

    >>> w = keras.Variable([1.0])
    >>> keras.optimizers.Adamax(0.1).apply([[2.0]], [w])
    >>> round(float(w[0]), 3)
    0.9
    """

    slots = (("momentum", "norm"),)

    def rule(self, grad: Any, param: Any, slots: dict[str, Any], lr: Any, step: Any) -> tuple[Any, dict[str, Any]]:
        m = slots["momentum"] + (grad - slots["momentum"]) * (1 - self.beta_1)
        size = jnp.maximum(self.beta_2 * slots["norm"], jnp.abs(grad))
        return param - lr * m / ((1 - self.beta_1**step) * (size + self.epsilon)), {"momentum": m, "norm": size}


class Nadam(_Moments):
    """Adam with Nesterov's momentum.

    Args:
        learning_rate: Float, schedule, or function.
        beta_1: Decay rate of the average gradient (first moment), in [0, 1], approached over the first steps.
        beta_2: Decay rate of the average square (second moment), in [0, 1].
        epsilon: Added to the root.
        **kwargs: See `Optimizer`.

    See [Dozat, 2015](http://cs229.stanford.edu/proj2015/054_report.pdf).

    >>> w = keras.Variable([1.0])
    >>> keras.optimizers.Nadam(0.1).apply([[2.0]], [w])
    >>> bool(w[0] < 1)
    True
    """

    shared = {"u_product": 1.0}  # the product of all momentum factors so far

    def _factor(self, step: Any) -> Any:
        return self.beta_1 * (1 - 0.5 * 0.96**step)

    def advance(self, shared: dict[str, Any], step: Any) -> dict[str, Any]:
        return {"u_product": shared["u_product"] * self._factor(step)}

    def rule(self, grad: Any, param: Any, slots: dict[str, Any], lr: Any, step: Any) -> tuple[Any, dict[str, Any]]:
        m, v = self.moments(grad, slots)
        now, ahead, product = self._factor(step), self._factor(step + 1), slots["u_product"]
        m_hat = ahead * m / (1 - product * ahead) + (1 - now) * grad / (1 - product)
        v_hat = v / (1 - self.beta_2**step)
        return param - lr * m_hat / (jnp.sqrt(v_hat) + self.epsilon), {"momentum": m, "velocity": v}


class Lamb(_Moments):
    """Adam whose move is scaled to each variable's own norm, for very large batches.

    Args:
        learning_rate: Float, schedule, or function.
        beta_1: Decay rate of the average gradient (first moment), in [0, 1].
        beta_2: Decay rate of the average square (second moment), in [0, 1].
        epsilon: Added to the root.
        **kwargs: See `Optimizer`.

    See [You et al., 2020](https://arxiv.org/abs/1904.00962).

    >>> w = keras.Variable([3.0, 4.0])
    >>> keras.optimizers.Lamb(0.1).apply([[1.0, 1.0]], [w])
    >>> bool((w < keras.Variable([3.0, 4.0])).all())
    True
    """

    def rule(self, grad: Any, param: Any, slots: dict[str, Any], lr: Any, step: Any) -> tuple[Any, dict[str, Any]]:
        m, v = self.moments(grad, slots)
        m_hat, v_hat = m / (1 - self.beta_1**step), v / (1 - self.beta_2**step)
        move = m_hat / (jnp.sqrt(v_hat) + self.epsilon)
        ours, theirs = jnp.sqrt(jnp.sum(jnp.square(param))), jnp.sqrt(jnp.sum(jnp.square(move)))
        known = (ours > 0) & (theirs > 0)
        ratio = jnp.where(known, ours / jnp.where(known, theirs, 1.0), 1.0)
        return param - ratio * lr * move, {"momentum": m, "velocity": v}
