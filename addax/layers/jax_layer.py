"""Layers that wrap models written in JAX and in Flax."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Unpack

import numpy as np

from ..core import tree
from ..core.dtypes import is_float, standardize_dtype
from ..core.engine import import_jax, jax, jnp
from ..core.op import Tensor
from ..core.seeds import SeedGenerator, make_default_seed
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..core.types import Config, LayerOptions, ShapeTree, Tree
from ..core.variable import Variable
from . import building
from .calling import Call
from .layer import Layer

_CALL = ("params", "state", "rng", "inputs", "training")
_INIT = ("rng", "inputs", "training")


class JaxLayer(Layer):
    """Layer of a model written in JAX: a function of its parameters and inputs.

    `call_fn` takes some of these arguments, by these names: `params` (trainable parameters), `state` (what isn't
    trainable), `rng` (a key of `jax.random`), `inputs` (one array or structure of arrays) and `training`. It returns
    the outputs; if it takes `state`, a pair of outputs and new state.

    Args:
        call_fn: The function.
        init_fn: Function of `rng`, `inputs` and, if it takes it, `training` that returns the parameters, or a pair of
            parameters and state if `call_fn` takes `state`. It is called with placeholders for the inputs.
        params: The parameters, a structure of arrays, instead of `init_fn`.
        state: The state, likewise.
        seed: Random seed of the keys: an int, or None.
        native_serialization_platforms: Kept for compatibility.
        **kwargs: `name`, `dtype`, `trainable` and other arguments of `Layer`.

    Raises:
        ValueError: A function takes other arguments, or there is nothing to take parameters from.

    >>> def call(params, inputs):
    ...     return inputs @ params["w"] + params["b"]
    >>> def init(rng, inputs):
    ...     return {"w": jax.random.normal(rng, (inputs.shape[-1], 2)), "b": jnp.zeros(2)}
    >>> layer = keras.layers.JaxLayer(call, init)
    >>> layer(np.ones((4, 3))).shape, [w.shape for w in layer.trainable_weights]
    ((4, 2), [(2,), (3, 2)])
    """

    _config_skip: tuple[str, ...] = ("params", "state", "seed")
    _about = (*Layer._about, "_placeholders", "_drawn")

    def __init__(
        self,
        call_fn: Callable,
        init_fn: Callable | None = None,
        params: Tree = None,
        state: Tree = None,
        seed: int | None = None,
        native_serialization_platforms: Sequence[str] | None = None,
        **kwargs: Unpack[LayerOptions],
    ):
        self._takes = _arguments("call_fn", call_fn, _CALL, ("inputs",))
        if init_fn is not None:
            self._init_takes = _arguments("init_fn", init_fn, _INIT, ("rng", "inputs"))
        super().__init__(**kwargs)
        needs = {"params", "state"} & set(self._takes)
        if needs and init_fn is None and params is None and state is None:
            raise ValueError(
                "`init_fn`, `params` and `state` cannot all be `None` when `call_fn` takes a `params` or a `state` "
                "argument."
            )
        self.call_fn = call_fn
        self.init_fn = init_fn
        self.native_serialization_platforms = native_serialization_platforms
        self.seed = seed
        self.seed_generator = SeedGenerator(seed) if "rng" in self._takes else None
        # By role: the structure of the values, with None for those that are weights, and these weights, flat.
        self._structures: dict[str, tuple[Any, list]] = {}
        self._placeholders: Tree = None
        self._drawn: list = []
        if params is not None or state is not None:
            self._take(params, state, lambda i: None)
            self.built = True

    @property
    def params(self) -> Tree:
        """The trainable parameters, Variables in their structure; None before they are made."""
        return self._filled("params", lambda v: v)

    @property
    def state(self) -> Tree:
        """The non-trainable state, a structure of Variables; None before it is made."""
        return self._filled("state", lambda v: v)

    def _build_for(self, call: Call) -> None:
        spec = tree.map_structure(building.as_spec, call.arguments.get("inputs"))
        self._placeholders = tree.map_structure(
            lambda s: np.ones([d or 1 for d in s.shape], _numpy(s.dtype)) if hasattr(s, "shape") else s, spec
        )
        super()._build_for(call)

    def build(self, input_shape: ShapeTree = None) -> None:
        if self._structures or self.init_fn is None:
            return
        inputs, self._placeholders = self._placeholders, None
        if inputs is None:
            dtype = _numpy(self.input_dtype)
            inputs = tree.map_shape_structure(lambda shape: np.ones([d or 1 for d in shape], dtype), input_shape)
        seed = make_default_seed() if self.seed is None else self.seed
        given = {"inputs": inputs, "training": True}
        settings = {k: v for k, v in given.items() if k in self._init_takes}

        def init() -> Any:
            return self.init_fn(rng=jax.random.PRNGKey(seed), **settings)  # type: ignore[misc]

        found = jax.eval_shape(init)
        has_state = "state" in self._takes
        if has_state and not (isinstance(found, tuple) and len(found) == 2):
            raise ValueError(
                f"`init_fn` of layer '{self.path}' must return a pair of parameters and state, as `call_fn` takes "
                f"`state`. It returned {type(found).__name__}."
            )
        params, state = found if has_state else (found, None)

        def value_of(i: int) -> np.ndarray:
            if not self._drawn:  # nothing is computed before a value is needed
                with jax.ensure_compile_time_eval():
                    values = init()
                self._drawn = [np.asarray(x) for x in jax.tree.leaves(values if has_state else (values, None))]
            return self._drawn[i]

        self._take(params, state, value_of)

    def _take(self, params: Tree, state: Tree, value_of: Callable[[int], Any]) -> None:
        """Makes weights of arrays, or of specs whose values `value_of` gives by their number."""
        number = 0
        for role, values in (("params", params), ("state", state)):
            if values is None:
                continue
            paths, structure = jax.tree.flatten_with_path(values)
            made: list = []
            for path, leaf in paths:
                made.append(self._weight(role, _name(path), leaf, number, value_of))
                number += 1
            self._structures[role] = structure, made

    def _weight(self, role: str, name: str, leaf: Any, number: int, value_of: Callable[[int], Any]) -> Any:
        if not hasattr(leaf, "dtype") and not isinstance(leaf, (int, float)):
            return leaf  # no number: a setting inside the parameters
        given = not isinstance(leaf, jax.ShapeDtypeStruct)
        value = np.asarray(leaf.value if isinstance(leaf, Variable) else leaf) if given else None
        dtype = standardize_dtype(value.dtype if value is not None else leaf.dtype)
        if is_float(dtype):
            dtype = self.variable_dtype if dtype in ("float32", "float64") else dtype
        trainable = role == "params" and is_float(dtype)

        def initial(shape: tuple, dtype: Any = None) -> np.ndarray:
            return (value if value is not None else np.asarray(value_of(number))).astype(_numpy(dtype))

        return self.add_weight(
            shape=tuple(np.shape(value) if value is not None else leaf.shape),
            initializer=initial,
            dtype=dtype,
            trainable=trainable,
            name=name or role,
        )

    def _filled(self, role: str, read: Callable[[Variable], Any]) -> Tree:
        if role not in self._structures:
            return None
        structure, values = self._structures[role]
        return jax.tree.unflatten(structure, [read(v) if isinstance(v, Variable) else v for v in values])

    def call(self, inputs: Tree, training: bool = False) -> Any:
        values = {
            "params": lambda: self._filled("params", lambda v: v.value),
            "state": lambda: self._filled("state", lambda v: v.value),
            "rng": lambda: self.seed_generator.next(),  # type: ignore[union-attr]
            "inputs": lambda: tree.map_structure(lambda x: x if x is None else jnp.asarray(x), inputs),
            "training": lambda: bool(training),
        }
        found = self.call_fn(**{name: values[name]() for name in self._takes})
        if "state" not in self._takes:
            return found
        outputs, state = found
        if "state" in self._structures:
            structure, variables = self._structures["state"]
            for variable, value in zip(variables, structure.flatten_up_to(state)):
                if isinstance(variable, Variable):
                    variable.assign(value)
        return outputs

    def get_config(self) -> Config:
        config = super().get_config()
        return {
            **config,
            "call_fn": serialize_keras_object(self.call_fn),
            "init_fn": serialize_keras_object(self.init_fn),
        }

    @classmethod
    def from_config(cls, config: Config) -> Any:
        functions: dict[str, Any] = {
            name: deserialize_keras_object(config[name]) for name in ("call_fn", "init_fn") if name in config
        }
        return super().from_config({**config, **functions})


def _numpy(dtype: Any) -> Any:
    return jnp.dtype(dtype)


def _name(path: tuple) -> str:
    """Returns the name of a weight from its place in a structure, like "encoder_0_kernel"."""
    parts = [str(getattr(key, "key", getattr(key, "idx", getattr(key, "name", key)))) for key in path]
    return "_".join(parts).replace("/", "_")


def _arguments(role: str, function: Callable, known: Sequence[str], required: Sequence[str]) -> list[str]:
    """Returns the names of the arguments that a function takes.

    Raises:
        TypeError: It is no function.
        ValueError: It takes others, or lacks one.
    """
    if not callable(function):
        raise TypeError(f"{function!r} is not a callable object")
    found = list(inspect.signature(function).parameters)
    for name in found:
        if name not in known:
            supported = ", ".join(f"`{k}`" for k in known)
            raise ValueError(f"Unsupported argument in `{role}`: `{name}`, supported arguments are {supported}")
    for name in required:
        if name not in found:
            raise ValueError(f"Missing required argument in `{role}`: `{name}`")
    return found


class _FlaxOptions(LayerOptions, total=False):
    """Keyword arguments of `FlaxLayer` besides those that it names."""

    seed: int | None


class FlaxLayer(JaxLayer):
    """Layer of a module of [Flax](https://flax.readthedocs.io) (`flax.linen`).

    The method called takes `inputs` and, optionally, `training`. Variables outside the collection "params" are not
    trainable. Random keys of every name are drawn anew in each call.

    Args:
        module: The module.
        method: Method to call, or a function whose first argument is the module; default: `__call__`.
        variables: Variables as `module.init` returns them; None for new ones.
        **kwargs: `name`, `dtype`, `trainable` and other arguments of `Layer`.

    Raises:
        ImportError: Flax isn't installed.
        TypeError: `module` isn't a module of `flax.linen`.
    """

    _config_skip = (*JaxLayer._config_skip, "call_fn", "init_fn", "native_serialization_platforms", "variables")
    _untracked = JaxLayer._untracked | {"module"}
    module: Any
    method: Callable | str | None

    def __init__(
        self,
        module: Any,
        method: Callable | str | None = None,
        variables: dict[str, Any] | None = None,
        **kwargs: Unpack[_FlaxOptions],
    ):
        linen = _linen()
        if not isinstance(module, linen.Module):
            raise TypeError(f"`module` must be an instance of `flax.linen.Module`. Received: module={module!r}")
        self.__dict__.update(module=module, method=method)
        function = getattr(type(module), method or "__call__") if isinstance(method, (str, type(None))) else method
        passes_training = "training" in inspect.signature(function).parameters
        mutable = import_jax("flax.core").DenyList(["params"])

        def flags(training: bool) -> dict[str, bool]:
            return {"training": training} if passes_training else {}

        def call_fn(params: Tree, state: Tree, rng: Tensor, inputs: Tree, training: bool) -> tuple:
            given = {**params, **state}
            outputs, changed = module.apply(given, inputs, rngs=rng, method=method, mutable=mutable, **flags(training))
            return outputs, {**state, **{k: v for k, v in changed.items() if k in state}}

        def init_fn(rng: Tensor, inputs: Tree) -> tuple[Tree, Tree]:
            return _parted(module.init(rng, inputs, method=method, **flags(True)))

        params, state = (None, None) if variables is None else _parted(variables)
        super().__init__(call_fn, init_fn, params, state, **kwargs)

    def get_config(self) -> Config:
        """Returns the config, if the module can be serialized.

        Raises:
            TypeError: The module has no `get_config`.
        """
        config = Layer.get_config(self)
        return {**config, "module": serialize_keras_object(self.module), "method": self.method}

    @classmethod
    def from_config(cls, config: Config) -> Any:
        return Layer.from_config.__func__(cls, {**config, "module": deserialize_keras_object(config["module"])})  # type: ignore[attr-defined]


def _parted(variables: Any) -> tuple[dict, dict]:
    """Splits the variables of a module into the trainable collection and the others."""
    variables = dict(variables)
    params = {"params": variables.pop("params")} if "params" in variables else {}
    return params, variables


def _linen() -> Any:
    try:
        return import_jax("flax.linen")
    except ImportError as error:
        raise ImportError("FlaxLayer needs Flax: `pip install addax-keras[flax]`.") from error
