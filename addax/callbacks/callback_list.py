"""CallbackList."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core import tree
from ..core.errors import describe
from ..layers.layer import Layer
from .callback import HOOKS, Callback, Logs
from .history import History
from .progbar import ProgbarLogger


class CallbackList(Callback):
    """Calls each hook of each callback, in order.

    Args:
        callbacks: A callback, or a list of them.
        add_history: Whether to add a `History` if there is none.
        add_progbar: Whether to add a `ProgbarLogger` if there is none.
        model: The model of all of them.
        **params: The `params` of all of them: `verbose`, `epochs`, `steps`.

    Raises:
        TypeError: One of `callbacks` is no callback.

    >>> [type(c).__name__ for c in keras.callbacks.CallbackList(add_history=True, add_progbar=True).callbacks]
    ['History', 'ProgbarLogger']
    """

    def __init__(
        self,
        callbacks: Callback | list[Callback] | None = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Layer | None = None,
        **params: Any,
    ):
        super().__init__()
        self.callbacks: list[Any] = [_checked(c) for c in tree.flatten(callbacks)] if callbacks else []
        for wanted, kind in ((add_history, History), (add_progbar, ProgbarLogger)):
            if wanted and not any(isinstance(c, kind) for c in self.callbacks):
                self.callbacks.append(kind())
        if model is not None:
            self.set_model(model)
        if params:
            self.set_params(params)

    def append(self, callback: Callback) -> None:
        """Adds a callback at the end.

        Args:
            callback: The callback.
        """
        self.callbacks.append(_checked(callback))

    def state(self) -> dict[str, Any]:
        # A user's callback may have an attribute of that name, and those of other libraries have none.
        methods = [(type(c).__name__, getattr(c, "state", None)) for c in self.callbacks]
        found = [(kind, method() if callable(method) else None) for kind, method in methods]
        return {"callbacks": [[kind, state] for kind, state in found if state]}

    def restore(self, state: dict[str, Any]) -> None:
        left = list(self.callbacks)
        for kind, its in state["callbacks"]:
            # Callbacks without a state may have come or gone.
            callback = next((c for c in left if type(c).__name__ == kind), None)
            if callback is not None:
                left.remove(callback)
                callback.restore(its)

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model: Layer) -> None:
        super().set_model(model)
        for callback in self.callbacks:
            callback.set_model(model)

    @property
    def history(self) -> History | None:
        """The `History` among the callbacks."""
        return next((c for c in self.callbacks if isinstance(c, History)), None)

    def needs_batches(self, phase: str) -> bool:
        # Callbacks of other libraries don't declare whether they need the calls, so they get them.
        return any(not isinstance(c, Callback) or c.needs_batches(phase) for c in self.callbacks)

    @property
    def has_batch_hooks(self) -> bool:
        """Whether a callback must be called around each training batch."""
        return self.needs_batches("train")

    @property
    def has_test_batch_hooks(self) -> bool:
        """Whether a callback must be called around each batch of evaluation."""
        return self.needs_batches("test")

    @property
    def has_predict_batch_hooks(self) -> bool:
        """Whether a callback must be called around each batch of prediction."""
        return self.needs_batches("predict")


def _checked(callback: Any) -> Any:
    if isinstance(callback, type):
        raise TypeError(f"`callbacks` takes instances; a class was given. Use `{callback.__name__}(...)`.")
    if not isinstance(callback, Callback) and not hasattr(callback, "set_model"):
        hint = " To call a function, wrap it: `LambdaCallback(on_epoch_end=fn)`." if callable(callback) else ""
        raise TypeError(
            "Each of `callbacks` must be an instance of `keras.callbacks.Callback`. Received: "
            f"{describe(callback)}.{hint}"
        )
    return callback


def _for_each(hook: str) -> Callable[..., None]:
    if hook.endswith(("train_begin", "train_end", "test_begin", "test_end", "predict_begin", "predict_end")):

        def call(self: CallbackList, logs: Logs = None) -> None:
            logs = {} if logs is None else logs
            for callback in self.callbacks:
                getattr(callback, hook)(logs)

    elif "epoch" in hook:

        def call(self: CallbackList, epoch: int, logs: Logs = None) -> None:  # type: ignore[misc]
            logs = {} if logs is None else logs
            for callback in self.callbacks:
                getattr(callback, hook)(epoch, logs)

    else:

        def call(self: CallbackList, batch: int, logs: Logs = None) -> None:  # type: ignore[misc]
            logs = {} if logs is None else logs
            for callback in self.callbacks:
                getattr(callback, hook)(batch, logs=logs)

    call.__name__ = hook
    call.__doc__ = f"Calls `{hook}` of each callback."
    return call


for _hook in HOOKS:
    setattr(CallbackList, _hook, _for_each(_hook))
