"""Batches: what the loop reads, whatever the user passed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..core import tree
from ..core.config import floatx
from ..core.dtypes import numpy_dtype
from ..core.engine import is_jax_array
from ..core.warnings import warn

MANY_BATCHES = 10_000  # and seconds, after which it is said that data may have no end
_LONG = 300.0

Batch = tuple[Any, Any, Any]  # x, y, sample_weight


class Batches:
    """A source of `(x, y, sample_weight)` batches.

    Attributes:
        steps: Number of batches an epoch, or None when only reading it to the end tells.
        batch_size: Rows a batch, or None.
        one_pass: Whether it can be read only once (a generator), so that each epoch goes on where the last stopped.
        limit: The argument that says how many batches are wanted, for warnings.
    """

    steps: int | None = None
    limit: str = "steps"
    batch_size: int | None = None
    one_pass: bool = False
    passes: int = 0  # how many were begun

    _standardize: Callable[[Any], Batch]

    def _standardized(self, raw: Any, number: int) -> Batch:
        """A raw batch as arrays; errors say which batch of the epoch it is, counted from 0."""
        try:
            return self._standardize(raw)
        except (ValueError, TypeError) as error:
            error.add_note(f"This is about batch {number + 1} of the data.")
            raise

    def weigh(self, weighter: Callable[[Any, Any], Any]) -> None:
        """Gives each batch the sample weights `weighter(y, sample_weight)` from now on."""
        plain = self._standardize

        def standardize(raw: Any) -> Batch:
            x, y, sample_weight = plain(raw)
            return x, y, weighter(y, sample_weight)

        self._standardize = standardize

    def peek(self) -> Batch:
        """The first batch, without consuming it."""
        raise NotImplementedError

    def epoch(self) -> Iterator[Batch]:
        """The batches of one epoch."""
        raise NotImplementedError

    def state(self) -> dict[str, Any]:
        """What `restore` needs to begin the next pass over the data as it would begin now."""
        return {"passes": self.passes}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on as where `state` was taken."""
        self.passes = state["passes"]

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch."""


class ArrayBatches(Batches):
    """Batches cut from arrays whose first axes are equally long.

    Args:
        x, y, sample_weight: Arrays or nested structures of them; None where there is none.
        batch_size: Rows a batch.
        shuffle: False, True for a new order each epoch, or "batch" to shuffle whole batches.
    """

    def __init__(self, x: Any, y: Any = None, sample_weight: Any = None, batch_size: int = 32, shuffle: Any = False):
        self.arrays: Batch = (x, y, sample_weight)
        self.rows = count_rows(self.arrays)
        self.batch_size: int = int(batch_size)
        self.steps: int = -(-self.rows // self.batch_size)
        self.shuffle = shuffle
        self.seed: int | None = None  # of the orders; drawn from NumPy's global generator when first needed

    def peek(self) -> Batch:
        return self.rows_of(slice(0, min(self.batch_size, self.rows)))

    def order(self, number: int) -> np.ndarray | None:
        """The order of the rows in a pass over the data, int32, a function of the seed and its number alone.

        None stands for the order of the arrays.
        """
        if not self.shuffle:
            return None
        if self.seed is None:
            self.seed = int(np.random.randint(1 << 31))
        rng = np.random.Generator(np.random.Philox(key=[self.seed, number]))
        if self.shuffle == "batch":
            full = self.rows // self.batch_size
            starts = rng.permutation(full).astype("int32") * self.batch_size
            rows = (starts[:, None] + np.arange(self.batch_size, dtype="int32")).ravel()
            return np.concatenate([rows, np.arange(full * self.batch_size, self.rows, dtype="int32")])
        return rng.permutation(self.rows).astype("int32")

    def next_order(self) -> np.ndarray | None:
        """Begins a pass; returns the order of its rows."""
        self.passes += 1
        return self.order(self.passes - 1)

    def state(self) -> dict[str, Any]:
        return {**super().state(), "seed": self.seed}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self.seed = state["seed"]

    def epoch(self) -> Iterator[Batch]:
        order = self.next_order()
        for start in range(0, self.rows, self.batch_size):
            rows = slice(start, min(start + self.batch_size, self.rows))
            yield self.rows_of(rows if order is None else order[rows])

    def rows_of(self, index: Any) -> Batch:
        """The batch of the rows `index`."""
        return tree.map_structure(lambda a: None if a is None else a[index], self.arrays)

    @property
    def nbytes(self) -> int:
        """Memory that the arrays take."""
        return sum(a.nbytes for a in tree.flatten(self.arrays) if a is not None)

    @property
    def host_bytes(self) -> int:
        """Memory that NumPy arrays take: what putting the data on a device copies."""
        return sum(a.nbytes for a in tree.flatten(self.arrays) if isinstance(a, np.ndarray))


class IteratorBatches(Batches):
    """Batches from anything that can be iterated over: generators, loaders, datasets.

    Args:
        make_iterator: Returns an iterator over the raw batches of one epoch.
        standardize: Makes a raw batch an `(x, y, sample_weight)` of arrays.
        steps: Number of batches an epoch, where known.
        one_pass: Whether there is only one iterator, which all epochs go on with (a generator).

    Batches are read as steps are dispatched, never beyond those of an epoch. Steps are dispatched without waiting for
    their results, so the next batch is made while the device computes.
    """

    def __init__(
        self,
        make_iterator: Callable[[], Iterator],
        standardize: Callable[[Any], Batch],
        steps: int | None = None,
        one_pass: bool = False,
    ):
        self.steps = steps
        self._make = make_iterator
        self._standardize = standardize
        self.one_pass = one_pass
        self._iterator: Iterator | None = None
        self._first: list = []

    def peek(self) -> Batch:
        if not self._first:
            self._iterator = self._make()
            try:
                self._first = [next(self._iterator)]
            except StopIteration:
                raise ValueError(
                    "The data are empty: the first batch was asked for and there was none. Pass at least one batch."
                ) from None
        batch = self._standardized(self._first[0], 0)
        first = next((a for a in tree.flatten(batch[0]) if a is not None), None)
        if self.batch_size is None and first is not None and np.ndim(first) > 0:
            self.batch_size = int(first.shape[0])
        return batch

    def epoch(self) -> Iterator[Batch]:
        self.passes += 1
        start = 0
        if self._first:  # what `peek` read belongs to the first epoch
            yield self._standardized(self._first.pop(), 0)
            start = 1
        elif self._iterator is None or not self.one_pass:
            self._iterator = self._make()
        assert self._iterator is not None
        for number, raw in enumerate(self._iterator, start):
            yield self._standardized(raw, number)
        if not self.one_pass:
            self._iterator = None


class EpochSteps:
    """Hands out the batches of `steps` steps at a time, going on where the last epoch stopped.

    Args:
        source: Where the batches come from.
        steps: Steps an epoch; None for what the source has.

    Attributes:
        exhausted: Whether the last epoch found fewer batches than `steps`. As in Keras it is a short epoch then, and
            the next one begins from the start.
        start: Number of the step with which the next epoch begins; not 0 only after `restore`.
    """

    def __init__(self, source: Batches, steps: int | None):
        self.source = source
        self.steps = steps
        self.exhausted = False
        self.start = 0
        self._iterator: Iterator | None = None
        self._taken = self._before = 0  # batches of the pass under way: now, and when the epoch began
        self._told = False

    def state(self, step: int) -> dict[str, Any]:
        """What `restore` needs to go on from here.

        Args:
            step: Steps of the epoch under way that were run; batches may have been read beyond them.
        """
        return {"taken": self._before + step if step else self._taken, **self.source.state()}

    def restore(self, state: dict[str, Any], step: int) -> None:
        """Goes on as where `state` was taken.

        Args:
            state: From `state`.
            step: Steps of the epoch that were done then.
        """
        self.start, taken = step, state["taken"]
        self.source.restore({**state, "passes": state["passes"] - (taken > 0)})
        if taken:
            self._iterator = self._pass()
            for _ in range(taken):
                next(self._iterator, None)

    def epoch(self) -> Iterator[Batch]:
        """The batches of the next epoch."""
        start, self.start = self.start, 0
        self.exhausted = False
        step = start
        while self.steps is None or step < self.steps:
            batch = next(self._iterator, None) if self._iterator is not None else None
            if batch is None and step == 0:  # the last epoch took all there was
                self._iterator = self._pass()
                batch = next(self._iterator, None)
            if batch is None:
                self._iterator = None
                self.exhausted = self.steps is not None
                return
            if step == start:
                self._before = self._taken - 1 - start
            step += 1
            yield batch

    def _pass(self) -> Iterator[Batch]:
        """All batches of the source; says once that it may have no end, where nobody knows how many there are."""
        endless = self.steps is None and self.source.steps is None
        began = time.perf_counter()
        self._taken = 0
        for number, batch in enumerate(self.source.epoch(), 1):
            if endless and not self._told and (number >= MANY_BATCHES or time.perf_counter() - began > _LONG):
                self._told = True
                warn(
                    f"{number} batches have been read, and how many there are isn't known. If the data have no end, "
                    f"neither has this loop: pass `{self.source.limit}`, the number of batches to use."
                )
            self._taken = number
            yield batch
        self._taken = 0


def unpack_x_y_sample_weight(data: Any) -> tuple:
    """`data` as `(x, y, sample_weight)`, None for what it lacks.

    >>> unpack_x_y_sample_weight((1, 2))
    (1, 2, None)
    """
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if len(data) > 3:
        raise ValueError(
            "Data is expected to be in format `x`, `(x,)`, `(x, y)`, or `(x, y, sample_weight)`, found a tuple of "
            f"{len(data)}."
        )
    return (*data, None, None)[:3]


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """The reverse of `unpack_x_y_sample_weight`.

    >>> pack_x_y_sample_weight(1, 2)
    (1, 2)
    """
    if y is None:
        return x if not tree.is_nested(x) else (x,)
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def packed(batch: Batch) -> Any:
    """Returns a batch as steps take it: `x`, `(x, y)` or `(x, y, sample_weight)`."""
    return pack_x_y_sample_weight(*batch)


def count_rows(arrays: Any) -> int:
    """How long the first axes of arrays are; `arrays` is a structure of them and Nones.

    >>> count_rows((None, {"a": np.zeros((3, 2))}))
    3
    """
    return int(next(a for a in tree.flatten(arrays) if a is not None).shape[0])


def to_host(x: Any) -> Any:
    """An array as the engine can take it: NumPy or JAX, with 64 bits made 32."""
    if x is None or is_jax_array(x):
        return x
    x = np.asarray(x)
    if x.dtype in (np.float64, np.longdouble):
        return x.astype(numpy_dtype(floatx()))
    return x
