"""The step of an optimizer as one pure function, composed of the parts in `transforms`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ..core.engine import jnp
from ..core.op import Tensor
from ..core.types import Array
from . import transforms
from .options import CommonOptions
from .transforms import OptimizerState

Rate: TypeAlias = Tensor  # a learning rate, a float scalar that may be traced
Slots: TypeAlias = dict[str, Array]  # values kept for one parameter, by name
# (state, grads, params, learning rate) -> (params, state)
Rules: TypeAlias = Callable[[OptimizerState, list, list, Rate], tuple[list, OptimizerState]]


@dataclass(frozen=True)
class Step:
    """Clipping, decay, averages, accumulation and constraints around the update rules of the parameters.

    Args:
        rules: Updates the parameters with their gradients, already clipped.
        overwrites: Whether to overwrite each parameter with its gradient.
        weight_decays: Weight decay of each parameter; None for none.
        constraints: Constraint of each parameter, a function of its new value, or None.
        options: See `step_options`.
    """

    rules: Rules
    overwrites: Sequence[bool]
    weight_decays: Sequence[float | None]
    constraints: Sequence[Callable | None]
    options: CommonOptions

    def __call__(
        self, state: OptimizerState, grads: list, params: list, rate: Rate, touched: Sequence[int]
    ) -> tuple[list, OptimizerState]:
        """Does one step.

        Args:
            state: Values of the optimizer's variables.
            grads: Gradients; None leaves a parameter unchanged.
            params: The parameters.
            rate: Learning rate.
            touched: Indices of the parameters in the step, to which constraints are applied.

        Returns:
            The new parameters and the new state.
        """
        options = self.options
        updates = updates_of(state, options["gradient_accumulation_steps"])
        if options["loss_scale_factor"] is not None:
            grads = transforms.divide(grads, options["loss_scale_factor"], self.overwrites)
        move = self._accumulate if options["gradient_accumulation_steps"] else self._move
        params, state = move(state, grads, params, rate)
        if options["use_ema"]:
            averages = transforms.average(state.averages, params, options["ema_momentum"], updates)
            if options["ema_overwrite_frequency"]:
                due = (updates + 1) % options["ema_overwrite_frequency"] == 0
                params = transforms.choose(due, averages, params)
            state = state._replace(averages=averages)
        params = list(params)
        for i in touched:
            constraint = self.constraints[i]
            if constraint is not None:
                params[i] = jnp.asarray(constraint(params[i]), params[i].dtype)
        return params, state._replace(iterations=state.iterations + 1)

    def _accumulate(self, state: OptimizerState, grads: list, params: list, rate: Rate) -> tuple[list, OptimizerState]:
        """Adds the gradients to the accumulators; updates the parameters with the mean if there are enough steps."""
        steps = self.options["gradient_accumulation_steps"]
        sums = transforms.accumulate(state.accumulators, grads, self.overwrites)

        def update() -> tuple[list, OptimizerState]:
            means = [None if g is None else a if o else a / steps for g, a, o in zip(grads, sums, self.overwrites)]
            cleared = [a if g is None else jnp.zeros_like(a) for g, a in zip(grads, sums)]
            return self._move(state._replace(accumulators=cleared), means, params, rate)

        def wait() -> tuple[list, OptimizerState]:
            return params, state._replace(accumulators=sums)

        return transforms.conditional((state.iterations + 1) % steps == 0, update, wait)

    def _move(self, state: OptimizerState, grads: list, params: list, rate: Rate) -> tuple[list, OptimizerState]:
        """Clips gradients, decays parameters and updates them."""
        taken = [g is not None and o for g, o in zip(grads, self.overwrites)]
        params = [g.astype(p.dtype) if t else p for g, p, t in zip(grads, params, taken)]
        grads = [None if t else g for g, t in zip(grads, taken)]
        limits = (self.options[name] for name in ("clipnorm", "clipvalue", "global_clipnorm"))
        grads = transforms.clip(grads, *limits)
        fractions = [None if g is None else d for g, d in zip(grads, self.weight_decays)]
        return self.rules(state, grads, transforms.decay(params, fractions, rate), rate)


def updates_of(state: OptimizerState, gradient_accumulation_steps: int | None) -> Array:
    """Returns the number of updates so far.

    Args:
        state: State of the optimizer.
        gradient_accumulation_steps: Number of steps whose mean gradient makes one update; None for one.
    """
    return state.iterations // gradient_accumulation_steps if gradient_accumulation_steps else state.iterations
