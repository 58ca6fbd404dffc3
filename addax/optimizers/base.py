"""Base of optimizers: everything but the update rule of one parameter."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from ..core import tree
from ..core.convert import to_tensor
from ..core.engine import is_tracer, jnp, promoted
from ..core.naming import auto_name, name_scope
from ..core.op import TensorLike
from ..core.ours import is_ours
from ..core.owner import Owner
from ..core.registry import custom_object_scope
from ..core.signature import auto_config
from ..core.state import StateScope
from ..core.types import Array
from ..core.variable import Variable
from .gradients import (
    Gradients,
    as_like,
    as_value,
    check_built,
    check_known,
    check_number_of,
    check_presence,
    check_shapes,
    check_values,
)
from .options import CONFIG_ORDER, check_keywords, check_options, check_own_arguments, shown_signature, step_options
from .rates import LearningRate as LearningRate
from .rates import as_learning_rate, assign_rate, check_multipliers, multipliers_of, rate_config, rate_of, replaces_rate
from .step import Rate, Slots, Step, updates_of
from .transforms import OptimizerState
from .variables import OptimizerVariables


class Optimizer(OptimizerVariables):
    """Base of optimizers.

    A new optimizer names its `slots` (variables kept for each parameter, of its shape) and defines `rule`, a pure
    function of one parameter. Classes in Keras's style, which define `build` and `update_step`, work too.

    Args:
        learning_rate: A float, a schedule, a Variable, or a function that returns the rate (given the iteration, if it
            takes an argument).
        weight_decay: Weight decay: each step subtracts this fraction of a weight, times the learning rate.
        clipnorm: Largest Euclidean norm of each variable's gradient. At most one of the three kinds of clipping may be
            set.
        clipvalue: Largest absolute value of a gradient's elements.
        global_clipnorm: Largest Euclidean norm of all gradients together.
        use_ema: Whether to keep an exponential moving average of the weights.
        ema_momentum: Decay rate of the moving average, in [0, 1].
        ema_overwrite_frequency: Number of steps after which the weights become their average; None waits for
            `finalize_variable_values`, which `fit` calls at its end.
        loss_scale_factor: Factor for the loss before the backward pass; gradients are divided by it afterwards.
        gradient_accumulation_steps: Number of steps, at least 2, whose mean gradient makes one update.
        name: Name, the first part of the variables' paths.

    Raises:
        ValueError: An option is unknown or out of range.

    >>> class Signs(keras.optimizers.Optimizer):
    ...     slots = ("last",)
    ...     def rule(self, grad, param, slots, lr, step):
    ...         return param - lr * jnp.sign(grad), {"last": grad}
    >>> w = keras.Variable([1.0, 2.0], name="w")
    >>> Signs(learning_rate=0.5).apply_gradients([([3.0, -4.0], w)])
    >>> w.numpy()
    array([0.5, 2.5], dtype=float32)
    """

    # Names of the variables kept for each parameter. The order in which they are made is that of Keras's files:
    # ("a", "b") makes "a" of all parameters, then "b" of all; (("a", "b"),) makes "a" and "b" of each in turn.
    slots: ClassVar[Sequence[str | tuple[str, ...]]] = ()
    # Scalars kept once for all parameters, with their initial values.
    shared: ClassVar[Mapping[str, float]] = {}

    _iterations: Variable
    _learning_rate: Any
    _undecayed: tuple[list[Variable], list[str]]
    _untracked = Owner._untracked | {"_trainable_variables", "_undecayed"}  # the model's variables

    # Left out of the description of what is computed, which has the result of `_describes` instead.
    _about: tuple[str, ...] = ("name", "_index", "_undecayed", "_multipliers")

    def _describes(self) -> Any:
        places = [self._index.get(id(v)) for v in self._trainable_variables]
        return places, self._is_decayed, self._weight_decays, self._rate_factors

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.__signature__ = shown_signature(cls)  # type: ignore[attr-defined]

    def __init__(
        self,
        learning_rate: LearningRate,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        check_keywords(type(self), kwargs)
        check_options(
            name,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            weight_decay,
            clipnorm=clipnorm,
            clipvalue=clipvalue,
            global_clipnorm=global_clipnorm,
        )
        check_own_arguments(self)
        self._trainable_variables = []
        self.name = name or auto_name(type(self).__name__)
        self.built = False
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self._index = {}
        self._undecayed = ([], [])
        self._multipliers: dict[str, float] = {}
        self._averages: list[Variable | None] = []
        self._accumulators: list[Variable] = []
        self._slots: dict[str, Sequence[Variable | None]] = {}
        self._shared: dict[str, Variable] = {}
        with name_scope(self.name):
            self._iterations = Variable(
                np.zeros((), "int32"), trainable=False, aggregation="only_first_replica", name="iteration"
            )
        self._learning_rate = as_learning_rate(learning_rate, self.name)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._index = {id(v): i for i, v in enumerate(self._trainable_variables)}  # copies have other ids

    # -- learning rate and iterations

    @property
    def iterations(self) -> Any:
        """The number of updates so far: a Variable, or a scalar with `gradient_accumulation_steps`."""
        if self.gradient_accumulation_steps:
            return self._iterations.value // self.gradient_accumulation_steps
        return self._iterations

    def _updates(self) -> Any:
        iterations = self.iterations
        return iterations.value if isinstance(iterations, Variable) else iterations

    @property
    def learning_rate(self) -> Any:
        """The current rate: a Variable that holds it, or the value of the schedule. A float may be assigned."""
        rate = self._learning_rate
        # A schedule gets the number of updates: steps that only accumulate gradients do not advance it.
        return rate if isinstance(rate, Variable) else rate_of(rate, self._updates())

    @learning_rate.setter
    def learning_rate(self, value: LearningRate) -> None:
        if replaces_rate(value):
            self._learning_rate = value
        else:
            assign_rate(self._learning_rate, value)

    # -- variables

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the variables kept for each parameter. The first `apply` does so unless it is done before.

        Args:
            variables: The parameters, the model's trainable variables.
        """
        if self.built:
            return
        variables = list(variables)
        multipliers_of([v.path for v in variables], self._multipliers)
        self._hold(variables)
        # A variable that is overwritten with its gradient (a float8 scale) has no average and no slots.
        moved = [None if v.overwrite_with_gradient else v for v in variables]
        if self.use_ema:
            self._averages = self.add_optimizer_variables(moved, "average")
        if self.gradient_accumulation_steps:
            self._accumulators = self.add_optimizer_variables(variables, "gradient_accumulator")
        for group in self.slots:
            names = (group,) if isinstance(group, str) else group
            made = [[self.add_slot(name, v) if v is not None else None for name in names] for v in moved]
            self._slots.update(zip(names, zip(*made)))
        self._shared = {name: Variable(np.float32(value), trainable=False) for name, value in self.shared.items()}
        self.built = True

    # -- applying gradients

    def apply_gradients(self, grads_and_vars: Iterable[tuple[TensorLike | None, Variable]]) -> None:
        """Does one step, like `apply`.

        Args:
            grads_and_vars: Pairs (gradient, variable).
        """
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])

    def apply(self, grads: Gradients, trainable_variables: Sequence[Variable] | None = None) -> None:
        """Does one step: updates the variables with their gradients.

        Args:
            grads: A gradient for each variable, of its shape; None leaves the variable unchanged.
            trainable_variables: The variables; default: those the optimizer was built with.

        Raises:
            ValueError: Numbers or shapes of gradients and variables differ, no variable has a gradient, or a variable
                is unknown.
        """
        grads = list(grads)
        if not grads:
            return
        variables = self._check(grads, trainable_variables)
        check_presence(grads, variables)
        everything = self._trainable_variables
        indices = [self._index[id(v)] for v in variables]
        by_index: list = [None] * len(everything)
        for i, grad in zip(indices, grads):
            by_index[i] = None if grad is None else to_tensor(grad)
        structure = self._structure()
        old_params, old_state = [v.value for v in everything], tree.map_structure(_value, structure)
        params, state = self._pure_update(old_state, by_index, old_params, indices)
        kept = zip(*map(tree.flatten, (structure, state, old_state)))
        for variable, new, old in (*zip(everything, params, old_params), *kept):
            if new is not old:
                variable.assign(new)

    def _check(self, grads: Sequence[TensorLike | None], variables: Sequence[Variable] | None) -> list[Variable]:
        """Returns the variables that belong to `grads`, after checks of both; builds the optimizer if necessary."""
        if variables is None:
            check_built(grads, self._trainable_variables, self.built)
            variables = self._trainable_variables
        else:
            variables = list(variables)
            check_number_of(grads, variables, self.name)
            if not self.built:
                self.build(variables)
                self.built = True
            if not self._index:  # a subclass's `build` that doesn't call the base's
                self._hold(variables)
            check_known(variables, self._index)
        check_shapes(grads, variables)
        return variables

    # -- the step, as a pure function. Lists have one entry per variable that the optimizer was built with.

    def _structure(self) -> OptimizerState:
        """The optimizer's variables by their purpose."""
        slots = [
            {name: of_all[i] for name, of_all in self._slots.items() if of_all[i] is not None}
            for i in range(len(self._trainable_variables))
        ]
        rate = self._learning_rate if isinstance(self._learning_rate, Variable) else None
        named = OptimizerState(
            self._iterations, rate, list(self._averages), list(self._accumulators), slots, dict(self._shared), None
        )
        known = set(map(id, tree.flatten(named)))
        return named._replace(own=[v for v in self.variables if id(v) not in known])

    def _update(
        self, state: OptimizerState, grads: list, params: list, touched: Sequence[int] | None = None
    ) -> tuple[list, OptimizerState]:
        """Does one step, with the `apply` of a user's class if it has one.

        Args:
            state: Values in the structure of `_structure()`.
            grads: Gradients; None leaves a parameter unchanged.
            params: The parameters' values.
            touched: Indices of the parameters in the step, with or without a gradient; None for all.

        Returns:
            The new parameters and the new state.
        """
        if not self._overrides("apply"):
            return self._pure_update(state, grads, params, touched)
        indices = range(len(params)) if touched is None else touched
        variables = self._trainable_variables
        return self._in_scope(
            state, params, lambda: self.apply([grads[i] for i in indices], [variables[i] for i in indices])
        )

    def _pure_update(
        self, state: OptimizerState, grads: list, params: list, touched: Sequence[int] | None
    ) -> tuple[list, OptimizerState]:
        step = Step(
            self._rules,
            [v.overwrite_with_gradient for v in self._trainable_variables],
            self._weight_decays,
            [v.constraint for v in self._trainable_variables],
            step_options(self),
        )
        return step(
            state, grads, params, self._rate_in(state, params), range(len(params)) if touched is None else touched
        )

    def _rules(self, state: OptimizerState, grads: list, params: list, rate: Rate) -> tuple[list, OptimizerState]:
        """Updates each parameter with its gradient, by `rule` or by the `update_step` of a user's class."""
        if self._rules_assign(state):
            pairs = [(g, v) for g, v in zip(grads, self._trainable_variables) if g is not None]
            return self._in_scope(
                state, params, lambda: self.update_all([g for g, _ in pairs], [v for _, v in pairs], rate)
            )
        updates, shared = updates_of(state, self.gradient_accumulation_steps), state.shared
        if shared:
            advanced = self.advance(dict(shared), updates.astype(jnp.float32) + 1)
            shared = {name: jnp.asarray(advanced.get(name, v), v.dtype) for name, v in shared.items()}
        params, slots, factors = list(params), list(state.slots), self._rate_factors
        for i, grad in enumerate(grads):
            if grad is not None:
                own = rate if factors[i] == 1 else rate * factors[i]
                params[i], slots[i] = self._ruled(grad, params[i], slots[i], shared, own, updates)
        return params, state._replace(slots=slots, shared=shared)

    def _ruled(
        self, grad: Array, param: Array, slots: Slots, shared: Slots, rate: Rate, updates: Array
    ) -> tuple[Array, Slots]:
        """Calls `rule` with arguments, and converts its results, to their proper dtypes."""
        # With 16-bit parameters scalars have 32 bits: bfloat16 has no 257, and 1 - 0.999 would be far off.
        scalar = promoted(param.dtype, jnp.float32)
        known = {**slots, **{name: v.astype(scalar) for name, v in shared.items()}}
        new, changed = self.rule(
            grad.astype(param.dtype), param, known, jnp.asarray(rate, scalar), updates.astype(scalar) + 1
        )
        kept = {**slots, **{name: as_like(slots[name], value, f"slot '{name}'") for name, value in changed.items()}}
        return as_like(param, new, "the parameter"), kept

    def _rules_assign(self, state: OptimizerState) -> bool:
        """Returns whether the update assigns Variables: by a user's `update_step` or `update_all`, or besides slots."""
        return self._overrides("update_step", "update_all") or bool(state.own)

    def _overrides(self, *methods: str) -> bool:
        return any(getattr(getattr(self, m), "__func__", None) is not getattr(Optimizer, m) for m in methods)

    def _in_scope(self, state: OptimizerState, params: list, assign: Callable[[], Any]) -> tuple[list, OptimizerState]:
        """Returns the parameters and the state after calling `assign`, a function that assigns their Variables."""
        structure, trainable = self._structure(), self._trainable_variables
        kept = [(v, x) for v, x in zip(tree.flatten(structure), tree.flatten(state)) if v is not None]
        pairs = [*zip(trainable, params), *kept]
        with StateScope(pairs) as scope:
            assign()
        known = {id(v) for v, _ in pairs}
        for key, variable in scope.written.items():
            if key not in known and not is_tracer(scope.values[key]):
                variable.assign(scope.values[key])  # another variable of the user's code
        after = tree.map_structure(lambda v: None if v is None else scope.get_current_value(v), structure)
        return [scope.get_current_value(v) for v in trainable], after

    def _rate_in(self, state: OptimizerState, params: list) -> Any:
        """The learning rate for the values in `state`."""
        builtin = inspect.getattr_static(self, "learning_rate") is inspect.getattr_static(Optimizer, "learning_rate")
        if builtin and state.learning_rate is not None:
            return state.learning_rate
        if builtin and is_ours(type(self._learning_rate)):
            return self._learning_rate(updates_of(state, self.gradient_accumulation_steps))
        found: list[Any] = []  # a user's function may read the optimizer's variables
        self._in_scope(state, params, lambda: found.append(to_tensor(self.learning_rate)))
        return found[0]

    # -- overridden by subclasses

    def update_all(self, grads: list, variables: list[Variable], learning_rate: Rate) -> None:
        """Updates all variables, by default each with `update_step`.

        Args:
            grads: Gradients, already clipped.
            variables: Their variables.
            learning_rate: Learning rate, a scalar.
        """
        if self.shared:
            values = {name: v.value for name, v in self._shared.items()}
            for name, value in self.advance(values, self._updates().astype(jnp.float32) + 1).items():
                self._shared[name].assign(value)
        factors = dict(zip(map(id, self._trainable_variables), self._rate_factors))
        for g, v in zip(grads, variables):
            factor = factors.get(id(v), 1.0)
            self.update_step(g, v, learning_rate if factor == 1 else learning_rate * factor)

    def update_step(self, gradient: Array, variable: Variable, learning_rate: Rate) -> None:
        """Updates one variable, by default with `rule`; subclasses in Keras's style override it.

        Args:
            gradient: Gradient, already clipped.
            variable: Its variable.
            learning_rate: Learning rate, a scalar.
        """
        index = self._get_variable_index(variable)
        kept = {name: v for name, of_all in self._slots.items() if (v := of_all[index]) is not None}
        slots = {name: v.value for name, v in kept.items()}
        shared = {name: v.value for name, v in self._shared.items()}
        param, slots = self._ruled(gradient, variable.value, slots, shared, learning_rate, self._updates())
        variable.assign(param)
        for name, value in slots.items():
            kept[name].assign(value)

    def rule(
        self, grad: Array, param: Array, slots: Slots, lr: Array, step: Array
    ) -> tuple[Array, Slots]:  # pragma: no cover - abstract
        """Computes the update of one parameter, as a pure function.

        Args:
            grad: Gradient, of the parameter's shape and dtype.
            param: The parameter.
            slots: Its slots by name, and the shared scalars.
            lr: Learning rate, a scalar.
            step: Number of this update, from 1, a float scalar.

        Returns:
            The new parameter and the new slots by name.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define `rule(grad, param, slots, lr, step)` or "
            "`update_step(gradient, variable, learning_rate)`."
        )

    def advance(self, shared: Slots, step: Array) -> Slots:
        """Computes the shared scalars of an update from those of the one before.

        Args:
            shared: The scalars by name.
            step: Number of this update, from 1, a float scalar.
        """
        return shared

    def stateless_apply(
        self, optimizer_variables: Sequence[TensorLike], grads: Gradients, trainable_variables: Sequence[TensorLike]
    ) -> tuple[list, list]:
        """Does one step as a pure function, for `jax.jit`, `jax.lax.scan` and custom training loops.

        Args:
            optimizer_variables: Values of `optimizer.variables`.
            grads: A gradient, or None, for each trainable variable.
            trainable_variables: Values of the variables that the optimizer was built with.

        Returns:
            The new values of the trainable variables, and of the optimizer's.

        Raises:
            ValueError: The optimizer is not built, or numbers or shapes of values, gradients and variables differ.
        """
        if not self.built:
            raise ValueError(
                f"To call `stateless_apply`, {type(self).__name__} must be built (i.e. its variables must have been "
                "created). You can build it via `optimizer.build(trainable_variables)`."
            )
        own, trainable = self.variables, self._trainable_variables
        owner = f"{type(self).__name__} '{self.name}'"
        check_values("optimizer_variables", optimizer_variables, own, f"variables of {owner}")
        check_values("trainable_variables", trainable_variables, trainable, f"trainable variables of {owner}")
        grads = list(grads)
        params = [as_value(x, v) for v, x in zip(trainable, trainable_variables)]
        state_values = {id(v): as_value(x, v) for v, x in zip(own, optimizer_variables)}
        if grads:
            check_presence(grads, self._check(grads, None))
            structure = self._structure()
            state = tree.map_structure(lambda v: None if v is None else state_values[id(v)], structure)
            params, state = self._update(state, [None if g is None else to_tensor(g) for g in grads], params)
            pairs = zip(tree.flatten(structure), tree.flatten(state))
            state_values.update((id(v), x) for v, x in pairs if v is not None)
        return (
            [jnp.asarray(x, v._dtype) for v, x in zip(trainable, params)],
            [jnp.asarray(state_values[id(v)], v._dtype) for v in own],
        )

    # -- weight decay, averages, loss scale

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Excludes variables from weight decay.

        Args:
            var_list: The variables.
            var_names: Regular expressions; variables whose name matches one anywhere are excluded
                (`["bias", "gamma"]`).
        """
        self._undecayed = (list(var_list or ()), list(var_names or ()))

    @property
    def _is_decayed(self) -> tuple[bool, ...]:
        """Whether weight decay applies to each variable that the optimizer was built with."""
        listed, patterns = set(map(id, self._undecayed[0])), self._undecayed[1]
        return tuple(
            id(v) not in listed and not any(re.search(p, v.name) for p in patterns) for v in self._trainable_variables
        )

    @property
    def _weight_decays(self) -> tuple[float | None, ...]:
        """The weight decay of each variable that the optimizer was built with; None for none."""
        each = zip(self._trainable_variables, self._is_decayed, self._rate_factors)
        decays = ((self.decay_of(v) if decayed else None, factor) for v, decayed, factor in each)
        return tuple(None if d is None else d if factor == 1 else d * factor for d, factor in decays)

    def multiply_learning_rates(self, multipliers: dict[str, float] | None) -> None:
        """Multiplies the learning rate of some variables by factors, in updates and in weight decay.

        Args:
            multipliers: Factors by pattern of the variables' paths, such as `{"encoder/*": 0.1}`; None for none.

        Raises:
            ValueError: It is no such dict. A pattern that matches no variable is found once the variables are known.
        """
        self._multipliers = check_multipliers(multipliers)
        if self.built:
            multipliers_of([v.path for v in self._trainable_variables], self._multipliers)

    @property
    def _rate_factors(self) -> tuple[float, ...]:
        """The factor of the learning rate for each variable that the optimizer was built with."""
        if not self._multipliers:
            return (1.0,) * len(self._trainable_variables)
        return multipliers_of([v.path for v in self._trainable_variables], self._multipliers)

    def decay_of(self, variable: Variable) -> float | None:
        """Returns the weight decay of `variable`, unless it is excluded.

        Args:
            variable: A variable that the optimizer was built with.
        """
        return self.weight_decay

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Replaces variables by their moving averages, if `use_ema`; `fit` calls this at its end.

        Args:
            var_list: The variables.
        """
        if self.use_ema:
            for variable in var_list:
                average = self._averages[self._get_variable_index(variable)]
                if average is not None:
                    variable.assign(average.value)

    def scale_loss(self, loss: TensorLike) -> Any:
        """Scales a loss for the backward pass by the loss scale, if there is one.

        Args:
            loss: The loss, a scalar.
        """
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    # -- files

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor arguments of an equal optimizer, with the current learning rate."""
        # A user's class that writes its own `get_config` adds its own arguments there.
        owner = next(c for c in type(self).__mro__ if "get_config" in c.__dict__)
        own = auto_config(self, skip=("learning_rate",), upto=None if owner is Optimizer else owner)
        own["learning_rate"] = rate_config(self._learning_rate)
        common = {name: own.pop(name) if name in own else getattr(self, name) for name in CONFIG_ORDER}
        return common | own

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """Returns the optimizer that a config describes.

        Args:
            config: A config from `get_config`.
            custom_objects: Dict from names to the user's classes and functions.
        """
        with custom_object_scope(custom_objects or {}):
            return cls(**config)


def _value(variable: Variable | None) -> Any:
    return None if variable is None else variable.value


def updating(optimizer: Any) -> Any:
    """Returns the optimizer that updates the variables: that inside a `LossScaleOptimizer`, any other itself."""
    return getattr(optimizer, "inner_optimizer", optimizer)
