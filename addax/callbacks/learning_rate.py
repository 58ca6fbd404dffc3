"""Callbacks that change the learning rate between epochs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypedDict, Unpack

import numpy as np

from .callback import Callback, Logs
from .monitor import MonitorCallback
from .output import print_msg


def _rate(model: Any) -> float:
    optimizer = model.optimizer
    if not hasattr(optimizer, "learning_rate"):
        raise ValueError('Optimizer must have a "learning_rate" attribute.')
    return float(np.asarray(optimizer.learning_rate))


class LearningRateScheduler(Callback):
    """Sets the learning rate at the start of each epoch.

    Args:
        schedule: A function that takes the epoch (counted from 0) and, if it has a second argument, the current rate,
            and returns the new rate, a float.
        verbose: 1 to print the new rate.

    Raises:
        ValueError: In training, where `schedule` returns no float or the optimizer has no learning rate.

    >>> keras.callbacks.LearningRateScheduler(lambda epoch, lr: lr * 0.9).schedule(0, 1.0)
    0.9
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0):
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        rate = _rate(self.model)
        rate = self.schedule(epoch, rate) if self._takes_rate() else self.schedule(epoch)
        if not isinstance(rate, (float, np.floating)) and getattr(rate, "shape", None) != ():
            raise ValueError(f"The output of the `schedule` function should be a float. Got: {rate}")
        self.model.optimizer.learning_rate = rate
        if self.verbose > 0:
            print_msg(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if logs is not None:
            logs["learning_rate"] = _rate(self.model)

    def _takes_rate(self) -> bool:
        try:
            inspect.signature(self.schedule).bind(0, 0.0)
        except TypeError:
            return False
        except ValueError:  # a builtin without a signature
            return True
        return True


class _PlateauOptions(TypedDict, total=False):
    """Keyword arguments of `ReduceLROnPlateau` besides those that it names."""

    epsilon: float  # the name of `min_delta` in Keras 2


class ReduceLROnPlateau(MonitorCallback):
    """Reduces the learning rate when a logged quantity has stopped improving.

    Args:
        monitor: Name of the quantity.
        factor: Factor of the new rate, below 1.
        patience: Number of epochs without improvement after which the rate is reduced.
        verbose: 1 to print a message.
        mode: "min", "max", or "auto": the direction that the metric of that name declares.
        min_delta: Smallest change that counts as an improvement.
        cooldown: Number of epochs after a reduction that are not counted.
        min_lr: Lower bound of the rate.

    Raises:
        ValueError: `factor` is 1 or more.

    >>> keras.callbacks.ReduceLROnPlateau(factor=2.0)
    Traceback (most recent call last):
    ValueError: ReduceLROnPlateau does not support a factor >= 1.0. Received factor=2.0
    """

    missing_text = (
        "Learning rate reduction is conditioned on metric `{name}` which is not available. "
        "Available metrics are: {available}."
    )

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        **kwargs: Unpack[_PlateauOptions],
    ):
        min_delta = kwargs.pop("epsilon", min_delta)
        if kwargs:
            raise TypeError(f"ReduceLROnPlateau got unexpected arguments: {sorted(kwargs)}")
        super().__init__(monitor, mode, min_delta=min_delta)
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau does not support a factor >= 1.0. Received factor={factor}")
        self.factor = factor
        self.min_lr = min_lr
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.cooldown_counter = 0
        self.wait = 0

    def on_train_begin(self, logs: Logs = None) -> None:
        self.best = None
        self.cooldown_counter = self.wait = 0

    def state(self) -> dict[str, Any]:
        return {"best": self.best, "wait": self.wait, "cooldown_counter": self.cooldown_counter}

    def restore(self, state: dict[str, Any]) -> None:
        self.best, self.wait, self.cooldown_counter = state["best"], state["wait"], state["cooldown_counter"]

    def in_cooldown(self) -> bool:
        """Returns whether the last reduction is too recent for another."""
        return self.cooldown_counter > 0

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if logs is not None:
            logs["learning_rate"] = _rate(self.model)
        current = self.get_monitor_value(logs)
        if current is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_improvement(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        old = _rate(self.model)
        if old <= np.float32(self.min_lr):
            return
        new = max(old * self.factor, self.min_lr)
        self.model.optimizer.learning_rate = new
        if self.verbose > 0:
            print_msg(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {new}.")
        self.cooldown_counter = self.cooldown
        self.wait = 0
