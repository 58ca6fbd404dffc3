"""Batches: the form in which the training loop reads data of any kind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..core import tree
from ..core.config import floatx
from ..core.dtypes import numpy_dtype
from ..core.engine import is_jax_array
from ..core.streams import set_streams, streams
from ..core.types import ArrayLike, Data, Tree
from ..core.warnings import warn

# Batches, or seconds, after which a warning says that the data may have no end.
MANY_BATCHES = 10_000
_LONG = 300.0

Batch = tuple[Any, Any, Any]  # x, y, sample_weight


class Batches:
    """A source of `(x, y, sample_weight)` batches.

    Attributes:
        steps: Number of batches per epoch; None if only reading to the end tells.
        batch_size: Rows per batch, or None.
        one_pass: Whether the source can be read only once (a generator), so that each epoch continues the last one.
        limit: Name of the argument that limits the number of batches, for warnings.
        passes: Number of passes over the data begun so far.
        like: The first batch, whose structure and dtypes later ones are compared with.
        tracked: Whether what a later `state` needs is recorded, which costs a little for each pass.
    """

    steps: int | None = None
    limit: str = "steps"
    batch_size: int | None = None
    one_pass: bool = False
    passes: int = 0
    like: Batch | None = None
    tracked: bool = False

    _standardize: Callable[[Any], Batch]

    def _standardized(self, raw: Data, number: int) -> Batch:
        """Converts a raw batch to arrays; errors name the number of the batch in the epoch, counted from 0."""
        try:
            return self._standardize(raw)
        except (ValueError, TypeError) as error:
            error.add_note(f"This is about batch {number + 1} of the data.")
            raise

    def apply_weights(self, weighter: Callable[[Any, Any], Any]) -> None:
        """Applies the sample weights `weighter(y, sample_weight)` to each batch from now on."""
        plain = self._standardize

        def standardize(raw: Data) -> Batch:
            x, y, sample_weight = plain(raw)
            return x, y, weighter(y, sample_weight)

        self._standardize = standardize

    def peek(self) -> Batch:
        """Returns the first batch without consuming it."""
        raise NotImplementedError

    def epoch(self, start: int = 0) -> Iterator[Batch]:
        """Yields the batches of one pass over the data.

        Args:
            start: Number of the first batch to yield; not 0 only after `restore` was given it.
        """
        raise NotImplementedError

    def state(self) -> dict[str, Any]:
        """Returns the state with which `restore` makes the data continue from here."""
        return {"passes": self.passes}

    def restore(self, state: dict[str, Any], taken: int = 0) -> None:
        """Restores a state that `state` returned.

        Args:
            state: The state.
            taken: Number of batches already taken from the current pass, which the next call of `epoch` is given; 0 if
                a new pass begins.
        """
        self.passes = state["passes"]

    def prepare_order(self) -> None:
        """Makes the order of the next pass in advance: a device still computes what this one gave it."""

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch."""


