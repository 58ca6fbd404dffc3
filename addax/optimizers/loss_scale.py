"""LossScaleOptimizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.convert import to_tensor
from ..core.engine import jnp
from ..core.naming import name_scope
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..core.signature import init_parameters
from ..core.variable import Variable
from . import transforms
from .base import Optimizer
from .checks import check_number


class LossScaleOptimizer(Optimizer):
    """Keeps float16 gradients from vanishing: scales the loss up and the gradients back down.

    When a gradient is not finite the step is skipped and the scale halved; after `dynamic_growth_steps` good steps in
    a row it is doubled.

    Args:
        inner_optimizer: The optimizer that moves the variables. Its `loss_scale_factor` is set to None.
        initial_scale: First factor of the loss.
        dynamic_growth_steps: Number of good steps after which the scale doubles.
        name: Name.

    >>> optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.5), initial_scale=4.0)
    >>> w = keras.Variable([1.0])
    >>> optimizer.apply([[float("inf")]], [w])
    >>> float(w[0]), float(optimizer.scale_loss(1.0))
    (1.0, 2.0)
    """

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **kwargs: Any,
    ):
        if not isinstance(inner_optimizer, Optimizer):
            raise ValueError(
                "Argument `inner_optimizer` must be an optimizer, e.g. `keras.optimizers.Adam()`. Received: "
                f"inner_optimizer={inner_optimizer!r}"
            )
        for argument, value in kwargs.items():
            if value and argument in init_parameters(Optimizer):
                raise ValueError(
                    f"LossScaleOptimizer does not support `{argument}`. Instead, set `{argument}` on the "
                    "`inner_optimizer`."
                )
        unknown = [argument for argument in kwargs if argument not in init_parameters(Optimizer)]
        if unknown:
            names = ", ".join(f"`{argument}`" for argument in unknown)
            raise ValueError(f"LossScaleOptimizer does not support arguments: {names}.")
        check_number("initial_scale", initial_scale, excluded=0.0)
        check_number("dynamic_growth_steps", dynamic_growth_steps, low=1)
        # Its own rate stays unused at 0: the inner optimizer's is the one that counts.
        super().__init__(0.0, name=name)
        inner_optimizer.loss_scale_factor = None  # there is one scale, the dynamic one
        self.inner_optimizer = inner_optimizer
        self.initial_scale = initial_scale
        self.dynamic_growth_steps = dynamic_growth_steps

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        self._trainable_variables = list(variables)
        self._index = {id(v): i for i, v in enumerate(variables)}
        with name_scope(self.name):
            self.step_counter = Variable(
                np.zeros((), "int32"), trainable=False, aggregation="none", name="step_counter"
            )
            self.dynamic_scale = Variable(
                np.float32(self.initial_scale), trainable=False, aggregation="none", name="dynamic_scale"
            )
        self.inner_optimizer.build(variables)
        self.built = True

    def _own_variables(self) -> list[Variable]:
        return [*self._variables, *self.inner_optimizer.variables]

    @property
    def iterations(self) -> Any:
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self) -> Any:
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        grads = list(grads)
        variables = self._check(grads, trainable_variables)
        grads = [None if g is None else to_tensor(g) for g in grads]
        present = [g for g in grads if g is not None]
        if not present:
            raise ValueError("No gradients provided for any variable.")
        scale, counter = self.dynamic_scale, self.step_counter

        def good() -> None:
            factor = scale.value
            self.inner_optimizer.apply(
                [
                    g if g is None or v.overwrite_with_gradient else g / factor.astype(g.dtype)
                    for g, v in zip(grads, variables)
                ],
                variables,
            )
            grow = counter.value == self.dynamic_growth_steps - 1
            counter.assign(jnp.where(grow, 0, counter.value + 1))
            scale.assign(jnp.where(grow, factor * 2, factor))

        def bad() -> None:
            counter.assign(jnp.zeros_like(counter.value))
            scale.assign(scale.value / 2)

        transforms.conditional(transforms.all_finite(present), good, bad, [*self.variables, *variables])

    def scale_loss(self, loss: Any) -> Any:
        return self.inner_optimizer.scale_loss(loss) * (self.dynamic_scale.value if self.built else self.initial_scale)

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        self.inner_optimizer.finalize_variable_values(var_list)

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "inner_optimizer": serialize_keras_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> LossScaleOptimizer:
        inner = deserialize_keras_object(config["inner_optimizer"], custom_objects)
        return cls(**{**config, "inner_optimizer": inner})
