"""Dynamic loss scaling for float16."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.engine import jnp
from ..core.naming import name_scope
from ..core.op import TensorLike
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..core.signature import init_parameters
from ..core.variable import Variable
from . import transforms
from .base import LearningRate, Optimizer
from .options import check_number
from .transforms import OptimizerState


class LossScaleOptimizer(Optimizer):
    """Dynamic loss scaling: scales the loss up and the gradients down, so that float16 gradients do not underflow.

    If a gradient is not finite, the step is skipped and the scale halved. After `dynamic_growth_steps` consecutive
    steps with finite gradients it is doubled.

    Args:
        inner_optimizer: The optimizer that updates the variables. Its `loss_scale_factor` is set to None.
        initial_scale: Initial factor of the loss.
        dynamic_growth_steps: Number of consecutive steps with finite gradients after which the scale doubles.
        name: Name.

    Raises:
        ValueError: An argument is out of range, or one that belongs to `inner_optimizer`.

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
        # Its own learning rate is unused; `learning_rate` is the inner optimizer's.
        super().__init__(0.0, name=name)
        inner_optimizer.loss_scale_factor = None  # the loss is scaled once, here
        self.inner_optimizer = inner_optimizer
        self.initial_scale = initial_scale
        self.dynamic_growth_steps = dynamic_growth_steps

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        self._hold(variables)
        with name_scope(self.name):
            self.step_counter = Variable(
                np.zeros((), "int32"), trainable=False, aggregation="none", name="step_counter"
            )
            self.dynamic_scale = Variable(
                np.float32(self.initial_scale), trainable=False, aggregation="none", name="dynamic_scale"
            )
        self.inner_optimizer.build(variables)
        self.built = True

    def multiply_learning_rates(self, multipliers: dict[str, float] | None) -> None:
        self.inner_optimizer.multiply_learning_rates(multipliers)

    def _own_variables(self) -> list[Variable]:
        return [*self._variables, *self.inner_optimizer.variables]

    @property
    def iterations(self) -> Any:
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self) -> Any:
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: LearningRate) -> None:
        self.inner_optimizer.learning_rate = value

    def _structure(self) -> OptimizerState:
        own = (self.dynamic_scale, self.step_counter, self.inner_optimizer._structure())
        return OptimizerState(self._iterations, None, [], [], [], {}, own)

    def _pure_update(
        self, state: OptimizerState, grads: list, params: list, touched: Sequence[int] | None
    ) -> tuple[list, OptimizerState]:
        scale, counter, inner = state.own
        taken = [v.overwrite_with_gradient for v in self._trainable_variables]

        def good() -> tuple:
            scaled_back = transforms.divide(grads, scale, taken)
            moved = self.inner_optimizer._update(inner, scaled_back, params, touched)
            grow = counter == self.dynamic_growth_steps - 1
            return *moved, jnp.where(grow, scale * 2, scale), jnp.where(grow, 0, counter + 1)

        def bad() -> tuple:
            return params, inner, scale / 2, jnp.zeros_like(counter)

        finite = self.check_finite(grads)
        params, inner, scale, counter = transforms.conditional(finite, good, bad)
        return params, state._replace(own=(scale, counter, inner))

    def check_finite(self, grads: Sequence[TensorLike | None]) -> Any:
        """Returns whether all gradients are finite, as a bool scalar.

        Args:
            grads: Gradients; None counts as finite.
        """
        return transforms.all_finite([jnp.asarray(g) for g in grads if g is not None])

    def scale_loss(self, loss: TensorLike) -> Any:
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
