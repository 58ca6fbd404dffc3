"""Layer: the base of everything that computes with weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Unpack

from .. import regularizers
from ..core import policy as policies
from ..core import tracing, tree
from ..core.abstract import abstract_call
from ..core.config import thread
from ..core.dtypes import is_float
from ..core.keras_tensor import KerasTensor
from ..core.naming import name_scope_once
from ..core.owner import Owner
from ..core.placement import current
from ..core.remat import RematMode, remat
from ..core.seeds import SeedGenerator
from ..core.state import StateScope
from ..core.types import (
    ActivationLike,
    ArrayLike,
    Config,
    OlderOptions,
    PolicyLike,
    RegularizerLike,
    Tree,
)
from ..core.variable import Variable
from ..metrics import Metric
from . import building, calling, host, layer_config, layer_errors, layer_losses, sparse_calls
from .building import Shape
from .calling import Call, CallContext, call_signature
from .input_spec import InputSpec, assert_input_compatibility
from .layer_weights import LayerWeights


class Layer(LayerWeights):
    """Base of all layers: weights, checks around `call`, masks, losses, dtypes and configs.

    Subclasses make their weights in `build(self, input_shape)` with `add_weight`, compute in `call(self, inputs)`
    (which may also take `training` and `mask`), and may give their output's shape in
    `compute_output_shape(self, input_shape)`; without it the shape is found by abstract evaluation of `call`.

    Args:
        activity_regularizer: Regularizer of the outputs, whose penalty joins the loss.
        trainable: Whether an optimizer may change the weights.
        dtype: Dtype, policy name or `DTypePolicy`; None is the global policy.
        autocast: Whether float inputs and weights are cast to the policy's compute dtype.
        name: Name; automatic when None.

    Raises:
        ValueError: There are unknown keyword arguments.

    >>> class Scale(keras.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight(shape=input_shape[-1:], initializer="ones", name="factor")
    ...     def call(self, inputs):
    ...         return inputs * self.factor
    >>> Scale()(np.full((2, 3), 2.0)).shape
    (2, 3)
    """

    _about: tuple[str, ...] = ("_path", "_origin", "_losses", "_build_shapes", "_initial_weights", "_input_shape_arg")
    supports_jit = True
    # The layer whose place in files this layer takes, for layers that compute like it with other weights. Files of the
    # original model then load into this one, and this layer's own variables keep their values.
    stands_for: Layer | None = None
    # Properties that a class declares. A user's subclass of a built-in layer must repeat them, as its methods may do
    # anything.
    # Whether each row of the outputs depends on the same row of the inputs only, and no losses are added: "always" (or
    # True), "inference" (not in training), or False. Batches of odd sizes are then padded with rows that are left out
    # of every result, instead of compiling a program for each size.
    rowwise: str | bool = False
    passes_values = False  # whether the outputs are the values of the only input, each at least once, rearranged
    on_host = False  # whether `call` computes with NumPy arrays, of text too, on the host: see `layers/host.py`
    _takes_lists = False  # whether (nested) lists of numbers are one array
    _keeps_sparse: str | None = None  # which sparse inputs give sparse outputs: see `layers/sparse_calls.py`
    _several_inputs = False  # whether the first argument is a list of inputs

    def _mixes_rows(self, training: bool) -> bool:
        """Returns whether the arguments of this layer make it mix rows although its class is `rowwise`."""
        return False

    def _output_activation(self) -> ActivationLike:
        """Returns the activation applied last (a name, function or layer), or None if it is unknown."""
        return None

    _untracked = Owner._untracked | {"_inbound_nodes", "_outbound_nodes", "_losses"}
    _transient = {"_inbound_nodes": list, "_outbound_nodes": list, "_losses": list}  # its place in graphs

    _building = False
    _remat: RematMode | None = None

    @staticmethod
    def _list_of(value: object) -> str | None:
        if isinstance(value, Variable):
            return "_trainable_variables" if value.trainable else "_non_trainable_variables"
        return next((name for kind, name in _KINDS if isinstance(value, kind)), None)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = building.around_build(cls.__dict__["build"])  # type: ignore[method-assign]

    def __init__(
        self,
        *,
        activity_regularizer: RegularizerLike = None,
        trainable: bool = True,
        dtype: PolicyLike = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Unpack[OlderOptions],
    ):
        super().__init__(name)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        given: dict[str, Any] = {**kwargs}
        self._input_shape_arg = building.legacy_input_shape(given)
        self._initial_weights = given.pop("weights", None)
        layer_errors.refuse_unknown(type(self), given)
        self._dtype_policy = policies.get(dtype)
        self.autocast = autocast
        self._trainable = bool(trainable)
        self.supports_masking = False
        self.input_spec: Any = None  # an `InputSpec`, or a structure of them
        self._losses: list = []
        self._build_shapes: dict[str, Any] | None = None
        self._path: str | None = None
        if thread.remat is not None:
            self._remat = thread.remat
        layer_errors.remember_origin(self)

    # Building

    def build(self, *args: Any, **kwargs: Any) -> None:
        """Makes the weights for inputs of the given shape. The default has no weights and builds nested layers."""
        layer_errors.check_constructed(self)
        # Of a class that has its own `build`, which calls this one, the call builds nested layers: it alone knows of
        # what dtypes their inputs are.
        is_own = type(self).build is Layer.build
        if is_own and args and any(not layer.built for layer in self._layers):
            if args[0] is None:
                building.warn_of_unbuilt_state(self.name)
            else:
                specs = call_signature(self).specs(args[:1] if len(args) == 1 else (args,), {}, self.input_dtype)
                self._evaluate(specs)
        if args or kwargs:
            self._build_shapes = {"input_shape": args[0]} if args else kwargs
        self.built = True

    def get_build_config(self) -> Config | None:
        """Returns the shapes the layer was built with, for `build_from_config`."""
        return building.build_config(self._build_shapes)

    def build_from_config(self, config: Config) -> None:
        """Builds the layer for the shapes that `get_build_config` returned."""
        config = config or {}
        if "shapes_dict" in config:
            self.build(**{k: building.as_shape(v) for k, v in config["shapes_dict"].items()})
        elif config.get("input_shape") is not None:
            self.build(building.as_shape(config["input_shape"]))

    def _maybe_build(self, call: Call) -> None:
        if self.built:
            return
        with tracing.lock:  # of threads that call a new layer, one builds it
            if not self.built:
                self._build_for(call)

    def _build_for(self, call: Call) -> None:
        """Builds the layer for the arguments of a call."""
        if type(self).build is not Layer.build:
            owner = f"'{self.path}' ({type(self).__name__})"
            self.build(**building.match_shapes(type(self).build, call.shapes, call.mask_shapes, owner))
            return
        self._path_from_scope()
        # Nested layers are built when they are called: by abstract evaluation, or, on text, by the call itself.
        if not host.holds_text(call.first) and any(
            not layer.built for layer in self._flatten_layers(include_self=False)
        ):
            specs = tree.map_structure(building.as_spec, call.arguments)
            self._evaluate(specs)
        self._build_shapes = call.shapes
        self.built = True
        self._after_build()

    def _after_build(self) -> None:
        self._tracker.locked = building.locked_message(f"'{self.path}' ({type(self).__name__})")
        if self._initial_weights is not None:
            weights, self._initial_weights = self._initial_weights, None
            self.set_weights(weights)

    def _path_from_scope(self) -> None:
        if self._path is None:
            self._path = building.scoped_path(self.name)

    def _flatten_layers(self, include_self: bool = True) -> list[Layer]:
        """Returns this layer and the nested ones, each once, parents first."""
        found: dict[int, Layer] = {}

        def walk(layer: Layer) -> None:
            if id(layer) not in found:
                found[id(layer)] = layer
                for inner in layer._layers:
                    walk(inner)

        walk(self)
        return list(found.values()) if include_self else list(found.values())[1:]

    # Calling

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Computes the outputs; subclasses override it."""
        raise NotImplementedError(f"Layer {type(self).__name__} does not have a `call` method implemented.")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        layer_errors.check_constructed(self)
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
        call = Call.bind(signature, args, kwargs, f"{type(self).__name__}.call() of layer '{self.path}'")
        self._convert(call)
        assert_input_compatibility(self.input_spec, call.first, self.name)
        self._maybe_build(call)

        outer_training = context.training
        # The flag of the call itself, else that of the enclosing call, else the default of `call`. A None that is
        # handed on, as in `layer(x, training=training)`, stands for the enclosing call's flag, not for the default.
        default = None if call.says_training else signature.training_default
        flags = (call.training, outer_training, default)
        context.training = call.training = next((flag for flag in flags if flag is not None), None)
        try:
            outputs = self._record(call, args, kwargs) if call.symbolic else self._run(call)
            self._output_masks(call, outputs)
        finally:
            context.training = outer_training
        return outputs

    def _convert(self, call: Call) -> None:
        """Makes arrays of the arguments of a call: of NumPy where the layer, or one inside it, computes on the host."""
        is_text = host.holds_text(call.first) and any(layer.on_host for layer in self._flatten_layers())
        if self.on_host or self._takes_lists or is_text:
            call.arguments = {k: host.host_inputs(v, self._several_inputs) for k, v in call.arguments.items()}
        if not self.on_host and not host.is_prepared(call.first):
            call.convert(self._cast_dtype, self.path, keeps_text=is_text)
        call.arguments = sparse_calls.arguments_of(self, call.arguments)

    def _run(self, call: Call) -> Tree:
        """Computes a call on arrays."""
        if thread.probe is not None:
            call.arguments = thread.probe.enter(self, call.arguments)
        call.take_masks()
        outputs = self._compute(call.all_arguments())
        if (spread := current()) is not None:
            outputs = spread.lay_out_output(self.path, outputs)
        if self.on_host:
            outputs = host.tensors(outputs)
        if self.activity_regularizer is not None:
            for y in tree.flatten(outputs):
                # The mean over the batch; `max` makes the penalty of an empty batch 0.
                self.add_loss(self.activity_regularizer(y) / max(y.shape[0], 1))
        return outputs if thread.probe is None else thread.probe.leave(outputs)

    @property
    def _cast_dtype(self) -> str | None:
        """The dtype that float inputs are cast to, or None."""
        return self.input_dtype if self.autocast and is_float(self.input_dtype) else None

    def _compute(self, arguments: dict[str, Any]) -> Tree:
        """Runs `call`, with weights cast to the compute dtype, inside the layer's name scope."""
        args, kwargs = call_signature(self).unbind(arguments)
        if self.on_host:
            return host.compute(self, args, kwargs)
        dtype = self.compute_dtype if self.autocast and is_float(self.compute_dtype) else None
        call = self._rematerialized(arguments) if self._remat or id(self) in thread.recomputed else self.call
        with calling.autocast(dtype), name_scope_once(self.name):
            return call(*args, **kwargs)

    def _rematerialized(self, arguments: dict[str, Any]) -> Callable:
        """Returns `call`, with rematerialization where `compile(remat=)` or the layer's `RematScope` says so."""
        if self._remat is None or id(self) in thread.recomputed:
            return remat(self.call)

        def shapes() -> list[tuple]:
            specs = tree.map_structure(building.as_spec, arguments)
            args, kwargs = call_signature(self).unbind(specs)
            return [t.shape for t in tree.flatten(abstract_call(self.call, args, kwargs))]

        applies = self._remat.applies(self.name, hasattr(self, "activation"), shapes)
        return remat(self.call) if applies else self.call

    def _evaluate(self, arguments: dict[str, Any]) -> Tree:
        """Returns KerasTensors like the outputs for arguments with KerasTensors, by abstract evaluation of `call`."""
        dtype = self._cast_dtype
        return abstract_call(lambda **given: self._compute(calling.as_inputs(given, dtype)), (), arguments)

    def _record(self, call: Call, args: tuple, kwargs: dict[str, Any]) -> Tree:
        """Records a call on KerasTensors, written as `args` and `kwargs`; returns its symbolic outputs."""
        self._path_from_scope()
        if not self.on_host:
            self._refuse_text(call)
        call.take_masks()
        arguments = {k: v for k, v in call.all_arguments().items() if k != "training" or v is not None}
        if type(self).compute_output_spec is Layer.compute_output_spec:
            outputs = self._output_spec(Call(call.signature, arguments))
        else:
            all_args, all_kwargs = call.signature.unbind(arguments)
            outputs = self.compute_output_spec(*all_args, **all_kwargs)
        return calling.record(self, call, args, kwargs, outputs, self._cast_dtype)

    def _refuse_text(self, call: Call) -> None:
        """Raises ValueError where a call that computes with numbers is given symbolic strings."""
        layer_errors.refuse_text(self, call.arguments)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Returns KerasTensors with the shapes and dtypes that a call with these arguments would return."""
        signature = call_signature(self)
        return self._output_spec(Call(signature, signature.bind(args, kwargs)))

    def _output_spec(self, call: Call) -> Tree:
        method = type(self).compute_output_shape
        if method is not Layer.compute_output_shape:
            owner = f"'{self.path}' ({type(self).__name__})"
            found = self.compute_output_shape(**building.match_shapes(method, call.shapes, call.mask_shapes, owner))
            dtype = self._output_dtype(call.first)
            return tree.map_shape_structure(lambda s: KerasTensor(s, dtype), found)

        return self._evaluate(call.arguments)

    _keeps_dtype = False  # whether outputs of integer inputs are integers: in layers that move, select or add elements

    def _output_dtype(self, inputs: Tree) -> str:
        """Returns the dtype of the output for inputs of these dtypes."""
        return (self._keeps_dtype and calling.common_int_dtype(inputs)) or self.compute_dtype

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        """Returns the shape of the output for inputs of the given shape.

        Raises:
            NotImplementedError: No shape is given, and the class doesn't override this method.
        """
        if not kwargs and all(shape is None for shape in args):
            layer_errors.refuse_no_shape(type(self).__name__, args)
        specs = call_signature(self).specs(args, kwargs, self.input_dtype)
        return tree.map_structure(lambda t: t.shape, self._evaluate(specs))

    def stateless_call(
        self,
        trainable_variables: Sequence[ArrayLike],
        non_trainable_variables: Sequence[ArrayLike],
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
            `(outputs, non_trainable_variables)`, followed by the list of losses with `return_losses`.

        Raises:
            ValueError: The layer isn't built, or the number of values is wrong.
        """
        pairs = calling.pair_values(self, self.built, trainable_variables, non_trainable_variables)
        with StateScope(pairs) as scope:
            outputs = self(*args, **kwargs)
            losses = self.losses if return_losses else None
        after = [scope.get_current_value(v) for v in self.non_trainable_variables]
        return (outputs, after, losses) if return_losses else (outputs, after)

    # Masks

    def compute_mask(self, inputs: Tree, previous_mask: Tree) -> Tree:
        """Returns the mask of the output: that of the input if the layer supports masking, else None."""
        return previous_mask if self.supports_masking else None

    def _output_masks(self, call: Call, outputs: Tree) -> None:
        """Attaches the masks that `compute_mask` returns to the outputs."""
        if type(self).compute_mask is Layer.compute_mask:
            if call.input_masks is None:
                return
            if not self.supports_masking:
                calling.warn_of_lost_mask(self.name, type(self).__name__)
                return
        found = self.compute_mask(call.first, call.input_masks)
        if found is not None:
            calling.set_masks(outputs, found)

    # Losses

    def add_loss(self, loss: Tree) -> None:
        """Adds scalar tensors to the loss that training minimizes. To be called inside `call`.

        Args:
            loss: A scalar tensor, or a list of them.

        Raises:
            ValueError: It is something else.
        """
        layer_losses.add(self, loss, self._losses, self.path)

    @property
    def losses(self) -> list[Any]:
        """The losses added in the last call, and the penalties of the weights' regularizers."""
        found = layer_losses.collect([(layer, layer._losses) for layer in self._flatten_layers()])
        regularized = [v for v in self.trainable_weights if v.regularizer is not None]
        return found + [v.regularizer(v.value_uncast()) for v in regularized]  # type: ignore[misc]

    def _clear_losses(self) -> None:
        for layer in self._flatten_layers():
            layer._losses.clear()

    # Files

    def get_config(self) -> Config:
        """Returns the constructor's arguments as a config, for `from_config`.

        Raises:
            NotImplementedError: An argument can't be serialized.
        """
        return layer_config.config_of(self, self._config_skip, self._config_null_activity)

    _config_skip: tuple[str, ...] = ()
    _config_null_activity = False  # whether Keras writes `activity_regularizer: null` for this layer

    @classmethod
    def from_config(cls, config: Config) -> Any:
        """Makes a layer from what `get_config` returned. Weights are new ones."""
        return layer_config.from_config(cls, config)

    def load_own_variables(self, store: Mapping[str, ArrayLike]) -> None:
        layer_config.check_count(self.name, self._own_variables(), len(store.keys()), self.built)
        super().load_own_variables(store)

    def save_assets(self, dir_path: str) -> None:
        """Writes state that is neither config nor variables (a vocabulary, say) into a folder. The default has none."""

    def load_assets(self, dir_path: str) -> None:
        """Reads the files that `save_assets` wrote."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


_KINDS = ((Layer, "_layers"), (Metric, "_metrics"), (SeedGenerator, "_seed_generators"))


__all__ = ["InputSpec", "Layer", "Shape"]
