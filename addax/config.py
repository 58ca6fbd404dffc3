"""Settings: `keras.config`, and the switches of what addax adds (`config.get`, `config.set`)."""

from .core.config import *  # noqa: F403
from .core.config import __all__ as _settings
from .core.policy import dtype_policy, set_dtype_policy
from .core.public import listing

__all__ = [*_settings, "backend", "dtype_policy", "is_nnx_enabled", "set_backend", "set_dtype_policy"]
__dir__ = listing(__all__)


def backend() -> str:
    """The name of the engine.

    >>> backend()
    'jax'
    """
    return "jax"


def is_nnx_enabled() -> bool:
    """Returns False: variables are addax's own, not those of Flax NNX.

    >>> is_nnx_enabled()
    False
    """
    return False


def set_backend(backend: str) -> None:
    """Accepts `"jax"` only: addax has one engine.

    Args:
        backend: Name of the engine, "jax".

    Raises:
        ValueError: Another engine is asked for.
    """
    if backend != "jax":
        raise ValueError(f"addax runs on JAX alone. Received: backend={backend!r}")
