"""Layers that act in training only: noise, and penalties."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..core.config import standardize_data_format
from ..core.seeds import SeedGenerator
from ..kernels import noise
from ..regularizers import L1L2
from .activation import Elementwise
from .input_spec import InputSpec
from .sizes import fraction, is_int


class Strength:
    """An attribute that says how much a layer drops or disturbs, between 0 and 1.

    The layer gets its random generator, made from its `seed`, as soon as there is anything to draw, also where the
    value is raised later. (A layer that never draws has none, as in Keras.)
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self.name, self.held = name, f"_{name}"

    def __get__(self, layer: Any, owner: type | None = None) -> Any:
        if layer is None:
            return self
        try:
            return layer.__dict__[self.held]
        except KeyError:
            raise AttributeError(f"'{type(layer).__name__}' object has no attribute '{self.name}'") from None

    def __set__(self, layer: Any, value: Any) -> None:
        fraction(layer, self.name, value)
        if value > 0 and "seed_generator" not in layer.__dict__:
            try:
                layer.seed_generator = SeedGenerator(layer.seed)
            except ValueError as error:
                if not layer.built:
                    raise
                raise ValueError(
                    f"`{self.name}` of layer '{layer.path}' ({type(layer).__name__}) was 0 when the layer was built, "
                    f"so it has no random generator. Make the layer with {self.name}={value}, or set it earlier."
                ) from error
        setattr(layer, self.held, value)


class Noise(Elementwise):
    """A layer that adds noise in training and lets the input through otherwise."""

    _about: tuple[str, ...] = ("seed",)  # which the generator was given

    strength = "rate"  # the attribute that says how much
    seed: Any
    seed_generator: SeedGenerator

    def call(self, inputs: Any, training: bool = False) -> Any:
        return self.disturb(inputs) if training and getattr(self, self.strength) > 0 else inputs

    def disturb(self, inputs: Any) -> Any:
        """The input with the noise."""
        raise NotImplementedError


def _noise_shape(layer: Noise, noise_shape: Any) -> tuple | None:
    if noise_shape is None:
        return None
    start = "Invalid value received for argument `noise_shape`. Expected"
    if not isinstance(noise_shape, Sequence) or isinstance(noise_shape, str):
        raise ValueError(
            f"{start} an iterable of integers (e.g., a tuple or list). Received: noise_shape={noise_shape} (layer "
            f"'{layer.name}')"
        )
    for i, size in enumerate(noise_shape):
        if size is not None and not is_int(size):
            raise ValueError(
                f"{start} all elements to be integers or None. Received element at index {i}: {size} (type: "
                f"{type(size).__name__}) (layer '{layer.name}')"
            )
        if size is not None and size <= 0:
            raise ValueError(
                f"{start} all dimensions to be positive integers or None. Received negative or zero value at index "
                f"{i}: {size} (layer '{layer.name}')"
            )
    return tuple(noise_shape)


def _concrete(noise_shape: tuple | None, inputs: Any) -> tuple:
    if noise_shape is None:
        return tuple(inputs.shape)
    return tuple(have if n is None else n for n, have in zip(noise_shape, inputs.shape))


class Dropout(Noise):
    """Sets a part of the input to 0 in training, and scales the rest up so that the sum stays the same on average
    ([paper](https://jmlr.org/papers/v15/srivastava14a.html)).

    Args:
        rate: The part, in [0, 1].
        noise_shape: Shape of what is drawn, which broadcasts with the input; None in it is the input's size.
        seed: An int makes the same draws each time the program is run.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Call arguments: `inputs`, and `training`: whether to drop anything.

    >>> layer = keras.layers.Dropout(0.5, seed=1)
    >>> sorted(set(layer(np.ones(100), training=True).tolist())), layer(np.ones(2))
    ([0.0, 2.0], Array([1., 1.], dtype=float32))
    """

    passes_values = True
    rate = Strength()

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.seed = seed
        self.rate = rate
        self.noise_shape = _noise_shape(self, noise_shape)

    def _mixes_rows(self, training: bool) -> bool:
        return training and self.noise_shape is not None and self.noise_shape[:1] not in ((None,), (1,))

    def disturb(self, inputs: Any) -> Any:
        return noise.dropout(inputs, self.seed_generator.next(), self.rate, _concrete(self.noise_shape, inputs))


class AlphaDropout(Noise):
    """Dropout that keeps mean and variance, for networks with SELU ([paper](https://arxiv.org/abs/1706.02515)).

    Args:
        rate: The part that is dropped, in [0, 1].
        noise_shape, seed: As for `Dropout`.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> keras.layers.AlphaDropout(0.5)(np.ones((2, 3)), training=True).shape
    (2, 3)
    """

    # The least value of SELU, which dropped elements get.
    lowest = -1.6732632423543772 * 1.0507009873554805

    rate = Strength()

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.seed = seed
        self.rate = rate
        self.noise_shape = _noise_shape(self, noise_shape)

    def _mixes_rows(self, training: bool) -> bool:
        return training and self.noise_shape is not None and self.noise_shape[:1] not in ((None,), (1,))

    def disturb(self, inputs: Any) -> Any:
        from ..core.engine import jnp

        keep = noise.keep_mask(self.seed_generator.next(), self.rate, _concrete(self.noise_shape, inputs))
        # An affine map brings mean 0 and variance 1 back.
        scale = ((1 - self.rate) * (1 + self.rate * self.lowest**2)) ** -0.5
        shift = -scale * self.lowest * self.rate
        return scale * jnp.where(keep, inputs, jnp.asarray(self.lowest, inputs.dtype)) + shift


