"""Normalisation of each sample by itself: over features, groups of them, or to unit length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.engine import lax
from ..core.warnings import warn
from ..ops.core import cast
from ..ops.nn import layer_normalization, moments, normalize, rms_normalization
from ..ops.numpy import reshape
from .input_spec import InputSpec
from .layer import Layer, Shape
from .sizes import add_weight, take_weight_options


def _standardize_axis(layer: Layer, axis: Any) -> Any:
    """`axis`, which must be an int or several."""
    axes = list(axis) if isinstance(axis, (list, tuple)) else [axis]
    if not all(isinstance(a, int) for a in axes):
        raise TypeError(
            f"Expected an int or a list/tuple of ints for the argument 'axis', but received: {axis!r} "
            f"(layer '{layer.name}' of type {type(layer).__name__})"
        )
    return axes if isinstance(axis, (list, tuple)) else axis


def _sizes_along(layer: Layer, input_shape: Shape, axes: Sequence[int]) -> list[int | None]:
    """The sizes of `input_shape` along `axes`."""
    rank = len(input_shape)
    for axis in axes:
        if not -rank <= axis < rank:
            raise ValueError(
                f"`axis` of layer '{layer.path}' ({type(layer).__name__}) must be between {-rank} and {rank - 1} for "
                f"an input of shape {input_shape}. Received: axis={axis}"
            )
    return [input_shape[axis] for axis in axes]


class SampleNormalization(Layer):
    """A layer that normalises each sample by itself; its output is of the shape of its input."""

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        axes = self.axis if isinstance(self.axis, (list, tuple)) else [self.axis]
        _sizes_along(self, input_shape, axes)
        return input_shape

    axis: Any

    def _listed_axes(self) -> list[int]:
        if isinstance(self.axis, int):
            self.axis = [self.axis]  # as Keras's config of a built layer has it
        return self.axis


class LayerNormalization(SampleNormalization):
    """Brings each sample to mean 0 and variance 1 along an axis ([paper](https://arxiv.org/abs/1607.06450)).

    Args:
        axis: Axis or axes over which mean and variance are taken; the weights have their sizes.
        epsilon: Added to the variance.
        center: Whether to add a learned offset, `beta`.
        scale: Whether to multiply by a learned factor, `gamma`.
        beta_initializer, gamma_initializer: How the weights begin.
        beta_regularizer, gamma_regularizer: Penalties on the weights.
        beta_constraint, gamma_constraint: What is applied to the weights after each update.
        rms_scaling: Deprecated: divides by the standard deviation and leaves the mean. See `RMSNormalization`.
        **kwargs: `name`, `dtype`, `trainable` and other arguments of `Layer`.

    >>> keras.layers.LayerNormalization()(np.array([[1.0, 3.0]])).round(2)
    Array([[-1.,  1.]], dtype=float32)
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        rms_scaling: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if rms_scaling:
            warn(
                "You passed `rms_scaling=True`, which is deprecated: it scales by the standard deviation, not the "
                "root mean square. Use `keras.layers.RMSNormalization` instead."
            )
        self.axis = _standardize_axis(self, axis)
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.rms_scaling = rms_scaling
        take_weight_options(
            self,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        shape = _sizes_along(self, input_shape, self._listed_axes())
        self.gamma = add_weight(self, "gamma", shape) if self.scale or self.rms_scaling else None
        self.beta = add_weight(self, "beta", shape) if self.center and not self.rms_scaling else None

    def call(self, inputs: Any) -> Any:
        inputs = cast(inputs, self.compute_dtype)
        return layer_normalization(inputs, self.gamma, self.beta, self.axis, self.epsilon, rms_scaling=self.rms_scaling)


class RMSNormalization(SampleNormalization):
    """Divides each sample by the root of its mean square ([paper](https://arxiv.org/abs/1910.07467)).

    Args:
        axis: Axis or axes over which the mean is taken; the learned `scale` has their sizes.
        epsilon: Added to the mean square.
        **kwargs: `name`, `dtype`, `trainable` and other arguments of `Layer`.

    >>> np.asarray(keras.layers.RMSNormalization()(np.array([[1.0, 7.0]]))).round(2)
    array([[0.2, 1.4]], dtype=float32)
    """

    def __init__(self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = _standardize_axis(self, axis)
        self.epsilon = epsilon

    def build(self, input_shape: Shape) -> None:
        shape = _sizes_along(self, input_shape, self._listed_axes())
        self.scale = self.add_weight(name="scale", shape=shape, initializer="ones")

    def call(self, inputs: Any) -> Any:
        return rms_normalization(cast(inputs, self.compute_dtype), self.scale, self.axis, self.epsilon)


class UnitNormalization(SampleNormalization):
    """Scales each sample to length 1.

    Args:
        axis: Axis or axes along which the length is taken.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> np.asarray(keras.layers.UnitNormalization()(np.array([[3.0, 4.0]]))).round(2)
    array([[0.6, 0.8]], dtype=float32)
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any):
        super().__init__(**kwargs)
        if not all(isinstance(a, int) for a in (axis if isinstance(axis, (list, tuple)) else [axis])):
            raise TypeError(
                f"Invalid value for `axis` argument: expected an int or a list/tuple of ints. Received: axis={axis}"
            )
        self.axis = axis
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        return normalize(cast(inputs, self.compute_dtype), axis=self.axis, order=2, epsilon=1e-12)


class GroupNormalization(SampleNormalization):
    """Brings groups of channels of each sample to mean 0 and variance 1 ([paper](https://arxiv.org/abs/1803.08494)).

    Args:
        groups: Number of groups, which divides the channels; -1 for a group for each channel.
        axis: Axis of the channels.
        epsilon: Added to the variance.
        center: Whether to add a learned offset, `beta`.
        scale: Whether to multiply by a learned factor, `gamma`.
        beta_initializer, gamma_initializer: How the weights begin.
        beta_regularizer, gamma_regularizer: Penalties on the weights.
        beta_constraint, gamma_constraint: What is applied to the weights after each update.
        **kwargs: `name`, `dtype`, `trainable` and other arguments of `Layer`.

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
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.groups = groups
        self.axis = axis
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        take_weight_options(
            self,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )
        self.supports_masking = True

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
                f"Number of groups ({self.groups}) must divide the number of channels ({channels}).{where}"
            )
        self.gamma = add_weight(self, "gamma", (channels,)) if self.scale else None
        self.beta = add_weight(self, "beta", (channels,)) if self.center else None
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})

    def call(self, inputs: Any) -> Any:
        axis = self.axis % inputs.ndim
        shape = tuple(inputs.shape)
        x = cast(inputs, "float64" if self.compute_dtype == "float64" else "float32")
        # The channels as two axes: the group, and the place in it.
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
