"""Finding where the first value that isn't finite began."""

from __future__ import annotations

from typing import Any


class Watch:
    """Replays the batch at which the loss stopped being finite, and names the layer.

    Args:
        model: The model.
        source: Its training data.
    """

    def __init__(self, model: Any, source: Any):
        self.model = model
        self.source = source

    def note(self) -> None:
        """Remembers the state at the beginning of an epoch."""

    def check(self, logs: dict[str, Any]) -> None:
        """Looks at the logs of an epoch."""
