"""Several optimizers as one, each for some of the variables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, Sequence
from typing import Any

from ..core.naming import entry_of
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..core.types import Config
from ..core.variable import Variable
from .base import Optimizer
from .transforms import OptimizerState


class OptimizerMap(MutableMapping):
    """Optimizers by the paths of variables, with one for all other variables.

    A path is looked up as it is, then as a regular expression that must match the whole path of a variable.

    Args:
        default_optimizer: Optimizer of the variables without an entry.
        optimizer_map: Dict from path to optimizer.

    Raises:
        TypeError: The default is no optimizer.
        ValueError: An entry is no optimizer, its key no string, or already there.

    >>> optimizers = keras.optimizers.OptimizerMap(keras.optimizers.SGD(), {"encoder/.*": keras.optimizers.Adam()})
    >>> type(optimizers["encoder/kernel"]).__name__, type(optimizers["decoder/kernel"]).__name__
    ('Adam', 'SGD')
    """

    keras_module = "keras.optimizers"

    def __init__(self, default_optimizer: Optimizer, optimizer_map: dict[str, Optimizer] | None = None):
        if not isinstance(default_optimizer, Optimizer):
            raise TypeError(f"default_optimizer must be a Keras Optimizer instance. Received: {default_optimizer}")
        self._default_optimizer = default_optimizer
        self._optimizer_map: dict[str, Optimizer] = {}
        for key, optimizer in (optimizer_map or {}).items():
            self[key] = optimizer

    @property
    def default_optimizer(self) -> Optimizer:
        """The optimizer of the variables without an entry."""
        return self._default_optimizer

    def __getitem__(self, key: str) -> Optimizer:
        found = entry_of(self._optimizer_map, key, "optimizer", "OptimizerMap")
        return self._default_optimizer if found is None else found

    def __call__(self, variable: Variable) -> Optimizer:
        """Returns the optimizer of a variable.

        Args:
            variable: The variable.
        """
        return self[variable.path]

    def __setitem__(self, key: str, optimizer: Optimizer) -> None:
        if not isinstance(key, str):
            raise ValueError(f"key must be a string. Received: {key}")
        if key in self._optimizer_map:
            raise ValueError(
                f"'{key}' already exists in the OptimizerMap with value {self._optimizer_map[key]}. Please make sure "
                "to not use duplicated keys."
            )
        if not isinstance(optimizer, Optimizer):
            raise ValueError(f"optimizer must be a Keras Optimizer instance. Received: {optimizer}")
        self._optimizer_map[key] = optimizer

    def __delitem__(self, key: str) -> None:
        del self._optimizer_map[key]

    def __len__(self) -> int:
        return len(self._optimizer_map)

    def __iter__(self) -> Iterator[str]:
        return iter(self._optimizer_map)

    def get_config(self) -> Config:
        """Returns the configs of the optimizers."""
        return {
            "default_optimizer": serialize_keras_object(self._default_optimizer),
            "optimizer_map": {key: serialize_keras_object(o) for key, o in self._optimizer_map.items()},
        }

    @classmethod
    def from_config(cls, config: Config) -> OptimizerMap:
        """Returns the map that a config describes.

        Args:
            config: Result of `get_config`.
        """
        entries = {key: deserialize_keras_object(o) for key, o in config["optimizer_map"].items()}
        return cls(deserialize_keras_object(config["default_optimizer"]), entries)


class MultiOptimizer(Optimizer):
    """Several optimizers as one, each for some of the variables.

    Args:
        optimizer_map: An `OptimizerMap`, or a function that returns the optimizer of a variable.
        loss_scale_factor: Factor for the loss before the backward pass; gradients are divided by it afterwards.
        name: Name.

    Raises:
        TypeError: `optimizer_map` is neither.

    >>> optimizers = keras.optimizers.OptimizerMap(keras.optimizers.SGD(0.5), {"a": keras.optimizers.SGD(0.25)})
    >>> a, b = (keras.Variable([1.0], name=name) for name in "ab")
    >>> keras.optimizers.MultiOptimizer(optimizers).apply([[1.0], [1.0]], [a, b])
    >>> float(a[0]), float(b[0])
    (0.75, 0.5)
    """

    _about = (*Optimizer._about, "optimizer_map")

    def __init__(
        self,
        optimizer_map: OptimizerMap | Callable[[Variable], Optimizer],
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ):
        if isinstance(optimizer_map, dict):
            optimizer_map = deserialize_keras_object(optimizer_map)
        if not callable(optimizer_map):
            raise TypeError(
                "`optimizer_map` must be an `OptimizerMap`, or a function that returns the optimizer of a variable. "
                f"Received: optimizer_map={optimizer_map!r}"
            )
        super().__init__(0.0, loss_scale_factor=loss_scale_factor, name=name)
        self.optimizer_map = optimizer_map
        self._optimizers: list[Optimizer] = []
        self._places: list[list[int]] = []  # of each optimizer, the indices of its variables
        if isinstance(optimizer_map, OptimizerMap):
            for optimizer in (*optimizer_map._optimizer_map.values(), optimizer_map.default_optimizer):
                self._place_of(optimizer)

    def _place_of(self, optimizer: Optimizer) -> list[int]:
        for known, places in zip(self._optimizers, self._places):
            if known is optimizer:
                return places
        if self.loss_scale_factor is not None:
            optimizer.loss_scale_factor = self.loss_scale_factor  # the gradients are divided there
        self._optimizers = [*self._optimizers, optimizer]
        self._places = [*self._places, []]
        return self._places[-1]

    def _of(self, variable: Variable) -> Optimizer:
        optimizer = self.optimizer_map(variable)
        if not isinstance(optimizer, Optimizer):
            raise ValueError(f"Optimizer for variable {variable} is not an Optimizer instance.")
        return optimizer

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        variables = list(variables)
        self._hold(variables)
        for i, variable in enumerate(variables):
            self._place_of(self._of(variable)).append(i)
        for optimizer, places in zip(self._optimizers, self._places):
            optimizer.build([variables[i] for i in places])
        self.built = True

    @property
    def optimizers(self) -> list[Optimizer]:
        """The optimizers, each once."""
        return list(self._optimizers)

    def _own_variables(self) -> list[Variable]:
        return [*self._variables, *(v for optimizer in self._optimizers for v in optimizer.variables)]

    @property
    def learning_rate(self) -> Any:
        """Not to be read or assigned: each of the optimizers has its own."""
        raise AttributeError(
            "Learning rate cannot be accessed on a MultiOptimizer. Access the learning rate on the individual "
            "sub-optimizers instead."
        )

    @learning_rate.setter
    def learning_rate(self, value: object) -> None:
        raise AttributeError(
            "Learning rate cannot be set on a MultiOptimizer. Set the learning rate on the individual sub-optimizers "
            "instead."
        )

    def _structure(self) -> OptimizerState:
        own = [optimizer._structure() for optimizer in self._optimizers]
        return OptimizerState(self._iterations, None, [], [], [], {}, own)

    def _pure_update(
        self, state: OptimizerState, grads: list, params: list, touched: Sequence[int] | None
    ) -> tuple[list, OptimizerState]:
        params, own = list(params), []
        for optimizer, places, inner in zip(self._optimizers, self._places, state.own):
            here = None if touched is None else [k for k, i in enumerate(places) if i in set(touched)]
            new, inner = optimizer._update(inner, [grads[i] for i in places], [params[i] for i in places], here)
            for i, value in zip(places, new):
                params[i] = value
            own.append(inner)
        return params, state._replace(own=own, iterations=state.iterations + 1)

    def _shares(self, variables: Sequence[Variable]) -> Iterator[tuple[Optimizer, list[Variable]]]:
        """Yields the optimizers, each with those of `variables` that are its own."""
        wanted = {id(v) for v in variables}
        for optimizer, places in zip(self._optimizers, self._places):
            own = [self._trainable_variables[i] for i in places]
            yield optimizer, [v for v in own if id(v) in wanted]

    def multiply_learning_rates(self, multipliers: dict[str, float] | None) -> None:
        if multipliers:
            raise ValueError(
                "`learning_rate_multipliers` are for one optimizer; a MultiOptimizer has several, each with a learning "
                "rate of its own. Set these instead."
            )

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        for optimizer, own in self._shares(var_list):
            optimizer.finalize_variable_values(own)

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        for optimizer in self._optimizers:
            optimizer.exclude_from_weight_decay(var_list, var_names)

    def get_config(self) -> Config:
        return {
            "optimizer_map": serialize_keras_object(self.optimizer_map),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }
