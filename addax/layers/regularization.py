"""Regularization layers: dropout, noise, activity penalties."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Unpack

from ..core.config import standardize_data_format
from ..core.engine import jnp
from ..core.op import Tensor
from ..core.seeds import SeedGenerator
from ..core.types import LayerOptions, LayerOptionsButActivity, PolicyLike
from ..kernels import noise
from ..regularizers import L1L2
from .activation import Elementwise
from .input_spec import InputSpec
from .sizes import fraction, is_int


class Strength:
    """A descriptor of the rate of dropout or noise, between 0 and 1.

    Setting a value above 0 makes the layer's random generator from its `seed`, also if the value is raised later. (As
    in Keras, a layer that never draws has none.)
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

    def __set__(self, layer: Any, value: float) -> None:
        fraction(layer, self.name, value)
        if value > 0 and "seed_generator" not in layer.__dict__:
            generator = SeedGenerator(layer.seed)  # outside of `try`: a wrong seed has an error of its own
            try:
                layer.seed_generator = generator
            except ValueError as error:
                if not layer.built:
                    raise
                raise ValueError(
                    f"`{self.name}` of layer '{layer.path}' ({type(layer).__name__}) was 0 when the layer was built, "
                    f"so it has no random generator. Make the layer with {self.name}={value}, or set it earlier."
                ) from error
        setattr(layer, self.held, value)


class Noise(Elementwise):
    """Base of layers that apply noise in training and return the input unchanged otherwise."""

    _about: tuple[str, ...] = ("seed",)  # the random generator has it

    strength = "rate"  # the attribute with the rate or standard deviation
    seed: Any
    seed_generator: SeedGenerator

    def call(self, inputs: Tensor, training: bool = False) -> Any:
        return self._apply_noise(inputs) if training and getattr(self, self.strength) > 0 else inputs

    def _apply_noise(self, inputs: Tensor) -> Any:
        """Returns the inputs with noise."""
        raise NotImplementedError


def _noise_shape(layer: Noise, noise_shape: Sequence[int | None] | None) -> tuple | None:
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


def _concrete(noise_shape: tuple | None, inputs: Tensor) -> tuple:
    if noise_shape is None:
        return tuple(inputs.shape)
    return tuple(have if n is None else n for n, have in zip(noise_shape, inputs.shape))


class ElementDropout(Noise):
    """Base of dropout of single elements, or of groups of them that share an element of the mask."""

    rate = Strength()

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Unpack[LayerOptions],
    ):
        super().__init__(**kwargs)
        self.seed = seed
        self.rate = rate
        self.noise_shape = _noise_shape(self, noise_shape)

    def _mixes_rows(self, training: bool) -> bool:
        return training and self.noise_shape is not None and self.noise_shape[:1] not in ((None,), (1,))


class Dropout(ElementDropout):
    """Randomly sets elements of the input to 0 in training, and scales the others by `1 / (1 - rate)`
    ([paper](https://jmlr.org/papers/v15/srivastava14a.html)).

    Args:
        rate: Fraction to drop, in [0, 1].
        noise_shape: Shape of the dropout mask, to be broadcast with the input; None in it is the input's size.
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `rate` isn't in [0, 1], or `noise_shape` isn't a shape.

    Call arguments: `inputs`; `training`: whether to apply dropout.

    >>> layer = keras.layers.Dropout(0.5, seed=1)
    >>> sorted(set(layer(np.ones(100), training=True).tolist())), layer(np.ones(2))
    ([0.0, 2.0], Array([1., 1.], dtype=float32))
    """

    passes_values = True

    def _apply_noise(self, inputs: Tensor) -> Any:
        return noise.dropout(inputs, self.seed_generator.next(), self.rate, _concrete(self.noise_shape, inputs))


class AlphaDropout(ElementDropout):
    """Alpha dropout: keeps mean and variance, for networks with SELU ([paper](https://arxiv.org/abs/1706.02515)).

    Args:
        rate: Fraction to drop, in [0, 1].
        noise_shape, seed: As for `Dropout`.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `rate` isn't in [0, 1], or `noise_shape` isn't a shape.

    >>> keras.layers.AlphaDropout(0.5)(np.ones((2, 3)), training=True).shape
    (2, 3)
    """

    # The minimum of SELU, the value of dropped elements.
    lowest = -1.6732632423543772 * 1.0507009873554805

    def _apply_noise(self, inputs: Tensor) -> Any:
        keep = noise.keep_mask(self.seed_generator.next(), self.rate, _concrete(self.noise_shape, inputs))
        # An affine map restores mean 0 and variance 1.
        scale = ((1 - self.rate) * (1 + self.rate * self.lowest**2)) ** -0.5
        shift = -scale * self.lowest * self.rate
        return scale * jnp.where(keep, inputs, jnp.asarray(self.lowest, inputs.dtype)) + shift


