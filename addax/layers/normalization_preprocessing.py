"""Preprocessing of numerical features: `Rescaling` and `Normalization`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from ..core.convert import to_tensor
from ..core.op import Tensor
from ..core.types import ArrayLike, Data, LayerOptions
from ..ops import add, cast, divide, maximum, multiply, reshape, sqrt, subtract
from .adapting import batches
from .data_layer import DataLayer
from .input_spec import InputSpec
from .layer import Layer, Shape
from .sizes import axis_or_axes, flag, is_along_rows, wide_dtype


class Rescaling(DataLayer):
    """Computes `inputs * scale + offset`.

    Args:
        scale: A number, or one per feature.
        offset: A number, or one per feature.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `scale` or `offset` isn't numerical.

    >>> keras.layers.Rescaling(1 / 255)(np.array([[0, 255]], "uint8"))
    Array([[0., 1.]], dtype=float32)
    """

    rowwise = "always"

    def __init__(self, scale: ArrayLike, offset: ArrayLike = 0.0, **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        for name, value in (("scale", scale), ("offset", offset)):
            _check_numbers(self, name, value)
        self.scale = scale
        self.offset = offset
        self.supports_masking = True
        self.autocast = False  # raw values may exceed the range of 16-bit floats

    def call(self, inputs: Tensor) -> Any:
        dtype = wide_dtype(self.compute_dtype)
        scaled = multiply(cast(inputs, dtype), to_tensor(self.scale, dtype))
        return cast(add(scaled, to_tensor(self.offset, dtype)), self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


def _as_list(value: ArrayLike | None) -> Any:
    """Returns a number, or numbers in nested lists."""
    return None if value is None else np.asarray(value).tolist()


def _check_numbers(layer: Layer, name: str, value: ArrayLike) -> None:
    """Raises ValueError unless `value` is a number or an array of them."""
    try:
        np.asarray(value, "float32")
    except (TypeError, ValueError):
        raise ValueError(
            f"`{name}` of layer '{layer.name}' ({type(layer).__name__}) must be a number, or one for each feature. "
            f"Received: {name}={value!r}"
        ) from None


class Normalization(DataLayer):
    """Normalizes features to mean 0 and variance 1, with statistics computed by `adapt` or given.

    Args:
        axis: Axis or axes with a mean and variance for each index; None for a single mean and variance of all elements.
        mean, variance: Statistics to use instead of `adapt`: numbers or arrays, both or neither.
        invert: Whether to apply the inverse, from normalized to original features.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: Only one of `mean` and `variance` is given, or they aren't numerical or differ in shape.

    >>> layer = keras.layers.Normalization()
    >>> layer.adapt(np.array([[1.0], [3.0]]))
    >>> layer(np.array([[1.0], [2.0]]))
    Array([[-1.],
           [ 0.]], dtype=float32)
    """

    rowwise = "always"

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: ArrayLike | None = None,
        variance: ArrayLike | None = None,
        invert: bool = False,
        **kwargs: Unpack[LayerOptions],
    ):
        super().__init__(**kwargs)
        if axis is not None:
            axis_or_axes(self, "axis", axis)
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        if (mean is None) != (variance is None):
            raise ValueError(
                "When setting values directly, both `mean` and `variance` must be set. Received: "
                f"mean={mean} and variance={variance} (layer '{self.name}')"
            )
        for name, value in (("mean", mean), ("variance", variance)):
            if value is not None:
                _check_numbers(self, name, value)
        self.invert = flag(self, "invert", invert)
        # As they were given, for the config: in it, 0.1 stays 0.1.
        self._in_config = {"mean": _as_list(mean), "variance": _as_list(variance)}
        self.input_mean: Any
        self.input_variance: Any
        self.input_mean, self.input_variance = (
            None if x is None else np.asarray(x, "float32") for x in (mean, variance)
        )
        if mean is not None and self.input_mean.shape != self.input_variance.shape:
            raise ValueError(
                "When setting values directly, `mean` and `variance` must have the same shape. Received: mean shape "
                f"{self.input_mean.shape} and variance shape {self.input_variance.shape} (layer '{self.name}')"
            )
        self.supports_masking = True
        self.autocast = False  # raw values may exceed the range of 16-bit floats

    def _mixes_rows(self, training: bool) -> bool:
        return is_along_rows(self, self.axis)

    def build(self, input_shape: Shape) -> None:
        rank = len(input_shape)
        if any(not -rank <= a < rank for a in self.axis):
            raise ValueError(
                f"All `axis` values must be in the range [-ndim, ndim). Received inputs with ndim={rank}, while "
                f"axis={self.axis} (layer '{self.path}')"
            )
        self._kept = tuple(sorted(a % rank for a in self.axis))
        for a in self._kept:
            if input_shape[a] is None:
                raise ValueError(
                    f"All `axis` values to be kept must have a known shape. Received axis={self.axis}, "
                    f"inputs.shape={input_shape}, with unknown axis at index {a} (layer '{self.path}')"
                )
        shape = tuple(input_shape[a] for a in self._kept)
        self._broadcast: Any = tuple(input_shape[a] if a in self._kept else 1 for a in range(rank))
        self._build_shape = tuple(input_shape)
        if self.input_mean is not None:
            self._given = tuple(self._spread(value, shape) for value in (self.input_mean, self.input_variance))
        else:
            self.adapt_mean = self.add_weight(name="mean", shape=shape, initializer="zeros", trainable=False)
            self.adapt_variance = self.add_weight(name="variance", shape=shape, initializer="ones", trainable=False)
            self.count = self.add_weight(name="count", shape=(), dtype="int32", initializer="zeros", trainable=False)
        self.input_spec = InputSpec(ndim=rank, axes={a: input_shape[a] for a in self._kept if a})  # type: ignore[misc]

    def _spread(self, value: np.ndarray, shape: tuple) -> np.ndarray:
        """Returns a given mean or variance in a shape that broadcasts with the inputs."""
        if value.ndim > len(shape):
            raise ValueError(
                f"The rank of `mean` must be less than or equal to the number of axes ({len(shape)}). Received: mean "
                f"shape {value.shape} for axis {self.axis} (layer '{self.path}', inputs of shape {self._build_shape})"
            )
        try:
            return np.broadcast_to(value, shape).reshape(self._broadcast)
        except ValueError:
            raise ValueError(
                f"Layer '{self.path}': `mean` and `variance` of shape {value.shape} don't fit inputs of shape "
                f"{self._build_shape} with axis={self.axis}, which need {shape}, or what broadcasts to it."
            ) from None

    @property
    def mean(self) -> Any:
        """The mean, in a shape that broadcasts with the inputs."""
        return cast(self._statistics()[0], self.compute_dtype)

    @property
    def variance(self) -> Any:
        """The variance, in a shape that broadcasts with the inputs."""
        return cast(self._statistics()[1], self.compute_dtype)

    def _statistics(self) -> tuple[Any, Any]:
        """Returns mean and variance, in at least 32 bits, in a shape that broadcasts with the inputs."""
        found = self._given if self.input_mean is not None else (self.adapt_mean.value, self.adapt_variance.value)
        dtype = wide_dtype(self.compute_dtype)
        return tuple(reshape(to_tensor(x, dtype), self._broadcast) for x in found)  # type: ignore[return-value]

    def adapt(self, data: Data) -> None:
        """Computes mean and variance of the data, in place of those computed before.

        Args:
            data: Array with a batch axis, or an iterable of batches (arrays, or tuples whose first element is used).

        Raises:
            RuntimeError: The layer was constructed with `mean` and `variance`.
            ValueError: The data are empty, or their shape differs from that of earlier inputs.
        """
        if self.input_mean is not None:
            raise RuntimeError(
                f"Layer '{self.name}' was given `mean` and `variance`, so there is nothing to `adapt`. Make it without "
                "them to measure them from data."
            )
        count, mean, squares = 0, np.zeros(()), np.zeros(())
        for batch in batches(data):
            if not self.built:
                self.build((None, *batch.shape[1:]) if batch.ndim > 1 else batch.shape)
            built = self._build_shape
            if batch.ndim != len(built) or any(batch.shape[a] != built[a] for a in self._kept):
                raise ValueError(
                    f"The layer was built with input_shape={built}, but adapt() is being called with data with an "
                    f"incompatible shape, data.shape={batch.shape} (layer '{self.name}', axis={self.axis})"
                )
            over = tuple(a for a in range(batch.ndim) if a not in self._kept)
            batch = batch.astype("float64")
            n = int(np.prod([batch.shape[a] for a in over], dtype=int))
            if n == 0:
                continue
            # Parallel variance: combines the statistics of two parts (Chan, Golub and LeVeque, 1979).
            here = batch.mean(over)
            delta = here - mean
            squares = squares + ((batch - here.reshape(self._broadcast)) ** 2).sum(over)
            squares = squares + delta**2 * (count * n / (count + n))
            mean = mean + delta * (n / (count + n))
            count += n
        if count == 0:
            raise ValueError(f"`adapt` of layer '{self.name}' needs data. Received none.")
        self.adapt_mean.assign(mean.astype("float32"))
        self.adapt_variance.assign((squares / count).astype("float32"))

    def finalize_state(self) -> None:
        """Does nothing: mean and variance are read from the weights. For compatibility with Keras."""

    def call(self, inputs: Tensor) -> Any:
        mean, variance = self._statistics()
        inputs = cast(inputs, mean.dtype)
        deviation = maximum(sqrt(variance), 1e-7)
        if self.invert:
            out = add(mean, multiply(inputs, deviation))
        else:
            out = divide(subtract(inputs, mean), deviation)
        return cast(out, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._in_config}
