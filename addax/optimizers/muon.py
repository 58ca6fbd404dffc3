"""Muon: momentum orthogonalized by Newton-Schulz iteration."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypedDict, Unpack

from ..core.engine import jnp
from ..core.types import Array
from ..core.variable import Variable
from .adam import corrected_rate, moments
from .base import LearningRate, Optimizer
from .options import check_number
from .step import Slots


class _NoOptions(TypedDict):
    """Muon names its keyword arguments; others are an error that says which there are."""


class Muon(Optimizer):
    """Muon: updates matrices with the orthogonal matrix nearest to their momentum, other variables with Adam.

    Args:
        learning_rate: A float, a schedule, or a function.
        adam_beta_1, adam_beta_2, epsilon: Arguments of Adam.
        adam_weight_decay: Weight decay of the variables that Adam updates.
        weight_decay: Weight decay of the matrices.
        exclude_layers: Regular expressions; matrices whose path matches one anywhere are updated with Adam.
        exclude_embeddings: Whether to update embeddings with Adam.
        muon_a, muon_b, muon_c: Coefficients of the polynomial of the Newton-Schulz iteration.
        adam_lr_ratio: Factor of the learning rate of Adam.
        momentum: Momentum, the decay rate of the sum of gradients, in [0, 1].
        ns_steps: Number of Newton-Schulz iterations.
        nesterov: Whether to use Nesterov momentum.
        rms_rate: Root mean square to scale the update of a matrix to, close to that of Adam's updates; None for no
            scaling.
        **kwargs: See `Optimizer`.

    See [Jordan et al., 2024](https://kellerjordan.github.io/posts/muon/), and [Liu et al., 2025](
    https://arxiv.org/abs/2502.16982) for `rms_rate`.

    >>> w = keras.Variable(np.ones((3, 2)), name="kernel")
    >>> keras.optimizers.Muon(0.1).apply([np.ones((3, 2))], [w])
    >>> bool((w < 1).all())
    True
    """

    slots = (("momentum", "velocity"),)

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.775,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **kwargs: Unpack[_NoOptions],
    ):
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            **kwargs,
        )
        self.adam_beta_1 = adam_beta_1
        self.adam_beta_2 = adam_beta_2
        self.epsilon = epsilon
        self.exclude_layers = list(exclude_layers or ())
        self.muon_a = muon_a
        self.muon_b = muon_b
        self.muon_c = muon_c
        self.adam_lr_ratio = adam_lr_ratio
        check_number("momentum", momentum, 0.0, 1.0)
        self.momentum = momentum
        self.ns_steps = ns_steps
        self.nesterov = nesterov
        self.exclude_embeddings = exclude_embeddings
        self.adam_weight_decay = adam_weight_decay
        self.rms_rate = rms_rate

    def _describes(self) -> Any:
        return super()._describes(), [self._by_adam(v) for v in self._trainable_variables]

    def _by_adam(self, variable: Variable) -> bool:
        if len(variable.shape) != 2 or (self.exclude_embeddings and "embedding" in variable.path.lower()):
            return True
        return any(re.search(pattern, variable.path) for pattern in self.exclude_layers)

    def add_slot(self, name: str, variable: Variable) -> Variable | None:
        if name == "velocity" and not self._by_adam(variable):
            return None
        return super().add_slot(name, variable)

    def decay_of(self, variable: Variable) -> float | None:
        return self.adam_weight_decay if self._by_adam(variable) else super().decay_of(variable)

    @property
    def momentums(self) -> list[Variable | None]:
        """The momentum of each variable, once built."""
        return list(self._slots.get("momentum", ()))

    @property
    def adam_velocities(self) -> list[Variable | None]:
        """Adam's second moment of each variable, once built; None for those that Muon updates."""
        return list(self._slots.get("velocity", ()))

    def rule(self, grad: Array, param: Array, slots: Slots, lr: Array, step: Array) -> tuple[Array, Slots]:
        if "velocity" in slots:  # a variable that Adam updates
            m, v = moments(grad, slots, self.adam_beta_1, self.adam_beta_2)
            rate = corrected_rate(lr * self.adam_lr_ratio, step, self.adam_beta_1, self.adam_beta_2)
            return param - m * rate / (jnp.sqrt(v) + self.epsilon), {"momentum": m, "velocity": v}
        m = self.momentum * slots["momentum"] + grad
        move = self.zeropower_via_newtonschulz5(grad + self.momentum * m if self.nesterov else m, self.ns_steps)
        return param - lr * self.lr_adjust(move), {"momentum": m}

    def zeropower_via_newtonschulz5(self, x: Array, steps: int) -> Array:
        """Returns the orthogonal matrix nearest to `x`, by Newton-Schulz iteration.

        Args:
            x: A matrix, or a stack of them.
            steps: Number of iterations.
        """
        # The wide orientation has the smaller Gram matrix, whose products are the cost.
        tall = x.shape[-2] > x.shape[-1]
        x = self.transpose_last_axis(x) if tall else jnp.asarray(x)
        x = x / (jnp.sqrt(jnp.sum(jnp.square(x), axis=(-2, -1), keepdims=True)) + 1e-7)
        for _ in range(steps):
            gram = x @ self.transpose_last_axis(x)
            x = self.muon_a * x + (self.muon_b * gram + self.muon_c * gram @ gram) @ x
        return self.transpose_last_axis(x) if tall else x

    def lr_adjust(self, x: Array) -> Array:
        """Scales an update so that its root mean square is about `rms_rate`.

        Args:
            x: The update of a matrix.
        """
        return x if self.rms_rate is None else x * (self.rms_rate * max(x.shape) ** 0.5)

    def transpose_last_axis(self, X: Array) -> Array:
        """Swaps the last two axes.

        Args:
            X: A matrix, or a stack of them.
        """
        return jnp.swapaxes(X, -1, -2)
