"""The progress bar, and the callback that shows it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core.compile_time import compile_seconds
from ..core.config import is_interactive_logging_enabled
from .callback import Callback, Logs
from .output import Display, can_redraw, in_notebook, is_terminal, print_msg

_BOLD, _GREEN, _WHITE, _PLAIN = "\033[1m", "\033[32m", "\033[37m", "\033[0m"
_BAR = "━"


class Progbar:
    """Shows a progress bar on the terminal.

    Args:
        target: Number of steps; None when unknown.
        width: Width of the bar in characters.
        verbose: 0 for silence, 1 for a bar, 2 for one line at the end.
        interval: Minimum time between two redraws, in seconds.
        stateful_metrics: Names of values that are shown as they are; the others are averaged over the steps.
        stateless_metrics: Names of values that are averaged; then all others are shown as they are.
        unit_name: Name of a step.

    Raises:
        ValueError: Both `stateful_metrics` and `stateless_metrics` are given.

    >>> bar = keras.utils.Progbar(3, verbose=2)
    >>> bar.update(3, [("loss", 0.25)])
    3/3 - 0s - .../step - loss: 0.2500
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ):
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.unit_name = unit_name
        if stateful_metrics and stateless_metrics is not None:
            raise ValueError("Pass only one of `stateful_metrics` and `stateless_metrics` to Progbar.")
        self.stateful_metrics = None if stateful_metrics is None else set(stateful_metrics)
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self._display = Display() if in_notebook() else None
        self._redraws = can_redraw()
        self._dynamic_display = os.name == "posix" or is_terminal() or "ipykernel" in sys.modules
        self._seen = 0
        self._sums: dict[str, tuple[Any, int]] = {}  # value times weight, and weight
        self._start = time.time()
        self._last_update = 0.0
        self._first_step_at: float | None = None
        self._compiled_before = compile_seconds()
        self._shown_width = 0

    def update(
        self, current: int, values: Iterable[tuple[str, Any]] | None = None, finalize: bool | None = None
    ) -> None:
        """Updates the bar.

        Args:
            current: Number of steps that are done.
            values: Pairs (name, value) to show.
            finalize: Whether this is the last update; if `current` has reached the target when None.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        for name, value in values or ():
            self._count(name, value, 0 if finalize else max(current - self._seen, 1))
        self._seen = current
        now = time.time()
        step_time = self._step_time(current, now)
        verbose = self._shown_as
        if verbose == 1:
            if now - self._last_update < self.interval and not finalize:
                return
            self._draw(current, now, step_time, finalize)
        elif verbose == 2 and finalize and self.target is not None:
            duration = self._format_step_time(step_time)
            digits = len(str(self.target))
            print_msg(
                f"{current:{digits}d}/{self.target} - {now - self._start:.0f}s - {duration}{self._format_values()}"
            )
        self._last_update = now

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """Advances the bar.

        Args:
            n: Number of steps.
            values: Pairs (name, value) to show.
        """
        self.update(self._seen + n, values)

    @property
    def _shown_as(self) -> int:
        """0 for nothing, 1 for a bar, 2 for one line at the end, as in a log, file or pipe, where no bar is redrawn."""
        if not self.verbose:
            return 0
        bars = is_interactive_logging_enabled() and (self._redraws or self._display is not None)
        return self.verbose if bars else 2

    def _count(self, name: str, value: Any, weight: int) -> None:
        """Adds a value that stands for `weight` steps; 0 for one that is shown as it is."""
        if not weight or self._is_stateful(name):
            self._sums[name] = (value, 1)
            return
        total, count = self._sums.get(name, (0, 0))
        self._sums[name] = (total + value * weight, count + weight)

    def _is_stateful(self, name: str) -> bool:
        if self.stateless_metrics is not None:
            return name not in self.stateless_metrics
        return self.stateful_metrics is not None and name in self.stateful_metrics

    def _draw(self, current: int, now: float, step_time: float, finalize: bool) -> None:
        if self.target is None:
            visible = bar = f"{current:7d}/Unknown"
        else:
            digits = len(str(self.target))
            done = int(self.width * current / self.target) if self.target else self.width
            counter = f"{current:{digits}d}/{self.target}"
            full, empty = _BAR * done, _BAR * (self.width - done)
            green = f"{_GREEN}{full}{_PLAIN}" if done else ""
            bar = f"{_BOLD}{counter}{_PLAIN} {green}{_WHITE}{empty}{_PLAIN}"
            visible = f"{counter} {full}{empty}"
        if self.target is None or finalize:
            clock = f"{now - self._start:.0f}s"
        else:
            clock = _format_clock(step_time * (self.target - current))
        rest = f" {self._format_step_time(step_time)}{self._format_values()}"
        if self._display is not None:
            self._display.show(f"{visible} {clock}{rest}")
            return
        width = len(visible) + 1 + len(clock) + len(rest)
        back = "\b" * self._shown_width + "\r" if self._dynamic_display else "\n"
        padding = " " * max(self._shown_width - width, 0)
        end = "\n" if finalize else ""
        print_msg(f"{back}{bar} {_BOLD}{clock}{_PLAIN}{rest}{padding}{end}", line_break=False)
        self._shown_width = width

    def _step_time(self, current: int, now: float) -> float:
        """Returns seconds per step, without the first one, which compiles, once there are others."""
        if not current:
            return 0
        # Programs are compiled while the first step waits, and some later.
        compiled = compile_seconds() - self._compiled_before
        if self._first_step_at is not None and current > 1:
            duration = (now - self._first_step_at - compiled) / (current - 1)
        else:
            duration = (now - self._start - compiled) / current
        if current == 1:
            self._first_step_at, self._compiled_before = now, compile_seconds()
        return max(duration, 0.0)

    def _format_step_time(self, seconds: float) -> str:
        if seconds >= 1 or seconds == 0:
            return f"{seconds:.0f}s/{self.unit_name}"
        if seconds >= 1e-3:
            return f"{seconds * 1e3:.0f}ms/{self.unit_name}"
        return f"{seconds * 1e6:.0f}us/{self.unit_name}"

    def _format_values(self) -> str:
        shown = ""
        for name, (total, count) in self._sums.items():
            if isinstance(total, str):
                shown += f" - {name}: {total}"
                continue
            mean = float(np.mean(np.asarray(total, dtype=np.float64) / max(1, count)))
            # As in Keras, one line an epoch shows negative numbers in scientific notation, the bar doesn't.
            size = mean if self.verbose == 2 else abs(mean)
            shown += f" - {name}: {mean:.4f}" if size > 1e-3 else f" - {name}: {mean:.4e}"
        return shown


def _format_clock(seconds: float) -> str:
    if seconds > 3600:
        return f"{seconds // 3600:.0f}:{seconds % 3600 // 60:02.0f}:{int(seconds % 60):02d}"
    if seconds > 60:
        return f"{seconds // 60:.0f}:{int(seconds % 60):02d}"
    return f"{int(seconds):d}s"


class ProgbarLogger(Callback):
    """Shows the progress of `fit`, `evaluate` and `predict`. Added by them unless `verbose=0`.

    It is called after each dispatch, with the number of its last step.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0
        self.progbar: Progbar | None = None
        self.target: int | None = None
        self.verbose: int = 1
        self.epochs = 1
        self._in_fit = False

    def set_params(self, params: dict[str, Any]) -> None:
        verbose = params["verbose"]
        self.verbose = 1 if verbose == "auto" else verbose
        self.epochs = params.get("epochs", 1)
        self.target = params["steps"]

    def needs_batches(self, phase: str) -> bool:
        return False

    def on_train_begin(self, logs: Logs = None) -> None:
        self._in_fit = True

    def on_test_begin(self, logs: Logs = None) -> None:
        if not self._in_fit:
            self._start()

    def on_predict_begin(self, logs: Logs = None) -> None:
        self._start()

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._start()
        if self.verbose and self.epochs > 1:
            print_msg(f"Epoch {epoch + 1}/{self.epochs}")

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._show(batch, logs)

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        if not self._in_fit:
            self._show(batch, logs)

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._show(batch, None)  # the logs of a prediction are its outputs

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._finish(logs)

    def on_test_end(self, logs: Logs = None) -> None:
        if not self._in_fit:
            self._finish(logs)

    def on_predict_end(self, logs: Logs = None) -> None:
        self._finish(None)

    def _start(self) -> None:
        self.seen = 0
        # The logs of a batch are means of the epoch so far, so they are not averaged again.
        self.progbar = Progbar(self.target, verbose=self.verbose, unit_name="step", stateless_metrics=())

    def _show(self, batch: int, logs: Logs) -> None:
        if self.progbar is None:
            self._start()
        assert self.progbar is not None
        self.seen = batch + 1
        if self.verbose == 1:
            self.progbar.update(self.seen, _numbers(logs), finalize=False)

    def _finish(self, logs: Logs) -> None:
        if self.progbar is None:
            self._start()
        assert self.progbar is not None
        if self.target is None:
            self.target = self.progbar.target = self.seen
        self.progbar.update(self.target, _numbers(logs), finalize=True)


def _numbers(logs: Logs) -> list[tuple[str, Any]]:
    return list((logs or {}).items())
