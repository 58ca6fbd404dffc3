"""Layer: the base of everything that computes with weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import activations, constraints, initializers, regularizers
from ..core import policy as policies
from ..core import tree
from ..core.abstract import abstract_call
from ..core.config import thread
from ..core.convert import to_tensor
from ..core.dtypes import is_float, numpy_dtype
from ..core.engine import is_jax_array
from ..core.errors import describe, did_you_mean
from ..core.graph import Node, Operation
from ..core.keras_tensor import KerasTensor
from ..core.masks import get_mask, set_mask
from ..core.naming import name_scope_once
from ..core.ours import is_ours
from ..core.owner import Owner
from ..core.remat import rematerialized
from ..core.seeds import SeedGenerator
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..core.signature import auto_config, init_parameters
from ..core.state import StateScope, current_scope
from ..core.variable import Variable
from ..core.warnings import warn
from ..metrics import Metric
from . import layer_errors
from .building import (
    Shape,
    around_build,
    as_shape,
    as_spec,
    legacy_input_shape,
    match_shapes,
    warn_of_unbuilt_state,
)
from .calling import Call, CallContext, call_signature, set_masks
from .input_spec import InputSpec, assert_input_compatibility


class Layer(Owner, Operation):
    """The base of all layers: weights, the checks around `call`, masks, losses, dtypes and configs.

    Subclasses make their weights in `build(self, input_shape)` with `add_weight`, compute in `call(self, inputs)`
    (which may also take `training` and `mask`), and may give their output's shape in
    `compute_output_shape(self, input_shape)`; without it the shape is found by abstract evaluation of `call`.

    Args:
        activity_regularizer: Regularizer of the outputs, whose penalty joins the loss.
        trainable: Whether an optimizer may change the weights.
        dtype: Dtype, policy name or `DTypePolicy`; None is the global policy.
        autocast: Whether float inputs and weights are cast to the policy's compute dtype.
        name: Name; automatic when None.

    >>> class Scale(keras.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight(shape=input_shape[-1:], initializer="ones", name="factor")
    ...     def call(self, inputs):
    ...         return inputs * self.factor
    >>> Scale()(np.full((2, 3), 2.0)).shape
    (2, 3)
    """

    _about: tuple[str, ...] = (
        "_path",
        "_origin",
        "_losses",
        "_build_shapes",
        "_initial_weights",
        "_input_shape_arg",
    )
    supports_jit = True
    built = False
    # The layer whose place in files this one takes: a layer that computes as another one with other weights. Files of
    # a model with the inner layers load into a model with these, whose own variables then keep their values.
    stands_for: Layer | None = None
    # What a layer says of itself. A subclass of a built-in layer must say it anew: its methods may do anything.
    # Whether each row of the outputs follows from the same row of the inputs alone, and no losses are added:
    # "always" (or True), "inference" if training is another matter, or False. Batches of odd sizes are then padded
    # with rows that are left out of every result, instead of compiling a program for each size.
    rowwise: str | bool = False
    # Whether the outputs are the values of the only input, each at least once, in another arrangement.
    passes_values = False

    def _mixes_rows(self, training: bool) -> bool:
        """Whether the arguments of a layer that is `rowwise` make it mix rows all the same."""
        return False

    def _output_activation(self) -> Any:
        """The activation that makes the outputs: its name, function or layer; None where there is none to tell."""
        return None

    _lists = ("_trainable_variables", "_non_trainable_variables", "_layers", "_metrics", "_seed_generators")
    _untracked = Owner._untracked | {"_inbound_nodes", "_outbound_nodes", "_losses"}
    _transient = {"_inbound_nodes": list, "_outbound_nodes": list, "_losses": list}  # what a graph was to it

    _building = False
    _trainable_variables: list[Variable]
    _non_trainable_variables: list[Variable]
    _layers: list[Layer]
    _metrics: list[Metric]
    _seed_generators: list[SeedGenerator]

    @staticmethod
    def _list_of(value: Any) -> str | None:
        if isinstance(value, Variable):
            return "_trainable_variables" if value.trainable else "_non_trainable_variables"
        return next((name for kind, name in _KINDS if isinstance(value, kind)), None)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = around_build(cls.__dict__["build"])  # type: ignore[method-assign]

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(name)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self._input_shape_arg = legacy_input_shape(kwargs)
        initial_weights = kwargs.pop("weights", None)
        if kwargs:
            known = [name for name in init_parameters(type(self)) if name != "self"]
            raise ValueError(
                f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}. "
                f"{did_you_mean(next(iter(kwargs)), known)}"
            )
        self._initial_weights = initial_weights
        self._dtype_policy = policies.get(dtype)
        self.autocast = autocast
        self._trainable = bool(trainable)
        self.supports_masking = False
        self.input_spec: Any = None
        self._losses: list = []
        self._build_shapes: dict[str, Any] | None = None
        self._path: str | None = None
        self._output_shape_hint: Any = None
        layer_errors.remember_origin(self)

    # Attributes

    @property
    def path(self) -> str:
        """Names of the layers around this one and its own, joined by "/"."""
        return self._path or self.name

    @property
    def dtype_policy(self) -> policies.DTypePolicy:
        """The dtypes of computation and of variables."""
        policy = self._dtype_policy
        if isinstance(policy, policies.DTypePolicyMap):
            return policy[self.path]
        return policy

    @dtype_policy.setter
    def dtype_policy(self, value: Any) -> None:
        self._dtype_policy = policies.get(value)

    def _describes(self) -> Any:
        return self.dtype_policy  # a map of policies says for this path which one

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
    def quantization_mode(self) -> None:
        """Always None: a quantized layer is a layer of its own in addax."""
        return None

    @property
    def trainable(self) -> bool:
        """Whether an optimizer may change the weights; setting it sets it for every layer inside."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        value = bool(value)
        self._trainable = value
        for v in self._trainable_variables:
            v.trainable = value
        for layer in self._layers:
            layer.trainable = value

    # Weights

    def add_weight(
        self,
        *args: Any,
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
            *args: `shape`, `initializer` and `dtype`, where they are given by position.
            shape: Shape, a tuple of ints; `()` when None.
            initializer: Name, config or callable; default: glorot_uniform for floats, zeros for others.
            dtype: Dtype; default: the layer's variable dtype.
            trainable: Whether an optimizer may change it.
            autocast: Whether it reads in the layer's compute dtype.
            regularizer: Regularizer whose penalty joins the loss.
            constraint: Constraint that is applied after each update.
            aggregation: Combination of replicas: "none", "mean", "sum" or "only_first_replica".
            overwrite_with_gradient: Whether an optimizer replaces it by its gradient.
            name: Name.

        Returns:
            A `Variable`. Its value is made when first needed.

        Raises:
            ValueError: The name is given by position, or a size is unknown.
        """
        shape, initializer, dtype = _positional(args, shape, initializer, dtype)
        shape = () if shape is None else (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
        dtype = self.variable_dtype if dtype is None else dtype
        if initializer is None:
            initializer = "glorot_uniform" if is_float(dtype) else "zeros"
        if None in shape:
            raise ValueError(
                f"The weight '{name}' of layer '{self.path}' ({type(self).__name__}) can't be made with shape "
                f"{shape}: a size of the input that the weights depend on is unknown. Define it in the input's shape."
            )
        variable = self._make_variable(
            initializers.get(initializer),
            shape,
            dtype=dtype,
            trainable=trainable,
            autocast=autocast,
            aggregation=aggregation,
            name=name,
        )
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.overwrite_with_gradient = overwrite_with_gradient
        if trainable and not self._trainable:
            variable.trainable = False
        return variable

    def add_variable(
        self,
        shape: Any,
        initializer: Any,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
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
        self._set_values(variables, weights, f"Layer {self.name} weight shape {{}} is")

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

    # Building

    def build(self, *args: Any, **kwargs: Any) -> None:
        """Makes the weights for an input of the given shape. The default makes none of its own."""
        self._check_super_called()
        if args and any(not layer.built for layer in self._layers):
            if args[0] is None:
                warn_of_unbuilt_state(self.name)
            else:
                self._build_by_running(args[0] if len(args) == 1 else args)
        if args or kwargs:
            self._build_shapes = {"input_shape": args[0]} if args else kwargs
        self.built = True

    def _build_by_running(self, input_shape: Any) -> None:
        inputs = tree.map_shape_structure(lambda s: KerasTensor(s, self.input_dtype), input_shape)
        first = call_signature(self).names[0]
        abstract_call(lambda x: self._compute({first: x}), (inputs,), {})

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes the layer was built with, for `build_from_config`."""
        shapes = self._build_shapes
        if not shapes:
            return None
        if len(shapes) == 1:
            return {"input_shape": next(iter(shapes.values()))}
        return {"shapes_dict": shapes}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Builds the layer as `get_build_config` recorded it."""
        if not config:
            return
        if "shapes_dict" in config:
            self.build(**{k: as_shape(v) for k, v in config["shapes_dict"].items()})
        elif config.get("input_shape") is not None:
            self.build(as_shape(config["input_shape"]))

    def _maybe_build(self, call: Call) -> None:
        if self.built:
            return
        if type(self).build is not Layer.build:
            owner = f"'{self.path}' ({type(self).__name__})"
            self.build(**match_shapes(type(self).build, call.shapes, call.mask_shapes, owner))
            return
        self._path_from_scope()
        if any(not layer.built for layer in self._flatten_layers(include_self=False)):
            # The layers inside build themselves when called; a run on no data is such a call.
            specs = tree.map_structure(as_spec, call.arguments)
            abstract_call(lambda **arguments: self._compute(arguments), (), specs)
        self._build_shapes = call.shapes
        self.built = True
        self._after_build()

    def _after_build(self) -> None:
        self._tracker.locked = (
            "You cannot add new elements of state (variables or sub-layers) to a layer that is already built. All "
            "state must be created in the `__init__()` method or in the `build()` method. "
            f"The layer is '{self.path}' ({type(self).__name__})."
        )
        if self._initial_weights is not None:
            weights, self._initial_weights = self._initial_weights, None
            self.set_weights(weights)

    def _path_from_scope(self) -> None:
        if self._path is None:
            scopes = thread.name_scopes
            inside = scopes if scopes and scopes[-1] == self.name else [*scopes, self.name]
            self._path = "/".join(inside)

    def _flatten_layers(self, include_self: bool = True, recursive: bool = True) -> Iterator[Layer]:
        """This layer and those inside it, each once, parents first."""
        seen: set[int] = set()

        def walk(layer: Layer) -> Iterator[Layer]:
            if id(layer) in seen:
                return
            seen.add(id(layer))
            yield layer
            for inner in layer._layers:
                if recursive:
                    yield from walk(inner)
                elif id(inner) not in seen:
                    seen.add(id(inner))
                    yield inner

        found = walk(self)
        if not include_self:
            next(found)
        return found

    # Calling

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The computation of the layer."""
        raise NotImplementedError(f"Layer {type(self).__name__} does not have a `call` method implemented.")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._check_super_called()
        context = thread.call_context
        entry = context is None
        if entry:
            context = thread.call_context = CallContext(self)
            if thread.state_scope is None:
                self._clear_losses()
        context.stack.append(self)
        try:
            return self._call_in_context(context, args, kwargs)
        except Exception as error:
            layer_errors.annotate(error, context.stack)
            if entry:
                layer_errors.shorten(error)
            raise
        finally:
            context.stack.pop()
            if entry:
                thread.call_context = None

    def _call_in_context(self, context: CallContext, args: tuple, kwargs: dict[str, Any]) -> Any:
        signature = call_signature(self)
        try:
            call = Call.bind(signature, args, kwargs)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}.call() of layer '{self.path}': {error}") from None
        for key, value in call.arguments.items():
            call.arguments[key] = tree.map_structure(lambda leaf, key=key: self._to_input(leaf, key), value)
        assert_input_compatibility(self.input_spec, call.first, self.name)
        self._maybe_build(call)

        outer_training = context.training
        for flag in (outer_training, signature.training_default):
            if call.training is None:
                call.training = flag
        context.training = call.training
        try:
            outputs = self._record(call, args, kwargs) if call.symbolic else self._run(call)
            self._output_masks(call, outputs)
        finally:
            context.training = outer_training
        return outputs

    def _run(self, call: Call) -> Any:
        """Calls the layer on arrays."""
        if thread.probe is not None:
            call.arguments = thread.probe.enter(self, call.arguments)
        call.take_masks()
        outputs = self._compute(self._with_flag(call))
        if self.activity_regularizer is not None:
            for y in tree.flatten(outputs):
                # A mean over the batch; the penalty of no rows is 0.
                self.add_loss(self.activity_regularizer(y) / max(y.shape[0], 1))
        return outputs if thread.probe is None else thread.probe.leave(outputs)

    def _with_flag(self, call: Call) -> dict[str, Any]:
        """The arguments of `call`, with the training flag where it takes one."""
        return {**call.arguments, "training": call.training} if "training" in call.signature.names else call.arguments

    def _to_input(self, x: Any, argument: str) -> Any:
        """`x` as `call` receives it: an array in the layer's dtype; other values as they are."""
        if x is None or isinstance(x, (bool, KerasTensor)):
            return x
        if not is_jax_array(x):
            if not (hasattr(x, "__array__") or isinstance(x, Variable)):
                if isinstance(x, str) and argument == call_signature(self).names[0]:
                    raise ValueError(
                        f"Only input tensors may be passed as positional arguments. Layer '{self.path}' received "
                        f"{describe(x)} as its input; expected an array."
                    )
                return x
            x = to_tensor(x)
        if self.autocast and is_float(x.dtype) and is_float(self.input_dtype) and x.dtype != self.input_dtype:
            if (mask := get_mask(x)) is not None:
                x = x.astype(numpy_dtype(self.input_dtype))
                set_mask(x, mask)
                return x
            return x.astype(numpy_dtype(self.input_dtype))
        return x

    def _compute(self, arguments: dict[str, Any]) -> Any:
        """Runs `call` on arrays, with weights read in the compute dtype and names under the layer's."""
        args, kwargs = call_signature(self).unbind(arguments)
        outer = thread.autocast
        thread.autocast = self.compute_dtype if self.autocast and is_float(self.compute_dtype) else None
        try:
            with name_scope_once(self.name):
                return self.call(*args, **kwargs)
        finally:
            thread.autocast = outer

    def _record(self, call: Call, args: tuple, kwargs: dict[str, Any]) -> Any:
        """Records a node; returns its symbolic outputs."""
        self._path_from_scope()
        call.take_masks()
        arguments = {k: v for k, v in self._with_flag(call).items() if k != "training" or v is not None}
        all_args, all_kwargs = call.signature.unbind(arguments)
        if type(self).compute_output_spec is Layer.compute_output_spec:
            outputs = self._output_spec(Call(call.signature, arguments))
        else:
            outputs = self.compute_output_spec(*all_args, **all_kwargs)
        if len(args) == 1 and not kwargs and isinstance(args[0], KerasTensor):
            # A call on nothing but a tensor is recorded with its flag and mask, any other as it was written: so it is
            # in Keras's files. Masks that are not recorded come with the arrays.
            if call.signature.training_default is not None:
                kwargs = {"training": call.training}
            if "mask" in call.signature.names:
                kwargs = {**kwargs, "mask": call.arguments.get("mask")}
        else:
            args, kwargs = (tree.map_structure(lambda x: self._to_input(x, ""), given) for given in (args, kwargs))
        # Two calls never share an output tensor, and an output is never an input.
        inputs = {id(t) for t in tree.flatten((all_args, all_kwargs))}
        outputs = tree.map_structure(
            lambda t: KerasTensor(t.shape, t.dtype) if isinstance(t, KerasTensor) and id(t) in inputs else t, outputs
        )
        Node(self, args, kwargs, outputs)
        return outputs

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """The KerasTensors that a call with these arguments would return."""
        signature = call_signature(self)
        return self._output_spec(Call(signature, signature.bind(args, kwargs)))

    def _output_spec(self, call: Call) -> Any:
        method = type(self).compute_output_shape
        if method is not Layer.compute_output_shape:
            owner = f"'{self.path}' ({type(self).__name__})"
            found = self.compute_output_shape(**match_shapes(method, call.shapes, call.mask_shapes, owner))
            dtype = self._output_dtype(call.first)
            return tree.map_shape_structure(lambda s: KerasTensor(s, dtype), found)

        def run(**arguments: Any) -> Any:
            arguments = {k: tree.map_structure(lambda x: self._to_input(x, ""), v) for k, v in arguments.items()}
            return self._compute(arguments)

        return abstract_call(run, (), call.arguments)

    _keeps_dtype = False  # whether ints stay ints: in layers that move, choose or add elements

    def _output_dtype(self, inputs: Any) -> str:
        """The dtype of the output for these tensors."""
        dtypes = [numpy_dtype(x.dtype) for x in tree.flatten(inputs) if hasattr(x, "dtype")]
        if not self._keeps_dtype or any(is_float(d) for d in dtypes):
            return self.compute_dtype
        return np.result_type(*dtypes).name

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        """The shape of the output for an input of the given shape."""
        if not kwargs and all(shape is None for shape in args):
            raise NotImplementedError(
                f"Layer {type(self).__name__} does not have a `compute_output_shape` method implemented. Should "
                "implement `def compute_output_shape(self, input_shape)`; without it the shape is found by running the "
                f"layer's `call` abstractly, which needs a shape. Received: {args}"
            )
        names = call_signature(self).names
        bound = dict(zip(names, args))
        bound.update({k.removesuffix("_shape") if k.endswith("_shape") else k: v for k, v in kwargs.items()})
        if len(bound) == 1:
            bound = {names[0]: next(iter(bound.values()))}
        specs = {k: tree.map_shape_structure(lambda s: KerasTensor(s, self.input_dtype), v) for k, v in bound.items()}
        spec = abstract_call(lambda **b: self._compute(b), (), specs)
        return tree.map_structure(lambda t: t.shape, spec)

    def stateless_call(
        self,
        trainable_variables: list[Any],
        non_trainable_variables: list[Any],
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> tuple:
        """Calls the layer as a pure function of its variables' values.

        Args:
            trainable_variables: Values for `self.trainable_variables`.
            non_trainable_variables: Values for `self.non_trainable_variables`.
            *args, **kwargs: The arguments of the call.
            return_losses: Whether to return the losses that the call added, too.

        Returns:
            `(outputs, non_trainable_variables)`, and the list of losses when asked for.
        """
        if not self.built:
            raise ValueError(
                f"To call stateless_call, {type(self).__name__} must be built (i.e. its variables must have been "
                "already created). You can build it by calling it on some data."
            )
        pairs = []
        groups = {"trainable_variables": trainable_variables, "non_trainable_variables": non_trainable_variables}
        for kind, values in groups.items():
            own, given = getattr(self, kind), list(values)
            if len(own) != len(given):
                raise ValueError(
                    f"Argument `{kind}` must be a list of values corresponding 1:1 to {type(self).__name__}().{kind}. "
                    f"Received list with length {len(given)}, but expected {len(own)} variables."
                )
            pairs += list(zip(own, given))
        with StateScope(pairs) as scope:
            outputs = self(*args, **kwargs)
            losses = self.losses if return_losses else None
        after = [scope.get_current_value(v) for v in self.non_trainable_variables]
        return (outputs, after, losses) if return_losses else (outputs, after)

    def rematerialized_call(self, layer_call: Callable, *args: Any, **kwargs: Any) -> Callable:
        """Returns `layer_call` with its intermediate values computed again in the backward pass instead of kept.

        Args:
            layer_call: A function of tensors, usually `layer.call`.
            *args, **kwargs: Arguments that it is going to be called with; nothing depends on them.
        """
        del args, kwargs
        return rematerialized(layer_call)

    # Masks

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the output: the input's, for a layer that supports masking."""
        return previous_mask if self.supports_masking else None

    def _output_masks(self, call: Call, outputs: Any) -> None:
        """Attaches masks to the outputs, as `compute_mask` says."""
        overridden = type(self).compute_mask is not Layer.compute_mask
        if call.input_masks is None and not overridden:
            return
        if not self.supports_masking and not overridden:
            warn(
                f"Layer '{self.name}' (of type {type(self).__name__}) was passed an input with a mask attached to "
                "it. However, this layer does not support masking and will therefore destroy the mask information. "
                "Downstream layers will not see the mask."
            )
            return
        found = self.compute_mask(call.first, call.input_masks)
        if found is not None:
            set_masks(outputs, found)

    # Losses

    def add_loss(self, loss: Any) -> None:
        """Adds a scalar tensor (or a list of them) to what is minimised. Call it inside `call`."""
        losses = [x for x in tree.flatten(loss) if x is not None]
        for x in losses:
            if not hasattr(x, "shape") and not isinstance(x, (int, float)):
                raise ValueError(f"`add_loss` of layer '{self.path}' takes scalar tensors. Got {describe(x)}.")
        scope = current_scope()
        if scope is not None:
            scope.losses += [(self, x) for x in losses]
        else:
            self._losses.extend(losses)

    @property
    def losses(self) -> list[Any]:
        """The penalties of the last call: those added, and those of the weights' regularizers."""
        layers = list(self._flatten_layers())
        scope = current_scope()
        if scope is not None:
            own = {id(layer) for layer in layers}
            found = [loss for layer, loss in scope.losses if id(layer) in own]
        else:
            found = [loss for layer in layers for loss in layer._losses]
        regularized = [v for v in self.trainable_weights if v.regularizer is not None]
        return found + [v.regularizer(v.value_uncast()) for v in regularized]  # type: ignore[misc]

    def _clear_losses(self) -> None:
        for layer in self._flatten_layers():
            layer._losses.clear()

    # Files

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, from which `from_config` makes the layer anew."""
        cls = type(self)
        own = next((c for c in reversed(cls.__mro__) if "get_config" in c.__dict__ and not is_ours(c)), None)
        config: dict[str, Any] = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": serialize_keras_object(self._dtype_policy),
        }
        rest = auto_config(self, skip=(*_BASE_ARGUMENTS, *self._config_skip), upto=own)
        if "activity_regularizer" in rest and rest["activity_regularizer"] is None and not self._config_null_activity:
            del rest["activity_regularizer"]
        elif self.activity_regularizer is not None and "activity_regularizer" not in (*rest, *self._config_skip):
            rest["activity_regularizer"] = self.activity_regularizer
        try:
            config.update({k: self._serialize_argument(k, v) for k, v in rest.items()})
        except (ValueError, TypeError) as error:
            raise NotImplementedError(
                f"\nObject {cls.__name__} was created by passing\nnon-serializable argument values in `__init__()`,\n"
                "and therefore the object must override `get_config()` in\norder to be serializable. Please implement "
                f"`get_config()`.\n({error})"
            ) from error
        return config

    _config_skip: tuple[str, ...] = ()
    _config_null_activity = False  # whether Keras writes `activity_regularizer: null` for this layer

    def _serialize_argument(self, name: str, value: Any) -> Any:
        del name
        if callable(value) and not isinstance(value, type) and not hasattr(value, "get_config"):
            return activations.serialize(value)
        return serialize_keras_object(value)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The layer that `get_config` described."""
        config = dict(config)
        if isinstance(config.get("dtype"), dict):
            config["dtype"] = policies.get(config["dtype"])
        if not is_ours(cls):
            config = {
                k: deserialize_keras_object(v) if isinstance(v, dict) and "class_name" in v else v
                for k, v in config.items()
            }
        try:
            return cls(**config)
        except Exception as error:
            if isinstance(error, TypeError) and not is_ours(cls):
                raise TypeError(
                    f"Error when deserializing class '{cls.__name__}' using config={config}.\n\nException "
                    f"encountered: {error}"
                ) from error
            raise

    def load_own_variables(self, store: Any) -> None:
        own = self._own_variables()
        if len(store.keys()) != len(own):
            if not own and not self.built:
                raise ValueError(
                    f"Layer '{self.name}' was never built and thus it doesn't have any variables. However the weights "
                    f"file lists {len(store.keys())} variables for this layer."
                )
            raise ValueError(
                f"Layer '{self.name}' expected {len(own)} variables, but received {len(store.keys())} variables during "
                f"loading. Expected: {[v.name for v in own]}"
            )
        super().load_own_variables(store)

    def save_assets(self, dir_path: str) -> None:
        """Writes what is neither config nor variables (a vocabulary, say) into the folder. The default writes none."""

    def load_assets(self, dir_path: str) -> None:
        """Reads what `save_assets` wrote."""

    def _check_super_called(self) -> None:
        if "_losses" not in self.__dict__:
            raise RuntimeError(
                f"In layer '{type(self).__name__}', you forgot to call `super().__init__()` as the first statement in "
                "the `__init__()` method. Go add it!"
            )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    def __str__(self) -> str:
        return repr(self)


_KINDS = ((Layer, "_layers"), (Metric, "_metrics"), (SeedGenerator, "_seed_generators"))


def _positional(args: tuple, shape: Any, initializer: Any, dtype: Any) -> tuple:
    """The arguments of `add_weight` that may be given by position."""
    if len(args) > 3:
        raise TypeError(f"add_weight() takes at most 3 positional arguments but {len(args)} were given.")
    if args and isinstance(args[0], str):
        raise ValueError(
            "`name` must be passed as a keyword argument. Received: "
            f"add_weight({args[0]!r}, ...). Use: add_weight(shape=..., name={args[0]!r})."
        )
    given = {"shape": shape, "initializer": initializer, "dtype": dtype}
    for name, value in zip(given, args):
        if given[name] is not None:
            raise TypeError(f"add_weight() got multiple values for argument '{name}'")
        given[name] = value
    return tuple(given.values())


_BASE_ARGUMENTS = ("name", "trainable", "dtype", "autocast")


def _unique(variables: list[Variable]) -> list[Variable]:
    return list({id(v): v for v in variables}.values())


__all__ = ["InputSpec", "Layer", "Shape"]
