"""Dataset: elements read one after the other through a chain of transformations, ahead of the device."""

from __future__ import annotations

import collections
import functools
import itertools
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import tree
from ..core.streams import set_streams, streams
from ..core.types import Tree
from .batches import Batch, Batches, IteratorBatches

AUTOTUNE = -1  # for sizes of buffers: a few elements
INFINITE, UNKNOWN = -1, -2  # what `cardinality` returns in place of a number
_AHEAD = 2  # elements that `prefetch` reads ahead unless told
_WORKERS = min(8, os.cpu_count() or 1)
_END = object()


@dataclass(frozen=True)
class ElementSpec:
    """Shape and dtype of a part of the elements.

    Attributes:
        shape: Sizes, None where they differ.
        dtype: Name of the dtype; "string" for text.
    """

    shape: tuple[int | None, ...]
    dtype: str


@dataclass
class Seed:
    """A seed of an order. A checkpoint keeps its value: a script that draws another one goes on with it."""

    value: int


class HostArray(np.ndarray):
    """A NumPy array with the method `numpy` that tensors of other libraries have."""

    def numpy(self) -> np.ndarray:
        """Returns the array."""
        return np.asarray(self)


class Dataset:
    """Elements (single samples, or batches) in an order that a seed and the number of the pass decide.

    Iterating again begins the next pass, and shuffled elements come in a new order. The transformations read elements
    as they are needed; only `cache` keeps any.

    Args:
        make: Returns an iterator over the elements of a pass, given its number.
        length: Number of elements; None if unknown, infinity if they never end.
        spec: Nested `ElementSpec`s; found by reading the first element when None.
        batch_size: Size of the batches, if the elements are batches.
        seeds: The seeds of the orders of elements that `make` follows.

    Attributes:
        class_names: Names of the classes, in the order of their labels; None if there are none.
        file_paths: Paths of the files, if the elements are read from files.
        passes: Number of passes begun so far, by iterating or in training.

    >>> dataset = Dataset.from_tensor_slices(np.arange(5)).map(lambda x: 2 * x).batch(2)
    >>> [batch.tolist() for batch in dataset], len(dataset)
    ([[0, 2], [4, 6], [8]], 3)
    """

    class_names: list[str] | None = None
    file_paths: list[str] | None = None

    def __init__(
        self,
        make: Callable[[int], Iterator[Any]],
        length: float | None,
        spec: Tree = None,
        batch_size: int | None = None,
        seeds: Sequence[Seed] = (),
    ):
        self._make = make
        self._length = length
        self._spec = spec
        self._seeds = tuple(seeds)
        self.batch_size = batch_size
        self.passes = 0

    # Sources.

    @classmethod
    def from_tensor_slices(cls, tensors: Tree) -> Dataset:
        """Makes a dataset of the rows of arrays.

        Args:
            tensors: Arrays (or lists of numbers) with equal sizes of the first axis, in tuples and dicts.

        Raises:
            ValueError: The sizes of the first axes differ.
        """
        arrays = _as_arrays(tensors)
        sizes = {len(a) for a in tree.flatten(arrays)}
        if len(sizes) != 1:
            raise ValueError(f"Arrays must have equal sizes of the first axis. Received sizes: {sorted(sizes)}")
        spec = tree.map_structure(lambda a: _spec_of(a, first=1), arrays)
        return cls.indexed(sizes.pop(), lambda i: tree.map_structure(lambda a: a[i], arrays), spec=spec)

    @classmethod
    def from_generator(cls, generator: Callable[[], Iterable[Any]]) -> Dataset:
        """Makes a dataset of the elements that a function's iterator yields.

        Args:
            generator: Returns an iterator over the elements of a pass.
        """
        return cls(lambda number: iter(generator()), None)

    @classmethod
    def indexed(
        cls,
        count: int,
        load: Callable[[Any], Any],
        *,
        seed: int | None = None,
        ahead: int = 0,
        spec: Tree = None,
        batch_size: int | None = None,
    ) -> Dataset:
        """Makes a dataset of elements that a function returns for their index.

        Args:
            count: Number of indices.
            load: Returns the element of an index, or the batch of an array of indices.
            seed: Seed of the order, which differs from pass to pass; None for the order of the indices.
            ahead: Number of elements that threads load ahead; 0 loads them when needed.
            spec: Nested `ElementSpec`s, or None.
            batch_size: Number of indices in a batch; None for single ones.
        """

        seeds = [] if seed is None else [Seed(seed)]

        def make(number: int) -> Iterator[Any]:
            order = _generator(seeds[0], number).permutation(count) if seeds else np.arange(count)
            if batch_size is None:
                indices: Iterator[Any] = iter(order.tolist())
            else:
                indices = (order[i : i + batch_size] for i in range(0, count, batch_size))
            return _mapped_ahead(load, indices, ahead) if ahead else map(load, indices)

        return cls(make, count if batch_size is None else -(-count // batch_size), spec, batch_size, seeds)

    # Reading.

    def iterate(self, number: int) -> Iterator[Any]:
        """Returns an iterator over the elements of a pass.

        Args:
            number: Number of the pass, from 0 on; the order of shuffled elements follows from it.
        """
        return self._make(number)

    def __iter__(self) -> Iterator[Any]:
        """Begins the next pass."""
        self.passes += 1
        return (tree.map_structure(_as_host_array, element) for element in self._make(self.passes - 1))

    def as_numpy_iterator(self) -> Iterator[Any]:
        """Returns an iterator over the elements of the next pass, as arrays of NumPy."""
        self.passes += 1
        return (tree.map_structure(np.asarray, element) for element in self._make(self.passes - 1))

    def __len__(self) -> int:
        if self._length is None or self._length == math.inf:
            raise TypeError(f"The dataset {'is infinite' if self._length else 'length is unknown'}.")
        return int(self._length)

    def __bool__(self) -> bool:
        return True  # a dataset is there, however many elements it has

    def cardinality(self) -> int:
        """Returns the number of elements; -1 for no end, -2 if unknown."""
        return UNKNOWN if self._length is None else INFINITE if self._length == math.inf else int(self._length)

    @property
    def element_spec(self) -> Tree:
        """Shapes and dtypes of an element. The first element is read if there is no other way to know."""
        if self._spec is None:
            first = next(iter(self._make(0)), None)
            if first is None:
                raise ValueError("The dataset has no elements, so their shapes are unknown.")
            free = self.batch_size is not None
            self._spec = tree.map_structure(lambda a: _spec_of(np.asarray(a), first=0, free=free), first)
        return self._spec

    def __repr__(self) -> str:
        spec = "" if self._spec is None else f" element_spec={self._spec}"
        return f"<Dataset cardinality={self.cardinality()}{spec}>"

    # Transformations.

    def _changed(
        self, make: Callable[[int], Iterator[Any]], length: float | None, seeds: Sequence[Seed] = ()
    ) -> Dataset:
        """Returns a dataset of elements of the same form; `seeds` come to those that there are."""
        return Dataset(make, length, self._spec, self.batch_size, (*self._seeds, *seeds))

    def map(
        self, map_func: Callable, num_parallel_calls: int | None = None, deterministic: bool | None = None
    ) -> Dataset:
        """Applies a function to each element.

        Args:
            map_func: Function of an element; of its parts, where it is a tuple.
            num_parallel_calls: Number of elements that threads work on ahead; -1 for as many as suit the machine, None
                to call the function when an element is needed.
            deterministic: Not used: the order never changes.
        """
        if num_parallel_calls == AUTOTUNE:
            num_parallel_calls = 2 * _WORKERS

        def call(element: Any) -> Any:
            return map_func(*element) if isinstance(element, tuple) else map_func(element)

        def make(number: int) -> Iterator[Any]:
            source = self._make(number)
            return _mapped_ahead(call, source, num_parallel_calls) if num_parallel_calls else map(call, source)

        return Dataset(make, self._length, None, self.batch_size, self._seeds)

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        collate: Callable[[list], Any] | None = None,
    ) -> Dataset:
        """Joins elements to batches.

        Args:
            batch_size: Elements per batch.
            drop_remainder: Whether to leave out a smaller last batch.
            num_parallel_calls, deterministic: Not used: the order never changes.
            collate: Makes a batch of a list of elements; arrays are stacked when None.

        Raises:
            ValueError: `batch_size` isn't a positive integer.
        """
        if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
            raise ValueError(f"`batch_size` must be a positive integer. Received: batch_size={batch_size}")
        collate = collate or _stack

        def make(number: int) -> Iterator[Any]:
            source = self._make(number)
            while rows := list(itertools.islice(source, batch_size)):
                if len(rows) == batch_size or not drop_remainder:
                    yield collate(rows)

        length = self._length
        if length is not None and length != math.inf:
            length = length // batch_size if drop_remainder else -(-length // batch_size)
        size = int(batch_size) if drop_remainder else None
        spec = self._spec
        if spec is not None:
            spec = tree.map_structure(lambda s: ElementSpec((size, *s.shape), s.dtype), spec)
        return Dataset(make, length, spec, int(batch_size), self._seeds)

    def unbatch(self) -> Dataset:
        """Splits batches into their rows."""

        def make(number: int) -> Iterator[Any]:
            for element in self._make(number):
                rows = len(tree.flatten(element)[0])
                for i in range(rows):
                    yield tree.map_structure(lambda a, i=i: a[i], element)

        spec = self._spec
        if spec is not None:
            spec = tree.map_structure(lambda s: ElementSpec(s.shape[1:], s.dtype), spec)
        return Dataset(make, None, spec, seeds=self._seeds)

    def shuffle(
        self, buffer_size: int, seed: int | None = None, reshuffle_each_iteration: bool | None = None
    ) -> Dataset:
        """Draws elements at random from a buffer, which is filled up in order.

        Args:
            buffer_size: Elements in the buffer; with the size of the dataset, the order is uniformly random.
            seed: Seed of the order; drawn from NumPy's global generator when None.
            reshuffle_each_iteration: Whether the order differs from pass to pass; True when None.

        Raises:
            ValueError: `buffer_size` isn't positive.
        """
        if buffer_size < 1:
            raise ValueError(f"`buffer_size` must be positive. Received: buffer_size={buffer_size}")
        known = Seed(new_seed() if seed is None else int(seed))

        def make(number: int) -> Iterator[Any]:
            rng = _generator(known, 0 if reshuffle_each_iteration is False else number)
            source = self._make(number)
            buffer = list(itertools.islice(source, buffer_size))
            for element in source:
                i = int(rng.integers(len(buffer)))
                buffer[i], element = element, buffer[i]
                yield element
            for i in rng.permutation(len(buffer)):
                yield buffer[i]

        return self._changed(make, self._length, [known])

    def prefetch(self, buffer_size: int = AUTOTUNE) -> Dataset:
        """Reads elements ahead in a thread.

        Args:
            buffer_size: Number of elements that are read ahead; -1 for a few.
        """
        ahead = _AHEAD if buffer_size == AUTOTUNE else buffer_size
        if ahead < 1:
            return self
        return self._changed(lambda number: _read_ahead(self._make(number), ahead), self._length)

    def take(self, count: int) -> Dataset:
        """Keeps the first elements.

        Args:
            count: Their number; -1 for all.
        """
        if count < 0:
            return self
        length = None if self._length is None else min(self._length, count)
        return self._changed(lambda number: itertools.islice(self._make(number), count), length)

    def skip(self, count: int) -> Dataset:
        """Leaves out the first elements.

        Args:
            count: Their number; -1 for all.
        """
        if count < 0:
            return self.take(0)
        length = None if self._length is None else max(self._length - count, 0)
        return self._changed(lambda number: itertools.islice(self._make(number), count, None), length)

    def cache(self, filename: str = "") -> Dataset:
        """Keeps the elements in memory, in the order of the pass of number 0; later passes read them there.

        Args:
            filename: Empty: nothing is written to files.

        Raises:
            ValueError: `filename` is not empty.
        """
        if filename:
            raise ValueError(f"`cache` keeps elements in memory, not in files. Received: filename={filename!r}")
        kept: list[list[Any]] = []

        def make(number: int) -> Iterator[Any]:
            if kept:
                yield from kept[0]
                return
            elements = []
            for element in self._make(0):  # so that the order is the same where a training is resumed in a later pass
                elements.append(element)
                yield element
            kept[:] = [elements]

        return self._changed(make, self._length)

    def repeat(self, count: int | None = None) -> Dataset:
        """Reads the elements several times.

        Args:
            count: Number of passes; None or -1 for no end.
        """
        times = 1 << 32 if count is None or count < 0 else count  # infinitely many passes

        def make(number: int) -> Iterator[Any]:
            for one in range(number * times, (number + 1) * times):
                empty = True
                for element in self._make(one):
                    empty = False
                    yield element
                if empty:
                    return

        length = self._length
        if length:
            length = length * times if times < 1 << 32 else math.inf
        return self._changed(make, length)

    def filter(self, predicate: Callable[..., bool]) -> Dataset:
        """Keeps the elements for which a function is true.

        Args:
            predicate: Function of an element; of its parts, where it is a tuple.
        """

        def make(number: int) -> Iterator[Any]:
            for element in self._make(number):
                if predicate(*element) if isinstance(element, tuple) else predicate(element):
                    yield element

        return self._changed(make, None)

    def concatenate(self, dataset: Dataset) -> Dataset:
        """Appends the elements of another dataset.

        Args:
            dataset: The other one.
        """
        lengths = (self._length, dataset._length)
        length = None if None in lengths else sum(lengths)  # type: ignore[arg-type]
        return self._changed(lambda n: itertools.chain(self._make(n), dataset._make(n)), length, dataset._seeds)

    def enumerate(self, start: int = 0) -> Dataset:
        """Pairs each element with its number.

        Args:
            start: Number of the first one.
        """
        return Dataset(lambda number: iter(enumerate(self._make(number), start)), self._length, seeds=self._seeds)

    @staticmethod
    def zip(*datasets: Dataset | Sequence[Dataset]) -> Dataset:
        """Joins the elements of several datasets to tuples, until one of them ends.

        Args:
            *datasets: The datasets, or one tuple of them.
        """
        given = datasets[0] if len(datasets) == 1 and isinstance(datasets[0], (tuple, list)) else datasets
        parts: tuple[Dataset, ...] = tuple(given)  # type: ignore[arg-type]
        lengths = [part._length for part in parts]
        length = None if None in lengths else min(lengths)  # type: ignore[type-var]
        specs = [part._spec for part in parts]
        return Dataset(
            lambda number: zip(*(part._make(number) for part in parts)),
            length,
            None if None in specs else tuple(specs),
            next((part.batch_size for part in parts if part.batch_size is not None), None),
            [seed for part in parts for seed in part._seeds],
        )

    def apply(self, transformation_func: Callable[[Dataset], Dataset]) -> Dataset:
        """Returns the result of a function of the dataset.

        Args:
            transformation_func: The function.
        """
        return transformation_func(self)


class DatasetBatches(IteratorBatches):
    """The batches of a `Dataset`. The order of a pass follows from its number, so that resuming is exact.

    Args:
        dataset: The dataset.
        standardize: Converts a raw batch to an `(x, y, sample_weight)` of arrays.
    """

    def __init__(self, dataset: Dataset, standardize: Callable[[Any], Batch]):
        length = dataset.cardinality()
        self._first_pass = dataset.passes  # a second `fit` continues with the next passes
        self._number = self._first_pass
        self._before_first: dict[str, Any] | None = None  # the random streams
        steps = length if length >= 0 else None
        super().__init__(dataset, lambda: dataset.iterate(self._number), standardize, steps)
        self.dataset = dataset

    def peek(self) -> Batch:
        self._number = self._first_pass + self.passes
        if not self._first:
            self._before_first = streams()
        return super().peek()

    def epoch(self, start: int = 0) -> Iterator[Batch]:
        self._number = self._first_pass + self.passes - (start > 0)
        self.dataset.passes = self._number + 1
        began = self._before_first if self._first else None  # the pass began when `peek` read its first element
        for batch in super().epoch(start):
            self._streams = began or self._streams
            yield batch

    def state(self) -> dict[str, Any]:
        seeds = [seed.value for seed in self.dataset._seeds]
        unused = self._before_first if self._first else None  # the first element is read, and not yet used
        return {**super().state(), "first_pass": self._first_pass, "seeds": seeds, "unused": unused}

    def restore(self, state: dict[str, Any], taken: int = 0) -> None:
        Batches.restore(self, state, taken)
        for seed, value in zip(self.dataset._seeds, state["seeds"]):
            seed.value = value
        self._first_pass = state["first_pass"]
        self._number = self._first_pass + self.passes - (taken > 0)
        self._first.clear()  # what `peek` read is from another pass
        self._iterator, self._streams = None, state["streams"]
        if taken:
            if self._streams is not None:  # for functions that draw from them
                set_streams(self._streams)
            self._iterator = self.dataset.iterate(self._number)
            collections.deque(itertools.islice(self._iterator, taken), maxlen=0)
        elif state["unused"] is not None:
            set_streams(state["unused"])
            self.peek()
        self._restored = taken > 0
        self._read = taken or len(self._first)


def new_seed() -> int:
    """Returns a seed from NumPy's global generator, which `set_random_seed` sets."""
    return int(np.random.randint(1 << 31))


def _generator(seed: Seed, number: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[seed.value, number]))


