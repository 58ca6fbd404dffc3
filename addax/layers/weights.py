"""The weights of a layer: making them, listing them in Keras's order, reading and writing their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import constraints, initializers, regularizers
from ..core.config import thread
from ..core.dtypes import is_float
from ..core.errors import describe
from ..core.variable import Variable
from ..metrics import Metric


class LayerWeights:
    """The part of `Layer` that has to do with its variables; what was assigned to it is sorted by its tracker."""

    name: str
    built: bool
    _trainable: bool
    _tracker: Any
    _trainable_variables: list[Variable]
    _non_trainable_variables: list[Variable]
    _seed_generators: list
    _metrics: list[Metric]
    _layers: list

    if TYPE_CHECKING:  # what `Layer` has

        @property
        def path(self) -> str: ...

        @property
        def trainable(self) -> bool: ...

        @property
        def variable_dtype(self) -> str: ...

    def add_weight(
        self,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Makes a weight of this layer.

        Args:
            shape: Shape, a tuple of ints; `()` when None.
            initializer: Name, config or callable; default: glorot_uniform for floats, zeros for others.
            dtype: Dtype; default: the layer's variable dtype.
            trainable: Whether an optimizer may change it.
            autocast: Whether it reads in the layer's compute dtype.
            regularizer: Regularizer whose penalty joins the loss.
            constraint: What is applied to it after each update.
            aggregation: How replicas are combined.
            overwrite_with_gradient: Whether an optimizer replaces it by its gradient.
            name: Name.

        Returns:
            A `Variable`. Its value is made when first needed.
        """
        shape = () if shape is None else (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
        dtype = self.variable_dtype if dtype is None else dtype
        if initializer is None:
            initializer = "glorot_uniform" if is_float(dtype) else "zeros"
        if None in shape:
            raise ValueError(
                f"The weight '{name}' of layer '{self.path}' ({type(self).__name__}) can't be made with shape "
                f"{shape}: a size of the input that the weights depend on is unknown. Define it in the input's shape."
            )
        path = [] if thread.name_scopes and thread.name_scopes[-1] == self.name else [self.name]
        for scope in path:
            thread.name_scopes.append(scope)
        try:
            variable = Variable(
                initializers.get(initializer),
                shape=shape,
                dtype=dtype,
                trainable=trainable,
                autocast=autocast,
                aggregation=aggregation,
                name=name,
            )
        finally:
            for _ in path:
                thread.name_scopes.pop()
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.overwrite_with_gradient = overwrite_with_gradient
        self._tracker.track(variable)
        if trainable and not self._trainable:
            variable.trainable = False
        return variable

    add_variable = add_weight

    @property
    def variables(self) -> list[Variable]:
        """All variables: weights, and the states of random generators."""
        own = [*self._trainable_variables, *self._non_trainable_variables]
        own += [g.state for g in self._seed_generators]
        return _unique(own + [v for layer in self._layers for v in layer.variables])

    @property
    def weights(self) -> list[Variable]:
        """The trainable and non-trainable weights, in the order in which they were made."""
        own = [*self._trainable_variables, *self._non_trainable_variables]
        return _unique(own + [v for layer in self._layers for v in layer.weights])

    @property
    def trainable_variables(self) -> list[Variable]:
        """The variables an optimizer may change."""
        return [v for v in self.variables if v.trainable] if self.trainable else []

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The variables an optimizer may not change, states of random generators included."""
        if not self.trainable:
            return self.variables
        return [v for v in self.variables if not v.trainable]

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights an optimizer may change."""
        return [v for v in self.weights if v.trainable] if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights an optimizer may not change."""
        if not self.trainable:
            return self.weights
        return [v for v in self.weights if not v.trainable]

    @property
    def metrics(self) -> list[Metric]:
        """The metrics of this layer and of those inside."""
        return [*self._metrics, *(m for layer in self._layers for m in layer.metrics)]

    @property
    def metrics_variables(self) -> list[Variable]:
        """The variables of the metrics."""
        return [v for m in self.metrics for v in m.variables]

    def get_weights(self) -> list[np.ndarray]:
        """The values of the weights, NumPy arrays in the order of `weights`."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: list[Any]) -> None:
        """Replaces the values of the weights.

        Raises:
            ValueError: Wrong number of arrays or a wrong shape; then nothing is changed.
        """
        if not isinstance(weights, (list, tuple)):
            raise ValueError(f"`set_weights` of layer '{self.name}' takes a list of arrays. Got {describe(weights)}.")
        variables = self.weights
        if len(weights) != len(variables):
            raise ValueError(
                f"You called `set_weights(weights)` on layer '{self.name}' with a weight list of length "
                f"{len(weights)}, but the layer was expecting {len(variables)} weights."
            )
        for variable, value in zip(variables, weights):
            if tuple(np.shape(value)) != variable.shape:
                raise ValueError(
                    f"Layer {self.name} weight shape {variable.shape} is not compatible with provided weight shape "
                    f"{tuple(np.shape(value))}. The weight is '{variable.path}'."
                )
        for variable, value in zip(variables, weights):
            variable.assign(value)

    def count_params(self) -> int:
        """The number of elements of all weights.

        Raises:
            ValueError: The layer isn't built.
        """
        if not self.built:
            raise ValueError(
                f"You tried to call `count_params` on layer '{self.name}', but the layer isn't built. You can build "
                "it manually via: `layer.build(input_shape)`."
            )
        return sum(v.size for v in self.weights)


def _unique(variables: list[Variable]) -> list[Variable]:
    return list({id(v): v for v in variables}.values())
