"""Optimizer: everything but the rule of one parameter. Clipping, decay, averages, accumulation: here, once."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from ..core import tree
from ..core.convert import to_tensor
from ..core.engine import is_tracer, jnp
from ..core.errors import did_you_mean
from ..core.naming import auto_name, name_scope
from ..core.ours import is_ours
from ..core.owner import Owner
from ..core.registry import custom_object_scope
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..core.signature import auto_config, init_parameters
from ..core.state import StateScope
from ..core.variable import Variable
from ..core.warnings import warn
from ..initializers.identifiers import get as get_initializer
from .gradients import as_like, as_value, check_presence, check_shapes
from .options import check_number, check_options, check_own_arguments
from .schedules import LearningRateSchedule
from .step import Step, updates_of
from .transforms import OptimizerState

LearningRate = float | Variable | LearningRateSchedule | Callable


# What people still write from earlier versions -> what it is called now.
_RENAMED = {"lr": "learning_rate", "eps": "epsilon"}


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
        ema_momentum: Decay rate of the moving average, in [0, 1].
        ema_overwrite_frequency: Number of steps after which the weights become their average; None waits for
            `finalize_variable_values`, which `fit` calls at its end.
        loss_scale_factor: Factor for the loss before the backward pass; gradients are divided by it afterwards.
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
        places = [self._index.get(id(v)) for v in self._trainable_variables]
        return places, self._is_decayed, self._weight_decays

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
        self._index: dict[int, int] = {}
        self._undecayed = ([], [])
        self._averages: list[Variable | None] = []
        self._accumulators: list[Variable] = []
        self._slots: dict[str, Sequence[Variable | None]] = {}
        self._shared: dict[str, Variable] = {}
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
        self._hold(variables)
        # A variable that takes its gradient as its value has no average and no slots.
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

    def _hold(self, variables: Sequence[Variable]) -> None:
        self._trainable_variables = list(variables)
        self._index = {id(v): i for i, v in enumerate(variables)}

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
        check_presence(grads, variables)
        everything = self._trainable_variables
        places = [self._index[id(v)] for v in variables]
        by_place: list = [None] * len(everything)
        for place, grad in zip(places, grads):
            by_place[place] = None if grad is None else to_tensor(grad)
        structure = self._structure()
        old_params, old_state = [v.value for v in everything], tree.map_structure(_value, structure)
        params, state = self._pure_update(old_state, by_place, old_params, places)
        kept = zip(*map(tree.flatten, (structure, state, old_state)))
        for variable, new, old in (*zip(everything, params, old_params), *kept):
            if new is not old:
                variable.assign(new)

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
                self.built = True
            if not self._index:  # a subclass's `build` that doesn't call the base's
                self._hold(variables)
            for v in variables:
                if id(v) not in self._index:
                    raise ValueError(
                        f"Unknown variable: {v}. This optimizer can only be called for the variables it was "
                        "originally built with. When working with a new set of variables, you should recreate a new "
                        "optimizer instance."
                    )
        check_shapes(grads, variables)
        return variables

    # -- the step, as a pure function. Lists have an entry for each variable that the optimizer was built with.

    def _structure(self) -> OptimizerState:
        """The optimizer's variables, by what they are for."""
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
        """One step. A user's own `apply` is part of it.

        Args:
            state: Values in the structure of `_structure()`.
            grads: Gradients; None leaves a parameter.
            params: The parameters' values.
            touched: Places of the parameters that the step is about, gradient or not; None is all.

        Returns:
            The new parameters and the new state.
        """
        if not self._overrides("apply"):
            return self._pure_update(state, grads, params, touched)
        places = range(len(params)) if touched is None else touched
        variables = self._trainable_variables
        return self._in_scope(
            state, params, lambda: self.apply([grads[i] for i in places], [variables[i] for i in places])
        )

    def _pure_update(
        self, state: OptimizerState, grads: list, params: list, touched: Sequence[int] | None
    ) -> tuple[list, OptimizerState]:
        step = Step(
            self._rules,
            [v.overwrite_with_gradient for v in self._trainable_variables],
            self._weight_decays,
            [v.constraint for v in self._trainable_variables],
            *(getattr(self, option) for option in _STEP_OPTIONS),
        )
        return step(
            state, grads, params, self._rate_in(state, params), range(len(params)) if touched is None else touched
        )

    def _rules(self, state: OptimizerState, grads: list, params: list, rate: Any) -> tuple[list, OptimizerState]:
        """Moves the parameters by their gradients, each by `rule`, or by the `update_step` of a user's class."""
        if self._rules_assign(state):
            pairs = [(g, v) for g, v in zip(grads, self._trainable_variables) if g is not None]
            return self._in_scope(
                state, params, lambda: self.update_all([g for g, _ in pairs], [v for _, v in pairs], rate)
            )
        updates, shared = updates_of(state, self.gradient_accumulation_steps), state.shared
        if shared:
            advanced = self.advance(dict(shared), updates.astype(jnp.float32) + 1)
            shared = {name: jnp.asarray(advanced.get(name, v), v.dtype) for name, v in shared.items()}
        params, slots = list(params), list(state.slots)
        for i, grad in enumerate(grads):
            if grad is not None:
                params[i], slots[i] = self._ruled(grad, params[i], slots[i], shared, rate, updates)
        return params, state._replace(slots=slots, shared=shared)

    def _ruled(
        self, grad: Any, param: Any, slots: dict[str, Any], shared: dict[str, Any], rate: Any, updates: Any
    ) -> tuple[Any, dict[str, Any]]:
        """`rule` with everything in the dtype it is meant to have."""
        # Scalars of 16-bit parameters stay in 32 bits, where step 257 and 1 - 0.999 are still exact enough.
        scalar = jnp.promote_types(param.dtype, jnp.float32)
        known = {**slots, **{name: v.astype(scalar) for name, v in shared.items()}}
        new, changed = self.rule(
            grad.astype(param.dtype), param, known, jnp.asarray(rate, scalar), updates.astype(scalar) + 1
        )
        kept = {**slots, **{name: as_like(slots[name], value, f"slot '{name}'") for name, value in changed.items()}}
        return as_like(param, new, "the parameter"), kept

    def _rules_assign(self, state: OptimizerState) -> bool:
        """Whether moving parameters assigns Variables: in `update_step` or `update_all` of a user's class, or in a rule
        beside which the class keeps variables of its own."""
        return self._overrides("update_step", "update_all") or bool(state.own)

    def _overrides(self, *methods: str) -> bool:
        return any(getattr(getattr(self, m), "__func__", None) is not getattr(Optimizer, m) for m in methods)

    def _in_scope(self, state: OptimizerState, params: list, assign: Callable[[], Any]) -> tuple[list, OptimizerState]:
        """The parameters and the state after `assign`, a function that assigns the Variables of both."""
        structure, trainable = self._structure(), self._trainable_variables
        kept = [(v, x) for v, x in zip(tree.flatten(structure), tree.flatten(state)) if v is not None]
        pairs = [*zip(trainable, params), *kept]
        with StateScope(pairs) as scope:
            assign()
        known = {id(v) for v, _ in pairs}
        for key, variable in scope.written.items():
            if key not in known and not is_tracer(scope.values[key]):
                variable.assign(scope.values[key])  # something else that the user's code keeps
        after = tree.map_structure(lambda v: None if v is None else scope.get_current_value(v), structure)
        return [scope.get_current_value(v) for v in trainable], after

    def _rate_in(self, state: OptimizerState, params: list) -> Any:
        """The learning rate where the optimizer's variables have the values of `state`."""
        builtin = inspect.getattr_static(self, "learning_rate") is inspect.getattr_static(Optimizer, "learning_rate")
        if builtin and state.learning_rate is not None:
            return state.learning_rate
        if builtin and is_ours(type(self._learning_rate)):
            return self._learning_rate(updates_of(state, self.gradient_accumulation_steps))
        found: list[Any] = []  # a function of the user's may read the optimizer's variables itself
        self._in_scope(state, params, lambda: found.append(to_tensor(self.learning_rate)))
        return found[0]

    # -- what classes in Keras's style override

    def update_all(self, grads: list, variables: list[Variable], learning_rate: Any) -> None:
        """Moves all variables by their gradients, already clipped; by default each by `update_step`."""
        if self.shared:
            values = {name: v.value for name, v in self._shared.items()}
            for name, value in self.advance(values, self._updates().astype(jnp.float32) + 1).items():
                self._shared[name].assign(value)
        for g, v in zip(grads, variables):
            self.update_step(g, v, learning_rate)

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Moves one variable by its gradient. By default this is `rule`; subclasses in Keras's style override it."""
        index = self._get_variable_index(variable)
        kept = {name: v for name, of_all in self._slots.items() if (v := of_all[index]) is not None}
        slots = {name: v.value for name, v in kept.items()}
        shared = {name: v.value for name, v in self._shared.items()}
        param, slots = self._ruled(gradient, variable.value, slots, shared, learning_rate, self._updates())
        variable.assign(param)
        for name, value in slots.items():
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
        """Takes variables out of weight decay.

        Args:
            var_list: The variables.
            var_names: Regular expressions; variables in whose name one is found are taken out (`["bias", "gamma"]`).
        """
        self._undecayed = (list(var_list or ()), list(var_names or ()))

    @property
    def _is_decayed(self) -> tuple[bool, ...]:
        """Whether each variable that the optimizer was built with takes part in weight decay."""
        listed, patterns = set(map(id, self._undecayed[0])), self._undecayed[1]
        return tuple(
            id(v) not in listed and not any(re.search(p, v.name) for p in patterns) for v in self._trainable_variables
        )

    @property
    def _weight_decays(self) -> tuple[float | None, ...]:
        """The weight decay of each variable that the optimizer was built with; None where there is none."""
        return tuple(self.decay_of(v) if d else None for v, d in zip(self._trainable_variables, self._is_decayed))

    def decay_of(self, variable: Variable) -> float | None:
        """The weight decay of `variable`, if it was not excluded."""
        return self.weight_decay

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


_STEP_OPTIONS = (
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "loss_scale_factor",
    "gradient_accumulation_steps",
)
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


def _value(variable: Variable | None) -> Any:
    return None if variable is None else variable.value
