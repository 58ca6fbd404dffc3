"""Layers that run models of other libraries on the host: modules of PyTorch and SavedModels of TensorFlow."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any, Unpack

import numpy as np

from ..core import tree
from ..core.dtypes import standardize_dtype
from ..core.engine import jax, jnp
from ..core.op import Tensor
from ..core.seeds import SeedGenerator
from ..core.types import Config, LayerOptionsButName, PolicyLike, Shape, Tree
from .layer import Layer


def _needed(module: str, layer: str, remedy: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"{layer} needs `{module}`, which isn't installed: {remedy}.") from error


def _on_host(function: Callable, *args: Any) -> Any:
    """Calls a function of NumPy arrays, also inside a program; what it returns is known from a call with zeros."""
    zeros = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), args)
    specs = jax.tree.map(lambda x: jax.ShapeDtypeStruct(np.shape(x), x.dtype), function(*zeros))
    return jax.pure_callback(
        lambda *given: function(*jax.tree.map(np.asarray, given)), specs, *args, vmap_method="sequential"
    )


class TorchModuleWrapper(Layer):
    """Layer of a module of PyTorch, which runs on the host, with its gradients, inside addax's programs.

    The module's parameters and buffers become weights of the layer; the module itself keeps its own values.

    Args:
        module: A `torch.nn.Module`, whose parameters are initialized.
        name: Name; automatic when None.
        output_shape: Shape of the output; None to find it by running the module.
        **kwargs: `dtype`, `trainable` and other arguments of `Layer`.

    Raises:
        ImportError: PyTorch isn't installed.
        ValueError: `module` isn't a module of PyTorch.
    """

    _untracked = Layer._untracked | {"module"}
    module: Any

    def __init__(
        self,
        module: Any,
        name: str | None = None,
        output_shape: Shape | None = None,
        **kwargs: Unpack[LayerOptionsButName],
    ):
        torch = _needed("torch", "TorchModuleWrapper", "`pip install addax-keras[torch]`")
        if not isinstance(module, torch.nn.Module):
            raise ValueError(f"`module` must be a `torch.nn.Module`. Received: module={module!r}")
        super().__init__(name=name, **kwargs)
        self.__dict__["module"] = module
        self.output_shape = output_shape
        self.seed_generator = SeedGenerator()
        self._names: dict[str, Any] = {}
        for key, value in (*module.named_parameters(), *module.named_buffers()):
            trainable = isinstance(value, torch.nn.Parameter) and value.requires_grad
            array = value.detach().cpu().numpy().copy()
            array = array.astype(jax.dtypes.canonicalize_dtype(array.dtype))
            self._names[key] = self.add_weight(
                shape=array.shape,
                initializer=lambda shape, dtype=None, array=array: array,
                dtype=standardize_dtype(array.dtype),
                trainable=trainable,
                name=key.replace(".", "_"),
            )
        self.built = True

    def parameters(self, recurse: bool = True) -> Any:
        """Returns the module's own parameters.

        Args:
            recurse: Whether to include those of inner modules.
        """
        return self.module.parameters(recurse=recurse)

    def call(self, *args: Any, training: bool = False) -> Any:
        values = {key: v.value_uncast() for key, v in self._names.items()}
        trained = {key: values.pop(key) for key, v in self._names.items() if v.trainable}
        run = functools.partial(_torch_forward, self.module, bool(training))
        back = functools.partial(_torch_backward, self.module, bool(training))

        @jax.custom_vjp
        def forward(trained: dict, inputs: tuple, fixed: dict, seed: Any) -> Any:
            return _on_host(run, trained, inputs, fixed, seed)

        def forward_and_keep(trained: dict, inputs: tuple, fixed: dict, seed: Any) -> tuple:
            return _on_host(run, trained, inputs, fixed, seed), (trained, inputs, fixed, seed)

        def backward(kept: tuple, grads: tuple) -> tuple:
            found = _on_host(back, *kept, grads[0])
            return (*found, *jax.tree.map(_no_gradient, kept[2:]))

        forward.defvjp(forward_and_keep, backward)
        inputs = tuple(jnp.asarray(x) for x in args)
        outputs, changed = forward(trained, inputs, values, self.seed_generator.next()[1])
        for key, value in changed.items():
            self._names[key].assign(value)
        return outputs

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        """Returns `output_shape`, or else the shape of what the module returns.

        Args:
            input_shape: Shape of the input, with the batch axis.
        """
        return super().compute_output_shape(*args, **kwargs) if self.output_shape is None else self.output_shape

    def get_config(self) -> Config:
        """Refuses: a module of PyTorch is code, which addax doesn't write to files.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(
            f"Layer '{self.name}' wraps a module of PyTorch, which a config can't hold. Save the weights alone "
            "(`save_weights`), and make the layer again before loading them."
        )


def _no_gradient(x: Any) -> Any:
    is_float = jnp.issubdtype(x.dtype, jnp.inexact)
    return jnp.zeros_like(x) if is_float else np.zeros(np.shape(x), jax.dtypes.float0)


