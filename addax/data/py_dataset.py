"""PyDataset: batches that users define by index, optionally loaded by several threads or processes."""

from __future__ import annotations

import collections
import concurrent.futures
import itertools
import operator
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import numpy as np

from ..core.streams import same_streams, set_streams, streams
from . import workers
from .batches import Batch, Batches, count_rows, state_methods


class PyDataset:
    """A dataset defined by its batches; subclasses define `__getitem__` and `__len__` (or `num_batches`).

    Args:
        workers: Number of workers that load batches ahead; 1 loads them when needed.
        use_multiprocessing: Whether the workers are processes instead of threads.
        max_queue_size: Maximum number of batches loaded ahead.

    >>> class Squares(keras.utils.PyDataset):
    ...     def __len__(self): return 4
    ...     def __getitem__(self, i): return np.full((2, 1), i), np.full((2, 1), i * i)
    >>> len(Squares(workers=2))
    4
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10):
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define `__getitem__(self, index)`.")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} must define `__len__` or `num_batches`.")

    def __iter__(self) -> Iterator[Any]:
        """Yields the batches of an epoch, in order; endlessly if `num_batches` is None."""
        count = self.num_batches
        return (self[i] for i in (itertools.count() if count is None else range(count)))

    @property
    def num_batches(self) -> int | None:
        """Number of batches per epoch; None if they never end."""
        return len(self)

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch."""


