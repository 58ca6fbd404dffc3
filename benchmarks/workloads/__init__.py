"""The workloads, by module."""

from __future__ import annotations

import importlib
from typing import Any

MODULES = ("startup", "building", "dense", "images", "augmentation", "sequences", "custom", "feeding", "small_calls")


def all_workloads() -> dict[str, Any]:
    """Every workload by name, in the order of the tables."""
    found: dict[str, Any] = {}
    for module in MODULES:
        found |= importlib.import_module(f"{__name__}.{module}").WORKLOADS
    return found


def module_of(name: str) -> str:
    """The module that has workload `name`."""
    for module in MODULES:
        if name in importlib.import_module(f"{__name__}.{module}").WORKLOADS:
            return f"{__name__}.{module}"
    raise KeyError(name)
