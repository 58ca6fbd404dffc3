"""PyDataset: batches that the user makes by number, perhaps in several threads or processes."""

from __future__ import annotations

import collections
import concurrent.futures
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..core import tree
from .batches import Batch, Batches


class PyDataset:
    """A dataset given by its batches; subclass it with `__getitem__` and `__len__` (or `num_batches`).

    Args:
        workers: Number of workers that make batches ahead; 1 makes them when needed.
        use_multiprocessing: Whether the workers are processes instead of threads.
        max_queue_size: How many batches may wait.

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

    @property
    def num_batches(self) -> int | None:
        """Number of batches an epoch; None for no end."""
        return len(self)

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch."""


class PyDatasetBatches(Batches):
    """The batches of a `PyDataset`.

    Args:
        dataset: The dataset.
        standardize: Makes a raw batch an `(x, y, sample_weight)` of arrays.
        shuffle: Whether the batches come in a new order each epoch.
    """

    def __init__(self, dataset: PyDataset, standardize: Callable[[Any], Batch], shuffle: bool):
        self.dataset = dataset
        self.shuffle = shuffle
        self._standardize = standardize
        # Subclasses of Keras 2's Sequence may not call super().__init__().
        self._workers = getattr(dataset, "workers", 1)
        self.steps = dataset.num_batches
        if self.steps == 0:
            raise ValueError(f"The data are empty: {type(dataset).__name__} has 0 batches.")

    def peek(self) -> Batch:
        batch = self._standardize(self.dataset[0])
        first = tree.flatten(batch[0])[0]
        self.batch_size = int(first.shape[0])
        return batch

    def epoch(self) -> Iterator[Batch]:
        self.dataset.on_epoch_begin()
        if self.steps is None:
            yield from (self._standardize(self.dataset[i]) for i in _count())
            return
        order = np.random.permutation(self.steps) if self.shuffle else range(self.steps)
        if self._workers <= 1:
            yield from (self._standardize(self.dataset[int(i)]) for i in order)
            return
        yield from self._ahead(order)

    def _ahead(self, order: Any) -> Iterator[Batch]:
        """Batches made by workers before they are asked for, in order."""
        dataset = self.dataset
        executor: concurrent.futures.Executor
        if getattr(dataset, "use_multiprocessing", False):
            import multiprocessing

            # Forking a process that runs JAX's threads can deadlock.
            context = multiprocessing.get_context("spawn")
            executor = concurrent.futures.ProcessPoolExecutor(self._workers, mp_context=context)
        else:
            executor = concurrent.futures.ThreadPoolExecutor(self._workers)
        ahead = max(1, getattr(dataset, "max_queue_size", 10))
        waiting: collections.deque = collections.deque()
        try:
            for i in order:
                waiting.append(executor.submit(dataset.__getitem__, int(i)))
                if len(waiting) >= ahead:
                    yield self._standardize(waiting.popleft().result())
            while waiting:
                yield self._standardize(waiting.popleft().result())
        finally:
            executor.shutdown(wait=False, cancel_futures=True)

    def on_epoch_end(self) -> None:
        self.dataset.on_epoch_end()


def _count() -> Iterator[int]:
    i = 0
    while True:
        yield i
        i += 1
