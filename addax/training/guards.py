"""Guards: mistakes that are caught before the first step."""

from __future__ import annotations

from typing import Any


def check_names(loss: Any, metrics: Any, weighted_metrics: Any) -> None:
    """Names of losses and metrics that don't exist are errors when `compile` is called."""


def check_batch(model: Any, batch: tuple, labels: bool = True) -> None:
    """What the first batch tells: dtypes, and inputs that the model doesn't have."""


def check_data(model: Any, source: Any, first: tuple) -> None:
    """What the data tell: labels, shapes, values that aren't finite."""


def check_labels(model: Any, batch: tuple) -> None:
    """Labels of a batch against the model's outputs."""
