"""Optimizers made of optax transformations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn, TypeGuard, Unpack

import numpy as np

from ..core.engine import jax, jnp
from ..core.naming import name_scope
from ..core.variable import Variable
from .base import LearningRate, Optimizer
from .options import OptimizerOptions
from .step import Rate
from .transforms import OptimizerState


def is_gradient_transformation(value: object) -> TypeGuard[tuple]:
    """Returns whether `value` is like optax's, a tuple of the functions `init` and `update`. Does not import optax."""
    return isinstance(value, tuple) and callable(getattr(value, "init", None)) and callable(value.update)  # type: ignore[attr-defined]


class OptaxOptimizer(Optimizer):
    """An optimizer made of an `optax.GradientTransformation`; `compile(optimizer=optax.adam(1e-3))` makes one.

    Its state is kept in variables, so saving weights, resuming and compiling work as for the others.

    Args:
        transformation: `optax.adam(1e-3)`, `optax.chain(...)`, or anything else with `init` and `update`.
        learning_rate: Factor of the updates, for callbacks that change it in training. The learning rate itself is an
            argument of the transformation.
        **kwargs: See `Optimizer`.

    Raises:
        ValueError: `transformation` is no optax transformation.

    >>> import optax
    >>> w = keras.Variable([1.0, 2.0])
    >>> keras.optimizers.get(optax.sgd(0.5)).apply([[1.0, 1.0]], [w])
    >>> w.numpy()
    array([0.5, 1.5], dtype=float32)
    """

    transformation: Any
    _form: Any  # the structure of the transformation's state

    def __init__(self, transformation: tuple, learning_rate: LearningRate = 1.0, **kwargs: Unpack[OptimizerOptions]):
        super().__init__(learning_rate, **kwargs)
        if not is_gradient_transformation(transformation):
            raise ValueError(
                "Argument `transformation` must be an optax.GradientTransformation, e.g. `optax.adam(1e-3)`. "
                f"Received: {transformation!r}"
            )
        self.__dict__["transformation"] = transformation

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        with jax.ensure_compile_time_eval():  # building may happen inside a trace
            state = self.transformation.init([v.stored_value() for v in variables])
        leaves, self.__dict__["_form"] = jax.tree.flatten(state)
        with name_scope(self.name):
            self._state = [
                Variable(
                    np.array(leaf), dtype=jnp.asarray(leaf).dtype, trainable=False, autocast=False, name=f"state_{i}"
                )
                for i, leaf in enumerate(leaves)
            ]

    def _rules(self, state: OptimizerState, grads: list, params: list, rate: Rate) -> tuple[list, OptimizerState]:
        # A transformation takes all gradients at once. A variable without one gets zeros, and is not updated below.
        filled = [jnp.zeros_like(p) if g is None else g.astype(p.dtype) for g, p in zip(grads, params)]
        kept = jax.tree.unflatten(self._form, state.own)
        updates, kept = self.transformation.update(filled, kept, params)
        rates = [rate if factor == 1 else rate * factor for factor in self._rate_factors]
        each = zip(grads, params, updates, rates)
        moved = [p if g is None else (p + lr * u).astype(p.dtype) for g, p, u, lr in each]
        leaves = [jnp.asarray(x, old.dtype) for x, old in zip(jax.tree.leaves(kept), state.own)]
        return moved, state._replace(own=leaves)

    def get_config(self) -> NoReturn:
        raise ValueError(
            f"Optimizer '{self.name}' wraps an optax transformation, which is made of functions and can't be written "
            "to a file as a config. The model and its weights can be saved without it: "
            "`model.save(path, include_optimizer=False)`; after loading, call `compile` with the transformation again."
        )
