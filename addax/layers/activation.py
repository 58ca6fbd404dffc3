"""Activation layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from .. import activations
from ..core.engine import jnp
from ..core.masks import get_mask
from ..core.op import Tensor
from ..core.types import ActivationLike, ConstraintLike, InitializerLike, LayerOptions, RegularizerLike
from ..core.warnings import warn
from ..ops.core import cast
from ..ops.nn import elu, leaky_relu, relu, softmax
from ..ops.numpy import multiply, negative, reshape, where
from .input_spec import InputSpec
from .layer import Layer, Shape
from .sizes import (
    add_weight,
    axis_or_axes,
    built_from_the_start,
    is_along_rows,
    mixes_rows,
    number,
    static_shape,
    take_weight_options,
)


class Elementwise(Layer):
    """Base of layers whose output has the shape of their input."""

    rowwise = "always"

    def __init__(self, **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        self.supports_masking = True
        built_from_the_start(self)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


class Identity(Elementwise):
    """Returns its input unchanged.

    Args:
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> keras.layers.Identity()(np.ones((2, 3))).shape
    (2, 3)
    """

    _keeps_dtype = True
    _keeps_sparse = "all"
    passes_values = True

    def call(self, inputs: Tensor) -> Any:
        return inputs


class Activation(Elementwise):
    """Applies an activation function.

    Args:
        activation: Activation: a name, function or layer.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> keras.layers.Activation("relu")(np.array([-3.0, 2.0]))
    Array([0., 2.], dtype=float32)
    """

    def __init__(self, activation: ActivationLike, **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def _mixes_rows(self, training: bool) -> bool:
        return mixes_rows(self.activation)

    def _output_activation(self) -> Any:
        return self.activation

    def call(self, inputs: Tensor) -> Any:
        return self.activation(inputs)


class ReLU(Elementwise):
    """Rectified linear unit: `x` above `threshold`, at most `max_value`; `negative_slope * (x - threshold)` below.

    Args:
        max_value: Maximum of the output; None for no limit.
        negative_slope: Slope below the threshold.
        threshold: Value of `x` from which on the output is `x`.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `max_value`, `negative_slope` or `threshold` is negative or not a number.

    >>> keras.layers.ReLU(max_value=6.0, negative_slope=0.5)(np.array([-1.0, 2.0, 8.0]))
    Array([-0.5,  2. ,  6. ], dtype=float32)
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Unpack[LayerOptions],
    ):
        super().__init__(**kwargs)
        for name, value in (("max_value", max_value), ("negative_slope", negative_slope), ("threshold", threshold)):
            if value is not None:
                number(self, name, value)
        if max_value is not None and max_value < 0:
            raise ValueError(
                f"max_value of a ReLU layer cannot be a negative value. Received: max_value={max_value} "
                f"(layer '{self.name}')"
            )
        for name, value in (("negative_slope", negative_slope), ("threshold", threshold)):
            if value is None or value < 0:
                raise ValueError(
                    f"{name} of a ReLU layer cannot be None or a negative value. Received: {name}={value} "
                    f"(layer '{self.name}')"
                )
        self.max_value = max_value
        self.negative_slope = negative_slope
        self.threshold = threshold

    def call(self, inputs: Tensor) -> Any:
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)

    def _output_activation(self) -> Any:
        return "relu"


class _LeakyOptions(LayerOptions, total=False):
    """Keyword arguments of `LeakyReLU` besides those that it names."""

    alpha: float  # its name before Keras 3


