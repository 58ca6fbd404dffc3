"""Adam and its relatives: AdamW, Adamax, Nadam, Lamb."""

from __future__ import annotations

from typing import Unpack

from ..core.engine import jnp
from ..core.types import Array
from .base import LearningRate, Optimizer
from .options import CommonOptions, OptimizerOptions
from .step import Slots


class _Moments(Optimizer):
    """Base of the optimizers that keep moving averages of the gradient and of its magnitude."""

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

    def moments(self, grad: Array, slots: Slots) -> tuple[Array, Array]:
        """Computes the first and second moment of the gradient after this step.

        Args:
            grad: Gradient.
            slots: The moments before, "momentum" and "velocity".
        """
        return moments(grad, slots, self.beta_1, self.beta_2)


def moments(grad: Array, slots: Slots, beta_1: float, beta_2: float) -> tuple[Array, Array]:
    """Computes the first and second moment, moving averages of the gradient and of its square.

    Args:
        grad: Gradient.
        slots: The moments before, "momentum" and "velocity".
        beta_1: Decay rate of the first moment.
        beta_2: Decay rate of the second moment.
    """
    m = slots["momentum"] + (grad - slots["momentum"]) * (1 - beta_1)
    v = slots["velocity"] + (jnp.square(grad) - slots["velocity"]) * (1 - beta_2)
    return m, v


def corrected_rate(lr: Array, step: Array, beta_1: float, beta_2: float) -> Array:
    """Computes Adam's learning rate with bias correction: the moments start at zero and are too small at first.

    Args:
        lr: Learning rate.
        step: Number of the update, from 1.
        beta_1, beta_2: Decay rates of the moments.
    """
    return lr * jnp.sqrt(1 - beta_2**step) / (1 - beta_1**step)


class Adam(_Moments):
    """Adam: the average gradient divided by the root of the average squared gradient.

    Args:
        learning_rate: A float, a schedule, or a function.
        beta_1: Decay rate of the average gradient (first moment), in [0, 1].
        beta_2: Decay rate of the average squared gradient (second moment), in [0, 1].
        epsilon: Added to the root of the second moment.
        amsgrad: Whether to use the maximum of the second moment so far.
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

    def rule(self, grad: Array, param: Array, slots: Slots, lr: Array, step: Array) -> tuple[Array, Slots]:
        m, v = self.moments(grad, slots)
        new = {"momentum": m, "velocity": v}
        if self.amsgrad:
            v = new["velocity_hat"] = jnp.maximum(slots["velocity_hat"], v)
        rate = corrected_rate(lr, step, self.beta_1, self.beta_2)
        return param - m * rate / (jnp.sqrt(v) + self.epsilon), new


class AdamW(Adam):
    """AdamW: Adam with decoupled weight decay.

    Args:
        learning_rate: A float, a schedule, or a function.
        weight_decay: Weight decay: each step subtracts this fraction of a weight, times the learning rate.
        beta_1, beta_2, epsilon, amsgrad: See `Adam`.
        **kwargs: See `Optimizer`.

    Raises:
        ValueError: `weight_decay` is None.

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
    """Adamax: Adam with the infinity norm of recent gradients instead of the root of the second moment.

    Args:
        learning_rate: A float, a schedule, or a function.
        beta_1: Decay rate of the average gradient (first moment), in [0, 1].
        beta_2: Decay rate of the infinity norm, in [0, 1].
        epsilon: Added to the norm.
        **kwargs: See `Optimizer`.

    See [Kingma & Ba, 2015](https://arxiv.org/abs/1412.6980), section 7.

    >>> w = keras.Variable([1.0])
    >>> keras.optimizers.Adamax(0.1).apply([[2.0]], [w])
    >>> round(float(w[0]), 3)
    0.9
    """

    slots = (("momentum", "norm"),)

    def rule(self, grad: Array, param: Array, slots: Slots, lr: Array, step: Array) -> tuple[Array, Slots]:
        m = slots["momentum"] + (grad - slots["momentum"]) * (1 - self.beta_1)
        size = jnp.maximum(self.beta_2 * slots["norm"], jnp.abs(grad))
        return param - lr * m / ((1 - self.beta_1**step) * (size + self.epsilon)), {"momentum": m, "norm": size}


class Nadam(_Moments):
    """Nadam: Adam with Nesterov momentum.

    Args:
        learning_rate: A float, a schedule, or a function.
        beta_1: Decay rate of the average gradient (first moment), in [0, 1], after a warmup.
        beta_2: Decay rate of the average squared gradient (second moment), in [0, 1].
        epsilon: Added to the root of the second moment.
        **kwargs: See `Optimizer`.

    See [Dozat, 2015](http://cs229.stanford.edu/proj2015/054_report.pdf).

    >>> w = keras.Variable([1.0])
    >>> keras.optimizers.Nadam(0.1).apply([[2.0]], [w])
    >>> bool(w[0] < 1)
    True
    """

    shared = {"u_product": 1.0}  # the product of all momentum factors so far

    def _factor(self, step: Array) -> Array:
        """The momentum of an update, which grows towards `beta_1`."""
        return self.beta_1 * (1 - 0.5 * 0.96**step)

    def advance(self, shared: Slots, step: Array) -> Slots:
        return {"u_product": shared["u_product"] * self._factor(step)}

    def rule(self, grad: Array, param: Array, slots: Slots, lr: Array, step: Array) -> tuple[Array, Slots]:
        m, v = self.moments(grad, slots)
        now, ahead, product = self._factor(step), self._factor(step + 1), slots["u_product"]
        m_hat = ahead * m / (1 - product * ahead) + (1 - now) * grad / (1 - product)
        v_hat = v / (1 - self.beta_2**step)
        return param - lr * m_hat / (jnp.sqrt(v_hat) + self.epsilon), {"momentum": m, "velocity": v}


class Lamb(_Moments):
    """LAMB: Adam with updates scaled to the norm of each variable, for very large batches.

    Args:
        learning_rate: A float, a schedule, or a function.
        beta_1: Decay rate of the average gradient (first moment), in [0, 1].
        beta_2: Decay rate of the average squared gradient (second moment), in [0, 1].
        epsilon: Added to the root of the second moment.
        **kwargs: See `Optimizer`.

    See [You et al., 2020](https://arxiv.org/abs/1904.00962).

    >>> w = keras.Variable([3.0, 4.0])
    >>> keras.optimizers.Lamb(0.1).apply([[1.0, 1.0]], [w])
    >>> bool((w < keras.Variable([3.0, 4.0])).all())
    True
    """

    def rule(self, grad: Array, param: Array, slots: Slots, lr: Array, step: Array) -> tuple[Array, Slots]:
        m, v = self.moments(grad, slots)
        m_hat, v_hat = m / (1 - self.beta_1**step), v / (1 - self.beta_2**step)
        update = m_hat / (jnp.sqrt(v_hat) + self.epsilon)
        weight_norm, update_norm = jnp.sqrt(jnp.sum(jnp.square(param))), jnp.sqrt(jnp.sum(jnp.square(update)))
        valid = (weight_norm > 0) & (update_norm > 0)
        # The inner `where` avoids a division by zero.
        ratio = jnp.where(valid, weight_norm / jnp.where(valid, update_norm, 1.0), 1.0)
        return param - ratio * lr * update, {"momentum": m, "velocity": v}
