"""Layer, RMS, unit and group normalization: each sample is normalized separately."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from ..core.engine import lax
from ..core.op import Tensor
from ..core.types import ConstraintLike, InitializerLike, LayerOptions, RegularizerLike
from ..core.warnings import warn
from ..ops.core import cast
from ..ops.nn import layer_normalization, moments, normalize, rms_normalization
from ..ops.numpy import reshape
from .input_spec import InputSpec
from .layer import Layer, Shape
from .shown_signature import ShownSignature
from .sizes import (
    add_weight,
    axis_or_axes,
    built_from_the_start,
    flag,
    is_along_rows,
    is_int,
    number,
    take_weight_options,
    weight_options,
    wide_dtype,
)


def _standardize_axis(layer: Layer, axis: int | Sequence[int]) -> Any:
    """Returns `axis`, a tuple as a list.

    Raises:
        TypeError: It is neither an int nor a list or tuple of ints.
    """
    axes = list(axis) if isinstance(axis, (list, tuple)) else [axis]
    if not all(map(is_int, axes)):
        raise TypeError(
            f"Expected an int or a list/tuple of ints for the argument 'axis', but received: {axis!r} "
            f"(layer '{layer.name}' of type {type(layer).__name__})"
        )
    return axes if isinstance(axis, (list, tuple)) else axis


def _sizes_along(layer: Layer, input_shape: Shape, axes: Sequence[int]) -> list[int | None]:
    """Returns the sizes of `input_shape` along `axes`.

    Raises:
        ValueError: An axis is out of bounds.
    """
    rank = len(input_shape)
    for axis in axes:
        if not -rank <= axis < rank:
            raise ValueError(
                f"`axis` of layer '{layer.path}' ({type(layer).__name__}) must be between {-rank} and {rank - 1} for "
                f"an input of shape {input_shape}. Received: axis={axis}"
            )
    return [input_shape[axis] for axis in axes]


class SampleNormalization(Layer):
    """Base of layers that normalize each sample separately. Output shapes are those of the inputs.

    Outputs are cast to the compute dtype, inputs are not: in float16, values above 65504 would become infinite before
    the statistics are computed.
    """

    rowwise = "always"

    def __init__(self, **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        self.autocast = False

    def _configure(self, given: dict[str, Any]) -> None:
        """Sets the options of layers with offset `beta` and factor `gamma`.

        Args:
            given: The arguments of the constructor, its `locals()`.
        """
        self.epsilon = number(self, "epsilon", given["epsilon"], least=0)
        self.center = flag(self, "center", given["center"])
        self.scale: Any = flag(self, "scale", given["scale"])
        take_weight_options(self, **weight_options(given, "beta", "gamma"))
        self.supports_masking = True

    def _widened(self, inputs: Tensor) -> Any:
        """Returns the inputs in the dtype that statistics are computed in."""
        return cast(inputs, wide_dtype(self.compute_dtype))

    def _mixes_rows(self, training: bool) -> bool:
        return is_along_rows(self, self.axis)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        axes = self.axis if isinstance(self.axis, (list, tuple)) else [self.axis]
        _sizes_along(self, input_shape, axes)
        return input_shape

    axis: Any

    def _listed_axes(self) -> list[int]:
        if isinstance(self.axis, int):
            self.axis = [self.axis]  # as in Keras's config of a built layer
        return self.axis


class LayerNormalization(SampleNormalization):
    """Normalizes each sample to mean 0 and variance 1 along an axis ([paper](https://arxiv.org/abs/1607.06450)).

    Args:
        axis: Axis or axes to compute mean and variance over; the weights have their sizes.
        epsilon: Small number added to the variance, against division by zero.
        center: Whether to add a learned offset, `beta`.
        scale: Whether to multiply by a learned factor, `gamma`.
        beta_initializer, gamma_initializer: Initializers of `beta` and `gamma`.
        beta_regularizer, gamma_regularizer: Regularizers of `beta` and `gamma`.
        beta_constraint, gamma_constraint: Constraints on `beta` and `gamma`, applied after each update.
        rms_scaling: Deprecated: whether to divide by the standard deviation without subtracting the mean. Use
            `RMSNormalization`.
        **kwargs: `name`, `dtype`, `trainable` and other arguments of `Layer`.

    >>> keras.layers.LayerNormalization()(np.array([[1.0, 3.0]])).round(2)
    Array([[-1.,  1.]], dtype=float32)
    """

    __signature__ = ShownSignature(hidden=("rms_scaling",))

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        rms_scaling: bool = False,
        **kwargs: Unpack[LayerOptions],
    ):
        super().__init__(**kwargs)
        if rms_scaling:
            warn(
                "You passed `rms_scaling=True`, which is deprecated: it scales by the standard deviation, not the "
                "root mean square. Use `keras.layers.RMSNormalization` instead."
            )
        self.axis = _standardize_axis(self, axis)
        self.rms_scaling = rms_scaling
        self._configure(locals())

    def build(self, input_shape: Shape) -> None:
        shape = _sizes_along(self, input_shape, self._listed_axes())
        self.gamma = add_weight(self, "gamma", shape) if self.scale or self.rms_scaling else None
        self.beta = add_weight(self, "beta", shape) if self.center and not self.rms_scaling else None

    def call(self, inputs: Tensor) -> Any:
        x = self._widened(inputs)
        out = layer_normalization(x, self.gamma, self.beta, self.axis, self.epsilon, rms_scaling=self.rms_scaling)
        return cast(out, self.compute_dtype)


class RMSNormalization(SampleNormalization):
    """Divides each sample by its root mean square ([paper](https://arxiv.org/abs/1910.07467)).

    Args:
        axis: Axis or axes to compute the mean square over; the learned `scale` has their sizes.
        epsilon: Small number added to the mean square, against division by zero.
        **kwargs: `name`, `dtype`, `trainable` and other arguments of `Layer`.

    >>> np.asarray(keras.layers.RMSNormalization()(np.array([[1.0, 7.0]]))).round(2)
    array([[0.2, 1.4]], dtype=float32)
    """

    def __init__(self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        self.axis = _standardize_axis(self, axis)
        self.epsilon = number(self, "epsilon", epsilon, least=0)

    def build(self, input_shape: Shape) -> None:
        shape = _sizes_along(self, input_shape, self._listed_axes())
        self.scale = self.add_weight(name="scale", shape=shape, initializer="ones")

    def call(self, x: Tensor) -> Any:
        out = rms_normalization(self._widened(x), self.scale, self.axis, self.epsilon)
        return cast(out, self.compute_dtype)


class UnitNormalization(SampleNormalization):
    """Scales each sample to unit Euclidean norm.

    Args:
        axis: Axis or axes to compute the norm over.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> np.asarray(keras.layers.UnitNormalization()(np.array([[3.0, 4.0]]))).round(2)
    array([[0.6, 0.8]], dtype=float32)
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        self.axis = axis_or_axes(self, "axis", axis)
        self.supports_masking = True
        built_from_the_start(self)

    def call(self, inputs: Tensor) -> Any:
        out = normalize(self._widened(inputs), axis=self.axis, order=2, epsilon=1e-12)
        return cast(out, self.compute_dtype)


class GroupNormalization(SampleNormalization):
    """Normalizes groups of channels of each sample to mean 0 and variance 1
    ([paper](https://arxiv.org/abs/1803.08494)).

    Args:
        groups: Number of groups, a divisor of the number of channels; -1 for one group per channel (instance
            normalization).
        axis: Axis of the channels.
        epsilon: Small number added to the variance, against division by zero.
        center: Whether to add a learned offset, `beta`.
        scale: Whether to multiply by a learned factor, `gamma`.
        beta_initializer, gamma_initializer: Initializers of `beta` and `gamma`.
        beta_regularizer, gamma_regularizer: Regularizers of `beta` and `gamma`.
        beta_constraint, gamma_constraint: Constraints on `beta` and `gamma`, applied after each update.
        **kwargs: `name`, `dtype`, `trainable` and other arguments of `Layer`.

    Raises:
        TypeError: `axis` isn't an int.
        ValueError: `groups` is neither positive nor -1.

    >>> keras.layers.GroupNormalization(groups=2)(np.array([[1.0, 3.0, 10.0, 30.0]])).round(2)
    Array([[-1.,  1., -1.,  1.]], dtype=float32)
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        **kwargs: Unpack[LayerOptions],
    ):
        super().__init__(**kwargs)
        if not is_int(groups) or (groups <= 0 and groups != -1):
            raise ValueError(
                "Received an invalid value for argument `groups`, expected a positive integer (or `-1` for instance "
                f"normalization). Received: groups={groups} (layer '{self.name}')"
            )
        if not is_int(axis):
            raise TypeError(
                f"`axis` of layer '{self.name}' (GroupNormalization) must be an int. Received: axis={axis!r}"
            )
        self.groups = groups
        self.axis = axis
        self._configure(locals())

    def build(self, input_shape: Shape) -> None:
        (channels,) = _sizes_along(self, input_shape, [self.axis])
        where = f" (layer '{self.path}', input_shape={input_shape})"
        if channels is None:
            raise ValueError(
                f"Axis {self.axis} of input tensor should have a defined dimension but the layer received an input "
                f"with shape {input_shape}.{where}"
            )
        if self.groups == -1:
            self.groups = channels
        if channels < self.groups:
            raise ValueError(
                f"Number of groups ({self.groups}) cannot be more than the number of channels ({channels}).{where}"
            )
        if channels % self.groups:
            raise ValueError(
                f"Number of groups ({self.groups}) must divide the number of channels ({channels}); in Keras's words: "
                f"Number of groups ({self.groups}) must be a multiple of the number of channels ({channels}).{where}"
            )
        self.gamma = add_weight(self, "gamma", (channels,)) if self.scale else None
        self.beta = add_weight(self, "beta", (channels,)) if self.center else None
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})

    def call(self, inputs: Tensor) -> Any:
        axis = self.axis % inputs.ndim
        shape = tuple(inputs.shape)
        x = self._widened(inputs)
        # Splits the channels into two axes: the group, and the position within it.
        x = reshape(x, (*shape[:axis], self.groups, shape[axis] // self.groups, *shape[axis + 1 :]))
        reduced = tuple(i for i in range(1, x.ndim) if i != axis)
        mean, variance = moments(x, reduced, keepdims=True)
        x = reshape((x - mean) * lax.rsqrt(variance + self.epsilon), shape)
        along = tuple(shape[axis] if i == axis else 1 for i in range(inputs.ndim))
        if self.gamma is not None:
            x = x * reshape(self.gamma, along)
        if self.beta is not None:
            x = x + reshape(self.beta, along)
        return cast(x, self.compute_dtype)