class ArrayBatches(Batches):
    """Batches sliced from arrays with equal sizes of the first axis.

    Args:
        x, y, sample_weight: Arrays or nested structures of them; None for none.
        batch_size: Rows per batch.
        shuffle: False, True for a new order in each epoch, or "batch" to shuffle whole batches.
    """

    def __init__(
        self, x: Tree, y: Tree = None, sample_weight: Tree = None, batch_size: int = 32, shuffle: bool | str = False
    ):
        self.arrays: Batch = (x, y, sample_weight)
        self.rows = count_rows(self.arrays)
        self.batch_size: int = int(batch_size)
        self.steps: int = -(-self.rows // self.batch_size)
        self.shuffle = shuffle
        self.seed: int | None = None  # drawn from NumPy's global generator when first needed
        self._prepared: tuple[int, np.ndarray | None] = (-1, None)  # number of a pass, and its order

    def peek(self) -> Batch:
        return self.rows_of(slice(0, min(self.batch_size, self.rows)))

    def order(self, number: int) -> np.ndarray | None:
        """Returns the order of the rows in a pass over the data, int32. It depends on seed and pass number only.

        None stands for the order of the arrays themselves.
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
        """Begins a pass and returns the order of its rows."""
        number, order = self._prepared
        self._prepared = (-1, None)
        self.passes += 1
        return order if number == self.passes - 1 else self.order(self.passes - 1)

    def prepare_order(self) -> None:
        self._prepared = (self.passes, self.order(self.passes))

    def state(self) -> dict[str, Any]:
        return {**super().state(), "seed": self.seed}

    def restore(self, state: dict[str, Any], taken: int = 0) -> None:
        super().restore(state, taken)
        self.seed = state["seed"]
        self._prepared = (-1, None)

    def epoch(self, start: int = 0) -> Iterator[Batch]:
        order = self.order(self.passes - 1) if start else self.next_order()
        for first in range(start * self.batch_size, self.rows, self.batch_size):
            rows = slice(first, min(first + self.batch_size, self.rows))
            yield self.rows_of(rows if order is None else order[rows])

    def rows_of(self, index: slice | np.ndarray) -> Batch:
        """Returns the batch of the rows `index`, a slice or an integer array."""
        return tree.map_structure(lambda a: None if a is None else a[index], self.arrays)

    @property
    def nbytes(self) -> int:
        """Size of the arrays in bytes."""
        return sum(a.nbytes for a in tree.flatten(self.arrays) if a is not None)

    @property
    def host_bytes(self) -> int:
        """Size of the NumPy arrays in bytes, which are copied when the data are moved to a device."""
        return sum(a.nbytes for a in tree.flatten(self.arrays) if isinstance(a, np.ndarray))


class IteratorBatches(Batches):
    """Batches from any iterable: generators, loaders, datasets.

    Args:
        data: The iterable.
        make_iterator: Returns an iterator over the raw batches of one epoch.
        standardize: Converts a raw batch to an `(x, y, sample_weight)` of arrays.
        steps: Number of batches per epoch, if known.
        one_pass: Whether there is only one iterator, which all epochs share (a generator).

    Batches are read as steps are dispatched, never beyond those of an epoch. Steps are dispatched without waiting for
    their results, so the next batch is prepared while the device computes.

    If the iterator, or the iterable, has `get_state` and `set_state` (or `state_dict` and `load_state_dict`), resumed
    training continues from its state. Otherwise the batches that were read before are read again.
    """

    def __init__(
        self,
        data: Data,
        make_iterator: Callable[[], Iterator],
        standardize: Callable[[Any], Batch],
        steps: int | None = None,
        one_pass: bool = False,
    ):
        self.data = data
        self.steps = steps
        self._make = make_iterator
        self._standardize = standardize
        self.one_pass = one_pass
        self._iterator: Iterator | None = None
        self._restored = False  # whether the next pass continues the current iterator
        self._first: list = []
        self._read = 0  # raw batches read from the iterator
        self._streams: dict[str, Any] | None = None  # the random streams at the start of the pass

    def peek(self) -> Batch:
        if not self._first:
            self._iterator = self._make()
            try:
                self._first = [next(self._iterator)]
            except StopIteration:
                raise ValueError("The data are empty: there is no first batch. Pass at least one batch.") from None
            self._read = 1
        batch = self._standardized(self._first[0], 0)
        first = next((a for a in tree.flatten(batch[0]) if a is not None), None)
        if self.batch_size is None and first is not None and np.ndim(first) > 0:
            self.batch_size = int(first.shape[0])
        self.like = self.like or batch
        return batch

    def epoch(self, start: int = 0) -> Iterator[Batch]:
        self.passes += start == 0
        if self.tracked and not self._restored and not (self.one_pass and self._streams):
            self._streams = streams()
        if self._first:  # what `peek` read belongs to the first epoch
            yield self._standardized(self._first.pop(), 0)
            start = 1
        elif self._iterator is None or not (self.one_pass or self._restored):
            self._iterator, self._read = self._make(), 0
        self._restored = False
        assert self._iterator is not None
        for number, raw in enumerate(self._iterator, start):
            self._read += 1
            yield self._standardized(raw, number)
        if not self.one_pass:
            self._iterator = None

    def state(self) -> dict[str, Any]:
        used = self._read - len(self._first)
        found = {**super().state(), "read": used, "streams": self._streams, "of": None, "inner": None}
        if self._first:  # nothing was used yet: a new run reads it again
            return found
        for of, owner in (("iterator", self._iterator), ("data", self.data)):
            if (methods := state_methods(owner)) is not None:
                return {**found, "of": of, "inner": methods[0]()}
        return found

    def restore(self, state: dict[str, Any], taken: int = 0) -> None:
        super().restore(state, taken)
        self._streams = state["streams"]
        goes_on = taken > 0 or (self.one_pass and state["read"] > 0)
        if state["of"] is None and goes_on:
            self._wind(state["read"])
        elif state["passes"]:  # what `peek` read came from the first pass
            self._first.clear()
            if state["of"] == "data":
                self._set_state(self.data, state["inner"])
            self._iterator = self._make() if goes_on else None
            if state["of"] == "iterator" and goes_on:
                self._set_state(self._iterator, state["inner"])
            self._read = state["read"]
        self._restored = goes_on

    def _wind(self, count: int) -> None:
        """Reads `count` batches that were read before, once more."""
        if self._iterator is None or (self.passes > 1 and not self.one_pass):  # `peek` has read from the first pass
            self._iterator, self._read = None, 0
        self._first.clear()
        if self._streams is not None:
            set_streams(self._streams)
        if self._iterator is None:
            self._iterator = self._make()
        if count > self._read:
            warn(
                f"To resume, {count} batches of the {type(self.data).__name__} are read again and dropped, as it has "
                "no state. Data with `get_state` and `set_state` (or `state_dict` and `load_state_dict`) continue at "
                "once."
            )
        while self._read < count:
            next(self._iterator, None)
            self._read += 1

    def _set_state(self, owner: Any, state: Any) -> None:
        methods = state_methods(owner)
        if methods is None:
            raise ValueError(
                f"The data had a state when the checkpoint was written, and {type(owner).__name__} has none."
            )
        methods[1](state)


def state_methods(owner: Any) -> tuple[Callable[[], Any], Callable[[Any], Any]] | None:
    """Returns the methods of an iterable or iterator that return and set its state, or None."""
    for names in (("get_state", "set_state"), ("state_dict", "load_state_dict")):
        get, put = (getattr(owner, name, None) for name in names)
        if callable(get) and callable(put):
            return get, put
    return None


class EpochSteps:
    """Yields batches for `steps` steps at a time; each epoch continues where the last one stopped.

    Args:
        source: The batches.
        steps: Steps per epoch; None for all batches of the source.

    Attributes:
        exhausted: Whether the last epoch found fewer batches than `steps`. As in Keras, it is then a short epoch, and
            the next one starts from the beginning.
        start: Number of the step with which the next epoch begins; not 0 only after `restore`.
        marking: Whether to note the state before each batch is read, for a `state` without the batches read ahead.
        told_of_others: Whether it was warned that the data of another process end sooner.
    """

    def __init__(self, source: Batches, steps: int | None):
        self.source = source
        self.steps = steps
        self.exhausted = False
        self.start = 0
        self.marking = False
        self.told_of_others = False
        self._iterator: Iterator | None = None
        self._taken = self._before = 0  # batches of the pass under way: now, and when the epoch began
        self._mark: tuple[int, dict[str, Any], dict[str, Any]] | None = None
        self._told = False

    def state(self, step: int) -> dict[str, Any]:
        """Returns the state from which `restore` continues.

        Args:
            step: Number of steps of the current epoch that were run; batches may have been read beyond them.
        """
        taken = self._before + step if step else self._taken
        mark = self._mark_at(step)
        source, random = mark[1:] if mark is not None else (self.source.state(), streams())
        return {"taken": taken, "source": source, "streams": random}

    def is_exact(self, step: int) -> bool:
        """Returns whether `state` is exact now: no batch was read beyond `step`, or the state before it is noted."""
        return self._taken == (self._before + step if step else self._taken) or self._mark_at(step) is not None

    def _mark_at(self, step: int) -> Any:
        mark, taken = self._mark, self._before + step
        return mark if step and self._taken != taken and mark is not None and mark[0] == taken else None

    def restore(self, state: dict[str, Any], step: int) -> None:
        """Restores a state that `state` returned.

        Args:
            state: The state.
            step: Number of steps of the epoch that were done then.
        """
        self.start, taken = step, state["taken"]
        self.source.restore(state["source"], taken)
        if taken:
            self._iterator = self._pass(taken)
            self._taken = taken
        set_streams(state["streams"])

    def epoch(self) -> Iterator[Batch]:
        """Yields the batches of the next epoch."""
        start, self.start = self.start, 0
        self.exhausted = False
        step = start
        while self.steps is None or step < self.steps:
            if self.marking:
                self._mark = self._taken, self.source.state(), streams()
            batch = next(self._iterator, None) if self._iterator is not None else None
            if batch is None and step == 0:  # the last epoch took all batches
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

    def end(self) -> None:
        """Ends the epoch as if the source had no more batches; where it has some, the next one begins a new pass."""
        if self._iterator is not None:
            self._iterator = None
            self.exhausted = self.steps is not None

    def _pass(self, start: int = 0) -> Iterator[Batch]:
        """Yields all batches of the source; warns once if they may never end."""
        endless = self.steps is None and self.source.steps is None
        began = time.perf_counter()
        self._taken = start
        for number, batch in enumerate(self.source.epoch(start), start + 1):
            if endless and not self._told and (number >= MANY_BATCHES or time.perf_counter() - began > _LONG):
                self._told = True
                warn(
                    f"{number} batches have been read, and how many there are isn't known. If the data have no end, "
                    f"neither has this loop: pass `{self.source.limit}`, the number of batches to use."
                )
            self._taken = number
            yield batch
        self._taken = 0


def unpack_x_y_sample_weight(data: Data) -> tuple:
    """Unpacks data into `(x, y, sample_weight)`, with None for missing parts.

    Args:
        data: `x`, `(x,)`, `(x, y)` or `(x, y, sample_weight)`, as a tuple or list.

    Returns:
        Tuple of three.

    Raises:
        ValueError: `data` has more than three parts.

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


def pack_x_y_sample_weight(x: Tree, y: Tree = None, sample_weight: Tree = None) -> Any:
    """Packs data into a tuple; the inverse of `unpack_x_y_sample_weight`.

    Args:
        x: Inputs.
        y: Labels, or None.
        sample_weight: Sample weights, or None.

    Returns:
        `x` (or `(x,)` for a list or tuple), `(x, y)` or `(x, y, sample_weight)`.

    >>> pack_x_y_sample_weight(1, 2)
    (1, 2)
    """
    if y is None:
        return (x,) if isinstance(x, (list, tuple)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def packed(batch: Batch) -> Any:
    """Returns a batch in the form that steps take: `x`, `(x, y)` or `(x, y, sample_weight)`."""
    return pack_x_y_sample_weight(*batch)


def count_rows(arrays: Tree) -> int:
    """Returns the size of the first axis of arrays in a nested structure, in which some may be None.

    >>> count_rows((None, {"a": np.zeros((3, 2))}))
    3
    """
    return int(next(a for a in tree.flatten(arrays) if a is not None).shape[0])


def to_host(x: ArrayLike) -> Any:
    """Returns an array of NumPy or JAX; float64 becomes the default float dtype."""
    if x is None or is_jax_array(x):
        return x
    x = np.asarray(x)
    if x.dtype in (np.float64, np.longdouble):
        return x.astype(numpy_dtype(floatx()))
    return x
