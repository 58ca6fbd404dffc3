"""EarlyStopping."""

from __future__ import annotations

from typing import Any

from .callback import Logs
from .monitor import MonitorCallback
from .output import print_msg

_STATE = ("wait", "stopped_epoch", "best_epoch", "best", "best_weights")


class EarlyStopping(MonitorCallback):
    """Stops training when a logged quantity has stopped improving.

    Args:
        monitor: Name of the quantity.
        min_delta: Smallest change that counts as an improvement.
        patience: Number of epochs without improvement after which training stops.
        verbose: 1 to print a message.
        mode: "min", "max", or "auto": the direction that the metric of that name declares.
        baseline: Value to beat: training also stops when `patience` epochs have not beaten it.
        restore_best_weights: Whether to restore the weights of the best epoch at the end.
        start_from_epoch: Number of epochs at the start that are ignored.

    >>> keras.callbacks.EarlyStopping("val_accuracy", patience=3, mode="max").monitor
    'val_accuracy'
    """

    missing_text = (
        "Early stopping conditioned on metric `{name}` which is not available. Available metrics are: {available}"
    )

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ):
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.wait = 0
        self.stopped_epoch = 0
        self.best_epoch = 0
        self.restore_best_weights = restore_best_weights
        self.best_weights: list[Any] | None = None
        self.start_from_epoch = start_from_epoch

    def on_train_begin(self, logs: Logs = None) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = self.best_weights = None

    def state(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _STATE}

    def restore(self, state: dict[str, Any]) -> None:
        self.__dict__.update({name: state[name] for name in _STATE})

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        current = self.get_monitor_value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        better = self.is_improvement(current, self.best)
        if better:
            self.best, self.best_epoch = current, epoch
        if self.restore_best_weights and (better or self.best_weights is None):
            self.best_weights = self.model.get_weights()
        beats_baseline = self.baseline is None or self.is_improvement(current, self.baseline)
        self.wait = 0 if better and beats_baseline else self.wait + 1
        if self.wait > 0 and self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs = None) -> None:
        if self.stopped_epoch > 0 and self.verbose > 0:
            print_msg(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                print_msg(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)
