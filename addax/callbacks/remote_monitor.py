"""Callback that sends logs to a server."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request

import numpy as np

from ..core.warnings import warn
from .callback import Callback, Logs


class RemoteMonitor(Callback):
    """Sends the logs of each epoch to a server, by HTTP POST.

    Args:
        root: Address of the server.
        path: Path that the logs are sent to.
        field: Name of the form field that holds the logs as JSON, unless `send_as_json`.
        headers: Additional HTTP headers.
        send_as_json: Whether the body is the JSON itself, of the type "application/json", instead of a form.

    >>> keras.callbacks.RemoteMonitor("http://localhost:9000").path
    '/publish/epoch/end/'
    """

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: dict[str, str] | None = None,
        send_as_json: bool = False,
    ):
        super().__init__()
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        values = {"epoch": epoch}
        for name, value in (logs or {}).items():
            values[name] = value.item() if isinstance(value, (np.ndarray, np.generic)) else value
        text = json.dumps(values)
        body, kind = text, "application/json"
        if not self.send_as_json:
            body, kind = urllib.parse.urlencode({self.field: text}), "application/x-www-form-urlencoded"
        request = urllib.request.Request(
            self.root + self.path, body.encode(), {"Content-Type": kind, **(self.headers or {})}, method="POST"
        )
        try:
            urllib.request.urlopen(request, timeout=10).close()
        except urllib.error.HTTPError:
            pass  # the server was reached; what it makes of the logs is its own matter
        except OSError:
            warn(f"Could not reach RemoteMonitor root server at {self.root}")
