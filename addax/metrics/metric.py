"""Metric: states that updates add to, and a result that is computed from them."""

from __future__ import annotations

import functools
from collections.abc import Callable
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
from ..core.variable import Variable


class Metric(Owner):
    """Base of all metrics: subclass it with `update_state` and `result`.

    States are made in `__init__` by `add_variable` and changed by assignment. The training program runs the same code
    as pure functions through the `stateless_...` methods.

    Args:
        dtype: Dtype, or policy, of the states; default: floatx.
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

    _direction: str | None = None  # whether callbacks take "up" or "down" for better; None where neither is
    # Whether rows of weight 0 make no difference: its states are sums of what each row contributes, times its weight.
    # None where that is not known. A subclass of a built-in metric must say it anew.
    rowwise: bool | None = None
    # Arguments that the config names only where they differ from the default: Keras leaves them out always.
    unless_default: tuple[str, ...] = ()
    _about: tuple[str, ...] = ("name",)  # logs have names of their own; see `training.program`

    _lists = ("_variables", "_metrics")

    _metrics: list[Metric]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "result" in vars(cls):
            cls.result = _as_values(cls.result)  # type: ignore[method-assign]

    def __init__(self, dtype: Any = None, name: str | None = None):
        self.name = name or auto_name(type(self).__name__)
        self._dtype_policy: DTypePolicy = get_policy(dtype or floatx())

    @staticmethod
    def _list_of(value: Any) -> str | None:
        return "_metrics" if isinstance(value, Metric) else Owner._list_of(value)

    @property
    def dtype(self) -> str:
        """Dtype of the states."""
        return self._dtype_policy.compute_dtype

    @property
    def dtype_policy(self) -> DTypePolicy:
        """The policy that the dtype comes from."""
        return self._dtype_policy

    # States

    def add_variable(
        self, shape: Any, initializer: Any, dtype: Any = None, aggregation: str = "sum", name: str | None = None
    ) -> Variable:
        """Makes a state.

        Args:
            shape: Its shape.
            initializer: Name, config or callable that makes its first value.
            dtype: Dtype; default: the metric's.
            aggregation: How states of several devices are combined: "sum", "mean", "none" or "only_first_replica".
            name: Its name, the last part of its path.
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
        self, shape: Any = (), initializer: Any = None, dtype: Any = None, name: str | None = None
    ) -> Variable:
        """`add_variable` under the name it has in layers."""
        return self.add_variable(shape, initializer, dtype, name=name)

    @property
    def variables(self) -> list[Variable]:
        """The states, those of metrics in this one's attributes last."""
        return [*self._variables, *(v for metric in self._metrics for v in metric.variables)]

    def reset_state(self) -> None:
        """Makes all states zero."""
        for v in self.variables:
            v.assign(np.zeros(v.shape, numpy_dtype(v._dtype)))

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Adds a batch to the states."""
        raise NotImplementedError(f"Metric {type(self).__name__} does not define `update_state`.")

    def result(self) -> Any:
        """The metric over all batches since the last reset: a scalar, or a dict of scalars."""
        raise NotImplementedError(f"Metric {type(self).__name__} does not define `result`.")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Updates, and returns the result."""
        self.update_state(*args, **kwargs)
        return self.result()

    # The same as functions

    def stateless_update_state(self, metric_variables: list, *args: Any, **kwargs: Any) -> list:
        """The states after `update_state(*args, **kwargs)` where they were `metric_variables` before."""
        with self._scope(metric_variables):
            self.update_state(*args, **kwargs)
            return [v.value_uncast() for v in self.variables]

    def stateless_result(self, metric_variables: list) -> Any:
        """The result, if the states were `metric_variables`."""
        with self._scope(metric_variables):
            return self.result()

    def stateless_reset_state(self) -> list:
        """The states after a reset."""
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
        """The arguments that would make an equal metric."""
        parameters = init_parameters(config_class(self))
        passed = init_arguments(self)
        config: dict[str, Any] = {key: getattr(self, key) for key in ("name", "dtype") if key in parameters}
        for key, parameter in parameters.items():
            value = passed.get(key)
            if key not in config and not (key in self.unless_default and value == parameter.default):
                config[key] = value
        return config


def _as_values(result: Callable) -> Callable:
    """`result` so that inside a step states which it returns (`return self.total`) are their values: what a step
    computes is arrays."""

    @functools.wraps(result)
    def values(self: Metric) -> Any:
        found = result(self)
        if not in_stateless_scope():
            return found
        return tree.map_structure(lambda x: x.value if isinstance(x, Variable) else x, found)

    return values
