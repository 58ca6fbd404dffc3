"""An optimizer's step as one pure function, made of the parts in `transforms`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.engine import jnp
from . import transforms
from .transforms import OptimizerState

# (state, grads, params, learning rate) -> (params, state)
Rules = Callable[[OptimizerState, list, list, Any], tuple[list, OptimizerState]]


@dataclass(frozen=True)
class Step:
    """Everything that a step does around the rules by which parameters move.

    Args:
        rules: Moves the parameters by their gradients, already clipped.
        overwrites: For each parameter whether its gradient becomes its value.
        weight_decays: The weight decay of each; None where there is none.
        constraints: A function of the new value of each, or None.
        clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, loss_scale_factor,
            gradient_accumulation_steps: See `Optimizer`.
    """

    rules: Rules
    overwrites: Sequence[bool]
    weight_decays: Sequence[float | None]
    constraints: Sequence[Callable | None]
    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None

    def __call__(
        self, state: OptimizerState, grads: list, params: list, rate: Any, touched: Sequence[int]
    ) -> tuple[list, OptimizerState]:
        """The parameters and the state after a step.

        Args:
            state: Values of what the optimizer keeps.
            grads: Gradients; None leaves a parameter.
            params: The parameters.
            rate: Learning rate.
            touched: Places of the parameters that the step is about, whose constraints are to hold.
        """
        updates = updates_of(state, self.gradient_accumulation_steps)
        if self.loss_scale_factor is not None:
            grads = transforms.divide(grads, self.loss_scale_factor, self.overwrites)
        move = self._accumulate if self.gradient_accumulation_steps else self._move
        params, state = move(state, grads, params, rate)
        if self.use_ema:
            averages = transforms.average(state.averages, params, self.ema_momentum, updates)
            if self.ema_overwrite_frequency:
                due = (updates + 1) % self.ema_overwrite_frequency == 0
                params = transforms.choose(due, averages, params)
            state = state._replace(averages=averages)
        params = list(params)
        for i in touched:
            constraint = self.constraints[i]
            if constraint is not None:
                params[i] = jnp.asarray(constraint(params[i]), params[i].dtype)
        return params, state._replace(iterations=state.iterations + 1)

    def _accumulate(self, state: OptimizerState, grads: list, params: list, rate: Any) -> tuple[list, OptimizerState]:
        """Adds the gradients to those before; moves the parameters by the mean when there are enough."""
        steps = self.gradient_accumulation_steps
        sums = transforms.accumulate(state.accumulators, grads, self.overwrites)

        def update() -> tuple[list, OptimizerState]:
            means = [None if g is None else a if o else a / steps for g, a, o in zip(grads, sums, self.overwrites)]
            cleared = [a if g is None else jnp.zeros_like(a) for g, a in zip(grads, sums)]
            return self._move(state._replace(accumulators=cleared), means, params, rate)

        def wait() -> tuple[list, OptimizerState]:
            return params, state._replace(accumulators=sums)

        return transforms.conditional((state.iterations + 1) % steps == 0, update, wait)

    def _move(self, state: OptimizerState, grads: list, params: list, rate: Any) -> tuple[list, OptimizerState]:
        """Clips gradients, decays parameters and moves them."""
        taken = [g is not None and o for g, o in zip(grads, self.overwrites)]
        params = [g.astype(p.dtype) if t else p for g, p, t in zip(grads, params, taken)]
        grads = [None if t else g for g, t in zip(grads, taken)]
        grads = transforms.clip(grads, self.clipnorm, self.clipvalue, self.global_clipnorm)
        fractions = [None if g is None else d for g, d in zip(grads, self.weight_decays)]
        return self.rules(state, grads, transforms.decay(params, fractions, rate), rate)


def updates_of(state: OptimizerState, gradient_accumulation_steps: int | None) -> Any:
    """The number of updates so far: of steps, or of groups of steps whose mean gradient makes one update."""
    return state.iterations // gradient_accumulation_steps if gradient_accumulation_steps else state.iterations
