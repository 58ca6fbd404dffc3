"""Layers that bring raw numbers to a scale: `Rescaling` and `Normalization`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..core.convert import to_tensor
from ..core.variable import Variable
from ..ops import add, cast, divide, maximum, multiply, reshape, sqrt, subtract
from .input_spec import InputSpec
from .layer import Layer, Shape


class Rescaling(Layer):
    """`inputs * scale + offset`, in the layer's dtype.

    Args:
        scale: Number, or one for each feature.
        offset: Number, or one for each feature.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> keras.layers.Rescaling(1 / 255)(np.array([[0, 255]], "uint8"))
    Array([[0., 1.]], dtype=float32)
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        dtype = self.compute_dtype
        scaled = multiply(cast(inputs, dtype), to_tensor(self.scale, dtype))
        return add(scaled, to_tensor(self.offset, dtype))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


class Normalization(Layer):
    """Shifts and scales each feature to mean 0 and variance 1, as measured by `adapt` or given.

    Args:
        axis: Axis or axes that keep a mean and a variance for each index; None for one of each over everything.
        mean, variance: The numbers, instead of `adapt`; both or neither.
        invert: Whether to undo the normalization instead.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> layer = keras.layers.Normalization()
    >>> layer.adapt(np.array([[1.0], [3.0]]))
    >>> layer(np.array([[1.0], [2.0]]))
    Array([[-1.],
           [ 0.]], dtype=float32)
    """

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        if (mean is None) != (variance is None):
            raise ValueError(
                "When setting values directly, both `mean` and `variance` must be set. Received: "
                f"mean={mean} and variance={variance} (layer '{self.name}')"
            )
        self.input_mean: Any
        self.input_variance: Any
        self.input_mean, self.input_variance = (
            None if x is None else np.asarray(x, "float32") for x in (mean, variance)
        )
        if mean is not None and self.input_mean.shape != self.input_variance.shape:
            raise ValueError(
                "When setting values directly, `mean` and `variance` must have the same shape. Received: mean shape "
                f"{np.shape(mean)} and variance shape {np.shape(variance)} (layer '{self.name}')"
            )
        self.invert = invert
        self.supports_masking = True

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
        self._broadcast: Any = (
            tuple(input_shape[a] if a in self._kept else 1 for a in range(rank)) if self._kept else ()
        )
        if self.input_mean is not None:
            try:
                for value in (self.input_mean, self.input_variance):
                    np.broadcast_to(value, self._broadcast or np.shape(value))
            except ValueError:
                raise ValueError(
                    f"Layer '{self.path}': `mean` and `variance` of shape {np.shape(self.input_mean)} don't fit inputs "
                    f"of shape {input_shape} with axis={self.axis}, which need {shape}."
                ) from None
        else:
            self.adapt_mean = self.add_weight(name="mean", shape=shape, initializer="zeros", trainable=False)
            self.adapt_variance = self.add_weight(name="variance", shape=shape, initializer="ones", trainable=False)
            self.count = self.add_weight(name="count", shape=(), dtype="int32", initializer="zeros", trainable=False)
        self.input_spec = InputSpec(ndim=rank, axes={a: input_shape[a] for a in self._kept if a})  # type: ignore[misc]

    @property
    def mean(self) -> Any:
        """The mean, of a shape that broadcasts with the inputs."""
        return self._as_array(self.input_mean if self.input_mean is not None else self.adapt_mean)

    @property
    def variance(self) -> Any:
        """The variance, of a shape that broadcasts with the inputs."""
        return self._as_array(self.input_variance if self.input_variance is not None else self.adapt_variance)

    def _as_array(self, value: Any) -> Any:
        array: Any = cast(value.value if isinstance(value, Variable) else to_tensor(value), self.compute_dtype)
        size = int(np.prod(self._broadcast, dtype=int))
        return reshape(array, self._broadcast) if array.size == size else array

    def adapt(self, data: Any) -> None:
        """Measures mean and variance, and forgets those measured before.

        Args:
            data: Array with a batch axis, or an iterable of batches (arrays; of tuples, the first member).
        """
        if self.input_mean is not None:
            raise RuntimeError(
                f"Layer '{self.name}' was given `mean` and `variance`, so there is nothing to `adapt`. Make it without "
                "them to measure them from data."
            )
        count, mean, squares = 0, np.zeros(()), np.zeros(())
        for batch in _batches(data):
            if not self.built:
                self.build((None, *batch.shape[1:]) if batch.ndim > 1 else batch.shape)
            over = tuple(a for a in range(batch.ndim) if a not in self._kept)
            batch = batch.astype("float64")
            n = int(np.prod([batch.shape[a] for a in over], dtype=int))
            if n == 0:
                continue
            # Means and squares of two parts make those of the whole (Chan, Golub and LeVeque, 1979).
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
        """Does nothing: mean and variance are always those of the weights."""

    def call(self, inputs: Any) -> Any:
        inputs = cast(inputs, self.compute_dtype)
        deviation = maximum(sqrt(self.variance), 1e-7)
        if self.invert:
            return add(self.mean, multiply(inputs, deviation))
        return divide(subtract(inputs, self.mean), deviation)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        given = {"mean": self.input_mean, "variance": self.input_variance}
        return {**config, **{k: None if v is None else v.tolist() for k, v in given.items()}}


def _batches(data: Any) -> Iterator[np.ndarray]:
    """The batches of `data` as arrays."""
    if hasattr(data, "shape") or (isinstance(data, (list, tuple)) and np.isscalar(_first(data))):
        yield np.asarray(data)
        return
    # A PyDataset has no iterator of its own that ends.
    batches = (data[i] for i in range(len(data))) if hasattr(type(data), "__getitem__") else data
    for batch in batches:
        batch = batch[0] if isinstance(batch, (tuple, list)) and hasattr(batch[0], "shape") else batch
        yield np.asarray(batch)


def _first(nested: Any) -> Any:
    while isinstance(nested, (list, tuple)) and len(nested):
        nested = nested[0]
    return nested
