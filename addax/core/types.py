"""Names of the types in signatures.

What Python can't say exactly (a nested structure, whatever can be made an array) has a name all the same, so that a
signature tells what is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

if TYPE_CHECKING:
    import jax

    Array: TypeAlias = jax.Array
else:
    Array = Any

ArrayLike: TypeAlias = Any  # an array, or nested numbers that make one
Tree: TypeAlias = Any  # nested tuples, lists and dicts, with arrays (or what is said) as leaves
Shape: TypeAlias = tuple[int | None, ...]
ShapeTree: TypeAlias = Any  # a shape, or nested tuples, lists and dicts of shapes
ShapeLike: TypeAlias = Sequence[int | None] | int | None
DTypeLike: TypeAlias = Any  # a name, a NumPy dtype, a Python or NumPy type; None for the default
Config: TypeAlias = dict[str, Any]  # JSON-like description of an object
Logs: TypeAlias = Any  # the loss, a list of loss and metrics, or a dict by name, as was asked for
Data: TypeAlias = Any  # arrays, frames, generators, datasets: whatever `fit` takes
SeedLike: TypeAlias = Any  # an int, a `SeedGenerator`, or None
InitializerLike: TypeAlias = Any  # a name, a config, an `Initializer`, or a function of shape and dtype
RegularizerLike: TypeAlias = Any  # a name, a config, a `Regularizer`, or a function of an array; None for none
ConstraintLike: TypeAlias = Any  # a name, a config, a `Constraint`, or a function of an array; None for none
ActivationLike: TypeAlias = str | Config | Callable | None
PolicyLike: TypeAlias = Any  # a dtype, the name of a policy, a config or a `DTypePolicy`; None for the global policy


class OlderOptions(TypedDict, total=False):
    """Keyword arguments of layers that older programs hold."""

    input_shape: ShapeLike
    batch_input_shape: ShapeLike


class LayerOptionsButDtype(OlderOptions, total=False):
    """Keyword arguments that a layer passes on to `Layer`, where it has `dtype` and `name` of its own."""

    activity_regularizer: RegularizerLike
    trainable: bool
    autocast: bool


class LayerOptionsButName(LayerOptionsButDtype, total=False):
    """Keyword arguments that a layer passes on to `Layer`, where it has `name` of its own."""

    dtype: PolicyLike


class LayerOptionsButActivity(OlderOptions, total=False):
    """Keyword arguments that a layer passes on to `Layer`, where it has `activity_regularizer` of its own."""

    trainable: bool
    autocast: bool
    dtype: PolicyLike
    name: str | None


class RecurrentOptions(LayerOptionsButActivity, total=False):
    """Keyword arguments of recurrent layers besides those that they name."""

    implementation: int


class ConvolutionOptions(LayerOptionsButActivity, total=False):
    """Keyword arguments of convolutions besides those that they name."""

    lora_rank: int | None
    lora_alpha: float | None


class LayerOptions(LayerOptionsButName, total=False):
    """Keyword arguments that a layer passes on to `Layer`."""

    name: str | None


class ImageOptions(LayerOptions, total=False):
    """Keyword arguments of image layers besides those that they name."""

    bounding_box_format: str | None


class PlainImageOptions(ImageOptions, total=False):
    """Keyword arguments of image layers that don't name `data_format`."""

    data_format: str | None


__all__ = [
    "ActivationLike",
    "Array",
    "ArrayLike",
    "Config",
    "ConstraintLike",
    "ConvolutionOptions",
    "DTypeLike",
    "Data",
    "ImageOptions",
    "InitializerLike",
    "LayerOptions",
    "LayerOptionsButActivity",
    "LayerOptionsButDtype",
    "LayerOptionsButName",
    "Logs",
    "OlderOptions",
    "PlainImageOptions",
    "PolicyLike",
    "RecurrentOptions",
    "RegularizerLike",
    "SeedLike",
    "Shape",
    "ShapeLike",
    "ShapeTree",
    "Tree",
]