class SpatialDropout(Noise):
    """Dropout of whole channels. `rank` is the number of spatial axes."""

    passes_values = True
    rank: int
    rate = Strength()

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ):
        super().__init__(name=name, dtype=dtype, **kwargs)
        self.seed = seed
        self.rate = rate
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def disturb(self, inputs: Any) -> Any:
        ones = (1,) * self.rank
        shape = (None, *ones, None) if self.data_format == "channels_last" else (None, None, *ones)
        return noise.dropout(inputs, self.seed_generator.next(), self.rate, _concrete(shape, inputs))

    def get_config(self) -> dict[str, Any]:
        """As Keras writes it: without `trainable`, and with the variables' dtype in place of the policy."""
        config = {"rate": self.rate, "seed": self.seed, "name": self.name, "dtype": self.dtype}
        return config if self.rank == 1 else {**config, "data_format": self.data_format}


class SpatialDropout1D(SpatialDropout):
    """Sets a part of the channels of each sequence to 0 in training ([paper](https://arxiv.org/abs/1411.4280)).

    Args:
        rate: The part, in [0, 1].
        seed: An int makes the same draws each time the program is run.
        name: Name; automatic when None.
        dtype: Dtype or policy.

    >>> keras.layers.SpatialDropout1D(0.5)(np.ones((2, 5, 3)), training=True).shape
    (2, 5, 3)
    """

    rank = 1

    def __init__(self, rate: float, seed: int | None = None, name: str | None = None, dtype: Any = None, **kwargs: Any):
        super().__init__(rate, "channels_last", seed=seed, name=name, dtype=dtype, **kwargs)


class SpatialDropout2D(SpatialDropout):
    """Sets a part of the channels of each image to 0 in training ([paper](https://arxiv.org/abs/1411.4280)).

    Args:
        rate: The part, in [0, 1].
        data_format: "channels_last" or "channels_first"; None for the default.
        seed: An int makes the same draws each time the program is run.
        name: Name; automatic when None.
        dtype: Dtype or policy.

    >>> keras.layers.SpatialDropout2D(0.5)(np.ones((2, 5, 5, 3)), training=True).shape
    (2, 5, 5, 3)
    """

    rank = 2


class SpatialDropout3D(SpatialDropout):
    """Sets a part of the channels of each volume to 0 in training ([paper](https://arxiv.org/abs/1411.4280)).

    Args:
        rate, data_format, seed, name, dtype: As for `SpatialDropout2D`.

    >>> keras.layers.SpatialDropout3D(0.5)(np.ones((2, 3, 3, 3, 1)), training=True).shape
    (2, 3, 3, 3, 1)
    """

    rank = 3


class GaussianNoise(Noise):
    """Adds normally distributed numbers in training.

    Args:
        stddev: Their standard deviation, in [0, 1].
        seed: An int makes the same draws each time the program is run.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> keras.layers.GaussianNoise(0.1)(np.ones((2, 3)), training=True).shape
    (2, 3)
    """

    strength = "stddev"
    stddev = Strength()

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.seed = seed
        self.stddev = stddev

    def disturb(self, inputs: Any) -> Any:
        return inputs + self.stddev * noise.normal(self.seed_generator.next(), inputs.shape, inputs.dtype)


class GaussianDropout(Noise):
    """Multiplies by normally distributed numbers around 1 in training, with the variance that dropout has.

    Args:
        rate: The part that a dropout of the same strength would drop, in [0, 1).
        seed: An int makes the same draws each time the program is run.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> keras.layers.GaussianDropout(0.1)(np.ones((2, 3)), training=True).shape
    (2, 3)
    """

    rate = Strength()

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.seed = seed
        self.rate = rate

    def disturb(self, inputs: Any) -> Any:
        stddev = math.sqrt(self.rate / (1.0 - self.rate))
        return inputs * (1 + stddev * noise.normal(self.seed_generator.next(), inputs.shape, inputs.dtype))


class ActivityRegularization(Elementwise):
    """Lets the input through and adds a penalty on its size to the loss.

    Args:
        l1: Factor of the sum of absolute values.
        l2: Factor of the sum of squares.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> layer = keras.layers.ActivityRegularization(l1=0.5)
    >>> _ = layer(np.ones((1, 4))); layer.losses
    [Array(2., dtype=float32)]
    """

    _keeps_dtype = True
    _config_skip = ("activity_regularizer",)

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any):
        super().__init__(activity_regularizer=L1L2(l1, l2), **kwargs)
        self.l1 = l1
        self.l2 = l2

    def call(self, inputs: Any) -> Any:
        return inputs