class SpatialDropout(Noise):
    """Base of dropout of whole channels. `rank` is the number of spatial axes."""

    passes_values = True
    rank: int
    rate = Strength()
    noise_shape = None  # follows from the input's shape

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: PolicyLike = None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.seed = seed
        self.rate = rate
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _apply_noise(self, inputs: Tensor) -> Any:
        ones = (1,) * self.rank
        shape = (None, *ones, None) if self.data_format == "channels_last" else (None, None, *ones)
        return noise.dropout(inputs, self.seed_generator.next(), self.rate, _concrete(shape, inputs))

    def get_config(self) -> dict[str, Any]:
        """Returns the config in Keras's form: without `trainable`, and with the variables' dtype for the policy."""
        config = {"rate": self.rate, "seed": self.seed, "name": self.name, "dtype": self.dtype}
        return config if self.rank == 1 else {**config, "data_format": self.data_format}


class SpatialDropout1D(SpatialDropout):
    """Randomly sets whole channels of sequences to 0 in training ([paper](https://arxiv.org/abs/1411.4280)).

    Args:
        rate: Fraction to drop, in [0, 1].
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        name: Name; automatic when None.
        dtype: Dtype or policy.

    >>> keras.layers.SpatialDropout1D(0.5)(np.ones((2, 5, 3)), training=True).shape
    (2, 5, 3)
    """

    rank = 1

    def __init__(self, rate: float, seed: int | None = None, name: str | None = None, dtype: PolicyLike = None):
        super().__init__(rate, "channels_last", seed=seed, name=name, dtype=dtype)


class SpatialDropout2D(SpatialDropout):
    """Randomly sets whole channels of images to 0 in training ([paper](https://arxiv.org/abs/1411.4280)).

    Args:
        rate: Fraction to drop, in [0, 1].
        data_format: "channels_last" or "channels_first"; None for the default.
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        name: Name; automatic when None.
        dtype: Dtype or policy.

    >>> keras.layers.SpatialDropout2D(0.5)(np.ones((2, 5, 5, 3)), training=True).shape
    (2, 5, 5, 3)
    """

    rank = 2


class SpatialDropout3D(SpatialDropout):
    """Randomly sets whole channels of volumes to 0 in training ([paper](https://arxiv.org/abs/1411.4280)).

    Args:
        rate, data_format, seed, name, dtype: As for `SpatialDropout2D`.

    >>> keras.layers.SpatialDropout3D(0.5)(np.ones((2, 3, 3, 3, 1)), training=True).shape
    (2, 3, 3, 3, 1)
    """

    rank = 3


class GaussianNoise(Noise):
    """Adds Gaussian noise with mean 0 in training.

    Args:
        stddev: Standard deviation of the noise, in [0, 1].
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `stddev` isn't in [0, 1].

    >>> keras.layers.GaussianNoise(0.1)(np.ones((2, 3)), training=True).shape
    (2, 3)
    """

    strength = "stddev"
    stddev = Strength()

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        self.seed = seed
        self.stddev = stddev

    def _apply_noise(self, inputs: Tensor) -> Any:
        return inputs + self.stddev * noise.normal(self.seed_generator.next(), inputs.shape, inputs.dtype)


class GaussianDropout(Noise):
    """Multiplies by Gaussian noise with mean 1 in training, of the variance of dropout.

    Args:
        rate: Rate of the dropout with the same variance, `rate / (1 - rate)`, in [0, 1).
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `rate` isn't in [0, 1].

    >>> keras.layers.GaussianDropout(0.1)(np.ones((2, 3)), training=True).shape
    (2, 3)
    """

    rate = Strength()

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        self.seed = seed
        self.rate = rate

    def _apply_noise(self, inputs: Tensor) -> Any:
        stddev = math.sqrt(self.rate / (1.0 - self.rate))
        return inputs * (1 + stddev * noise.normal(self.seed_generator.next(), inputs.shape, inputs.dtype))


class ActivityRegularization(Elementwise):
    """Returns its input unchanged and adds an L1 and L2 penalty on it to the loss.

    Args:
        l1: L1 factor: of the sum of absolute values.
        l2: L2 factor: of the sum of squares.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> layer = keras.layers.ActivityRegularization(l1=0.5)
    >>> _ = layer(np.ones((1, 4))); layer.losses
    [Array(2., dtype=float32)]
    """

    _keeps_dtype = True
    _config_skip = ("activity_regularizer",)

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Unpack[LayerOptionsButActivity]):
        super().__init__(activity_regularizer=L1L2(l1, l2), **kwargs)
        self.l1 = l1
        self.l2 = l2

    def call(self, inputs: Tensor) -> Any:
        return inputs
