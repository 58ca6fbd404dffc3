"""Base classes of initializers: callables that map a shape and a dtype to a NumPy array."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core import dtypes
from ..core.errors import describe
from ..core.seeds import SeedGenerator, host_rng, make_default_seed
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..core.signature import Configurable
from ..core.types import DTypeLike


class Initializer(Configurable):
    """Base class of initializers; subclasses define `__call__(shape, dtype=None)`.

    The constructor's arguments are the config: there is no need to define `get_config`. The built-in initializers
    compute on the host and return NumPy arrays; a custom one may return any array.

    >>> class Half(keras.initializers.Initializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return np.full(shape, 0.5, dtype)
    >>> keras.initializers.get(Half)((1, 2), "float32")
    array([[0.5, 0.5]], dtype=float32)
    """

    def __init__(self) -> None:
        """Takes no arguments; subclasses take their own."""

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = None) -> Any:
        """Returns the initial value of a variable.

        Args:
            shape: Shape of the variable.
            dtype: Dtype name; None for the default float.
        """
        raise NotImplementedError("Initializer subclasses must implement the `__call__()` method.")

    def clone(self) -> Initializer:
        """Returns a new initializer of the same config; with `seed=None` it draws a new seed."""
        return type(self).from_config(self.get_config())


class Blocks(NamedTuple):
    """A value that can be made in parts, each of some rows: none of them depends on which others are made.

    Attributes:
        rows: Rows of a part; the last one may have fewer.
        parts: Number of parts.
        make: Makes one by its number.
    """

    rows: int
    parts: int
    make: Callable[[int], np.ndarray]


class RandomInitializer(Initializer):
    """Base class of random initializers, which holds the seed.

    Args:
        seed: An int, a `SeedGenerator` (which every call advances), or None to draw a seed now, from the stream that
            `keras.utils.set_random_seed` seeds. With an int or None every call returns the same values.

    Raises:
        ValueError: `seed` is of another type.
    """

    def __init__(self, seed: int | SeedGenerator | None = None):
        self._init_seed = seed
        if seed is None:
            seed = make_default_seed()
        elif isinstance(seed, dict):
            seed = self._init_seed = deserialize_keras_object(seed)
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer, SeedGenerator)):
            raise ValueError(
                "`seed` argument should be an instance of `keras.random.SeedGenerator()` or an integer. "
                f"Received: seed={describe(seed)} for {type(self).__name__}."
            )
        self.seed = seed

    def rng(self) -> np.random.Generator:
        """Returns the random generator of one call."""
        return host_rng(self.key())

    def key(self) -> int:
        """Returns the key of the numbers of one call."""
        return self.seed.host_next() if isinstance(self.seed, SeedGenerator) else int(self.seed)

    def float_dtype(self, dtype: DTypeLike) -> tuple[Any, np.dtype]:
        """Returns the dtype to draw in (float32 or float64) and the dtype to return.

        Raises:
            ValueError: `dtype` is not a float dtype.
        """
        name = dtypes.standardize_dtype(dtype)
        if not dtypes.is_float(name):
            raise ValueError(f"{type(self).__name__} makes floats. Received: dtype={name}; use a float dtype.")
        return np.float64 if name == "float64" else np.float32, dtypes.numpy_dtype(name)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.pop("seed", None)
        return {"seed": serialize_keras_object(self._init_seed), **config}
