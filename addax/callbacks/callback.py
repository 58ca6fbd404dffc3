"""Callback: the hooks that training calls."""

from __future__ import annotations

from typing import Any

from ..layers.layer import Layer

Logs = dict[str, Any] | None


class Callback:
    """Base class of callbacks: override the hooks you need.

    `self.model` is the model, `self.params` a dict with `verbose`, `epochs` and `steps`. Setting
    `self.model.stop_training = True` ends training after the current batch. Overriding a hook that is called around
    each batch has a cost: without such hooks, many steps run in one dispatch.

    >>> class Say(keras.callbacks.Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print("epoch", epoch, sorted(logs))
    >>> keras.callbacks.CallbackList([Say()]).on_epoch_end(3, {"loss": 0.5})
    epoch 3 ['loss']
    """

    def __init__(self) -> None:
        self.params: dict[str, Any] | None = None
        self._model: Any = None

    def set_params(self, params: dict[str, Any]) -> None:
        """Receives the parameters of the run.

        Args:
            params: Dict with `verbose`, `epochs` and `steps`.
        """
        self.params = params

    def set_model(self, model: Layer) -> None:
        """Receives the model.

        Args:
            model: The model that is trained, evaluated or used.
        """
        self._model = model

    @property
    def model(self) -> Any:
        """The model that is trained, evaluated or used."""
        return self._model

    def state(self) -> dict[str, Any]:
        """Returns what this callback must know to continue a training in another process.

        Override it together with `restore` in a callback that keeps something from batch to batch or from epoch to
        epoch. `fit(..., resume=...)` and `BackupAndRestore` write it to each checkpoint.

        Returns:
            Dict of numbers, text, bytes, arrays, and lists, tuples and dicts of them.
        """
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Continues from a state; called after `on_train_begin`, and after `on_epoch_begin` of an epoch under way.

        Args:
            state: What `state` returned.
        """

    def needs_batches(self, phase: str) -> bool:
        """Returns whether this callback must be called around each batch.

        Args:
            phase: "train", "test" or "predict".
        """
        names = [f"on_{phase}_batch_{edge}" for edge in ("begin", "end")]
        if phase == "train":
            names += ["on_batch_begin", "on_batch_end"]
        return any(getattr(type(self), n) is not getattr(Callback, n) or n in self.__dict__ for n in names)

    def on_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Another name of `on_train_batch_begin`.

        Args:
            batch: Number of the batch in the epoch, counted from 0.
            logs: Empty.
        """

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Another name of `on_train_batch_end`.

        Args:
            batch: Number of the batch in the epoch, counted from 0.
            logs: Losses and metrics of the epoch so far, by name.
        """

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Called at the start of an epoch.

        Args:
            epoch: Number of the epoch, counted from 0.
            logs: Empty.
        """

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Called at the end of an epoch, after its validation.

        Args:
            epoch: Number of the epoch, counted from 0.
            logs: Losses and metrics of the epoch by name, those of the validation as `val_...`.
        """

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Called before a batch in `fit`.

        Args:
            batch: Number of the batch in the epoch, counted from 0.
            logs: Empty.
        """
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called after a batch in `fit`.

        Args:
            batch: Number of the batch in the epoch, counted from 0.
            logs: Losses and metrics of the epoch so far, by name.
        """
        self.on_batch_end(batch, logs=logs)

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Called before a batch in `evaluate` and in validation.

        Args:
            batch: Number of the batch in the epoch, counted from 0.
            logs: Empty.
        """

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called after a batch in `evaluate` and in validation.

        Args:
            batch: Number of the batch in the epoch, counted from 0.
            logs: Losses and metrics of the evaluation so far, by name.
        """

    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Called before a batch in `predict`.

        Args:
            batch: Number of the batch in the epoch, counted from 0.
            logs: Empty.
        """

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called after a batch in `predict`.

        Args:
            batch: Number of the batch in the epoch, counted from 0.
            logs: The outputs of the batch, as `outputs`.
        """

    def on_train_begin(self, logs: Logs = None) -> None:
        """Called when `fit` begins.

        Args:
            logs: Empty.
        """

    def on_train_end(self, logs: Logs = None) -> None:
        """Called when `fit` ends.

        Args:
            logs: Losses and metrics of the last epoch, by name.
        """

    def on_test_begin(self, logs: Logs = None) -> None:
        """Called when `evaluate` or validation begins.

        Args:
            logs: Empty.
        """

    def on_test_end(self, logs: Logs = None) -> None:
        """Called when `evaluate` or validation ends.

        Args:
            logs: Losses and metrics of the evaluation, by name.
        """

    def on_predict_begin(self, logs: Logs = None) -> None:
        """Called when `predict` begins.

        Args:
            logs: Empty.
        """

    def on_predict_end(self, logs: Logs = None) -> None:
        """Called when `predict` ends.

        Args:
            logs: Empty.
        """


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))
