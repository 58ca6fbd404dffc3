"""State of the process other than settings."""

from __future__ import annotations

import gc

from ..core import naming, placement, policy
from ..core.late import provided

__all__ = ["clear_session"]


def clear_session(free_memory: bool = True) -> None:
    """Resets the counters of automatic names, the default dtype policy and the distribution, as in a fresh process.

    Args:
        free_memory: Whether to run the garbage collector.

    >>> keras.utils.clear_session(); keras.layers.Dense(1).name
    'dense'
    """
    naming.reset()
    policy.reset()
    if placement.current() is not None:
        provided("distribution").set_distribution(None)
    if free_memory:
        gc.collect()
