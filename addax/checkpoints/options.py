"""Checkpoints: where the checkpoints of a training go, and how often they are written."""

from __future__ import annotations

import os

from ..core.errors import describe


class Checkpoints:
    """Settings of the checkpoints that `fit` writes: where, and how often. Passed as its `resume`.

    A run that was interrupted at any moment, and is started again by the same script, continues from the last
    checkpoint. Its results are those of an uninterrupted run, bit for bit. A thread writes the checkpoints while
    training goes on.

    Args:
        folder: Path of a folder, for this training alone. It is created if it does not exist.
        every_seconds: Seconds between two checkpoints, or None. The next one is not started before the last is written.
        every_steps: Number of steps between two checkpoints, or None. Where several steps run in one dispatch, a
            checkpoint follows the dispatch in which the number is reached.
        every_epoch: Whether to write one after each epoch, too.
        keep: Number of checkpoints that are kept. With 2, there is one to go back to if the last is found damaged.
        delete_at_end: Whether to delete them when the training ends. Otherwise a later run finds that it has ended.

    Raises:
        ValueError: An argument is out of range.

    >>> keras.checkpoints.Checkpoints("run", every_seconds=60)
    Checkpoints('run', every_seconds=60, every_steps=None, every_epoch=False, keep=2, delete_at_end=False)
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        every_seconds: float | None = 30,
        every_steps: int | None = None,
        every_epoch: bool = False,
        keep: int = 2,
        delete_at_end: bool = False,
    ):
        try:
            self.folder = os.fspath(folder)
        except TypeError:
            raise ValueError(
                f"`folder` must be the path of a folder for the checkpoints. Received: {describe(folder)}"
            ) from None
        if not self.folder:
            raise ValueError("`folder` is empty: pass the path of a folder for the checkpoints.")
        if every_seconds is not None and not every_seconds >= 0:
            raise ValueError(f"`every_seconds` must be 0 or more, or None. Received: every_seconds={every_seconds!r}")
        for name, value, least in (("every_steps", every_steps, 1), ("keep", keep, 1)):
            optional = name == "every_steps"
            if not (optional and value is None) and (not isinstance(value, int) or value < least):
                raise ValueError(
                    f"`{name}` must be a positive integer{' or None' if optional else ''}. Received: {name}={value!r}"
                )
        self.every_seconds = every_seconds
        self.every_steps = every_steps
        self.every_epoch = bool(every_epoch)
        self.keep = keep
        self.delete_at_end = bool(delete_at_end)

    @classmethod
    def of(cls, resume: str | os.PathLike | Checkpoints) -> Checkpoints:
        """Returns `resume` as `Checkpoints`: a path stands for the folder, with the default arguments.

        Args:
            resume: A path, or `Checkpoints`.
        """
        return resume if isinstance(resume, cls) else cls(resume)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        names = ("every_seconds", "every_steps", "every_epoch", "keep", "delete_at_end")
        return f"Checkpoints({self.folder!r}, {', '.join(f'{n}={getattr(self, n)!r}' for n in names)})"


__all__ = ["Checkpoints"]