def _mapped_ahead(call: Callable[[Any], Any], source: Iterator[Any], ahead: int) -> Iterator[Any]:
    """Yields `call(x)` for each `x` of the source, in order; threads work on up to `ahead` of them."""
    with ThreadPoolExecutor(min(_WORKERS, ahead), "addax-data") as pool:
        yield from _results(pool, (functools.partial(call, x) for x in source), ahead)


def _read_ahead(source: Iterator[Any], ahead: int) -> Iterator[Any]:
    """Yields the elements of the source, read by another thread."""
    with ThreadPoolExecutor(1, "addax-data") as pool:
        for element in _results(pool, itertools.repeat(lambda: next(source, _END)), ahead):
            if element is _END:
                return
            yield element


def _results(pool: Executor, calls: Iterator[Callable[[], Any]], ahead: int) -> Iterator[Any]:
    """Yields the results of calls in order; up to `ahead` are in progress."""
    waiting: collections.deque[Future] = collections.deque()
    try:
        for call in calls:
            waiting.append(pool.submit(call))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _as_arrays(tensors: Tree) -> Tree:
    """Converts the leaves to arrays; a list is one, as in tf.data."""
    if isinstance(tensors, tuple):
        return tuple(_as_arrays(part) for part in tensors)
    if isinstance(tensors, dict):
        return {name: _as_arrays(part) for name, part in tensors.items()}
    return np.asarray(tensors)


def _stack(rows: list[Any]) -> Any:
    return tree.map_structure(lambda *parts: _joined(parts), *rows)


def _joined(parts: tuple[Any, ...]) -> np.ndarray:
    if isinstance(parts[0], (str, bytes)):
        return np.array(parts, dtype=object)
    return np.stack([np.asarray(part) for part in parts])


def _spec_of(array: np.ndarray, first: int, free: bool = False) -> ElementSpec:
    """Returns the spec of an array without its first axes; with a first axis of unknown size if `free`."""
    shape: tuple[int | None, ...] = array.shape[first:]
    if free and shape:
        shape = (None, *shape[1:])
    return ElementSpec(shape, "string" if array.dtype.kind in "USO" else array.dtype.name)


def _as_host_array(leaf: Any) -> Any:
    return leaf.view(HostArray) if type(leaf) is np.ndarray else leaf