class LeakyReLU(Elementwise):
    """Leaky rectified linear unit: `x` above 0, `negative_slope * x` below.

    Args:
        negative_slope: Slope below 0.
        **kwargs: `name`, `dtype` and other arguments of `Layer`; `alpha`, Keras 2's name for the slope.

    Raises:
        ValueError: `negative_slope` is negative or not a number.

    >>> keras.layers.LeakyReLU(0.5)(np.array([-1.0, 2.0]))
    Array([-0.5,  2. ], dtype=float32)
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Unpack[_LeakyOptions]):
        options: dict[str, Any] = {**kwargs}
        if "alpha" in options:
            negative_slope = options.pop("alpha")
            warn("Argument `alpha` is deprecated. Use `negative_slope` instead.")
        super().__init__(**options)
        if negative_slope is None or number(self, "negative_slope", negative_slope) < 0:
            raise ValueError(
                "The negative_slope value of a Leaky ReLU layer cannot be None or negative value. Expected a float. "
                f"Received: negative_slope={negative_slope} (layer '{self.name}')"
            )
        self.negative_slope = negative_slope

    def call(self, inputs: Tensor) -> Any:
        return leaky_relu(inputs, self.negative_slope)

    def _output_activation(self) -> Any:
        return "leaky_relu"


class PReLU(Layer):
    """Parametric rectified linear unit: `x` above 0, `alpha * x` below, with learned `alpha`
    ([paper](https://arxiv.org/abs/1502.01852)).

    Args:
        alpha_initializer: Initializer of the slopes.
        alpha_regularizer: Regularizer of the slopes.
        alpha_constraint: Constraint on the slopes, applied after each update.
        shared_axes: Axes along which a slope is shared, counted from 1 for the first after the batch; None for none.
        **kwargs: `name`, `dtype`, `trainable` and other arguments of `Layer`.

    Raises:
        ValueError: A shared axis is not positive.

    >>> keras.layers.PReLU(alpha_initializer="ones", shared_axes=[1, 2])(np.ones((1, 8, 8, 3))).shape
    (1, 8, 8, 3)
    """

    rowwise = "always"

    def __init__(
        self,
        alpha_initializer: InitializerLike = "Zeros",
        alpha_regularizer: RegularizerLike = None,
        alpha_constraint: ConstraintLike = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Unpack[LayerOptions],
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        take_weight_options(
            self,
            alpha=(alpha_initializer, alpha_regularizer, alpha_constraint),
        )
        if shared_axes is not None:
            axis_or_axes(self, "shared_axes", shared_axes)
            shared_axes = [shared_axes] if isinstance(shared_axes, int) else list(shared_axes)
            if any(axis <= 0 for axis in shared_axes):
                raise ValueError(
                    f"`shared_axes` of layer '{self.name}' are counted from 1, the first after the batch. Received: "
                    f"shared_axes={shared_axes}"
                )
        self.shared_axes = shared_axes

    def build(self, input_shape: Shape) -> None:
        shape = list(input_shape[1:])
        for axis in self.shared_axes or ():
            shape[axis - 1] = 1
        self.alpha = add_weight(self, "alpha", shape)
        axes = {i: n for i, n in enumerate(input_shape) if i > 0 and i not in (self.shared_axes or ())}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes)  # type: ignore[arg-type]

    def call(self, inputs: Tensor) -> Any:
        return relu(inputs) - multiply(self.alpha, relu(negative(inputs)))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


class ELU(Elementwise):
    """Exponential linear unit: `x` above 0, `alpha * (exp(x) - 1)` below ([paper](https://arxiv.org/abs/1511.07289)).

    Args:
        alpha: Scale of the negative part, which tends to `-alpha`.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> keras.layers.ELU()(np.array([-1.0, 2.0])).round(3)
    Array([-0.632,  2.   ], dtype=float32)
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        self.alpha = number(self, "alpha", alpha)

    def call(self, inputs: Tensor) -> Any:
        return elu(inputs, self.alpha)

    def _output_activation(self) -> Any:
        return "elu"


class Softmax(Elementwise):
    """Softmax: `exp(x) / sum(exp(x))` along an axis.

    Args:
        axis: Axis or axes to normalize along.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        TypeError: `axis` is neither an int nor a list or tuple of ints.

    Call arguments: `inputs`; `mask`, bool, of the same shape: the output is 0 where it is False. A mask with fewer axes
    marks padded timesteps: it is passed on, and has an effect only if the softmax runs over the timesteps.

    >>> keras.layers.Softmax()(np.array([1.0, 1.0]), mask=np.array([True, False]))
    Array([1., 0.], dtype=float32)
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        self.axis = axis_or_axes(self, "axis", axis)

    def _mixes_rows(self, training: bool) -> bool:
        return is_along_rows(self, self.axis)

    def _output_activation(self) -> Any:
        return "softmax"

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Any:
        axis = tuple(self.axis) if isinstance(self.axis, (list, tuple)) else self.axis
        mask = None if mask is None else self._per_score(mask, inputs)
        if mask is None:
            return softmax(inputs, axis)
        mask = cast(mask, "bool")
        out = softmax(where(mask, inputs, jnp.finfo(inputs.dtype).min), axis)
        return where(mask, out, jnp.zeros((), out.dtype))

    def _per_score(self, mask: Tensor, inputs: Tensor) -> Any:
        """Returns the mask in a shape that broadcasts with the inputs, or None if it masks only whole rows.

        A mask that came with the inputs marks timesteps `(batch, time, ...)`, whatever the sizes. One that is passed
        to the call follows NumPy's broadcasting rules, if they apply.

        Raises:
            ValueError: The mask fits neither way.
        """
        shape, sizes = static_shape(inputs), static_shape(mask)
        steps = len(sizes) < len(shape) and _fits(sizes, shape[: len(sizes)])
        # In a graph the mask of the inputs is computed twice, so that it is recognized by its shape, not its identity.
        came_along = get_mask(inputs)
        if not (steps and came_along is not None and static_shape(came_along) == sizes) and _fits(
            sizes, shape[len(shape) - len(sizes) :]
        ):
            return mask
        if not steps:
            raise ValueError(
                "The `mask` must be broadcastable to `inputs` and must not have more dimensions. Each mask dimension "
                f"must be 1 or match the corresponding input dimension. Received: inputs.shape={shape}, "
                f"mask.shape={sizes} (layer '{self.path}'; a mask of the steps, {shape[:-1]}, is one, too)"
            )
        axes = self.axis if isinstance(self.axis, (list, tuple)) else [self.axis]
        if all(a % len(shape) >= len(sizes) for a in axes):
            return None
        return reshape(mask, (*mask.shape, *(1,) * (len(shape) - len(sizes))))


def _fits(mask: Shape, shape: Shape) -> bool:
    """Returns whether a mask of the first shape broadcasts to the second; unknown sizes match any."""
    return len(mask) == len(shape) and all(m in (1, n) or None in (m, n) for m, n in zip(mask, shape))
