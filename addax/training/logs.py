"""Logs: the metrics of a dispatch, on the device until they are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.engine import fetch
from ..core.ours import is_ours
from .compile import CompileMetrics
from .steps import StepModel


def log_names(model: StepModel, validated: bool) -> list[str] | None:
    """Returns the names that the logs of an epoch will have; None where a custom step decides.

    Args:
        model: The model, its metrics built.
        validated: Whether epochs are validated, which adds the names as `val_...`.
    """
    if not (is_ours(model.train_step) and is_ours(model.compute_metrics)):
        return None
    if any(not is_ours(type(m)) and isinstance(m.result(), dict) for m in model.metrics):
        return None
    names = model._ordered_log_names()
    return [*names, *(f"val_{n}" for n in names)] if validated else names


def flat_logs(model: StepModel, logs: dict[str, Any]) -> float | list:
    """Returns logs as a list, in Keras's order: the metrics by their own names, then other logs, sorted.

    Args:
        model: The model.
        logs: Its logs.

    Returns:
        The list; of a single log the value alone.
    """
    names = []
    for metric in model.metrics:
        names += [m.name for m in metric.metrics] if isinstance(metric, CompileMetrics) else [metric.name]
    values = [logs[n] for n in names if n in logs] + [logs[n] for n in sorted(logs) if n not in names]
    return values[0] if len(values) == 1 else values


def flattened(logs: dict[str, Any]) -> dict[str, Any]:
    """Returns logs sorted by name, a dict among their values replaced by its items.

    A custom step that asks each of `self.metrics` for its result returns those of `compile` as one dict.
    """
    flat: dict[str, Any] = {}
    for name in sorted(logs):
        flat.update(flattened(logs[name]) if isinstance(logs[name], dict) else {name: logs[name]})
    return flat


def numpy_logs(logs: dict[str, Any]) -> dict[str, Any]:
    """Returns logs on the host, flattened: floats, and arrays where a metric has several values."""
    fetched = fetch(flattened(logs)) if logs else {}
    return {k: float(v) if getattr(v, "ndim", None) == 0 else v for k, v in fetched.items()}


class LazyLogs(dict):
    """Logs that are copied to the host when they are first read, so that callbacks that don't read needn't wait.

    Args:
        logs: The logs, on the device.
    """

    def __init__(self, logs: dict[str, Any]):
        super().__init__(dict.fromkeys(flattened(logs)))  # the names are known
        self._on_device: dict[str, Any] | None = logs

    def _fetch(self) -> dict[str, Any]:
        if self._on_device is not None:
            on_device, self._on_device = self._on_device, None
            super().update(numpy_logs(on_device))
        return self

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


def _fetched(name: str) -> Callable:
    method = getattr(dict, name)

    def call(self: LazyLogs, *args: Any, **kwargs: Any) -> Any:
        self._fetch()
        return method(self, *args, **kwargs)

    call.__name__ = name
    return call


# The methods of dict that read or write values; len(), `in` and keys() need none.
_READING = (
    ("__getitem__", "__iter__", "__eq__", "__ne__", "__repr__", "__or__", "__ror__", "copy", "get", "items", "values")
    + ("__setitem__", "__delitem__", "__ior__", "clear", "pop", "popitem", "setdefault", "update")
)  # fmt: skip
for _name in _READING:
    setattr(LazyLogs, _name, _fetched(_name))
