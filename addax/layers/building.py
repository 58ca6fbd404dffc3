"""Building of layers: what surrounds every `build`, the shapes it gets, and the arguments of `add_weight`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import initializers
from ..core import tree
from ..core.config import thread
from ..core.dtypes import is_float, static_shape
from ..core.engine import is_jax_array
from ..core.keras_tensor import KerasTensor
from ..core.naming import name_scope_once
from ..core.op import Argument
from ..core.signature import signature_of
from ..core.types import Config, DTypeLike, InitializerLike, ShapeLike, ShapeTree
from ..core.warnings import warn

Shape = tuple[int | None, ...]
# Arguments of Keras 2 for the input shape of the first layer of a model.
_LEGACY_INPUT = ("input_shape", "batch_input_shape", "input_dim", "input_length", "batch_size")


def around_build(build: Callable) -> Callable:
    """Wraps a layer's `build`: sets name scope, `built` flag and lock, also if the user calls it directly."""

    @functools.wraps(build)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
        if self._building:  # called by the `build` of a subclass, which does the rest
            build(self, *args, **kwargs)
            return
        self.__dict__["_building"] = True
        self._path_from_scope()
        with name_scope_once(self.name):
            try:
                args = tuple(as_shape(a) for a in args)
                build(self, *args, **kwargs)
            finally:
                self.__dict__["_building"] = False
        try:
            shapes = dict(signature_of(build).bind(self, *args, **kwargs).arguments)
            shapes.pop(next(iter(shapes)))
            self._build_shapes = shapes
        except TypeError:
            self._build_shapes = None
        self.built = True
        self._after_build()

    return wrapper


def scoped_path(name: str) -> str:
    """Returns the path of a layer called `name` that is met inside the current name scopes."""
    scopes = thread.name_scopes
    return "/".join(scopes if scopes and scopes[-1] == name else [*scopes, name])


def as_shape(shape: ShapeTree) -> Any:
    """Returns a structure of shapes with tuples in place of the lists that JSON has."""
    if tree.is_shape(shape):
        return tuple(shape)
    if isinstance(shape, list):
        return [as_shape(s) for s in shape]
    if isinstance(shape, dict):
        return {k: as_shape(v) for k, v in shape.items()}
    return shape


def match_shapes(fn: Callable, shapes: dict[str, Any], mask_shapes: dict[str, Any], owner: str) -> dict[str, Any]:
    """Returns the arguments of `build` or `compute_output_shape`: by name, or the first shape for one parameter.

    Args:
        fn: The method.
        shapes: `<argument>_shape` -> structure of shapes.
        mask_shapes: The same for masks, which are matched by name only.
        owner: The layer's path and class, for errors.

    Raises:
        ValueError: There are several parameters, and their names match no arguments.
    """
    parameters = list(signature_of(fn).parameters.values())[1:]
    names = [p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    if not names:
        return dict(shapes) if any(p.kind is p.VAR_KEYWORD for p in parameters) else {}
    if not shapes:
        return {}
    known = {**mask_shapes, **shapes}
    matched = {n: known[n] for n in names if n in known}
    required = [p.name for p in parameters if p.name in names and p.default is p.empty]
    if any(n in shapes for n in matched) and set(required) <= set(matched):
        return matched
    if len(required) <= 1:
        return {**matched, names[0]: next(iter(shapes.values()))}
    raise ValueError(
        f"For a `{fn.__name__}()` method with more than one argument, all arguments should have a `_shape` suffix and "
        f"match an argument from `call()`. `{fn.__name__}` of layer {owner} takes {names}, but the layer was called "
        f"with arguments that give {list(shapes)}."
    )


def positional_arguments(
    args: tuple, shape: ShapeLike, initializer: InitializerLike, dtype: DTypeLike
) -> tuple[ShapeLike, InitializerLike, DTypeLike]:
    """Returns `shape`, `initializer` and `dtype` of `add_weight`, which may be given by position.

    Raises:
        TypeError: An argument is given twice, or there are more.
        ValueError: The first argument is a str, as in Keras 2, which took the name first.
    """
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
    return given["shape"], given["initializer"], given["dtype"]


def weight_arguments(
    shape: ShapeLike,
    initializer: InitializerLike,
    dtype: DTypeLike,
    default_dtype: str,
    name: str | None,
    owner: str,
) -> tuple[Callable, tuple[int, ...], DTypeLike]:
    """Returns initializer, shape and dtype of a weight, with defaults in place of None.

    Args:
        shape: An int is one axis, None no axis.
        initializer: A name, config or callable; None for glorot_uniform (floats) or zeros (others).
        dtype: None for the default.
        default_dtype: The default.
        name, owner: Name of the weight, and path and class of the layer, for the error.

    Raises:
        ValueError: A size is unknown.
    """
    sizes = () if shape is None else (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    known = tuple(n for n in sizes if n is not None)
    if len(known) < len(sizes):
        raise ValueError(
            f"The weight '{name}' of layer {owner} can't be made with shape {sizes}: a size of the input that the "
            "weights depend on is unknown. Define it in the input's shape."
        )
    dtype = default_dtype if dtype is None else dtype
    if initializer is None:
        initializer = "glorot_uniform" if is_float(dtype) else "zeros"
    return initializers.get(initializer), known, dtype


def build_config(shapes: dict[str, Any] | None) -> Config | None:
    """Returns the shapes that a layer was built with as `get_build_config` writes them."""
    if not shapes:
        return None
    if len(shapes) == 1:
        return {"input_shape": next(iter(shapes.values()))}
    return {"shapes_dict": shapes}


def locked_message(owner: str) -> str:
    """Returns the error for state that is added to a layer after it was built."""
    return (
        "You cannot add new elements of state (variables or sub-layers) to a layer that is already built. All "
        "state must be created in the `__init__()` method or in the `build()` method. "
        f"The layer is {owner}."
    )


def warn_of_unbuilt_state(name: str) -> None:
    """Warns that the default `build` can't build nested layers without a shape."""
    warn(
        f"`build()` was called on layer '{name}', however the layer does not have a `build()` method implemented and "
        "it looks like it has unbuilt state. This will cause the layer to be marked as built, despite not being "
        "actually built, which may cause failures down the line. Make sure to implement a proper `build()` method."
    )


def as_spec(x: Argument) -> Any:
    """Returns an array as a KerasTensor of its shape, for abstract evaluation, and other values unchanged."""
    if is_jax_array(x):
        return KerasTensor(static_shape(x), str(x.dtype))
    return x


def legacy_input_shape(kwargs: dict[str, Any]) -> Shape | None:
    """Removes Keras 2's arguments for the input shape from `kwargs`; returns the shape with the batch axis, or None."""
    given = {k: kwargs.pop(k) for k in _LEGACY_INPUT if k in kwargs}
    if given.get("batch_input_shape") is not None:
        return tuple(given["batch_input_shape"])
    batch = given.get("batch_size")
    if given.get("input_shape") is not None:
        shape = given["input_shape"]
        return (batch, *((shape,) if isinstance(shape, int) else shape))
    if given.get("input_dim") is not None:
        length = (given["input_length"],) if "input_length" in given else ()
        return (batch, *length, given["input_dim"])
    return None