class PyDatasetBatches(Batches):
    """The batches of a `PyDataset`.

    Resumed training continues with the next index. The hooks of the dataset are called again as often as before, with
    the random streams of then; or the dataset has `get_state` and `set_state`.

    Args:
        dataset: The dataset.
        standardize: Converts a raw batch to an `(x, y, sample_weight)` of arrays.
        shuffle: Whether to reorder the batches in each epoch.
    """

    def __init__(self, dataset: PyDataset, standardize: Callable[[Any], Batch], shuffle: bool):
        self.dataset = dataset
        self.shuffle = shuffle
        self._standardize = standardize
        # Subclasses of Keras 2's Sequence may not call super().__init__().
        self._workers = getattr(dataset, "workers", 1)
        self.steps = _count(dataset)
        self._pool: concurrent.futures.Executor | None = None
        self._first: list = []  # the batch that `peek` read: each batch is loaded once per epoch
        self._begun = False  # whether `on_epoch_begin` was called for the current epoch
        self.seed: int | None = None  # of the orders; drawn from NumPy's global generator when first needed
        self._calls: list[
            tuple[str, dict[str, Any] | None]
        ] = []  # calls of hooks, each with the random streams that it drew from

    def peek(self) -> Batch:
        if not self._first:
            self.on_epoch_begin()  # datasets may prepare their batches in it
            self._first = [self._item(0)]
        batch = self._standardized(self._first[0], 0)
        self.batch_size = count_rows(batch[0])
        self.like = self.like or batch
        return batch

    def epoch(self, start: int = 0) -> Iterator[Batch]:
        self.passes += start == 0
        order = itertools.islice(self._order(self.passes - 1), start, None)
        if self._workers <= 1:
            for i in order:
                yield self._standardized(self._first.pop() if self._is_read(i) else self._item(i), i)
        else:
            for i, raw in self._ahead(order):
                yield self._standardized(raw, i)

    def _order(self, number: int) -> Iterable[int]:
        """Returns the order of the batches in a pass over the data. It depends on seed and pass number only."""
        if self.steps is None:
            return itertools.count()
        if not self.shuffle:
            return range(self.steps)
        if self.seed is None:
            self.seed = int(np.random.randint(1 << 31))
        return np.random.Generator(np.random.Philox(key=[self.seed, number])).permutation(self.steps).tolist()

    def state(self) -> dict[str, Any]:
        methods = state_methods(self.dataset)
        inner = None if methods is None else methods[0]()
        calls = [list(call) for call in self._calls] if methods is None else []
        own = {"seed": self.seed, "begun": self._begun, "unused": bool(self._first)}
        return {**super().state(), **own, "calls": calls, "inner": inner}

    def restore(self, state: dict[str, Any], taken: int = 0) -> None:
        super().restore(state, taken)
        self.seed = state["seed"]
        for name, given in state["calls"][len(self._calls) :]:  # `peek` has called the first
            if given is not None:
                set_streams(given)
            self._call_hook(name)
            self._calls[-1] = name, given
        methods = state_methods(self.dataset)
        if methods is not None:
            methods[1](state["inner"])
        self._begun = state["begun"]
        if not state["unused"]:
            self._first.clear()

    def _item(self, i: int) -> Any:
        try:
            return self.dataset[i]
        except IndexError as error:
            raise self._without(i, error) from error

    def _without(self, i: int, error: IndexError) -> ValueError:
        kind = type(self.dataset).__name__
        return ValueError(
            f"{kind} has {self.steps} batches by its `__len__` (or `num_batches`), but `__getitem__({i})` raised "
            f"IndexError: {error}. Return the number of batches, not of samples, and whole batches up to the last."
        )

    def _is_read(self, i: int) -> bool:
        return i == 0 and bool(self._first)

    def _ahead(self, order: Iterable) -> Iterator[tuple[int, Any]]:
        """Yields indices and raw batches, in order, which workers load ahead."""
        waiting: collections.deque[tuple[int, concurrent.futures.Future]] = collections.deque()
        ahead = max(1, getattr(self.dataset, "max_queue_size", 10))

        def first() -> tuple[int, Any]:
            i, future = waiting.popleft()
            try:
                return i, future.result()
            except IndexError as error:
                raise self._without(i, error) from error
            except BrokenProcessPool as error:
                raise workers.ended(self.dataset) from error

        try:
            for i in order:
                waiting.append((i, self._submit(i)))
                if len(waiting) >= ahead:
                    yield first()
            while waiting:
                yield first()
        finally:
            for _, future in waiting:
                future.cancel()

    def _submit(self, i: int) -> concurrent.futures.Future:
        if self._is_read(i):
            future: concurrent.futures.Future = concurrent.futures.Future()
            future.set_result(self._first.pop())
            return future
        if self._pool is None:
            processes = bool(getattr(self.dataset, "use_multiprocessing", False))
            self._pool = workers.make_pool(self.dataset, self._workers, processes, _set_worker_dataset)
        if isinstance(self._pool, concurrent.futures.ProcessPoolExecutor):
            return self._pool.submit(_worker_item, i)
        return self._pool.submit(self.dataset.__getitem__, i)

    def on_epoch_begin(self) -> None:
        if not self._begun:  # else `peek` has called it already
            self._call_hook("on_epoch_begin")
            self._begun = True

    def on_epoch_end(self) -> None:
        self._begun = False
        self._call_hook("on_epoch_end")

    def _call_hook(self, name: str) -> None:
        hook = getattr(self.dataset, name, None)
        if hook is not None and getattr(hook, "__func__", None) is not getattr(PyDataset, name):
            before = streams() if self.tracked else None
            hook()
            if self.tracked or not self._calls:
                drew = before is not None and not same_streams(before, streams())
                self._calls.append((name, before if drew else None))
            self._first.clear()  # the hook may have changed the batches
            if isinstance(self._pool, concurrent.futures.ProcessPoolExecutor):
                self._pool.shutdown(wait=False, cancel_futures=True)  # its processes hold a copy from before the hook
                self._pool = None


def _count(dataset: PyDataset) -> int | None:
    """Returns the number of batches that a dataset declares; None if they never end.

    Raises:
        ValueError: It is not a positive integer.
    """
    try:
        count = dataset.num_batches
        found = None if count is None else operator.index(count)
    except (TypeError, ValueError) as error:  # Python's own, about the value of `__len__`
        raise ValueError(
            f"The number of batches of {type(dataset).__name__}, `__len__` or `num_batches`, must be a positive "
            f"integer, or None in `num_batches` for no end. {error}"
        ) from None
    if found is not None and found < 1:
        raise ValueError(
            f"The data are empty: {type(dataset).__name__} has {found} batches by its `__len__` (or `num_batches`)."
        )
    return found


_worker_dataset: Any = None  # the copy of the dataset in a worker process


def _set_worker_dataset(dataset: PyDataset) -> None:
    global _worker_dataset
    _worker_dataset = dataset


def _worker_item(i: int) -> Any:
    return _worker_dataset[i]


Sequence = PyDataset  # the name in Keras 2
