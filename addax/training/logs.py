"""Logs: the metrics of a dispatch, on the device until somebody looks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.engine import fetch


def numpy_logs(logs: dict[str, Any]) -> dict[str, Any]:
    """Returns logs on the host, sorted by name: floats, and arrays where a metric has several values."""
    fetched = fetch(dict(logs)) if logs else {}
    return {k: float(fetched[k]) if fetched[k].ndim == 0 else fetched[k] for k in sorted(fetched)}


class LazyLogs(dict):
    """Logs that come from the device when they are first read: a callback that doesn't read needn't wait."""

    def __init__(self, logs: dict[str, Any]):
        super().__init__(dict.fromkeys(sorted(logs)))  # the names are known
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


# Every method of dict that tells a value; len(), `in` and keys() need none.
_READING = (
    ("__getitem__", "__iter__", "__eq__", "__ne__", "__repr__", "__or__", "__ror__", "copy", "get", "items", "values")
    + ("__setitem__", "__delitem__", "__ior__", "clear", "pop", "popitem", "setdefault", "update")
)  # fmt: skip
for _name in _READING:
    setattr(LazyLogs, _name, _fetched(_name))
