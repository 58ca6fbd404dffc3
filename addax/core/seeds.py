"""Sources of random numbers: the host's stream of seeds, and generators whose state is a Variable."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from . import lending
from .engine import is_tracer, jnp
from .naming import auto_name, name_scope
from .types import SeedLike
from .variable import Variable

_default: SeedGenerator | None = None


def make_default_seed() -> int:
    """Returns a new seed from Python's global stream, which `set_random_seed` seeds."""
    return random.randint(1, int(1e9))


def set_random_seed(seed: int) -> None:
    """Seeds all random numbers of the process: Python, NumPy, initial weights, shuffling, dropout.

    Args:
        seed: An int in [0, 2**32).

    Raises:
        ValueError: `seed` is not an int in this range.

    >>> from addax.initializers import RandomNormal
    >>> set_random_seed(1); a = RandomNormal()((3,)); set_random_seed(1); b = RandomNormal()((3,))
    >>> bool((a == b).all())
    True
    """
    global _default
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool):
        raise ValueError(f"Expected `seed` argument to be an integer. Received: seed={seed} (of type {type(seed)})")
    random.seed(int(seed))
    np.random.seed(int(seed))
    _default = None


def host_rng(seed: int, block: int = 0) -> np.random.Generator:
    """Returns a counter-based NumPy generator: the same numbers for `seed` on every machine, without compilation.

    Args:
        seed: The key.
        block: Number of the part of its stream to begin with; parts don't overlap.
    """
    return np.random.Generator(np.random.Philox(key=int(seed) & 0xFFFFFFFFFFFFFFFF, counter=[0, 0, 0, block]))


class SeedGenerator:
    """A source of random keys whose state is a variable, so that it is saved, restored and traced like other variables.

    Args:
        seed: Non-negative int that starts the sequence; None draws one.
        name: Name of the generator, the first part of its variable's path.

    Raises:
        ValueError: `seed` is not a non-negative int.

    >>> g = SeedGenerator(seed=7)
    >>> g.next(), g.next()
    (Array([7, 0], dtype=uint32), Array([7, 1], dtype=uint32))
    """

    keras_module = "keras.random"
    _about: tuple[str, ...] = ("name", "seed", "_initial_seed")  # the numbers drawn follow from the state

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any):
        del kwargs  # backend choice: there is one
        if seed is not None and (not isinstance(seed, (int, np.integer)) or isinstance(seed, bool)):
            raise ValueError(f"Argument `seed` must be an integer. Received: seed={seed!r}")
        if seed is not None and seed < 0:
            raise ValueError(f"Argument `seed` must not be negative. Received: seed={seed}")
        self._initial_seed = seed
        self.name = name or auto_name("seed_generator")
        self.seed = make_default_seed() if seed is None else int(seed)
        with name_scope(self.name):
            self.state = Variable(
                np.array([self.seed & 0xFFFFFFFF, 0], "uint32"),
                trainable=False,
                dtype="uint32",
                name="seed_generator_state",
            )
        # The state belongs to the generator, not to the layer in whose scope it is created.
        self.state.path = f"{self.name}/seed_generator_state"

    def next(self, ordered: bool = True) -> Any:
        """Returns the current key, uint32 of shape `(2,)`, and advances the state.

        Args:
            ordered: Ignored; for compatibility with Keras.
        """
        del ordered
        with lending.lock:  # or two threads would get the same key
            key = self.state.value
            self.state.assign(key + jnp.array([0, 1], "uint32"))
        return key

    def host_next(self) -> int:
        """Returns the current key as an int for `host_rng`, without the engine, and advances the state."""
        with lending.lock:
            seed, count = (int(word) for word in self.state.numpy())
            self.state.assign(np.array([seed, (count + 1) & 0xFFFFFFFF], "uint32"))
        return (count << 32) | seed

    def get_config(self) -> dict[str, Any]:
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        return cls(**config)


def global_seed_generator() -> SeedGenerator:
    """The generator behind random functions that are given no seed."""
    global _default
    if _default is None:
        _default = SeedGenerator(make_default_seed(), name="global_seed_generator")
    return _default


def draw_key(seed: SeedLike) -> Any:
    """Returns the random key of a seed: uint32 of shape `(2,)`.

    Args:
        seed: None, an int, a `SeedGenerator` (whose state advances), or a key.

    Raises:
        ValueError: `seed` is of another type, or None while a function is traced (the key would be a constant).
    """
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if isinstance(seed, (int, np.integer)):
        return jnp.array([int(seed) & 0xFFFFFFFF, 0], "uint32")
    if seed is None:
        generator = global_seed_generator()
        if is_tracer(jnp.zeros(())):
            raise ValueError(
                "A random function without a `seed` was called while JAX was tracing, so it would return the same "
                "numbers at every call. Make a `SeedGenerator` in the layer's `__init__` and pass it as `seed`."
            )
        return generator.next()
    if getattr(seed, "shape", None) is not None:
        return seed
    raise ValueError(
        f"Argument `seed` must be either an integer or an instance of `SeedGenerator`. Received: seed={seed} "
        f"(of type {type(seed)})"
    )
