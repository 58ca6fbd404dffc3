"""What every initializer is: a callable from a shape and a dtype to a NumPy array."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import dtypes
from ..core.errors import describe
from ..core.seeds import SeedGenerator, host_rng, make_default_seed
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..core.signature import Configurable


class Initializer(Configurable):
    """Base of initializers: subclass it and define `__call__(shape, dtype=None)`.

    The constructor's arguments are the config, so `get_config` needs no writing. The built-in initializers compute on
    the host and return NumPy arrays; one of yours may return any array.

    >>> class Half(keras.initializers.Initializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return np.full(shape, 0.5, dtype)
    >>> keras.initializers.get(Half)((1, 2), "float32")
    array([[0.5, 0.5]], dtype=float32)
    """

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        """The values of a variable.

        Args:
            shape: Shape of the variable.
            dtype: Dtype name; None is the default float.
        """
        raise NotImplementedError("Initializer subclasses must implement the `__call__()` method.")

    def clone(self) -> Initializer:
        """A new initializer of the same config; with `seed=None` it draws a new seed."""
        return type(self).from_config(self.get_config())


class RandomInitializer(Initializer):
    """Base of the random initializers: holds the seed.

    Args:
        seed: An int, a `SeedGenerator` (each call moves it on), or None: a seed is drawn now, from the stream that
            `keras.utils.set_random_seed` fixes. With an int or None every call returns the same values.
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
        """The generator of one call's numbers."""
        return host_rng(self.seed.host_next() if isinstance(self.seed, SeedGenerator) else self.seed)

    def float_dtype(self, dtype: Any) -> tuple[Any, np.dtype]:
        """The dtype to draw in (float32 or float64) and the one to return."""
        name = dtypes.standardize_dtype(dtype)
        if not dtypes.is_float(name):
            raise ValueError(f"{type(self).__name__} makes floats. Received: dtype={name}; use a float dtype.")
        return np.float64 if name == "float64" else np.float32, dtypes.numpy_dtype(name)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.pop("seed", None)
        return {"seed": serialize_keras_object(self._init_seed), **config}
