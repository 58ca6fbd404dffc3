"""The base of callbacks that monitor one logged quantity."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..core.errors import did_you_mean
from ..core.ours import is_ours
from ..core.warnings import warn
from ..ops import greater, less
from .callback import Callback, Logs

_ON_HOST: dict[Callable, Callable] = {greater: np.greater, less: np.less}


class MonitorCallback(Callback):
    """Base of callbacks that monitor one logged quantity and detect its improvements.

    Args:
        monitor: Name of the quantity in the logs.
        mode: "min", "max", or "auto": the direction that the metric of that name declares.
        best: The value to beat, or None.
        min_delta: Smallest change that counts as an improvement.
    """

    def __init__(self, monitor: str = "val_loss", mode: str = "auto", best: float | None = None, min_delta: float = 0):
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warn(f"{type(self).__name__} mode '{mode}' is unknown, fallback to auto mode.")
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.best = best
        self.min_delta = abs(min_delta)
        self.monitor_op: Callable[[Any, Any], Any] | None = None

    missing_text = "`{name}` is not among the logs: {available}"  # the warning when the quantity is missing

    @property
    def monitored(self) -> str | None:
        """The name that this callback needs in the logs; None where it needs none."""
        return self.monitor

    def get_monitor_value(self, logs: Logs) -> Any:
        """Returns the quantity in `logs`, or None, with a warning, when it is missing.

        Args:
            logs: The logs of an epoch.
        """
        logs = logs or {}
        value = logs.get(self.monitor)
        if value is None:
            text = self.missing_text.format(name=self.monitor, available=",".join(logs))
            warn(text)
        return value

    def is_improvement(self, value: Any, reference: float | None) -> bool:
        """Returns whether a value is better than another by more than `min_delta`.

        Args:
            value: The new value.
            reference: The value to beat; anything is better than None.
        """
        if self.monitor_op is None:
            self.monitor_op = greater if self._rises() else less
        if reference is None:
            return True
        delta = self.min_delta if self.monitor_op in (greater, np.greater) else -self.min_delta
        # NumPy's comparison needs no dispatch, and is exact for float64 values.
        compare = _ON_HOST.get(self.monitor_op, self.monitor_op)
        return bool(compare(value - delta, reference))

    def _rises(self) -> bool:
        if self.mode != "auto":
            return self.mode == "max"
        name = self.monitor.removeprefix("val_")
        if name == "loss" or name.endswith("_loss"):
            return False
        direction = _directions(self.model).get(name)
        if direction is None:
            raise ValueError(
                f"{type(self).__name__} callback received monitor={self.monitor}, but Keras isn't able to "
                "automatically determine whether that metric should be maximized or minimized. Pass `mode='max'` in "
                "order to monitor based on the highest metric value, or pass `mode='min'` in order to use the lowest "
                "value."
            )
        return direction == "up"


def _directions(model: Any) -> dict[str, str]:
    """Returns for metrics of `model`, by their names in the logs, whether "up" or "down" is better, where known."""
    named: dict[str, Any] = {}
    for metric in getattr(model, "metrics", None) or ():
        named[metric.name] = metric
        for _, key, each, _ in getattr(metric, "entries", ()):  # the compiled metrics
            named[key] = each
    found = {name: getattr(metric, "_direction", None) for name, metric in named.items()}
    return {name: direction for name, direction in found.items() if direction is not None}


def check_monitors(callbacks: Any, log_names: Iterable[str]) -> None:
    """Checks that the quantities which callbacks monitor will be logged.

    Args:
        callbacks: The callbacks: a `CallbackList` or a list.
        log_names: The names that the logs of an epoch will have, those of validation included.

    Raises:
        ValueError: A quantity will not be logged; the error suggests the closest name. Where it may be meant (no
            validation data are given; a user's callback may add the name to the logs) it is a warning.

    >>> check_monitors([keras.callbacks.EarlyStopping("val_acuracy")], ["accuracy", "val_accuracy"])
    Traceback (most recent call last):
    ValueError: EarlyStopping monitors 'val_acuracy', which will not be logged. Did you mean 'val_accuracy'? ...
    """
    names = list(log_names)
    known = {*names, "learning_rate", "lr"}
    users_write_logs = False
    for callback in getattr(callbacks, "callbacks", callbacks):
        monitored = callback.monitored if isinstance(callback, MonitorCallback) else None
        if monitored is not None and monitored not in known:
            text = f"{type(callback).__name__} monitors '{monitored}', which will not be logged. "
            validated = any(n.startswith("val_") for n in names)
            if not validated and monitored.removeprefix("val_") in known:
                text += "There is no validation: pass `validation_data` or `validation_split` to `fit`, or monitor "
                text += f"'{monitored.removeprefix('val_')}'."
                warn(text)
                continue
            text += did_you_mean(monitored, names)
            if not users_write_logs:
                raise ValueError(text)
            warn(text)
        users_write_logs |= not is_ours(type(callback)) or "on_epoch_end" in vars(callback)
