"""Base of metrics: states that are updated batch by batch, and a result computed from them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import initializers
from ..core import tree
from ..core.config import floatx
from ..core.dtypes import numpy_dtype
from ..core.naming import auto_name
from ..core.owner import Owner
from ..core.policy import DTypePolicy
from ..core.policy import get as get_policy
from ..core.signature import config_class, init_arguments, init_parameters
from ..core.state import StateScope, in_stateless_scope
from ..core.types import DTypeLike, InitializerLike, PolicyLike
from ..core.variable import Variable


class Metric(Owner):
    """Base of all metrics. A subclass defines `update_state` and `result`.

    States are made in `__init__` by `add_variable` and changed by assignment. Compiled training steps run the same code
    as pure functions, through the `stateless_...` methods.

    Args:
        dtype: Dtype, or dtype policy, of the states; default: floatx.
        name: Name; automatic from the class when None.

    >>> class Count(keras.metrics.Metric):
    ...     def __init__(self, **kwargs):
    ...         super().__init__(**kwargs)
    ...         self.count = self.add_variable(shape=(), initializer="zeros", name="count")
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.count.assign_add(len(y_true))
    ...     def result(self):
    ...         return self.count.value
    >>> count = Count()
    >>> count.update_state([1, 2, 3], [1, 2, 3])
    >>> print(count.result())
    3.0
    """

    _direction: str | None = None  # "up" or "down", the direction that callbacks take for better; None for neither
    # Whether rows of weight 0 make no difference: its states are sums of one term per row, times the row's weight. None
    # means unknown. It is not inherited by a user's subclass, which may compute something else.
    rowwise: bool | None = None
    # Arguments that the config has only when they differ from the default; Keras's configs never have them.
    unless_default: tuple[str, ...] = ()
    _about: tuple[str, ...] = ("name",)  # left out of the description of what is computed

    _lists = ("_variables", "_metrics")

    _metrics: list[Metric]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "result" in vars(cls):
            cls.result = _as_values(cls.result)  # type: ignore[method-assign]

    def __init__(self, dtype: PolicyLike = None, name: str | None = None):
        self.name = name or auto_name(type(self).__name__)
        self._dtype_policy: DTypePolicy = get_policy(dtype or floatx())

    @staticmethod
    def _list_of(value: object) -> str | None:
        return "_metrics" if isinstance(value, Metric) else Owner._list_of(value)

    @property
    def dtype(self) -> str:
        """The dtype of the states."""
        return self._dtype_policy.compute_dtype

    @property
    def dtype_policy(self) -> DTypePolicy:
        """The dtype policy that the dtype comes from."""
        return self._dtype_policy

    # States

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: InitializerLike,
        dtype: DTypeLike = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """Makes a state variable.

        Args:
            shape: Shape of the state.
            initializer: Initializer of the state: a name, config or callable; None for zeros.
            dtype: Dtype; default: the metric's.
            aggregation: Aggregation of the states of several devices: "sum", "mean", "none" or "only_first_replica".
            name: Name, the last part of the variable's path.

        Returns:
            The variable.

        Raises:
            RuntimeError: `super().__init__()` was not called before.
        """
        if "_dtype_policy" not in self.__dict__:
            raise RuntimeError("You forgot to call `super().__init__()` in the `__init__()` method. Go add it!")
        return self._make_variable(
            initializers.get("zeros" if initializer is None else initializer),
            shape,
            dtype=dtype or self.dtype,
            trainable=False,
            aggregation=aggregation,
            name=name,
        )

    def add_weight(
        self,
        shape: Sequence[int] = (),
        initializer: InitializerLike = None,
        dtype: DTypeLike = None,
        name: str | None = None,
    ) -> Variable:
        """Makes a state variable; the name that `add_variable` has in layers.

        Args:
            shape, initializer, dtype, name: See `add_variable`.
        """
        return self.add_variable(shape, initializer, dtype, name=name)

    @property
    def variables(self) -> list[Variable]:
        """The state variables; those of metrics in this one's attributes come last."""
        return [*self._variables, *(v for metric in self._metrics for v in metric.variables)]

    def reset_state(self) -> None:
        """Resets all states to zero."""
        for v in self.variables:
            v.assign(np.zeros(v.shape, numpy_dtype(v._dtype)))

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Updates the states with a batch; defined by subclasses.

        Args:
            *args, **kwargs: In most metrics `y_true`, `y_pred` and `sample_weight`, arrays of a batch.

        Raises:
            NotImplementedError: The subclass doesn't define it.
        """
        raise NotImplementedError(f"Metric {type(self).__name__} does not define `update_state`.")

    def result(self) -> Any:
        """Returns the metric over all batches since the last reset: a scalar, or a dict of scalars."""
        raise NotImplementedError(f"Metric {type(self).__name__} does not define `result`.")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Updates the states and returns the result."""
        self.update_state(*args, **kwargs)
        return self.result()

    # Pure functions of the states

    def stateless_update_state(self, metric_variables: list, *args: Any, **kwargs: Any) -> list:
        """Updates the states as a pure function.

        Args:
            metric_variables: Values of the states, in the order of `variables`.
            *args, **kwargs: Arguments of `update_state`.

        Returns:
            The new values of the states.

        Raises:
            ValueError: The number of values is not that of the states.
        """
        with self._scope(metric_variables):
            self.update_state(*args, **kwargs)
            return [v.value_uncast() for v in self.variables]

    def stateless_result(self, metric_variables: list) -> Any:
        """Computes the result as a pure function of the states.

        Args:
            metric_variables: Values of the states, in the order of `variables`.

        Raises:
            ValueError: The number of values is not that of the states.
        """
        with self._scope(metric_variables):
            return self.result()

    def stateless_reset_state(self) -> list:
        """Returns the values of the states after a reset."""
        with StateScope():
            self.reset_state()
            return [v.value_uncast() for v in self.variables]

    def _scope(self, metric_variables: list) -> StateScope:
        variables = self.variables
        if len(metric_variables) != len(variables):
            raise ValueError(
                "Argument `metric_variables` must be a list of tensors corresponding 1:1 to "
                f"{type(self).__name__}().variables. Received list with length {len(metric_variables)}, but expected "
                f"{len(variables)} variables."
            )
        return StateScope(zip(variables, metric_variables))

    # Files

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor arguments of an equal metric."""
        parameters = init_parameters(config_class(self))
        passed = init_arguments(self)
        config: dict[str, Any] = {key: getattr(self, key) for key in ("name", "dtype") if key in parameters}
        for key, parameter in parameters.items():
            value = passed.get(key)
            if key not in config and not (key in self.unless_default and value == parameter.default):
                config[key] = value
        return config


def _as_values(result: Callable) -> Callable:
    """Wraps `result` to return values instead of state variables (`return self.total`) inside a compiled step."""

    @functools.wraps(result)
    def values(self: Metric) -> Any:
        found = result(self)
        if not in_stateless_scope():
            return found
        return tree.map_structure(lambda x: x.value if isinstance(x, Variable) else x, found)

    return values
