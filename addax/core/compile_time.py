"""The time that this thread has waited for programs to be traced and compiled, which is no time of their steps."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class _Waited(threading.local):
    """Seconds of a thread, and whether it is waiting now."""

    seconds = 0.0
    inside = False


_waited = _Waited()


@contextmanager
def compiling() -> Iterator[None]:
    """Counts the time within it; within another one it counts once."""
    if _waited.inside:
        yield
        return
    began, _waited.inside = time.perf_counter(), True
    try:
        yield
    finally:
        _waited.seconds += time.perf_counter() - began
        _waited.inside = False


def compile_seconds() -> float:
    """Returns the seconds that this thread has waited so far.

    >>> before = compile_seconds()
    >>> with compiling():
    ...     time.sleep(0.01)
    >>> 0.01 <= compile_seconds() - before < 10
    True
    """
    return _waited.seconds
