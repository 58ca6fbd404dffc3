"""Lockstep of processes that train together on iterables: which batches all of them have, and run."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from ..core import tree
from ..core.placement import integers, is_shared, joined, joins_rows, texts
from ..core.warnings import warn
from .batches import ArrayBatches, Batch, Batches, EpochSteps
from .limited import LimitedBatches

GOES_ON, ENDED, FAILED = 0, 1, 2  # the data of a process


def is_needed(source: Batches) -> bool:
    """Returns whether processes must agree on the number of batches: several compute, and it isn't known before.

    A process that waits for a step of the others, whose data have ended, would wait forever.

    Args:
        source: The batches.
    """
    unknown = source.steps is None or isinstance(source, LimitedBatches)
    return is_shared() and not isinstance(source, ArrayBatches) and unknown


class Agreed(NamedTuple):
    """Agreement of the processes on their next batches.

    Attributes:
        batches: Number of the batches that all of them run.
        ended: Whether the epoch ends after them.
        error: Error to be raised then, where the data of another process raised one.
    """

    batches: int
    ended: bool
    error: Exception | None


def agreed(steps: EpochSteps, batches: Sequence[Batch], data: int) -> Agreed:
    """Returns what the processes agree on; each calls this as often as the others, until the epoch ends.

    Args:
        steps: The batches of the epoch.
        batches: Those that this process would run next.
        data: Whether its data go on: `GOES_ON`, `ENDED` or `FAILED`.

    Raises:
        ValueError: The batches of the processes have different shapes, or were gathered differently.
    """
    shapes = _shapes(batches[0]) if batches else ""
    found = integers([len(batches), data, zlib.crc32(shapes.encode()) >> 1])
    counts, states, digests = found.T.tolist()
    count, ended = min(counts), any(states)
    if (count and len(set(digests)) > 1) or (len(set(counts)) > 1 and not ended):
        raise _different(texts(f"{len(batches)} of {shapes}"))
    if ended and count < len(batches) + (data == GOES_ON):  # this process has more
        steps.end()
    if FAILED in states:
        return Agreed(count, True, None if data == FAILED else _failed(states.index(FAILED)))
    if ended and not steps.told_of_others:
        steps.told_of_others = _warn_of_end(counts, states)
    return Agreed(count, ended, None)


def _failed(process: int) -> RuntimeError:
    return RuntimeError(
        f"Process {process} raised an error, so the other processes end as well: its own output says why."
    )


def _different(batches: list[str]) -> ValueError:
    told = "; ".join(f"{text} in process {k}" for k, text in enumerate(batches))
    return ValueError(
        f"The processes have different batches: {told}. An iterable must yield the same batches in every process, or "
        "with `auto_shard_dataset=False` batches of one shape."
    )


def _warn_of_end(counts: list[int], states: list[int]) -> bool:
    """Warns that the data of some processes have ended before those of others, if so; returns whether it did."""
    least = min(counts)
    if max(counts) == least and GOES_ON not in states:
        return False
    ended = [k for k, state in enumerate(states) if state == ENDED]
    first = [k for k in ended if counts[k] == least] or ended
    warn(
        f"The data of process{'es' * (len(first) > 1)} {', '.join(map(str, first))} ended before those of the "
        "others. The epoch ends here for all of them, and the batches that the others have left are not used. Let "
        "every process yield as many batches, or give the number to use: `steps_per_epoch`, `validation_steps` or "
        "`steps`."
    )
    return True


def check_length(source: Batches, steps: int | None) -> None:
    """Raises ValueError if the processes that compute together know of different numbers of batches or rows.

    Args:
        source: The batches.
        steps: Number of steps; None for what the source has.
    """
    if not is_shared():
        return
    own = [steps or source.steps or -1, getattr(source, "rows", None) or -1, source.batch_size or -1]
    for name, values in zip(("batches", "rows", "rows a batch"), integers(own).T.tolist()):
        if len(set(values)) > 1:
            told = ", ".join(f"{'unknown' if v < 0 else v} in process {k}" for k, v in enumerate(values))
            raise ValueError(
                f"The processes don't have the same data, so none of them would be right: the number of {name} is "
                f"{told}. Give all of them the same data."
            )


@contextmanager
def all_or_none() -> Iterator[None]:
    """Raises an error in all processes that compute together where the code inside raises one in any of them.

    Raises:
        RuntimeError: Another process had one.
    """
    if not is_shared():
        yield
        return
    try:
        yield
    except Exception:
        integers([FAILED])
        raise
    states = integers([GOES_ON])[:, 0].tolist()
    if any(states):
        raise _failed(states.index(FAILED))


def _shapes(batch: Batch) -> str:
    return ", ".join("None" if a is None else f"{a.dtype}{list(a.shape)}" for a in tree.flatten(batch))


def batches_of(steps: EpochSteps, each: bool) -> Iterator[Batch]:
    """Returns the batches of the next epoch, with the rows of all processes where each makes rows of its own.

    Args:
        steps: The batches of this process.
        each: Whether processes agree on each batch, as each is run before the next one is read.
    """
    joins = is_shared() and joins_rows() and not isinstance(steps.source, ArrayBatches)
    return _in_lockstep(steps, joins) if joins or (each and is_needed(steps.source)) else steps.epoch()


def _in_lockstep(steps: EpochSteps, joins: bool) -> Iterator[Batch]:
    batches = steps.epoch()
    while True:
        error: Exception | None = None
        batch: Batch | None = None
        try:
            batch = next(batches, None)
        except Exception as e:
            error = e
        data = FAILED if error is not None else ENDED if batch is None else GOES_ON
        found = agreed(steps, [] if batch is None else [batch], data)
        if error is not None or found.error is not None:
            raise error or found.error  # type: ignore[misc]
        if batch is None or found.ended:
            return
        yield joined(batch) if joins else batch


__all__ = ["ENDED", "FAILED", "GOES_ON", "agreed", "all_or_none", "batches_of", "check_length", "is_needed"]
