"""One `fit` of a model at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .steps import StepModel

_lock = threading.Lock()
_trained: dict[int, tuple[int, str]] = {}  # by id of the model: the thread that trains it


@contextmanager
def exclusively(model: StepModel) -> Iterator[None]:
    """Keeps other threads from training `model` while it is open.

    Raises:
        RuntimeError: Another thread trains it.
    """
    mine = threading.get_ident(), threading.current_thread().name
    with _lock:
        outer = _trained.setdefault(id(model), mine)
    if outer[0] != mine[0]:
        raise RuntimeError(
            f"Model '{model.name}' is being trained by a `fit` in thread '{outer[1]}', so a second `fit` in thread "
            f"'{mine[1]}' can't begin: both would change the same weights. Wait until the first has ended, or train a "
            "copy: `keras.models.clone_model(model)`."
        )
    try:
        yield
    finally:
        if outer is mine:  # not a `fit` inside a callback of another
            del _trained[id(model)]


__all__ = ["exclusively"]
