"""The stand-in for `tensorflow` that a program gets under `addax run`: `tensorflow.keras` and nothing else."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any, NoReturn

from ..version import KERAS_API_VERSION

_PROVIDED = (
    "addax provides Keras: `import keras`, `from tensorflow import keras`, `import tensorflow.keras` and what is in "
    "them (layers, models, ops, optimizers, losses, metrics, callbacks, utils, ...). The rest of TensorFlow is not "
    "provided: use NumPy, `jax.numpy` or `keras.ops` for arrays, and NumPy arrays, generators or "
    "`keras.utils.PyDataset` for data."
)


class StandIn(ModuleType):
    """The module that `import tensorflow` gives the user's program."""

    def __init__(self, name: str = "tensorflow"):
        super().__init__(name, "A stand-in: `tensorflow.keras` is addax, and nothing else is here.")
        self.__path__: list[str] = []
        self.__version__ = KERAS_API_VERSION

    def __getattr__(self, name: str) -> Any:
        if name == "keras":
            return importlib.import_module("keras")
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(f"There is no `tensorflow.{name}` here. {_PROVIDED}")

    def __dir__(self) -> list[str]:
        return ["__version__", "keras"]


STAND_IN = StandIn()


def refuse(name: str) -> NoReturn:
    """Raises the error for a module of TensorFlow that is no part of Keras."""
    name = ".".join(name.split(".")[:2])  # what is missing first
    # Not ModuleNotFoundError: `from tensorflow import data` would replace it by a shorter message.
    raise ImportError(f"There is no `{name}` here. {_PROVIDED}", name=name)


def keras_name(name: str) -> str | None:
    """Returns the name of `tensorflow.keras` or one of its modules without TensorFlow; None for other modules.

    >>> keras_name("tensorflow.keras.layers"), keras_name("tensorflow.data")
    ('keras.layers', None)
    """
    first, _, rest = name.partition(".")
    is_keras = first == "tensorflow" and (rest == "keras" or rest.startswith("keras."))
    return rest if is_keras else None


__all__ = ["STAND_IN", "StandIn", "keras_name", "refuse"]
