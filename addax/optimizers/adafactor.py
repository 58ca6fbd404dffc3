"""Adafactor: Adam with factored second moments."""

from __future__ import annotations

from typing import Unpack

from ..core.engine import jnp, lax
from ..core.types import Array
from ..core.variable import Variable
from ..initializers.constant import Zeros
from .base import LearningRate, Optimizer
from .options import OptimizerOptions
from .step import Slots


class Adafactor(Optimizer):
    """Adafactor: keeps row and column averages of the squared gradients of a matrix instead of all of them.

    Args:
        learning_rate: A float, a schedule, or a function.
        beta_2_decay: Exponent of the decay of the averages, `1 - step ** beta_2_decay`.
        epsilon_1: Added to the squared gradients.
        epsilon_2: Smallest root mean square of a parameter that its update is scaled by.
        clip_threshold: Largest root mean square of an update, before the learning rate.
        relative_step: Whether to limit the learning rate to `1 / sqrt(step)`.
        **kwargs: See `Optimizer`.

    See [Shazeer & Stern, 2018](https://arxiv.org/abs/1804.04235).

    >>> w = keras.Variable(np.ones((8, 4)))
    >>> optimizer = keras.optimizers.Adafactor(0.1)
    >>> optimizer.apply([np.ones((8, 4))], [w])
    >>> [v.shape for v in optimizer.variables[2:4]], bool((w < 1).all())
    ([(8,), (4,)], True)
    """

    slots = (("row", "column", "velocity"),)

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **kwargs: Unpack[OptimizerOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.beta_2_decay = beta_2_decay
        self.epsilon_1 = epsilon_1
        self.epsilon_2 = epsilon_2
        self.clip_threshold = clip_threshold
        self.relative_step = relative_step

    def add_slot(self, name: str, variable: Variable) -> Variable:
        if name == "velocity":
            return self.add_variable_from_reference(variable, name)
        shape = variable.shape
        if len(shape) < 2:
            # A placeholder, because Keras's files have one here.
            return self._tracker.track(Variable(Zeros(), shape=(), dtype="int32", trainable=False, name=variable.name))
        shape = shape[:-1] if name == "row" else shape[:-2] + shape[-1:]
        return self.add_variable(shape, dtype=variable._dtype, name=variable.name)

    def rule(self, grad: Array, param: Array, slots: Slots, lr: Array, step: Array) -> tuple[Array, Slots]:
        if self.relative_step:
            lr = jnp.minimum(lr, lax.rsqrt(step))
        scale = jnp.maximum(self.epsilon_2, _rms(param)) * lr
        kept = 1 - step**self.beta_2_decay  # decay rate of the averages, which grows towards 1
        squares = jnp.square(grad) + self.epsilon_1
        if param.ndim >= 2:
            row = kept * slots["row"] + (1 - kept) * jnp.mean(squares, axis=-1)
            column = kept * slots["column"] + (1 - kept) * jnp.mean(squares, axis=-2)
            relative = row / jnp.mean(row, axis=-1, keepdims=True)
            new = {"row": row, "column": column, "velocity": relative[..., None] * column[..., None, :]}
        else:
            new = {"velocity": kept * slots["velocity"] + (1 - kept) * squares}
        move = grad * lax.rsqrt(new["velocity"])
        return param - scale * move / jnp.maximum(1.0, _rms(move) / self.clip_threshold), new


def _rms(x: Array) -> Array:
    """Root mean square."""
    return jnp.sqrt(jnp.mean(jnp.square(x)))
