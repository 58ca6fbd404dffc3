"""Rematerialization: intermediate values are computed again in the backward pass instead of kept for it."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from . import tree
from .config import thread
from .engine import is_jax_array, jax
from .masks import get_mask, get_masks, set_mask, set_masks
from .state import StateScope, current_scope

F = TypeVar("F", bound=Callable)


def remat(f: F) -> F:
    """Returns `f` with its intermediate values computed again when gradients are.

    Variables that `f` assigns, losses that it adds and masks are as without it.

    Args:
        f: A function of arrays and settings, which may read and assign variables.

    >>> keras.remat(lambda x: keras.ops.sin(x) * 2)(np.zeros(2, "float32"))
    Array([0., 0.], dtype=float32)
    """

    @functools.wraps(f)
    def wrapper(*args: object, **kwargs: object) -> object:
        leaves = tree.flatten((args, kwargs))
        arrays = {i: x for i, x in enumerate(leaves) if is_jax_array(x)}  # the others are settings
        masks = {i: get_mask(x) for i, x in arrays.items()}
        effects: list = []

        def pure(arrays: dict, masks: dict) -> tuple:
            for i, mask in masks.items():  # what is traced anew has lost its mask
                if mask is not None:
                    set_mask(arrays[i], mask)
            given, options = tree.pack_sequence_as((args, kwargs), [arrays.get(i, x) for i, x in enumerate(leaves)])
            with StateScope() as scope:
                out = f(*given, **options)
            variables = list(scope.written.values())
            effects[:] = variables, [owner for owner, _ in scope.added]
            values = [scope.values[id(v)] for v in variables]
            return out, get_masks(out), values, [loss for _, loss in scope.added]

        out, out_masks, values, losses = jax.checkpoint(pure)(arrays, masks)
        set_masks(out, out_masks)
        variables, owners = effects
        for variable, value in zip(variables, values):
            variable.assign(value)
        outer = current_scope()
        for owner, loss in zip(owners, losses):
            (owner._losses.append(loss) if outer is None else outer.added.append((owner, loss)))
        return out

    return wrapper  # type: ignore[return-value]


class RematMode(NamedTuple):
    """The calls of a layer that are rematerialized; see `RematScope`."""

    mode: str | None
    output_size_threshold: int
    layer_names: tuple[str, ...]

    def applies(self, name: str, has_activation: bool, output_shapes: Callable[[], Sequence[tuple]]) -> bool:
        """Returns whether a call of a layer is rematerialized.

        Args:
            name: Name of the layer.
            has_activation: Whether it has an activation.
            output_shapes: Returns the shapes of its outputs.
        """
        if self.mode == "activations":
            return has_activation
        if self.mode == "list_of_layers":
            return name in self.layer_names
        if self.mode == "larger_than":
            return any(math.prod(d or 1 for d in shape) > self.output_size_threshold for shape in output_shapes())
        return self.mode == "full"


class RematScope:
    """Context manager: calls of the layers that are made within it are rematerialized.

    Args:
        mode: "full" for all layers; "activations" for those with an activation; "larger_than" for those with outputs
            of more than `output_size_threshold` elements; "list_of_layers" for those in `layer_names`; None for none.
        output_size_threshold: Number of elements, for "larger_than".
        layer_names: Names of layers, for "list_of_layers".

    Raises:
        ValueError: The mode is unknown.

    >>> with keras.RematScope(mode="full"):
    ...     layer = keras.layers.Dense(2)
    >>> layer(np.ones((1, 3))).shape
    (1, 2)
    """

    def __init__(
        self, mode: str | None = "full", output_size_threshold: int = 1024, layer_names: Sequence[str] | None = None
    ):
        if mode not in _MODES:
            raise ValueError(
                f"Invalid mode '{mode}'. Supported modes are: 'full', 'activations', 'larger_than', 'list_of_layers', "
                "or  None."
            )
        self.mode = mode
        self.output_size_threshold = output_size_threshold
        self.layer_names = list(layer_names or [])

    def __enter__(self) -> RematScope:
        self._outer = thread.remat
        thread.remat = None
        if self.mode is not None:
            thread.remat = RematMode(self.mode, self.output_size_threshold, tuple(self.layer_names))
        return self

    def __exit__(self, *exc: object) -> None:
        thread.remat = self._outer


_MODES = ("full", "activations", "larger_than", "list_of_layers", None)

__all__ = ["RematMode", "RematScope", "remat"]
