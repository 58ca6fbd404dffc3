"""How a layer is built: what surrounds every `build`, and the shapes that it is given."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..core import tree
from ..core.config import thread
from ..core.engine import is_jax_array
from ..core.keras_tensor import KerasTensor
from ..core.naming import name_scope
from ..core.signature import signature_of

if TYPE_CHECKING:
    from .layer import Layer

Shape = tuple[int | None, ...]

# Arguments of Keras 2 that say which input a first layer expects.
_LEGACY_INPUT = ("input_shape", "batch_input_shape", "input_dim", "input_length", "batch_size")


def around_build(build: Callable) -> Callable:
    """What happens around every `build`, also one that the user calls: names, the built flag, the lock."""

    @functools.wraps(build)
    def wrapper(self: Layer, *args: Any, **kwargs: Any) -> None:
        if self._building:  # super().build()
            build(self, *args, **kwargs)
            return
        self.__dict__["_building"] = True
        self._path_from_scope()
        with _unless_named(self.name):
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


@contextmanager
def _unless_named(name: str) -> Iterator[None]:
    if thread.name_scopes and thread.name_scopes[-1] == name:
        yield
    else:
        with name_scope(name):
            yield


def as_shape(shape: Any) -> Any:
    """Lists, as JSON has them, back to tuples, where they are shapes."""
    if tree.is_shape(shape):
        return tuple(shape)
    if isinstance(shape, list):
        return [as_shape(s) for s in shape]
    if isinstance(shape, dict):
        return {k: as_shape(v) for k, v in shape.items()}
    return shape


def shapes_of(bound: dict[str, Any]) -> dict[str, Any]:
    """`<argument>_shape` -> structure of shapes, for the arguments that are tensors."""
    shapes = {}
    for name, value in bound.items():
        if name == "mask" or name.endswith("_mask"):
            continue
        leaves = tree.flatten(value)
        if leaves and all(hasattr(x, "shape") or x is None for x in leaves) and any(x is not None for x in leaves):
            shapes[f"{name}_shape"] = tree.map_structure(
                lambda x: None if x is None else tuple(d if isinstance(d, int) else None for d in x.shape), value
            )
    return shapes


def match_shapes(fn: Callable, shapes: dict[str, Any], layer: Layer) -> dict[str, Any]:
    """The arguments for `build` or `compute_output_shape`: by name, or the first shape where there is one parameter."""
    parameters = list(signature_of(fn).parameters.values())[1:]
    names = [p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    if not names:
        return dict(shapes) if any(p.kind is p.VAR_KEYWORD for p in parameters) else {}
    if not shapes:
        return {}
    matched = {n: shapes[n] for n in names if n in shapes}
    required = [p.name for p in parameters if p.name in names and p.default is p.empty]
    if matched and set(required) <= set(matched):
        return matched
    if len(required) <= 1:
        return {names[0]: next(iter(shapes.values()))}
    raise ValueError(
        f"`{fn.__name__}` of layer '{layer.path}' ({type(layer).__name__}) takes {names}, but the layer was called "
        f"with arguments that give {list(shapes)}. Each parameter must be named after an argument of `call`."
    )


def as_spec(x: Any) -> Any:
    """An array as a KerasTensor of its shape, for abstract evaluation; everything else as it is."""
    if is_jax_array(x):
        return KerasTensor(tuple(d if isinstance(d, int) else None for d in x.shape), str(x.dtype))
    return x


def legacy_input_shape(kwargs: dict[str, Any]) -> Shape | None:
    """The batch shape that Keras 2's arguments ask for; takes them out of `kwargs`."""
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
