"""Members: models built each under a seed of its own, as if it were alone in the process."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..callbacks import BackupAndRestore, Callback, History
from ..core import naming, tree
from ..core.errors import describe
from ..core.seeds import set_random_seed
from ..core.streams import set_streams, streams
from ..training.trainer import Trainer

# Attributes of callbacks that hold a path to write to.
_PATHS = ("filepath", "filename", "log_dir")
_FIELD = "{member}"


class Member:
    """A model of an ensemble.

    Args:
        build: Returns the compiled model.
        seed: Seed of its weights, dropout and orders of rows.
        arguments: Arguments of `build`.

    Attributes:
        model: The model.
        seed: The seed.
        arguments: The arguments.
        history: Its `History` of the last `fit`; None before.
        callbacks: Its callbacks of the last `fit`.

    Raises:
        ValueError: `build` returned no compiled model.
    """

    def __init__(self, build: Callable[..., Trainer], seed: int, arguments: dict[str, Any]):
        self.seed = seed
        self.arguments = arguments
        self.history: History | None = None
        self.callbacks: list[Callback] = []
        # Names are those of a process of its own, so that all members log by the same ones.
        self._random: dict[str, Any] | None = None
        self._names: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        with self.alone():
            self.model = build(**arguments)
        if not isinstance(self.model, Trainer) or not self.model.compiled:
            given = "a model that isn't compiled" if isinstance(self.model, Trainer) else describe(self.model)
            raise ValueError(f"`build` must return a compiled model. Received: {given}.")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Gives this member the process's random streams and names, as they were when it last had them."""
        before = streams(), naming.numbering()
        naming.set_numbering(self._names)
        if self._random is None:
            set_random_seed(self.seed)
        else:
            set_streams(self._random)
        try:
            yield
        finally:
            self._random, self._names = streams(), naming.numbering()
            set_streams(before[0])
            naming.set_numbering(before[1])


def callbacks_of(callbacks: Any, number: int) -> list[Callback]:
    """Returns a member's own callbacks.

    Args:
        callbacks: A callback or a list of them, which are copied, or a function of the member's number that returns
            them. In paths that they write to, "{member}" stands for the number.
        number: Number of the member, counted from 0.

    Raises:
        ValueError: A path is the same for all members.
    """
    if callable(callbacks) and not isinstance(callbacks, Callback):
        return _checked([c for c in tree.flatten(callbacks(number)) if c is not None])
    own = [copy.deepcopy(c) for c in tree.flatten(callbacks) if c is not None]
    for callback in own:
        for name in _PATHS:
            path = getattr(callback, name, None)
            if path is None:
                continue
            if _FIELD not in str(path):
                raise ValueError(
                    f"The members' copies of {type(callback).__name__} would all write to {name}='{path}'. Put "
                    f"'{_FIELD}', which stands for the number of the member, into the path, or pass `callbacks` a "
                    "function of that number which returns a list of callbacks."
                )
            setattr(callback, name, str(path).replace(_FIELD, str(number)))
    return _checked(own)


def _checked(callbacks: list[Any]) -> list[Any]:
    if any(isinstance(c, BackupAndRestore) for c in callbacks):
        raise ValueError(
            "BackupAndRestore resumes the `fit` of one model, not that of an ensemble. Use ModelCheckpoint with "
            f"'{_FIELD}' in its path."
        )
    return callbacks


__all__ = ["Member", "callbacks_of"]
