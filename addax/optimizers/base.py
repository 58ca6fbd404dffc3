"""Optimizer: everything but the rule of one parameter. Clipping, decay, averages, accumulation: here, once."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypedDict

import numpy as np

from ..core.convert import to_tensor
from ..core.engine import jnp
from ..core.errors import did_you_mean
from ..core.naming import auto_name, name_scope
from ..core.ours import is_ours
from ..core.owner import Owner
from ..core.registry import custom_object_scope
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..core.signature import auto_config, init_arguments, init_parameters
from ..core.state import StateScope
from ..core.variable import Variable
from ..core.warnings import warn
from ..initializers.identifiers import get as get_initializer
from . import transforms
from .checks import check_number
from .schedules import LearningRateSchedule

LearningRate = float | Variable | LearningRateSchedule | Callable


class CommonOptions(TypedDict, total=False):
    """The keyword arguments that every optimizer takes, described at `Optimizer`."""

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None
    name: str | None


class OptimizerOptions(CommonOptions, total=False):
    """The same with weight decay."""

    weight_decay: float | None


# What people still write from earlier versions -> what it is called now.
_RENAMED = {"lr": "learning_rate", "eps": "epsilon"}


# Arguments of addax's optimizers by what may be given.
_IN_UNIT_RANGE = frozenset(("beta_1", "beta_2", "adam_beta_1", "adam_beta_2", "rho"))
_NOT_NEGATIVE = frozenset(
    ("epsilon", "epsilon_1", "epsilon_2", "initial_accumulator_value", "clip_threshold", "adam_weight_decay")
)


class Optimizer(Owner):
    """Base of optimizers.

    A new optimizer names its `slots` (one variable like the parameter each) and defines `rule`, a pure function of one
    parameter. Classes in Keras's style, which define `build` and `update_step`, work too.

    Args:
        learning_rate: A float, a schedule, a Variable, or a function that returns the rate (given the iteration, if it
            takes an argument).
        weight_decay: Fraction of a weight taken away each step, times the learning rate.
        clipnorm: Largest norm of each variable's gradient. At most one of the three clippings may be set.
        clipvalue: Largest absolute value of a gradient's elements.
        global_clipnorm: Largest norm of all gradients together.
        use_ema: Whether to keep an exponential moving average of the weights.
        ema_momentum: How much of the average a step keeps, in [0, 1].
        ema_overwrite_frequency: Number of steps after which the weights become their average; None waits for
            `finalize_variable_values`, which `fit` calls at its end.
        loss_scale_factor: Number that the loss is multiplied by before, and gradients divided by after, the backward
            pass.
        gradient_accumulation_steps: Number of steps, at least 2, whose mean gradient makes one update.
        name: Name, the first part of the variables' paths.

    >>> class Signs(keras.optimizers.Optimizer):
    ...     slots = ("last",)
    ...     def rule(self, grad, param, slots, lr, step):
    ...         return param - lr * jnp.sign(grad), {"last": grad}
    >>> w = keras.Variable([1.0, 2.0], name="w")
    >>> Signs(learning_rate=0.5).apply_gradients([([3.0, -4.0], w)])
    >>> w.numpy()
    array([0.5, 2.5], dtype=float32)
    """

    # Names of the variables kept for each parameter. A tuple in the tuple is made parameter by parameter, as Keras
    # orders what it makes in one loop: ("a", "b") is a of all then b of all, (("a", "b"),) is a and b of each.
    slots: ClassVar[Sequence[str | tuple[str, ...]]] = ()
    # Scalars kept once for all parameters, with the value they begin with.
    shared: ClassVar[Mapping[str, float]] = {}

    _iterations: Variable
    _learning_rate: Any
    _trainable_variables: list[Variable]
    _undecayed: tuple[list[Variable], list[str]]
    _untracked = Owner._untracked | {"_trainable_variables", "_undecayed"}  # the model's variables

    # What is left out of the description of what is computed; `_describes` says what follows from it.
    _about: tuple[str, ...] = ("name", "_index", "_undecayed")

    def _describes(self) -> Any:
        variables = self._trainable_variables
        return [(self._index.get(id(v)), self._use_weight_decay(v)) for v in variables]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # What `help()` shows: the options that `**kwargs` passes on to the base, by name.
        own = inspect.signature(cls.__init__).parameters.get("kwargs")  # type: ignore[misc]
        if own is None or "Options" not in str(own.annotation):
            cls.__signature__ = None  # type: ignore[attr-defined]
            return
        passed_on = [p for p in init_parameters(cls).values() if p.kind is p.POSITIONAL_OR_KEYWORD]
        needed = [p for p in passed_on if p.default is p.empty]
        optional = [p for p in passed_on if p.default is not p.empty]
        rest = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)
        cls.__signature__ = inspect.Signature([*needed, *optional, rest])  # type: ignore[attr-defined]

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
        if "decay" in kwargs:
            kwargs.pop("decay")
            warn(
                "Argument `decay` is no longer supported and will be ignored. Use a schedule, e.g. "
                "`learning_rate=keras.optimizers.schedules.InverseTimeDecay(...)`."
            )
        if kwargs:
            raise ValueError(
                f"Argument(s) not recognized: {kwargs}. "
                + " ".join(self._suggest(argument) for argument in kwargs)
                + f" (in {type(self).__name__})"
            )
        if name is not None and (not isinstance(name, str) or "/" in name):
            raise ValueError(
                f"Argument `name` must be a string and cannot contain character `/`. Received: name={name}"
            )
        if sum(c is not None for c in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise ValueError(
                "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. Received: "
                f"clipnorm={clipnorm}, clipvalue={clipvalue}, global_clipnorm={global_clipnorm}"
            )
        if use_ema:
            if not 0 <= ema_momentum <= 1:
                raise ValueError(f"`ema_momentum` must be in the range [0, 1]. Received: ema_momentum={ema_momentum}")
            if ema_overwrite_frequency is not None and (
                not isinstance(ema_overwrite_frequency, int) or ema_overwrite_frequency < 1
            ):
                raise ValueError(
                    "`ema_overwrite_frequency` must be an integer >= 1 or None. Received: "
                    f"ema_overwrite_frequency={ema_overwrite_frequency}"
                )
        for argument, value in (
            ("weight_decay", weight_decay),
            ("clipnorm", clipnorm),
            ("clipvalue", clipvalue),
            ("global_clipnorm", global_clipnorm),
        ):
            check_number(argument, value)
        check_number("loss_scale_factor", loss_scale_factor, excluded=0.0)
        if is_ours(type(self)):
            passed = init_arguments(self)
            for argument in _IN_UNIT_RANGE.intersection(passed):
                check_number(argument, passed[argument], 0.0, 1.0)
            for argument in _NOT_NEGATIVE.intersection(passed):
                check_number(argument, passed[argument])
        steps = gradient_accumulation_steps
        if steps is not None and (not isinstance(steps, int) or steps < 2):
            raise ValueError(
                f"`gradient_accumulation_steps` must be an integer >= 2. Received: gradient_accumulation_steps={steps}"
            )
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
        self._index: dict[int, int] = {}
        self._undecayed = ([], [])
        with name_scope(self.name):
            self._iterations = Variable(
                np.zeros((), "int32"), trainable=False, aggregation="only_first_replica", name="iteration"
            )
        self._learning_rate = self._as_learning_rate(learning_rate)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._index = {id(v): i for i, v in enumerate(self._trainable_variables)}  # copies have other ids

    def _suggest(self, argument: str) -> str:
        if _RENAMED.get(argument):
            return f"`{argument}` is called `{_RENAMED[argument]}`."
        return did_you_mean(argument, init_parameters(type(self)))

    # -- learning rate and iterations

    def _as_learning_rate(self, value: Any) -> Any:
        if isinstance(value, dict):
            value = deserialize_keras_object(value)
        if isinstance(value, (LearningRateSchedule, Variable)):
            return value
        if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
            check_number("learning_rate", value)
            with name_scope(self.name):
                return Variable(
                    np.asarray(value, np.float64),
                    trainable=False,
                    aggregation="only_first_replica",
                    name="learning_rate",
                )
        if callable(value):
            return value
        raise ValueError(
            "Argument `learning_rate` should be float, or an instance of LearningRateSchedule, or a callable (that "
            "takes in the current iteration value and returns the corresponding learning rate value). Received "
            f"instead: learning_rate={value}"
        )

    @property
    def iterations(self) -> Any:
        """The number of updates so far: a Variable, or a scalar where several steps make one update."""
        if self.gradient_accumulation_steps:
            return self._iterations.value // self.gradient_accumulation_steps
        return self._iterations

    def _updates(self) -> Any:
        iterations = self.iterations
        return iterations.value if isinstance(iterations, Variable) else iterations

    @property
    def learning_rate(self) -> Any:
        """The current rate: the Variable that holds it, or what the schedule says now. A float may be assigned."""
        rate = self._learning_rate
        if isinstance(rate, Variable):
            return rate
        # Asked with the number of updates, as steps that only accumulate gradients move nothing.
        if isinstance(rate, LearningRateSchedule):
            return rate(self._updates())
        takes_step = any(p.default is p.empty for p in inspect.signature(rate).parameters.values())
        return rate(self._updates()) if takes_step else rate()

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        new = isinstance(value, LearningRateSchedule) or (callable(value) and not hasattr(value, "shape"))
        if new:
            self._learning_rate = value
        elif isinstance(self._learning_rate, Variable):
            if value is None:
                raise ValueError("Argument `learning_rate` must be a finite number >= 0. Received: learning_rate=None")
            check_number("learning_rate", value)
            self._learning_rate.assign(value)
        else:
            raise TypeError(
                "This optimizer was created with a `LearningRateSchedule` object as its `learning_rate` constructor "
                "argument, hence its learning rate is not settable. If you need the learning rate to be settable, you "
                "should instantiate the optimizer with a float `learning_rate` argument."
            )

    # -- variables

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the variables kept for each of `variables`; done by the first `apply` if not before."""
        if self.built:
            return
        variables = list(variables)
        self._trainable_variables = variables
        self._index = {id(v): i for i, v in enumerate(variables)}
        # A variable that takes its gradient as its value has no average and no slots.
        moved = [None if v.overwrite_with_gradient else v for v in variables]
        self._averages = self.add_optimizer_variables(moved, "average") if self.use_ema else []
        self._accumulators = (
            self.add_optimizer_variables(variables, "gradient_accumulator") if self.gradient_accumulation_steps else []
        )
        self._slots: dict[str, Any] = {}
        for group in self.slots:
            names = (group,) if isinstance(group, str) else group
            made = [[self.add_slot(name, v) if v is not None else None for name in names] for v in moved]
            self._slots.update(zip(names, zip(*made)))
        self._shared = {name: Variable(np.float32(value), trainable=False) for name, value in self.shared.items()}
        self.built = True

    def add_slot(self, name: str, variable: Variable) -> Variable | None:
        """Makes slot `name` of `variable`: zeros like it. Overridden where a slot begins or is shaped otherwise; None
        is no slot."""
        return self.add_variable_from_reference(variable, name)

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "none",
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Makes a variable of the optimizer's own."""
        variable = self._make_variable(
            get_initializer(initializer), shape, dtype=dtype, trainable=False, aggregation=aggregation, name=name
        )
        variable._layout = layout
        return variable

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """Makes a variable of the shape and dtype of `reference_variable`, called `<its path>_<name>`."""
        path = getattr(reference_variable, "path", reference_variable.name).replace("/", "_")
        return self.add_variable(
            reference_variable.shape,
            initializer,
            # Its own dtype, also when a layer that computes in another is building it.
            dtype=getattr(reference_variable, "_dtype", reference_variable.dtype),
            layout=getattr(reference_variable, "_layout", None),
            name=f"{path}_{name}" if name else path,
        )

    def add_optimizer_variables(
        self, trainable_variables: Sequence[Variable | None], name: str | Sequence[str], initializer: Any = "zeros"
    ) -> Any:
        """Makes a variable like each of `trainable_variables` (None gives None): one list for a name, and for several
        names a tuple of lists, made variable by variable."""
        names = [name] if isinstance(name, str) else list(name)
        initializers = initializer if isinstance(initializer, (list, tuple)) else [initializer] * len(names)
        lists: tuple[list, ...] = tuple([] for _ in names)
        for variable in trainable_variables:
            for out, each, init in zip(lists, names, initializers):
                out.append(None if variable is None else self.add_variable_from_reference(variable, each, init))
        return lists[0] if isinstance(name, str) else lists

    def _get_variable_index(self, variable: Variable) -> int:
        return self._index[id(variable)]

    def assign(self, variable: Variable, value: Any) -> None:
        """Gives `variable` a value; `update_step` of a subclass may use this or the variable's own methods."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        """Adds `value` to `variable`."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """Subtracts `value` from `variable`."""
        variable.assign_sub(value)

    # -- applying gradients

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> None:
        """One step, from pairs (gradient, variable)."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """One step: moves the variables by their gradients.

        Args:
            grads: A gradient for each variable, of its shape; None leaves the variable.
            trainable_variables: The variables; default: those the optimizer was built with.

        Raises:
            ValueError: The numbers or shapes don't fit, no variable has a gradient, or a variable is unknown.
        """
        grads = list(grads)
        if not grads:
            return
        variables = self._check(grads, trainable_variables)
        present = [(g, v) for g, v in zip(grads, variables) if g is not None]
        missing = [v.path for g, v in zip(grads, variables) if g is None]
        if not present:
            raise ValueError("No gradients provided for any variable.")
        if missing:
            warn(
                f"Gradients do not exist for variables {missing} when minimizing the loss. If using "
                "`model.compile()`, did you forget to provide a `loss` argument?"
            )
        self._step([to_tensor(g) for g, _ in present], [v for _, v in present])
        for variable in variables:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable.value))
        self._iterations.assign_add(1)

    def _check(self, grads: list, trainable_variables: Sequence[Variable] | None) -> list[Variable]:
        if trainable_variables is None:
            if not self.built:
                raise ValueError(
                    "When passing `grads` without `variables`, the optimizer must already be built on a list of "
                    "variables. Call `optimizer.build(trainable_variables)` first."
                )
            variables = self._trainable_variables
            if len(grads) != len(variables):
                raise ValueError(
                    "When passing `grads` as a list of gradient tensors, the gradients must match "
                    f"`optimizer.variables` one-to-on. Received a list of {len(grads)} gradients, but the optimizer "
                    f"is tracking {len(variables)} trainable variables."
                )
        else:
            variables = list(trainable_variables)
            if len(grads) != len(variables):
                raise ValueError(
                    f"Expected one gradient for each variable. Received {len(grads)} gradients and {len(variables)} "
                    f"variables (optimizer '{self.name}')."
                )
            if not self.built:
                self.build(variables)
                self.built = True  # also when a subclass's `build` does not call the base's
            for v in variables:
                if self._index and id(v) not in self._index:
                    raise ValueError(
                        f"Unknown variable: {v}. This optimizer can only be called for the variables it was "
                        "originally built with. When working with a new set of variables, you should recreate a new "
                        "optimizer instance."
                    )
        for g, v in zip(grads, variables):
            if g is not None and tuple(np.shape(g)) != tuple(v.shape):
                raise ValueError(
                    f"The gradient of variable '{v.path}' must have its shape {tuple(v.shape)}. Received a gradient "
                    f"of shape {tuple(np.shape(g))}."
                )
        return variables

    def _step(self, grads: list, variables: list[Variable]) -> None:
        if self.loss_scale_factor is not None:
            grads = [
                g if v.overwrite_with_gradient else g / jnp.asarray(self.loss_scale_factor, g.dtype)
                for g, v in zip(grads, variables)
            ]
        rate = self.learning_rate
        rate = rate.value if isinstance(rate, Variable) else rate
        steps = self.gradient_accumulation_steps
        if not steps:
            self._update(grads, variables, rate)
        else:
            accumulators = [self._accumulators[self._get_variable_index(v)] for v in variables]

            def update() -> None:
                means = []
                for g, v, a in zip(grads, variables, accumulators):
                    g = g.astype(a.value.dtype)
                    means.append(jnp.maximum(a.value, g) if v.overwrite_with_gradient else (a.value + g) / steps)
                    a.assign(jnp.zeros_like(a.value))
                self._update(means, variables, rate)

            def accumulate() -> None:
                for g, v, a in zip(grads, variables, accumulators):
                    a.assign(jnp.maximum(a.value, g) if v.overwrite_with_gradient else a.value + g)

            due = (self._iterations.value + 1) % steps == 0
            transforms.conditional(due, update, accumulate, [*self.variables, *variables])
        if self.use_ema:
            self._average(self._trainable_variables)

    def _update(self, grads: list, variables: list[Variable], rate: Any) -> None:
        moved = []
        for g, v in zip(grads, variables):
            if v.overwrite_with_gradient:
                v.assign(g)
            else:
                moved.append((g, v))
        grads, variables = [g for g, _ in moved], [v for _, v in moved]
        grads = transforms.clip(grads, self.clipnorm, self.clipvalue, self.global_clipnorm)
        for v in variables:
            decay = self.decay_of(v) if self._use_weight_decay(v) else None
            if decay is not None:
                value = v.value
                v.assign(value - value * (jnp.asarray(decay, value.dtype) * jnp.asarray(rate, value.dtype)))
        self.update_all(grads, variables, rate)

    def update_all(self, grads: list, variables: list[Variable], learning_rate: Any) -> None:
        """Moves all variables by their gradients, already clipped; by default each by `update_step`."""
        if self.shared:
            step = self._next_step(jnp.float32)
            values = {name: v.value for name, v in self._shared.items()}
            for name, value in self.advance(values, step).items():
                self._shared[name].assign(value)
        for g, v in zip(grads, variables):
            self.update_step(g, v, learning_rate)

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Moves one variable by its gradient. By default this is `rule`; subclasses in Keras's style override it."""
        param = variable.value
        # Scalars of 16-bit parameters stay in 32 bits, where step 257 and 1 - 0.999 are still exact enough.
        scalar = jnp.promote_types(param.dtype, jnp.float32)
        index = self._get_variable_index(variable)
        kept = {name: slots[index] for name, slots in self._slots.items() if slots[index] is not None}
        slots = {name: slot.value for name, slot in kept.items()}
        slots.update((name, v.value.astype(scalar)) for name, v in self._shared.items())
        new_param, new_slots = self.rule(
            gradient.astype(param.dtype), param, slots, jnp.asarray(learning_rate, scalar), self._next_step(scalar)
        )
        variable.assign(new_param)
        for name, value in new_slots.items():
            kept[name].assign(value)

    def rule(
        self, grad: Any, param: Any, slots: dict[str, Any], lr: Any, step: Any
    ) -> tuple[Any, dict[str, Any]]:  # pragma: no cover - abstract
        """The update of one parameter, a pure function.

        Args:
            grad: Gradient, of the parameter's shape and dtype.
            param: The parameter.
            slots: Its slots by name, and the shared scalars.
            lr: Learning rate, a scalar.
            step: Number of this update, counted from 1, a float scalar.

        Returns:
            The new parameter and the new slots by name.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define `rule(grad, param, slots, lr, step)` or "
            "`update_step(gradient, variable, learning_rate)`."
        )

    def advance(self, shared: dict[str, Any], step: Any) -> dict[str, Any]:
        """The shared scalars' values for this update."""
        return shared

    def _next_step(self, dtype: Any) -> Any:
        return self._updates().astype(dtype) + 1

    def stateless_apply(
        self, optimizer_variables: Sequence[Any], grads: Sequence[Any], trainable_variables: Sequence[Any]
    ) -> tuple[list, list]:
        """`apply` as a pure function, for `jax.jit`, `jax.lax.scan` and training loops of your own.

        Args:
            optimizer_variables: Values of `optimizer.variables`.
            grads: A gradient, or None, for each trainable variable.
            trainable_variables: Values of the variables that the optimizer was built with.

        Returns:
            The new values of the trainable variables, and of the optimizer's.
        """
        if not self.built:
            raise ValueError(
                f"To call `stateless_apply`, {type(self).__name__} must be built (i.e. its variables must have been "
                "created). You can build it via `optimizer.build(trainable_variables)`."
            )
        own, trainable = self.variables, self._trainable_variables
        for argument, values, what, expected in (
            ("optimizer_variables", optimizer_variables, "variables", own),
            ("trainable_variables", trainable_variables, "trainable variables", trainable),
        ):
            if len(values) != len(expected):
                raise ValueError(
                    f"Argument `{argument}` must be a list of tensors corresponding 1:1 to the {what} of "
                    f"{type(self).__name__} '{self.name}'. Received list with length {len(values)}, but expected "
                    f"{len(expected)} variables."
                )
        pairs = [*zip(trainable, trainable_variables), *zip(own, optimizer_variables)]
        with StateScope((v, x if v is None else to_tensor(x)) for v, x in pairs) as scope:
            self.apply(grads)
        return [scope.get_current_value(v) for v in trainable], [scope.get_current_value(v) for v in own]

    # -- weight decay, averages, loss scale

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Takes variables out of weight decay.

        Args:
            var_list: The variables.
            var_names: Regular expressions; variables in whose name one is found are taken out (`["bias", "gamma"]`).
        """
        self._undecayed = (list(var_list or ()), list(var_names or ()))

    def _use_weight_decay(self, variable: Variable) -> bool:
        variables, patterns = self._undecayed
        return not any(v is variable for v in variables) and not any(re.search(p, variable.name) for p in patterns)

    def decay_of(self, variable: Variable) -> float | None:
        """The weight decay of `variable`, if it was not excluded."""
        return self.weight_decay

    def _average(self, variables: list[Variable]) -> None:
        iterations = self._updates()
        # The first value is taken whole: an average that began at zero would be too small.
        momentum = jnp.where(iterations == 0, 0.0, self.ema_momentum)
        for variable in variables:
            average = self._averages[self._get_variable_index(variable)]
            if average is None:
                continue
            value = variable.value
            kept = momentum.astype(value.dtype)
            average.assign(kept * average.value + (1 - kept) * value)
            if self.ema_overwrite_frequency:
                due = (iterations + 1) % self.ema_overwrite_frequency == 0
                variable.assign(jnp.where(due, average.value, value))

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Makes the variables their moving averages, where these are kept; `fit` calls this at its end."""
        if self.use_ema:
            for variable in var_list:
                average = self._averages[self._get_variable_index(variable)]
                if average is not None:
                    variable.assign(average.value)

    def scale_loss(self, loss: Any) -> Any:
        """The loss to differentiate: `loss` times the loss scale, where there is one."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    # -- files

    def load_own_variables(self, store: Any) -> None:
        """Reads the variables back; warns and changes nothing when their number differs."""
        variables = self.variables
        if len(store.keys()) != len(variables):
            built = "" if self.built else " (it is not built yet: call `optimizer.build(model.trainable_variables)`)"
            warn(
                f"Skipping variable loading for optimizer '{self.name}', because it has {len(variables)} variables "
                f"whereas the saved optimizer has {len(store.keys())} variables.{built}"
            )
            return
        super().load_own_variables(store)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Gives the optimizer's variables their values, in their order."""
        if not self.built:
            raise ValueError(
                "You are calling `set_weights()` on an optimizer that has not yet been built. Please call "
                "`optimizer.build(trainable_variables)` to create the optimizer weights before calling `set_weights()`."
            )
        variables = self.variables
        if len(weights) != len(variables):
            raise ValueError(
                f"Optimizer '{self.name}' has {len(variables)} variables. Received {len(weights)} weights."
            )
        self._set_values(variables, weights, "Optimizer variable has shape {}")

    def get_config(self) -> dict[str, Any]:
        # A user's class that writes its own `get_config` adds its own arguments there.
        owner = next(c for c in type(self).__mro__ if "get_config" in c.__dict__)
        own = auto_config(self, skip=("learning_rate",), upto=None if owner is Optimizer else owner)
        own["learning_rate"] = self._rate_config()
        common = {name: own.pop(name) if name in own else getattr(self, name) for name in _CONFIG_ORDER}
        return common | own

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """The optimizer that `get_config` described; `custom_objects` names the user's classes in it."""
        with custom_object_scope(custom_objects or {}):
            return cls(**config)

    def _rate_config(self) -> Any:
        rate = self._learning_rate
        if isinstance(rate, Variable):
            return float(rate.numpy())
        return serialize_keras_object(rate)


_CONFIG_ORDER = (
    "name",
    "learning_rate",
    "weight_decay",
    "clipnorm",
    "global_clipnorm",
    "clipvalue",
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "loss_scale_factor",
    "gradient_accumulation_steps",
)