def _torch_call(module: Any, training: bool, tensors: dict, inputs: list, seed: Any) -> Any:
    torch = importlib.import_module("torch")
    before = module.training
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(seed))  # backward repeats the random numbers of forward
        module.train(training)
        try:
            return torch.func.functional_call(module, tensors, tuple(inputs))
        finally:
            module.train(before)


def _as_torch(values: Any, gradients: bool = False) -> Any:
    torch = importlib.import_module("torch")

    def convert(x: np.ndarray) -> Any:
        tensor = torch.from_numpy(np.array(x))
        return tensor.requires_grad_(gradients and tensor.is_floating_point())

    return jax.tree.map(convert, values)


def _torch_forward(
    module: Any, training: bool, trained: dict, inputs: tuple, fixed: dict, seed: Any
) -> tuple[Any, dict[str, np.ndarray]]:
    """Returns the outputs of a module and the new values of its buffers."""
    torch = importlib.import_module("torch")
    with torch.no_grad():
        own = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        buffers = {k: v.to(own[k].dtype) for k, v in _as_torch(fixed).items()}  # int64, say, which JAX has not
        out = _torch_call(module, training, {**_as_torch(trained), **buffers}, list(_as_torch(inputs)), seed)
    changed = {k: v.numpy().astype(fixed[k].dtype) for k, v in buffers.items()}
    return tree.map_structure(lambda x: x.numpy(), out), changed


def _torch_backward(
    module: Any, training: bool, trained: dict, inputs: tuple, fixed: dict, seed: Any, grads: Any
) -> tuple[Any, Any]:
    """Returns the gradients by the trained parameters and by the inputs."""
    torch = importlib.import_module("torch")
    params, given = _as_torch(trained, gradients=True), _as_torch(inputs, gradients=True)
    own = dict(module.named_buffers())
    buffers = {k: v.to(own[k].dtype) if k in own else v for k, v in _as_torch(fixed).items()}
    out = _torch_call(module, training, {**params, **buffers}, list(given), seed)
    torch.autograd.backward(tree.flatten(out), tree.flatten(_as_torch(grads)))

    def gradient(x: Any) -> np.ndarray:
        return np.zeros(x.shape, x.detach().numpy().dtype) if x.grad is None else x.grad.numpy()

    return jax.tree.map(gradient, params), jax.tree.map(gradient, given)


class TFSMLayer(Layer):
    """Layer of a SavedModel of TensorFlow, for inference: it runs on the host and has no gradients.

    Args:
        filepath: Folder of the SavedModel.
        call_endpoint: Name of the endpoint to call.
        call_training_endpoint: Name of the endpoint to call in training; None for `call_endpoint`.
        trainable, name, dtype: See `Layer`.

    Raises:
        ImportError: TensorFlow isn't installed.
        ValueError: The SavedModel has no such endpoint.
    """

    _untracked = Layer._untracked | {"_loaded", "_endpoints"}
    _endpoints: dict[bool, Callable]

    def __init__(
        self,
        filepath: str,
        call_endpoint: str = "serve",
        call_training_endpoint: str | None = None,
        trainable: bool = True,
        name: str | None = None,
        dtype: PolicyLike = None,
    ):
        tensorflow = _needed("tensorflow", "TFSMLayer", "`pip install tensorflow`")
        super().__init__(trainable=trainable, name=name, dtype=dtype)
        self.filepath = filepath
        self.call_endpoint = call_endpoint
        self.call_training_endpoint = call_training_endpoint
        loaded = tensorflow.saved_model.load(filepath)
        names = {False: call_endpoint, True: call_training_endpoint or call_endpoint}
        self.__dict__["_loaded"] = loaded  # it holds the resources that the endpoints use
        self.__dict__["_endpoints"] = {training: self._endpoint(loaded, name) for training, name in names.items()}
        self.built = True

    def _endpoint(self, loaded: Any, name: str) -> Callable:
        if hasattr(loaded, name):
            return getattr(loaded, name)
        if name in getattr(loaded, "signatures", {}):
            return loaded.signatures[name]
        raise ValueError(
            f"The endpoint '{name}' is neither an attribute of the reloaded SavedModel nor an entry in the "
            "`signatures` field of the reloaded SavedModel. Select another endpoint via the `call_endpoint` argument "
            f"of layer '{self.name}'. Available endpoints for this SavedModel: "
            f"{list(getattr(loaded, 'signatures', {}))}"
        )

    def call(self, inputs: Tensor, training: bool = False, **kwargs: Any) -> Tree:
        endpoint = self._endpoints[bool(training)]

        def run(x: Any) -> Any:
            return tree.map_structure(lambda y: y.numpy(), endpoint(x, **kwargs))

        return _on_host(run, inputs)

    def get_config(self) -> Config:
        """Returns the constructor's arguments; the SavedModel stays where it is."""
        return {
            **super().get_config(),
            "filepath": self.filepath,
            "call_endpoint": self.call_endpoint,
            "call_training_endpoint": self.call_training_endpoint,
        }
