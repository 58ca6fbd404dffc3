"""LambdaCallback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.errors import did_you_mean
from ..core.signature import arguments_in
from .callback import HOOKS, Callback


class LambdaCallback(Callback):
    """Calls functions as the hooks of a callback.

    Args:
        on_epoch_begin, on_epoch_end: Functions of `(epoch, logs)`.
        on_train_begin, on_train_end: Functions of `(logs)`.
        on_train_batch_begin, on_train_batch_end: Functions of `(batch, logs)`.
        **kwargs: Functions for any other hook of `Callback`. Other names than `on_...` become attributes.

    Raises:
        ValueError: There is no hook of a name, or the value for a hook is no function.

    >>> callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs))
    >>> callback.on_epoch_end(1, {"loss": 0.5})
    1 {'loss': 0.5}
    """

    def __init__(
        self,
        on_epoch_begin: Callable | None = None,
        on_epoch_end: Callable | None = None,
        on_train_begin: Callable | None = None,
        on_train_end: Callable | None = None,
        on_train_batch_begin: Callable | None = None,
        on_train_batch_end: Callable | None = None,
        **kwargs: Any,
    ):
        hooks = arguments_in(locals())
        super().__init__()
        for name, fn in hooks.items():
            if name.startswith("on_") and name not in HOOKS:
                raise ValueError(f"LambdaCallback: there is no hook '{name}'. {did_you_mean(name, HOOKS)}")
            if name in HOOKS and fn is None:
                continue
            if name in HOOKS and not callable(fn):
                raise ValueError(f"LambdaCallback: `{name}` must be a function. Received: {fn!r}")
            self.__dict__[name] = fn
