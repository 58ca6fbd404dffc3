"""Layer: the base of everything that computes with weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import regularizers
from ..core import policy as policies
from ..core import tree
from ..core.abstract import abstract_call
from ..core.config import thread
from ..core.convert import to_tensor
from ..core.dtypes import is_float, numpy_dtype
from ..core.engine import is_jax_array
from ..core.errors import describe, did_you_mean
from ..core.fingerprint import ONLY_ABOUT, changes
from ..core.keras_tensor import KerasTensor, any_symbolic
from ..core.masks import get_mask, set_mask
from ..core.naming import name_scope
from ..core.op import Node, Operation, init_parameters
from ..core.seeds import SeedGenerator
from ..core.serialization import auto_config, serialize_keras_object
from ..core.state import StateScope, current_scope
from ..core.tracking import PLAIN, Tracker
from ..core.variable import Variable
from ..core.warnings import warn
from ..metrics import Metric
from . import layer_errors
from .building import Shape, around_build, as_shape, as_spec, legacy_input_shape, match_shapes, shapes_of
from .calling import CallContext, CallSignature, call_signature, unbind
from .input_spec import InputSpec, assert_input_compatibility
from .weights import LayerWeights


class Layer(LayerWeights, Operation):
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

    supports_jit = True
    built: bool
    _building: bool
    _tracker: Tracker
    _layers: list[Layer]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        instance = super().__new__(cls, *args, **kwargs)
        lists: dict[str, list] = {
            "_trainable_variables": [],
            "_non_trainable_variables": [],
            "_layers": [],
            "_metrics": [],
            "_seed_generators": [],
        }
        tests: dict[str, Callable[[Any], bool]] = {
            "_trainable_variables": lambda v: isinstance(v, Variable) and v.trainable,
            "_non_trainable_variables": lambda v: isinstance(v, Variable),
            "_layers": lambda v: isinstance(v, Layer),
            "_metrics": lambda v: isinstance(v, Metric),
            "_seed_generators": lambda v: isinstance(v, SeedGenerator),
        }
        instance.__dict__.update(lists, _tracker=Tracker(tests, lists), built=False, _building=False)
        return instance

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

    def __setattr__(self, name: str, value: Any) -> None:
        tracker = self.__dict__.get("_tracker")
        if tracker is None:
            raise RuntimeError(f"In layer '{type(self).__name__}', `__new__` was overridden without calling super's.")
        if name not in ONLY_ABOUT:
            changes.count += 1
        if type(value) in PLAIN and type(self.__dict__.get(name)) in PLAIN:  # most of what is assigned
            object.__setattr__(self, name, value)
            return
        if name not in ("_inbound_nodes", "_outbound_nodes", "_losses"):
            if "_losses" not in self.__dict__ and isinstance(value, (Layer, Variable)) and name != "_tracker":
                raise RuntimeError(
                    f"In layer '{type(self).__name__}', you forgot to call `super().__init__()` as the first "
                    "statement in the `__init__()` method. Go add it!"
                )
            old = self.__dict__.get(name)
            if old is not None and old is not value:
                tracker.untrack(old)
            value = tracker.track(value)
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        if name in self.__dict__:
            self._tracker.untrack(self.__dict__[name])
        object.__delattr__(self, name)

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

    # Building

    def build(self, *args: Any, **kwargs: Any) -> None:
        """Makes the weights for an input of the given shape. The default makes none of its own."""
        self._check_super_called()
        if any(not layer.built for layer in self._layers) and args:
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

    def _maybe_build(self, bound: dict[str, Any]) -> None:
        if self.built:
            return
        shapes = shapes_of(bound)
        if type(self).build is Layer.build:
            self._path_from_scope()
            if any(not layer.built for layer in self._flatten_layers(include_self=False)):
                # The layers inside build themselves when called; a run on no data is such a call.
                specs = tree.map_structure(as_spec, bound)
                with name_scope(self.name):
                    abstract_call(lambda **b: self._compute(b, in_scope=True), (), specs)
            self._build_shapes = shapes
            self.built = True
            self._after_build()
            return
        arguments = match_shapes(type(self).build, shapes, self)
        self.build(**arguments)

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
        raise NotImplementedError(f"Layer {type(self).__name__} does not have a `call()` method implemented.")

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
        spec = call_signature(self)
        training = kwargs.pop("training", None) if "training" not in spec.names else kwargs.get("training")
        try:
            bound = spec.bind(args, kwargs)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}.call() of layer '{self.path}': {error}") from None
        if "training" in bound:
            training = bound.pop("training")
        for key, value in bound.items():
            bound[key] = tree.map_structure(lambda leaf, key=key: self._to_input(leaf, key), value)
        symbolic = any_symbolic(*bound.values())
        first = next(iter(bound.values())) if bound else None
        assert_input_compatibility(self.input_spec, first, self.name)
        self._maybe_build(bound)

        if training is None:
            training = context.training
        if training is None and spec.training_default is not None:
            training = spec.training_default
        outer_training, context.training = context.training, training
        probe = None if symbolic else thread.probe
        if probe is not None:
            bound = probe.enter(self, bound)
            first = next(iter(bound.values()), None)
        try:
            masks = self._input_masks(spec, bound)
            if "training" in spec.names:
                bound["training"] = training
            if symbolic:
                outputs = self._record(bound, args, kwargs)
            else:
                with name_scope(self.name):
                    outputs = self._compute(bound, in_scope=True)
                if self.activity_regularizer is not None:
                    for y in tree.flatten(outputs):
                        self.add_loss(self.activity_regularizer(y) / y.shape[0])  # a mean over the batch
                if probe is not None:
                    outputs = probe.leave(outputs)
            self._output_masks(first, masks, outputs)
        finally:
            context.training = outer_training
        return outputs

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

    def _compute(self, bound: dict[str, Any], in_scope: bool = False) -> Any:
        """Runs `call` on arrays, with weights read in the compute dtype."""
        if not in_scope:
            with name_scope(self.name):
                return self._compute(bound, in_scope=True)
        args, kwargs = unbind(call_signature(self).signature, bound)
        outer = thread.autocast
        thread.autocast = self.compute_dtype if self.autocast and is_float(self.compute_dtype) else None
        try:
            return self.call(*args, **kwargs)
        finally:
            thread.autocast = outer

    def _record(self, bound: dict[str, Any], args: tuple, kwargs: dict[str, Any]) -> Any:
        """Records a node; returns its symbolic outputs."""
        spec = call_signature(self)
        self._path_from_scope()
        known = {k: v for k, v in bound.items() if k != "training" or v is not None}
        all_args, all_kwargs = unbind(spec.signature, known)
        outputs = self.compute_output_spec(*all_args, **all_kwargs)
        if len(args) == 1 and not kwargs and isinstance(args[0], KerasTensor):
            # A call on nothing but a tensor is recorded with its flag and mask, any other as it was written: so it is
            # in Keras's files. Masks that are not recorded come with the arrays.
            if spec.training_default is not None:
                kwargs = {"training": bound["training"]}
            if "mask" in spec.names:
                kwargs = {**kwargs, "mask": bound.get("mask")}
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
        if type(self).compute_output_shape is not Layer.compute_output_shape:
            bound = call_signature(self).bind(args, kwargs)
            shapes = shapes_of(bound)
            found = self.compute_output_shape(**match_shapes(type(self).compute_output_shape, shapes, self))
            dtype = self._output_dtype(next(iter(bound.values())))
            return tree.map_shape_structure(lambda s: KerasTensor(s, dtype), found)
        bound = call_signature(self).bind(args, kwargs)

        def run(**arguments: Any) -> Any:
            arguments = {k: tree.map_structure(lambda x: self._to_input(x, ""), v) for k, v in arguments.items()}
            return self._compute(arguments)

        return abstract_call(run, (), bound)

    _keeps_dtype = False  # whether ints stay ints: in layers that move, choose or add elements

    def _output_dtype(self, inputs: Any) -> str:
        """The dtype of the output for these tensors."""
        dtypes = [numpy_dtype(x.dtype) for x in tree.flatten(inputs) if hasattr(x, "dtype")]
        if not self._keeps_dtype or any(is_float(d) for d in dtypes):
            return self.compute_dtype
        return np.result_type(*dtypes).name

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        """The shape of the output for an input of the given shape."""
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
        for kind in ("trainable_variables", "non_trainable_variables"):
            own, given = getattr(self, kind), list(locals()[kind])
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

    # Masks

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the output: the input's, for a layer that supports masking."""
        return previous_mask if self.supports_masking else None

    def _input_masks(self, spec: CallSignature, bound: dict[str, Any]) -> Any:
        """Passes the masks that came with the inputs to `call`; returns those of the first argument."""
        tensors = {k: v for k, v in bound.items() if any(hasattr(x, "shape") for x in tree.flatten(v))}
        tensors = {k: v for k, v in tensors.items() if k not in spec.mask_names}
        first_masks = None
        for i, (name, value) in enumerate(tensors.items()):
            masks = tree.map_structure(get_mask, value)
            if i == 0:
                first_masks = masks
            target = "mask" if len(tensors) == 1 else f"{name}_mask"
            if target not in spec.names and i == 0:
                target = "mask"
            if target in spec.mask_names and bound.get(target) is None:
                if any(m is not None for m in tree.flatten(masks)):
                    bound[target] = masks
        return first_masks

    def _output_masks(self, inputs: Any, masks: Any, outputs: Any) -> None:
        if not any(m is not None for m in tree.flatten(masks)):
            masks = None
        overridden = type(self).compute_mask is not Layer.compute_mask
        if masks is None and not overridden:
            return
        if not self.supports_masking and not overridden:
            warn(
                f"Layer '{self.name}' (of type {type(self).__name__}) was passed an input with a mask attached to "
                "it. However, this layer does not support masking and will therefore destroy the mask information. "
                "Downstream layers will not see the mask."
            )
            return
        found = self.compute_mask(inputs, masks)
        if found is None:
            return
        leaves = tree.flatten(outputs)
        output_masks = tree.flatten(found)
        if len(output_masks) == 1 and len(leaves) > 1:
            output_masks = output_masks * len(leaves)
        for tensor, mask in zip(leaves, output_masks):
            if mask is not None and hasattr(tensor, "shape"):
                set_mask(tensor, mask)

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
        own = next((c for c in reversed(cls.__mro__) if "get_config" in c.__dict__ and is_user_class(c)), None)
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
            from .. import activations

            return activations.serialize(value)
        return serialize_keras_object(value)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The layer that `get_config` described."""
        config = dict(config)
        if isinstance(config.get("dtype"), dict):
            config["dtype"] = policies.get(config["dtype"])
        if is_user_class(cls):
            from ..core.serialization import deserialize_keras_object

            config = {
                k: deserialize_keras_object(v) if isinstance(v, dict) and "class_name" in v else v
                for k, v in config.items()
            }
        try:
            return cls(**config)
        except Exception as error:
            if isinstance(error, TypeError) and is_user_class(cls):
                raise TypeError(
                    f"Error when deserializing class '{cls.__name__}' using config={config}.\n\nException "
                    f"encountered: {error}"
                ) from error
            raise

    def save_own_variables(self, store: Any) -> None:
        """Writes this layer's own variables to `store`, a mapping from "0", "1", ... to arrays."""
        for i, v in enumerate([*self._trainable_variables, *self._non_trainable_variables]):
            store[f"{i}"] = v.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Reads this layer's own variables from `store`."""
        own = [*self._trainable_variables, *self._non_trainable_variables]
        if len(store) != len(own):
            if not own and not self.built:
                raise ValueError(
                    f"Layer '{self.name}' was never built and thus it doesn't have any variables. However the weights "
                    f"file lists {len(store)} variables for this layer."
                )
            raise ValueError(
                f"Layer '{self.name}' expected {len(own)} variables, but received {len(store)} variables during "
                f"loading. Expected: {[v.name for v in own]}"
            )
        for i, v in enumerate(own):
            v.assign(store[f"{i}"])

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


_BASE_ARGUMENTS = ("name", "trainable", "dtype", "autocast")


def is_user_class(cls: type) -> bool:
    """Whether `cls` is written outside addax."""
    return cls.__module__.partition(".")[0] != "addax"


__all__ = ["InputSpec", "Layer", "Shape"]
