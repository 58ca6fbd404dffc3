"""The weights of a layer: making, listing and setting them, their dtypes, and what quantizes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from .. import constraints, regularizers
from ..core import policy as policies
from ..core.graph import Operation
from ..core.owner import Owner
from ..core.seeds import SeedGenerator
from ..core.types import (
    ArrayLike,
    ConstraintLike,
    DTypeLike,
    InitializerLike,
    PolicyLike,
    RegularizerLike,
    ShapeLike,
    ShapeTree,
)
from ..core.variable import Variable
from ..metrics import Metric
from ..quantizers.configs import QuantizationConfig
from . import building, layer_errors


class LayerWeights(Owner, Operation):
    """The base of `Layer`: an operation with weights, and with layers that have weights."""

    _lists = ("_trainable_variables", "_non_trainable_variables", "_layers", "_metrics", "_seed_generators")
    built = False
    _path: str | None
    _dtype_policy: policies.DTypePolicy
    _trainable: bool
    _trainable_variables: list[Variable]
    _non_trainable_variables: list[Variable]
    _layers: list[Any]
    _metrics: list[Metric]
    _seed_generators: list[SeedGenerator]

    @property
    def path(self) -> str:
        """The names of the enclosing layers and of this one, joined by "/"."""
        return self._path or self.name

    @property
    def dtype_policy(self) -> policies.DTypePolicy:
        """The dtypes of computation and of variables."""
        policy = self._dtype_policy
        return policy[self.path] if isinstance(policy, policies.DTypePolicyMap) else policy

    @dtype_policy.setter
    def dtype_policy(self, value: PolicyLike) -> None:
        self._dtype_policy = policies.get(value)

    def _policy_for_files(self) -> policies.DTypePolicy:
        """Returns the policy that the config holds."""
        return self._dtype_policy

    def _describes(self) -> policies.DTypePolicy:
        return self.dtype_policy  # which one a map of policies gives depends on the path

    @property
    def dtype(self) -> str:
        """The dtype of the variables."""
        return self.variable_dtype

    @property
    def compute_dtype(self) -> str:
        """The dtype of the computation."""
        return self.dtype_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype of the variables."""
        return self.dtype_policy.variable_dtype

    @property
    def input_dtype(self) -> str:
        """The dtype that float inputs are cast to."""
        return self.dtype_policy.compute_dtype

    @property
    def quantization_mode(self) -> str | None:
        """Quantization mode of the dtype policy: "int8", "int4", "float8", "gptq" or "awq"; None without one."""
        return self.dtype_policy.quantization_mode

    @property
    def trainable(self) -> bool:
        """Whether an optimizer may change the weights. Setting it also sets it for all nested layers."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = value = bool(value)
        for v in self._trainable_variables:
            v.trainable = value
        for layer in self._layers:
            layer.trainable = value

    # Weights

    def add_weight(
        self,
        *args: Any,
        shape: ShapeLike = None,
        initializer: InitializerLike = None,
        dtype: DTypeLike = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: RegularizerLike = None,
        constraint: ConstraintLike = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Makes a weight of this layer.

        Args:
            *args: `shape`, `initializer` and `dtype`, where they are given by position.
            shape: Shape, a tuple of ints or an int; `()` when None.
            initializer: Initializer: a name, config or callable; None for glorot_uniform (floats) or zeros (others).
            dtype: Dtype; None for the layer's variable dtype.
            trainable: Whether an optimizer may change it.
            autocast: Whether its value is cast to the layer's compute dtype when it is read inside `call`.
            regularizer: Regularizer whose penalty joins the loss.
            constraint: Constraint applied after each update.
            aggregation: Aggregation over replicas: "none", "mean", "sum" or "only_first_replica".
            overwrite_with_gradient: Whether an optimizer replaces it by its gradient.
            name: Name.

        Returns:
            A `Variable`, initialized when its value is first needed.

        Raises:
            TypeError: An argument is given twice.
            ValueError: The name is given by position, or a size is unknown.
        """
        owner = f"'{self.path}' ({type(self).__name__})"
        given = building.positional_arguments(args, shape, initializer, dtype)
        make, sizes, kind = building.weight_arguments(*given, self.variable_dtype, name, owner)
        variable = self._make_variable(
            make, sizes, dtype=kind, trainable=trainable, autocast=autocast, aggregation=aggregation, name=name
        )
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.overwrite_with_gradient = overwrite_with_gradient
        if trainable and not self._trainable:
            variable.trainable = False
        return variable

    def add_variable(
        self,
        shape: ShapeLike,
        initializer: InitializerLike,
        dtype: DTypeLike = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: RegularizerLike = None,
        constraint: ConstraintLike = None,
        name: str | None = None,
    ) -> Variable:
        """Makes a weight of this layer; see `add_weight`."""
        return self.add_weight(
            shape=shape,
            initializer=initializer,
            dtype=dtype,
            trainable=trainable,
            autocast=autocast,
            regularizer=regularizer,
            constraint=constraint,
            name=name,
        )

    def _own_variables(self) -> list[Variable]:
        return [*self._trainable_variables, *self._non_trainable_variables]

    @property
    def variables(self) -> list[Variable]:
        """All variables: weights, and the states of random generators."""
        own = [*self._own_variables(), *(g.state for g in self._seed_generators)]
        return _unique(own + [v for layer in self._layers for v in layer.variables])

    @property
    def weights(self) -> list[Variable]:
        """The trainable and non-trainable weights, in the order in which they were made."""
        return _unique([*self._own_variables(), *(v for layer in self._layers for v in layer.weights)])

    @property
    def trainable_variables(self) -> list[Variable]:
        """The variables an optimizer may change."""
        return [v for v in self.variables if v.trainable and self.trainable]

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The variables an optimizer may not change, states of random generators included."""
        return [v for v in self.variables if not (v.trainable and self.trainable)]

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights an optimizer may change."""
        return [v for v in self.weights if v.trainable and self.trainable]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights an optimizer may not change."""
        return [v for v in self.weights if not (v.trainable and self.trainable)]

    @property
    def metrics(self) -> list[Metric]:
        """The metrics of this layer and of those inside."""
        return [*self._metrics, *(m for layer in self._layers for m in layer.metrics)]

    def add_metric(self, *args: Any, **kwargs: Any) -> None:
        """Refuses, as in Keras 3: metrics are attributes of the layer, or given to `compile`.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(
            "Layer `add_metric()` method is deprecated. Add your metric in `Model.compile(metrics=[...])`, or create "
            "metric trackers in init() or build() when subclassing the layer or model, then call "
            "`metric.update_state()` whenever necessary."
        )

    @property
    def metrics_variables(self) -> list[Variable]:
        """The variables of the metrics."""
        return [v for m in self.metrics for v in m.variables]

    def get_weights(self) -> list[np.ndarray]:
        """Returns the values of the weights, NumPy arrays in the order of `weights`."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Replaces the values of the weights.

        Args:
            weights: Arrays in the order of `self.weights`, of their shapes.

        Raises:
            ValueError: The number of arrays or a shape is wrong. No weight is changed then.
        """
        variables = self.weights
        layer_errors.check_list(self.name, weights, len(variables))
        self._set_values(variables, weights, f"Layer {self.name} weight shape {{}} is")

    def count_params(self) -> int:
        """Returns the number of elements of all weights.

        Raises:
            ValueError: The layer isn't built.
        """
        if not self.built:
            layer_errors.refuse_unbuilt(self.name)
        return sum(v.size for v in self.weights)

    # Quantization

    def quantize(
        self, mode: str | None = None, type_check: bool = True, config: QuantizationConfig | None = None
    ) -> None:
        """Quantizes the weights, in layers that can: `Dense`, `EinsumDense` and `Embedding`.

        Args:
            mode: Quantization mode; None if `config` says it.
            type_check: Whether to refuse subclasses of built-in layers.
            config: Options, a `QuantizationConfig`; None for the default of the mode.

        Raises:
            NotImplementedError: The layer can't be quantized.
            ValueError: The layer isn't built, or mode and config don't go together.
        """
        del type_check
        self._check_quantize(mode, config)
        self._refuse_quantize()

    def _check_quantize(self, mode: str | None, config: QuantizationConfig | None) -> QuantizationConfig:
        """Returns the config of a quantization; raises ValueError if it doesn't fit the layer."""
        return layer_errors.check_quantize(self, self.built, self.dtype_policy, mode, config)

    def _refuse_quantize(self) -> NoReturn:
        raise NotImplementedError(f"Layer {type(self).__name__} does not have a `quantize` method implemented.")

    def quantized_build(self, input_shape: ShapeTree, mode: str) -> None:
        """Makes the variables of a quantized layer, in layers that can be quantized.

        Raises:
            NotImplementedError: The layer can't be quantized.
        """
        raise NotImplementedError(f"Layer {type(self).__name__} does not have a `quantized_build` method implemented.")

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """Computes the outputs of a quantized layer.

        Raises:
            NotImplementedError: The layer isn't quantized.
        """
        raise NotImplementedError(
            f"Invalid quantization mode. Expected one of {policies.MODES}. Received: "
            f"quantization_mode={self.quantization_mode}"
        )


def _unique(variables: list[Variable]) -> list[Variable]:
    return list({id(v): v for v in variables}.values())
