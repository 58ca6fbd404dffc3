"""Lambda layers: arbitrary functions as layers."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeGuard, Unpack

from ..core import bytecode, tree
from ..core.abstract import abstract_call
from ..core.config import thread
from ..core.keras_tensor import KerasTensor
from ..core.op import Tensor
from ..core.registry import custom_object_scope
from ..core.serialization import (
    LAMBDA_MARK,
    LAMBDA_PARTS,
    deserialize_keras_object,
    load_lambda,
    safe_mode_scope,
    serialize_keras_object,
    write_lambda,
)
from ..core.types import LayerOptions, ShapeTree, Tree
from .layer import Layer, Shape


class Lambda(Layer):
    """Wraps a function of tensors as a layer without weights. For weights, write a subclass of `Layer`.

    Args:
        function: A function of the input, which may also take `mask` and `training`. To be saved, it should be a named
            function decorated with `@keras.saving.register_keras_serializable()`: a Python `lambda` is saved as
            bytecode, which addax never runs: who loads it passes the function for the layer's name in `custom_objects`.
        output_shape: Shape of the output without the batch axis, or a function from the input's shape to the output's;
            None to infer it by abstract evaluation of the function.
        mask: Mask of the output, or a function of the input and its mask; None for no mask.
        arguments: Dict of additional keyword arguments of the function.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        TypeError: `function` isn't callable, or `output_shape` is neither a shape nor a function.

    >>> keras.layers.Lambda(lambda x: x**2)(np.array([1.0, 3.0]))
    Array([1., 9.], dtype=float32)
    """

    _keeps_sparse = "none"

    def __init__(
        self,
        function: Callable,
        output_shape: Shape | Callable | None = None,
        mask: Tensor | Callable | None = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Unpack[LayerOptions],
    ):
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(f"Argument `function` of layer '{self.name}' must be callable. Received: {function}")
        if output_shape is not None and not (callable(output_shape) or tree.is_shape(output_shape)):
            raise TypeError(
                f"Argument `output_shape` of layer '{self.name}' must be a tuple of sizes, a function of the input's "
                f"shape, or None. Received: output_shape={output_shape}"
            )
        self.function = function
        self.arguments = arguments or {}
        self.mask = mask
        self.supports_masking = mask is not None
        self._output_shape = output_shape

    def call(self, inputs: Tree, mask: Tree = None, training: bool | None = None) -> Any:
        offered = {"mask": mask, "training": training}
        names: Any
        try:
            names = inspect.signature(self.function).parameters
        except (TypeError, ValueError):  # a function written in C
            names = {}
        return self.function(inputs, **{**self.arguments, **{k: v for k, v in offered.items() if k in names}})

    def compute_output_shape(self, input_shape: ShapeTree) -> Any:
        if self._output_shape is None:
            return super().compute_output_shape(input_shape)
        if callable(self._output_shape):
            return self._output_shape(input_shape)
        batch = (input_shape if tree.is_shape(input_shape) else tree.flatten(input_shape)[0:1])[0]
        return (batch, *self._output_shape)

    def compute_output_spec(self, inputs: Tree, mask: Tree = None, training: bool | None = None) -> Any:
        if self._output_shape is None:
            return abstract_call(lambda x: self._compute({"inputs": x, "training": training}), (inputs,), {})
        shape = self.compute_output_shape(tree.map_structure(lambda x: tuple(x.shape), inputs))
        return tree.map_shape_structure(lambda s: KerasTensor(s, self.compute_dtype), shape)

    def compute_mask(self, inputs: Tree, mask: Tree = None) -> Any:
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def get_config(self) -> dict[str, Any]:
        with safe_mode_scope(False):  # the warning of a lambda comes when a model is saved
            base = Layer.get_config(self)
        config = {k: base[k] for k in ("name", "trainable", "dtype")}
        config["function"] = _write(self.function)
        for name, value in (("output_shape", self._output_shape), ("mask", self.mask)):
            if value is not None:
                config[name] = _write(value) if callable(value) else serialize_keras_object(value)
        config["arguments"] = serialize_keras_object(self.arguments)
        return config

    def __getstate__(self) -> dict[str, Any]:
        # A pickle finds functions by their names, which lambdas and those defined in functions don't have.
        state = dict(super().__getstate__())
        args, kwargs = state["_init_args"]
        carry = bytecode.carried
        state["_init_args"] = tuple(map(carry, args)), {k: carry(v) for k, v in kwargs.items()}
        return {name: carry(value) for name, value in state.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({k: v.function if isinstance(v, bytecode.Carried) else v for k, v in state.items()})

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None, safe_mode: bool | None = None
    ) -> Lambda:
        with (
            custom_object_scope(custom_objects or {}),
            safe_mode_scope(thread.safe_mode if safe_mode is None else safe_mode),
        ):
            return cls._from_config(dict(config))

    @classmethod
    def _from_config(cls, config: dict[str, Any]) -> Lambda:
        own = config.get("name")
        for name in ("function", "output_shape", "mask"):
            value: Any = config.get(name)
            if _is_code(value):
                given = f"{own}" if name == "function" else f"{own}.{name}"
                what = f"a `Lambda` layer whose `{name}` is a Python lambda, named '{own}'"
                config[name] = load_lambda(value["config"], what, given)
                if name == "function" and not isinstance(value["config"], bytecode.Code):
                    config = _without_output_shape(config)
            elif isinstance(value, dict):
                config[name] = deserialize_keras_object(value)
        config["arguments"] = deserialize_keras_object(config.get("arguments"))
        return super().from_config(config)


def _is_code(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict) and value.get("class_name") == LAMBDA_MARK


def _without_output_shape(config: dict[str, Any]) -> dict[str, Any]:
    """The config without stored code for the output's shape, which follows from the program's function."""
    return {**config, "output_shape": None} if _is_code(config.get("output_shape")) else config


def _write(function: Callable) -> Any:
    if getattr(function, "__name__", None) == "<lambda>":
        return {"class_name": LAMBDA_MARK, "config": write_lambda(function, LAMBDA_PARTS)}
    return serialize_keras_object(function)
